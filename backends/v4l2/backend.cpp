// Cameras by name: which there are, and under which other names.
#include <algorithm>

#include "backends/v4l2/camera_buffers.h"
#include "backends/v4l2/session.h"
#include "common/directory.h"
#include "common/link_end.h"
#include "common/udev.h"
#include "hwalloc/backend.h"

namespace hwalloc::v4l2 {
namespace {

// What /sys calls the driver of each node's device; empty for a device without hardware (v4l2loopback).
std::vector<std::string> drivers_of(const std::vector<std::string>& nodes) {
    std::vector<std::string> drivers;
    for (const std::string& node : nodes)
        drivers.push_back(link_end("/sys/class/video4linux/" + kernel_name(node) + "/device/driver"));
    return drivers;
}

// By udev's links, "by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0" and "by-id/usb-046d_…-video-index0":
// the first that leads to each node, or nothing.
std::vector<std::string> links_to(const std::vector<std::string>& nodes, const std::string& kind,
                                  RefusedListing& refused) {
    std::vector<std::string> links(nodes.size());
    const std::string directory = "/dev/v4l/" + kind;
    for (const std::string& entry : directory_entries(directory, refused)) {
        const std::string target = "/dev/" + link_end(directory + entry);
        for (std::size_t i = 0; i < nodes.size(); ++i)
            if (nodes[i] == target && links[i].empty())
                links[i] = kind + entry;
    }
    return links;
}

std::string name_of(const std::string& instance) {
    return instance.empty() ? std::string() : "v4l2/" + instance;
}

constexpr const char* looking = "looking for cameras";

// Opens nothing: which of the nodes capture is asked by available().
Result<void> discover(BackendHost& host) noexcept {
    return without_exceptions([&]() -> Result<void> {
        int listed = 0;
        const std::vector<std::string> nodes = detail::video_nodes(&listed);
        Error none =
            nothing_found(listed, looking, "/dev/video*",
                          "no camera is there: plug it in, load its driver, or give the container the node");
        if (listing_refused(listed))
            return none;
        if (nodes.empty())
            host.unavailable("v4l2", std::move(none));
        const auto drivers = drivers_of(nodes);
        RefusedListing refused;
        const auto paths = links_to(nodes, "by-path/", refused), ids = links_to(nodes, "by-id/", refused);
        // Without the right to read the links cameras can be used by their nodes; whoever lacks it only since
        // a scan keeps what that found.
        if (refused && !refused.is_denied())
            return refused.error(looking);
        for (std::size_t i = 0; i < nodes.size(); ++i) {
            const std::string& node = nodes[i];
            const std::string name = name_of(node.substr(node.rfind('/') + 1));
            // A driver's name is that of its first node: a webcam's second tells about the pictures of the
            // first.
            const bool first = std::find(drivers.begin(), drivers.end(), drivers[i]) - drivers.begin() ==
                               static_cast<std::ptrdiff_t>(i);
            const std::string driver = name_of(first ? drivers[i] : ""), path = name_of(paths[i]),
                              id = name_of(ids[i]);
            const std::initializer_list<std::string_view> aliases{node, driver, path, id};
            if (refused ? host.knows(name) : host.still_here(name, aliases))
                continue;
            auto added = host.add(name, detail::camera_buffers(node), aliases);
            if (!added)
                return added;
        }
        if (refused)
            return refused.error(looking);
        return {};
    });
}

} // namespace
} // namespace hwalloc::v4l2

namespace hwalloc {

extern const Backend backend_v4l2;
const Backend backend_v4l2{
    .name = "v4l2", .families = "v4l2", .subsystems = "video4linux", .discover = v4l2::discover};

} // namespace hwalloc
