// What the library of this folder brings: for each physical device "vulkan/N", "vulkan/N/host" and
// "vulkan/N/device-local", and what else these are called when somebody asks.
#include "hwalloc/backend.h"

#include <algorithm>
#include <new>
#include <string>

#include "backends/vulkan/allocators.h"
#include "backends/vulkan/instance.h"

namespace hwalloc::vulkan::detail {
namespace {

Result<void> add(BackendHost& host, Instance& instance, const PhysicalDevice& device, Placement placement,
                 const std::string& suffix) {
    const std::string name = "vulkan/" + device.index + suffix;
    // The first device of a driver has the driver's name too, and the first of several drivers for one node
    // the node's, as for Device::open(); the family's bare name is the best device's.
    const auto alias = [&](std::string PhysicalDevice::*way) {
        const auto& devices = instance.devices();
        const auto first = std::find_if(devices.begin(), devices.end(),
                                        [&](const PhysicalDevice& one) { return one.*way == device.*way; });
        const bool has_it = !(device.*way).empty() && &*first == &device;
        return has_it ? "vulkan/" + device.*way + suffix : std::string();
    };
    const std::string by_name = alias(&PhysicalDevice::slug), by_node = alias(&PhysicalDevice::render_node),
                      by_card = alias(&PhysicalDevice::primary_node);
    const auto best = instance.choose({});
    const std::string family =
        suffix.empty() && best && *best == &device ? std::string("vulkan") : std::string();
    const std::initializer_list<std::string_view> aliases{by_name, by_node, by_card, family};
    if (host.still_here(name, aliases))
        return {};
    auto allocator = make_allocator(instance, device, placement);
    if (!allocator)
        return std::move(allocator).error();
    return host.add(name, *std::move(allocator), aliases);
}

constexpr std::pair<Placement, const char*> placements[] = {
    {Placement::exportable, ""}, {Placement::host, "/host"}, {Placement::device_local, "/device-local"}};

// "vulkan/WAY" and "vulkan/WAY/host", by any way to a device that Device::open() knows. An alias for each
// part of each name would be a long list of them; so the one that is asked for is made.
Result<void> add_wanted(BackendHost& host, const Instance& instance) {
    constexpr std::string_view family = "vulkan/";
    std::string_view way = host.wanted();
    if (!way.starts_with(family) || host.knows(way))
        return {};
    way.remove_prefix(family.size());
    std::string_view suffix;
    for (const auto& [placement, ending] : placements)
        if (suffix.empty() && way.ends_with(ending))
            suffix = ending;
    way.remove_suffix(suffix.size());
    if (way.empty())
        return {};
    auto device = instance.choose(way);
    if (!device) {
        host.unavailable(host.wanted(), device.error());
        return {};
    }
    std::string name(family);
    name.append((*device)->index).append(suffix);
    // A name that the application took out has no other ways either.
    (void)host.alias(host.wanted(), name);
    return {};
}

Result<void> discover(BackendHost& host) noexcept {
    return without_exceptions([&]() -> Result<void> {
        auto instance = Instance::get();
        if (!instance) {
            host.unavailable("vulkan", instance.error());
            return {};
        }
        for (const PhysicalDevice& device : (*instance)->devices()) {
            for (const auto& [placement, suffix] : placements)
                if (auto added = add(host, **instance, device, placement, suffix); !added)
                    return added;
        }
        return add_wanted(host, **instance);
    });
}

} // namespace
} // namespace hwalloc::vulkan::detail

HWALLOC_BACKEND_MODULE("vulkan", "vulkan", nullptr, hwalloc::vulkan::detail::discover);
