// Nodes that are not allocators: GPUs, which Vulkan's drivers open, and cameras.
#include <fmt/format.h>

#include "hwalloc/v4l2.h"
#include "tools/doctor/checks.h"

namespace hwalloc::tools::diagnosis {

// A driver that may not open its GPU tells nobody: the device is not among Vulkan's, and that is all.
void look_at_nodes(const Machine&, Checks& checks) {
    bool any = false;
    for (const std::string& name : names_in("/dev/dri")) {
        if (!name.starts_with("renderD"))
            continue;
        any = true;
        const std::string id = fmt::format("node/{}", name), path = fmt::format("/dev/dri/{}", name);
        if (auto usable = check_node(path.c_str()); !usable)
            checks.add(id, usable.error().kind() == ErrorKind::unavailable ? Status::missing : Status::failed,
                       usable.error());
        else
            checks.add({id, Status::ok, fmt::format("{} opens; it is {}", path, ownership(path))});
    }
    if (!any)
        checks.add({"node/render", Status::missing, "no GPU: there is no /dev/dri/renderD*"});
}

void look_at_cameras(const Machine&, Checks& checks) {
    auto cameras = v4l2::list_cameras();
    if (!cameras) {
        checks.add("camera/any", Status::unknown, cameras.error());
        return;
    }
    // A container sees all cameras of the host in /sys, and has nodes only for those that it was given.
    const auto meaning = [](const Error& why) {
        switch (why.kind()) {
        case ErrorKind::unavailable:
            return Status::missing;
        case ErrorKind::busy:
        case ErrorKind::unsupported: // left to another program, such as libcamera
            return Status::warning;
        default:
            return Status::failed;
        }
    };
    for (const v4l2::CameraEntry& camera : *cameras) {
        const std::string id = fmt::format("camera/{}", camera.path.substr(camera.path.rfind('/') + 1));
        if (camera.why)
            checks.add(id, meaning(*camera.why), *camera.why);
        else if (camera.imports == Answer::no && camera.exports != Answer::no)
            checks.add({id, Status::ok,
                        fmt::format("{} ({}) imports no dma-bufs and exports its own, in which its frames "
                                    "are then: `hwalloc capture --device {}`, v4l2::bind_own()",
                                    camera.card, camera.driver, camera.path)});
        else if (camera.imports == Answer::no)
            checks.add({id, Status::warning,
                        fmt::format("{} ({}) imports no dma-bufs, so its frames can only be copied: `hwalloc "
                                    "capture --device {} --allow-copy`, Camera::allow_copies()",
                                    camera.card, camera.driver, camera.path)});
        else
            checks.add({id, Status::ok,
                        fmt::format("{} ({}); {} is {}", camera.card, camera.driver, camera.path,
                                    ownership(camera.path))});
    }
    if (cameras->empty())
        checks.add({"camera/any", Status::missing, "no camera: no /dev/video* captures"});
}

} // namespace hwalloc::tools::diagnosis
