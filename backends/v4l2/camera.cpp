// The life of a camera that an application has open.
#include "backends/v4l2/session.h"
#include "common/immortal.h"

namespace hwalloc::v4l2 {
namespace {
HWALLOC_IMMORTAL(DeviceInfo, no_device);
} // namespace

Camera::Camera(std::shared_ptr<Session> session) noexcept : session_(std::move(session)) {}
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
        auto session = Session::open_for_application(path);
        if (!session)
            return std::move(session).error();
        return Camera(*std::move(session));
    });
}

Result<Camera> Camera::open(const char* path) noexcept {
    if (!path)
        return Error(ErrorKind::invalid, "no camera is named");
    return without_exceptions([&]() -> Result<Camera> { return open(std::string(path)); });
}

Result<Camera> Camera::adopt(UniqueFd fd) noexcept {
    return without_exceptions([&]() -> Result<Camera> {
        auto session = Session::adopt_for_application(std::move(fd));
        if (!session)
            return std::move(session).error();
        return Camera(*std::move(session));
    });
}

int Camera::fd() const noexcept {
    return session_ ? session_->fd.get() : -1;
}

const DeviceInfo& Camera::info() const noexcept {
    return session_ ? session_->info : *no_device;
}

Result<void> Camera::close() noexcept {
    if (!session_)
        return {};
    auto done = unbind();
    if (!session_->of_this_process())
        done = {}; // nothing of this process's own is left
    session_->close_for_application();
    session_.reset();
    return done;
}

} // namespace hwalloc::v4l2
