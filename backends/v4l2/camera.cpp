// Opening and closing a camera.
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "backends/v4l2/session.h"
#include "common/kernel.h"
#include "common/node_access.h"

namespace hwalloc::v4l2 {
namespace {

std::string text(const __u8* field, std::size_t size) {
    const char* start = reinterpret_cast<const char*>(field);
    return {start, strnlen(start, size)};
}

constexpr NodeAdvice advice{
    .purpose = "opening a camera",
    .absent =
        "no camera is there: `ls /dev/video*` shows which there are; plug it in, load its driver, or give "
        "the container the node",
    .denied = "give a group the node with a udev rule, such as SUBSYSTEM==\"video4linux\", GROUP=\"video\", "
              "MODE=\"0660\""};

} // namespace

Camera::Camera(std::unique_ptr<Session> session) noexcept : session_(std::move(session)) {}
Camera::Camera(Camera&&) noexcept = default;

Camera& Camera::operator=(Camera&& other) noexcept {
    if (this != &other) {
        (void)close();
        session_ = std::move(other.session_);
    }
    return *this;
}

Camera::~Camera() {
    (void)close();
}

Result<Camera> Camera::open(const std::string& path) noexcept {
    return without_exceptions([&]() -> Result<Camera> {
        // Non-blocking, so that DQBUF after a spurious wake-up returns. V4L2 wants O_RDWR of everybody
        // (userspace-api/media/v4l/func-open.rst).
        constexpr int flags = O_RDWR | O_NONBLOCK;
        const int fd = kernel.open(path.c_str(), flags | O_CLOEXEC);
        if (fd < 0)
            return node_refused(path.c_str(), flags, -fd, advice);
        UniqueFd owned(fd);
        auto session = std::make_unique<Session>();
        session->fd = std::move(owned);
        session->info.path = path;
        v4l2_capability capability{};
        if (const int answer = session->call(VIDIOC_QUERYCAP, &capability); answer < 0)
            return Error(answer == -ENOTTY || answer == -EINVAL ? ErrorKind::unsupported
                                                                : Error::kind_of_errno(-answer),
                         -answer, "opening a camera")
                .doing("asking a node what it is")
                .on(path)
                .call("VIDIOC_QUERYCAP")
                .remedy("it is not a Video4Linux device");
        session->info.driver = text(capability.driver, sizeof capability.driver);
        session->info.card = text(capability.card, sizeof capability.card);
        session->info.bus = text(capability.bus_info, sizeof capability.bus_info);
        const std::uint32_t can =
            capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps : capability.capabilities;
        if (!(can & (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE)))
            return session->wrong(ErrorKind::unsupported, "this node does not capture video")
                .remedy("choose another node: `v4l2-ctl --list-devices` shows them");
        if (!(can & V4L2_CAP_STREAMING))
            return session->wrong(
                ErrorKind::unsupported,
                "this device offers read() only, no streaming, so it cannot fill a dma-buf");
        session->info.multi_planar = !(can & V4L2_CAP_VIDEO_CAPTURE);
        session->type =
            session->info.multi_planar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
        return Camera(std::move(session));
    });
}

const DeviceInfo& Camera::info() const noexcept {
    static const DeviceInfo closed;
    return session_ ? session_->info : closed;
}

Result<void> Camera::close() noexcept {
    if (!session_)
        return {};
    auto done = unbind();
    session_.reset();
    return done;
}

} // namespace hwalloc::v4l2
