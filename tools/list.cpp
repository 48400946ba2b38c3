// `hwalloc list`: every allocator with what it can do, or why it cannot be used.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "hwalloc/inventory.h"
#include "hwalloc/print.h"
#include "hwalloc/v4l2.h"
#include "tools/commands.h"
#include "tools/progress.h"

namespace hwalloc::tools {
namespace {

std::string exports(const Describes::Claims& claims) {
    if (claims.export_dmabuf)
        return claims.export_memfd ? "dmabuf memfd" : "dmabuf";
    return claims.export_memfd ? "memfd" : "no";
}

// A quick scan knows nothing against a companion that it did not load: a family whose backend is a library.
bool is_not_looked_for(const InventoryItem& item, InventoryScan scan) {
    return scan == InventoryScan::quick && !item.allocator && item.backend.find(".so") != std::string::npos;
}

// Why cameras deliver no picture now, by their nodes. A quick scan asks none.
using NoPictures = std::map<std::string, Error, std::less<>>;

NoPictures ask_cameras(std::span<const InventoryItem> items, InventoryScan scan) {
    NoPictures without;
    const bool any = std::any_of(items.begin(), items.end(), [](const InventoryItem& item) {
        return item.family == "v4l2" && item.allocator && !item.why;
    });
    if (scan == InventoryScan::quick || !any)
        return without;
    if (auto cameras = v4l2::list_cameras())
        for (v4l2::CameraEntry& camera : *cameras)
            if (camera.why && camera.why->kind() == ErrorKind::unavailable)
                without.emplace(std::move(camera.path), *std::move(camera.why));
    return without;
}

// Of a camera whose buffers can be had all the same; null: nothing speaks against its delivering one.
const Error* why_no_picture(const InventoryItem& item, const NoPictures& without) {
    if (item.why || item.family != "v4l2")
        return nullptr;
    for (const std::string& alias : item.aliases)
        if (const auto found = without.find(alias); found != without.end())
            return &found->second;
    return nullptr;
}

// What an allocator says of its kind of memory; nothing where there is none of it behind this name, as at the
// node of a webcam's metadata.
Describes* describes_itself(const InventoryItem& item) {
    const bool nothing = item.why && item.why->kind() == ErrorKind::unsupported;
    return item.allocator && !nothing ? item.allocator->extension<Describes>() : nullptr;
}

Json item_json(const InventoryItem& item, InventoryScan scan, const NoPictures& without) {
    const Error* const no_picture = why_no_picture(item, without);
    Json object{{"name", item.name},
                {"family", text_or_null(item.family)},
                {"backend", item.backend},
                {"aliases", item.aliases},
                {"default", item.is_default},
                {"registered", item.allocator != nullptr},
                {"available", !item.why},
                {"claims", nullptr},
                {"properties", nullptr},
                {"why", nullptr},
                {"no_picture", no_picture ? to_json(*no_picture) : Json()}};
    if (item.why)
        object["why"] = to_json(*item.why);
    if (scan == InventoryScan::quick && (!item.why || is_not_looked_for(item, scan)))
        object["available"] = nullptr; // nobody asked it
    auto* describes = describes_itself(item);
    if (!describes)
        return object;
    const auto claims = describes->claims();
    const Properties properties = describes->properties();
    Json kinds = Json::array();
    if (claims.export_dmabuf)
        kinds.push_back("dmabuf");
    if (claims.export_memfd)
        kinds.push_back("memfd");
    object["claims"] = {{"alloc", claims.alloc},
                        {"map", claims.map},
                        {"export", std::move(kinds)},
                        {"import", claims.import_dmabuf},
                        {"image", claims.image}};
    object["properties"] = {{"contiguous", to_text(properties.contiguous)},
                            {"cached", to_text(properties.cached)},
                            {"device_local", to_text(properties.device_local)},
                            {"sync", to_string(properties.sync)},
                            {"granule", properties.granule},
                            {"max_size", nullptr},
                            {"cost", properties.cost}};
    if (properties.max_size != whole)
        object["properties"]["max_size"] = properties.max_size;
    return object;
}

Cell yes_or_no(bool yes) {
    return yes ? Cell{"yes", Style::good} : Cell{"no", Style::faint};
}
Cell answer(Answer known) {
    return {to_text(known), known == Answer::unknown ? Style::faint : Style::plain};
}

// A module that was refused is known by its file, which would make the table wide.
bool is_module(const InventoryItem& item) {
    return !item.allocator && item.backend == "module";
}

// What stands in the last column.
Cell state_of(const InventoryItem& item, InventoryScan scan, const NoPictures& without) {
    const std::string good = scan == InventoryScan::quick ? "not tried" : "ready";
    if (is_not_looked_for(item, scan))
        return {good, Style::faint};
    if (item.why)
        return {std::string(to_string(item.why->kind())),
                item.why->kind() == ErrorKind::unsupported ? Style::faint : Style::bad};
    if (const Error* no_picture = why_no_picture(item, without))
        return {good + (no_picture->code() == ENOLINK ? ", no signal" : ", no picture"), Style::bad};
    return {item.is_default ? good + ", default" : good, Style::good};
}

void print_items(Output& out, const std::vector<InventoryItem>& items, InventoryScan scan,
                 const NoPictures& without) {
    Table table({"NAME", "ALLOC", "MAP", "EXPORT", "IMPORT", "IMAGE", "CONTIG", "CACHED", "COST", "STATE"});
    for (const InventoryItem& item : items) {
        const Cell state = state_of(item, scan, without);
        const std::string shown = is_module(item) ? item.name.substr(item.name.rfind('/') + 1) : item.name;
        const Cell name{shown, item.why ? Style::plain : Style::strong};
        auto* describes = describes_itself(item);
        if (!describes) {
            const Cell none{"-", Style::faint};
            table.row({name, none, none, none, none, none, none, none, none, state});
            continue;
        }
        const auto claims = describes->claims();
        const Properties properties = describes->properties();
        const std::string kinds = exports(claims);
        table.row({name,
                   yes_or_no(claims.alloc),
                   yes_or_no(claims.map),
                   {kinds, kinds == "no" ? Style::faint : Style::good},
                   yes_or_no(claims.import_dmabuf),
                   yes_or_no(claims.image),
                   answer(properties.contiguous),
                   answer(properties.cached),
                   {std::to_string(properties.cost)},
                   state});
    }
    out.table(table);

    bool first = true;
    const auto below = [&](const std::string& text) {
        if (std::exchange(first, false))
            out.line();
        out.line(text);
    };
    for (const InventoryItem& item : items)
        if (!item.aliases.empty())
            below(fmt::format("{} is also found as {}", item.name, fmt::join(item.aliases, ", ")));
    // Each reason once, behind all that have it.
    std::vector<std::pair<std::string, std::string>> reasons;
    for (const InventoryItem& item : items) {
        const Error* const why = item.why ? &*item.why : why_no_picture(item, without);
        if (!why)
            continue;
        const std::string name = is_module(item) ? std::string() : out.styled(item.name, Style::bad);
        const std::string text = why->message();
        const auto same =
            std::find_if(reasons.begin(), reasons.end(), [&](const auto& one) { return one.second == text; });
        if (same == reasons.end())
            reasons.emplace_back(name, text);
        else if (!name.empty())
            same->first.append(", ").append(name);
    }
    for (const auto& [names, text] : reasons)
        below(names.empty() ? text : fmt::format("{}: {}", names, text));
}

} // namespace

Run list(CLI::App& command) {
    auto scan = std::make_shared<InventoryScan>(InventoryScan::full);
    command.add_flag_callback(
        "--quick", [scan] { *scan = InventoryScan::quick; },
        "load no library and open no device: only what is found by listing");
    return [scan](Output& out) -> int {
        std::optional<Progress> progress("looking for what there is");
        auto items = inventory(*scan);
        const NoPictures without = items ? ask_cameras(*items, *scan) : NoPictures();
        progress.reset();
        if (!items)
            return out.fail(items.error());
        if (!out.json()) {
            print_items(out, *items, *scan, without);
            return ok;
        }
        Json allocators = Json::array();
        for (const InventoryItem& item : *items)
            allocators.push_back(item_json(item, *scan, without));
        out.print({{"allocators", std::move(allocators)}});
        return ok;
    };
}

} // namespace hwalloc::tools
