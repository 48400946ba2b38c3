// Every allocator, as `hwalloc list` has it, with the line that mends what can be mended; and whether any of
// their memory can be shared with a device.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "tools/doctor/checks.h"
#include "tools/near_names.h"

namespace hwalloc::tools::diagnosis {
namespace {

// The node behind an allocator; empty where there is none.
std::string node_of(const InventoryItem& item) {
    for (const std::string& alias : item.aliases)
        if (alias.starts_with("/dev/"))
            return alias;
    return {};
}

Describes* describes(const InventoryItem& item) {
    return item.allocator ? item.allocator->extension<Describes>() : nullptr;
}

bool is_contiguous(const InventoryItem& item) {
    auto* describing = describes(item);
    return describing && describing->properties().contiguous == Answer::yes;
}

// A webcam's second node tells about the pictures of its first, and an output takes pictures: neither is
// meant to capture.
bool is_no_camera(const InventoryItem& item) {
    return item.family == "v4l2" && item.why->kind() == ErrorKind::unsupported &&
           item.why->operation().find("does not capture") != std::string_view::npos;
}

Status meaning(const InventoryItem& item) {
    switch (item.why->kind()) {
    case ErrorKind::unavailable:
    case ErrorKind::unsupported:
        return item.why->mend().empty() ? Status::missing : Status::failed;
    case ErrorKind::busy:
        return Status::warning;
    case ErrorKind::permission:
        // Closed unless somebody decided otherwise: the memory is scarce, and other devices live on it.
        return is_contiguous(item) ? Status::warning : Status::failed;
    default:
        return Status::failed;
    }
}

// Families whose memory devices can be given, and what it is called where there is none of it.
constexpr std::pair<std::string_view, const char*> shareable_families[] = {
    {"dma-heap", "no DMA heap"},
    {"udmabuf", "no udmabuf"},
    {"drm-dumb", "no graphics card"},
    {"vulkan", "no Vulkan device that exports"}};

// `there`: the families of what would do; `closed`: its names.
std::string nothing_shareable(const std::set<std::string_view>& there, std::span<const std::string> closed) {
    std::vector<std::string> absent;
    for (const auto& [family, words] : shareable_families)
        if (!there.contains(family))
            absent.emplace_back(words);
    std::string why;
    if (!absent.empty())
        why = "this machine has " + all_of(absent);
    if (!closed.empty())
        why += fmt::format("{}{} would do and cannot be used (see there)", why.empty() ? "" : "; ",
                           fmt::join(closed, ", "));
    return "no memory can be given to a device: " + why;
}

} // namespace

void look_at_allocators(const Machine& machine, Checks& checks) {
    for (const InventoryItem& item : machine.inventory()) {
        const std::string id = fmt::format("allocator/{}", item.name);
        if (item.why && is_no_camera(item)) {
            checks.add(
                {id, Status::ok, "no camera, and not meant to be one: " + item.why->message(), {}, item.why});
            continue;
        }
        if (item.why) {
            checks.add(id, meaning(item), *item.why);
            continue;
        }
        const std::string node = node_of(item);
        checks.add(
            {id, Status::ok, node.empty() ? "ready" : fmt::format("ready; {} is {}", node, ownership(node))});
    }
}

void look_at_memory(const Machine& machine, Checks& checks) {
    std::vector<std::string> sharing, closed;
    std::set<std::string_view> there;
    for (const InventoryItem& item : machine.inventory()) {
        auto* describing = describes(item);
        if (!describing || !describing->claims().alloc || !describing->claims().export_dmabuf)
            continue;
        (item.why ? closed : sharing).push_back(item.name);
        there.insert(item.family);
    }
    const char* const id = "memory/shareable";
    const Json facts{{"allocators", sharing}};
    if (!sharing.empty())
        checks.add({id,
                    Status::ok,
                    fmt::format("devices can be given memory of {}", fmt::join(sharing, ", ")),
                    {},
                    {},
                    facts});
    else
        checks.add({id, Status::failed, nothing_shareable(there, closed), {}, {}, facts});
}

} // namespace hwalloc::tools::diagnosis
