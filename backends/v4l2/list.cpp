// Finding cameras.
#include <algorithm>

#include "backends/v4l2/session.h"
#include "common/directory.h"
#include "common/udev.h"

namespace hwalloc::v4l2 {
std::vector<std::string> detail::video_nodes(int* why) {
    std::vector<std::string> paths;
    for (const std::string& entry : directory_entries("/dev", why))
        if (entry.starts_with("video") && entry.size() > 5 &&
            entry.find_first_not_of("0123456789", 5) == entry.npos)
            paths.push_back("/dev/" + entry);
    std::sort(paths.begin(), paths.end(), natural_less);
    return paths;
}

namespace {

// Nodes by udev, else by name.
std::vector<std::string> nodes() {
    std::vector<std::string> paths;
    for (const UdevDevice& device : udev_devices("video4linux"))
        if (device.node.starts_with("/dev/video"))
            paths.push_back(device.node);
    return paths.empty() ? detail::video_nodes() : paths;
}

} // namespace

Result<std::vector<CameraEntry>> list_cameras() noexcept {
    return without_exceptions([]() -> Result<std::vector<CameraEntry>> {
        std::vector<CameraEntry> cameras;
        for (const std::string& path : nodes()) {
            auto camera = Camera::open(path);
            if (camera) {
                const DeviceInfo& info = camera->info();
                cameras.push_back({path, info.card, info.driver, info.bus, {}});
            } else if (camera.error().kind() != ErrorKind::unsupported) {
                cameras.push_back({path, {}, {}, {}, camera.error()});
            }
        }
        return cameras;
    });
}

} // namespace hwalloc::v4l2
