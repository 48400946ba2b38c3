#include "tools/device_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "tools/near_names.h"

namespace hwalloc::tools {
namespace {

constexpr std::string_view cameras = "v4l2", cards = "drm-dumb", gpus = "vulkan";

std::string_view family_of(DeviceKind kind) {
    switch (kind) {
    case DeviceKind::camera:
    case DeviceKind::video_output:
        return cameras;
    case DeviceKind::card:
        return cards;
    case DeviceKind::gpu:
        return gpus;
    case DeviceKind::allocator:
        break;
    }
    return {};
}

// What the error calls it.
const char* word_for(DeviceKind kind) {
    switch (kind) {
    case DeviceKind::camera:
        return "camera";
    case DeviceKind::video_output:
        return "video device";
    case DeviceKind::card:
        return "graphics card";
    case DeviceKind::gpu:
        return "GPU";
    case DeviceKind::allocator:
        break;
    }
    return "allocator";
}

// Where a path leads in the end: udev's links are names of nodes.
std::string node_at(const std::string& path) {
    std::error_code none;
    const std::filesystem::path end = std::filesystem::canonical(path, none);
    return none ? std::string() : end.string();
}

// Every name of an item, as it is registered.
std::vector<std::string> names_of(const InventoryItem& item) {
    std::vector<std::string> names{item.name};
    names.insert(names.end(), item.aliases.begin(), item.aliases.end());
    return names;
}

// "video0" of "v4l2/video0"; a path, and the name of a family, are whole already.
std::string_view without_family(std::string_view name) {
    return name.starts_with('/') ? name : name.substr(name.find('/') + 1);
}

bool has_name(const InventoryItem& item, std::string_view word) {
    const auto names = names_of(item);
    return std::find(names.begin(), names.end(), word) != names.end();
}

bool has_short_name(const InventoryItem& item, std::string_view word) {
    const auto names = names_of(item);
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return without_family(name) == word; });
}

// The node behind an item; empty where it has none.
std::string node_of(const InventoryItem& item) {
    const auto found = std::find_if(item.aliases.begin(), item.aliases.end(),
                                    [](const std::string& alias) { return alias.starts_with("/dev/"); });
    return found == item.aliases.end() ? std::string() : *found;
}

// Items that stand for something which is there, of one family (empty: all).
std::vector<const InventoryItem*> those_of(std::string_view family, std::span<const InventoryItem> items) {
    std::vector<const InventoryItem*> found;
    for (const InventoryItem& item : items)
        if (item.name.find('/') != item.name.npos || item.allocator)
            if (family.empty() || item.family == family)
                found.push_back(&item);
    return found;
}

// Whom `word` names: whoever is called exactly so, else whoever is with its family in front.
std::vector<const InventoryItem*> named(std::string_view family, const std::string& word,
                                        std::span<const InventoryItem> items) {
    const std::string node = word.starts_with('/') ? node_at(word) : std::string();
    std::vector<const InventoryItem*> exactly, nearly;
    for (const InventoryItem* item : those_of(family, items)) {
        if (has_name(*item, word) || (!node.empty() && has_name(*item, node)))
            exactly.push_back(item);
        else if (has_short_name(*item, word))
            nearly.push_back(item);
    }
    return exactly.empty() ? nearly : exactly;
}

// What is called nearly so, in the way that `word` says it: with families or without.
std::vector<std::string> near(DeviceKind kind, const std::string& word,
                              std::span<const InventoryItem> items) {
    std::vector<std::string> whole, without;
    for (const InventoryItem* item : those_of(family_of(kind), items))
        for (const std::string& name : names_of(*item)) {
            whole.push_back(name);
            without.emplace_back(without_family(name));
        }
    const auto found = near_names(word, whole);
    return found.empty() ? near_names(word, without) : found;
}

Error unknown(DeviceKind kind, const std::string& word, std::span<const InventoryItem> items) {
    std::vector<std::string> all;
    for (const InventoryItem* item : those_of(family_of(kind), items))
        all.push_back(item->name);
    const auto alike = near(kind, word, items);
    return Error(ErrorKind::unavailable, "looking for a device by name")
        .doing(fmt::format("no {} is called \"{}\"", word_for(kind), word))
        .remedy(!alike.empty()
                    ? fmt::format("perhaps {} is meant; `hwalloc list` shows every name", either_of(alike))
                : all.empty()
                    ? fmt::format("this machine shows no {} at all", word_for(kind))
                    : fmt::format("there is {}; `hwalloc list` shows every name", fmt::join(all, ", ")));
}

