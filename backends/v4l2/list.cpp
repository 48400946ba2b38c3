// Finding cameras.
#include <algorithm>

#include "backends/v4l2/signal.h"
#include "common/directory.h"
#include "common/open_files.h"
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

// Nodes by udev, else by name. `why` as video_nodes().
std::vector<std::string> nodes(int* why) {
    std::vector<std::string> paths;
    for (const UdevDevice& device : udev_devices("video4linux"))
        if (device.node.starts_with("/dev/video"))
            paths.push_back(device.node);
    return paths.empty() ? detail::video_nodes(why) : paths;
}

// As with IPU6 and the CSI cameras of a Raspberry Pi.
Error behind_a_media_controller(const Session& session) {
    return session
        .error(ErrorKind::unsupported, "capturing from one end of a media controller's pipeline "
                                       "(V4L2_CAP_IO_MC), which delivers nothing by itself")
        .call("VIDIOC_QUERYCAP")
        .remedy("use libcamera for this camera (`cam --list` shows what it finds); or set the pipeline up "
                "with media-ctl, and open the node by its path");
}

} // namespace

Result<std::vector<CameraEntry>> list_cameras() noexcept {
    return without_exceptions([]() -> Result<std::vector<CameraEntry>> {
        std::vector<CameraEntry> cameras;
        int why_none = 0;
        const std::vector<std::string> paths = nodes(&why_none);
        if (is_too_many_files(why_none))
            return no_file_to_look(why_none, "looking for cameras", "/dev");
        for (const std::string& path : paths) {
            // Not a Camera: nobody is to share this open file, which is closed at once.
            auto session = Session::open(path);
            if (!session) {
                // A node that captures, if by read() only, is told: it is no reason to say that no camera is
                // there.
                if (session.error().kind() != ErrorKind::unsupported ||
                    session.error().call() == detail::no_streaming_call)
                    cameras.push_back({path, {}, {}, {}, session.error()});
                continue;
            }
            const DeviceInfo& info = (*session)->info;
            std::optional<Error> why;
            if ((*session)->media_controller)
                why = behind_a_media_controller(**session);
            else if (auto signal = detail::look_at_signal(**session);
                     !signal && signal.error().kind() == ErrorKind::unavailable)
                why = std::move(signal).error();
            cameras.push_back({path, info.card, info.driver, info.bus, std::move(why),
                               (*session)->cannot_import() ? Answer::no : Answer::unknown,
                               (*session)->check_exports() ? Answer::unknown : Answer::no});
        }
        return cameras;
    });
}

} // namespace hwalloc::v4l2