Error ambiguous(const std::string& word, std::span<const InventoryItem* const> found) {
    std::vector<std::string> names;
    for (const InventoryItem* item : found)
        names.push_back(item->name);
    return Error(ErrorKind::invalid, "looking for a device by name")
        .doing(fmt::format("several allocators are called \"{}\"", word))
        .remedy(fmt::format("say {}", either_of(names)));
}

// The card that a GPU is, by the alias that the GPU has for it: "vulkan/card0".
std::string card_of(const InventoryItem& gpu, std::span<const InventoryItem> items) {
    for (const InventoryItem* card : those_of(cards, items))
        if (has_name(gpu, fmt::format("{}/{}", gpus, without_family(card->name))))
            return node_of(*card);
    return {};
}

Result<std::string> find_card(const std::string& word, std::span<const InventoryItem> items) {
    if (const auto found = named(cards, word, items); !found.empty())
        return node_of(*found.front());
    if (const auto found = named(gpus, word, items); !found.empty())
        if (std::string node = card_of(*found.front(), items); !node.empty())
            return node;
    return word; // perhaps what a driver calls itself
}

// Vulkan knows its devices by index, by a part of their names and by their nodes.
std::string find_gpu(std::string word, std::span<const InventoryItem> items) {
    if (word == gpus)
        return {};
    if (word.starts_with(std::string(gpus) + "/")) {
        word.erase(0, gpus.size() + 1);
        return word.substr(0, word.find('/')); // without the kind of memory: "vulkan/0/host"
    }
    if (const auto found = named(cards, word, items); !found.empty())
        return std::string(without_family(found.front()->name));
    const std::string node = word.starts_with('/') ? node_at(word) : std::string();
    return node.empty() ? word : node;
}

} // namespace

Result<std::string> find_device(DeviceKind kind, const std::string& word,
                                std::span<const InventoryItem> items) {
    if (kind == DeviceKind::gpu)
        return find_gpu(word, items);
    if (kind == DeviceKind::card)
        return find_card(word, items);
    const auto found = named(family_of(kind), word, items);
    if (found.size() > 1)
        return ambiguous(word, found);
    if (kind == DeviceKind::allocator)
        return found.empty() ? Result<std::string>(unknown(kind, word, items)) : found.front()->name;
    if (!found.empty())
        return node_of(*found.front());
    // A node that no allocator stands for, and one that opening tells about.
    if (word.starts_with('/') && (!node_at(word).empty() || those_of(cameras, items).empty()))
        return word;
    return unknown(kind, word, items);
}

Result<std::string> find_device(DeviceKind kind, const std::string& word) {
    if (const Allocator* known = kind == DeviceKind::allocator ? Allocator::find(word) : nullptr)
        return std::string(known->name());
    auto items = inventory(InventoryScan::quick);
    if (!items)
        return std::move(items).error();
    auto found = find_device(kind, word, *items);
    if (kind == DeviceKind::card && word.starts_with(gpus)) {
        // Its card is known once the Vulkan library is there.
    } else if (found || kind != DeviceKind::allocator || found.error().kind() == ErrorKind::invalid) {
        return found;
    }
    std::optional<Error> why;
    if (kind == DeviceKind::allocator) {
        auto known = Allocator::resolve(word); // loads what its family needs
        if (known)
            return std::string((*known)->name());
        why = std::move(known).error();
    }
    items = inventory();
    if (!items)
        return std::move(items).error();
    found = find_device(kind, word, *items);
    // Of a family the library knows why it has nothing.
    const auto is_of_family = [&](const InventoryItem& item) { return item.family == word; };
    if (!found && why &&
        (std::any_of(items->begin(), items->end(), is_of_family) ||
         (word.find('/') != word.npos && near(kind, word, *items).empty())))
        return *std::move(why);
    return found;
}

} // namespace hwalloc::tools
