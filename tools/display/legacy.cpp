// Legacy mode setting: a call that sets a CRTC, a call that flips.
#include <cerrno>
#include <utility>

#include "tools/display/drm_ptr.h"
#include "tools/display/mode_setting.h"

namespace hwalloc::tools {
namespace {

class Legacy final : public ModeSetting {
public:
    Legacy(const Card& card, Route route, DrmCrtc saved, bool connected)
        : fd_(card.fd.get())
        , path_(card.path)
        , route_(std::move(route))
        , saved_(std::move(saved))
        , connected_(connected) {}

    Result<void> test(std::uint32_t) override { return {}; }

    Result<void> set(std::uint32_t framebuffer) override {
        if (drmModeSetCrtc(fd_, route_.crtc, framebuffer, 0, 0, &route_.connector, 1, &route_.mode) == 0)
            return {};
        return Error::from_errno(errno, "setting a mode")
            .doing("setting mode " + mode_name(route_.mode) + " on " + route_.connector_name)
            .on(path_)
            .call("DRM_IOCTL_MODE_SETCRTC");
    }

    Result<void> flip(std::uint32_t framebuffer, void* user_data) override {
        if (drmModePageFlip(fd_, route_.crtc, framebuffer, DRM_MODE_PAGE_FLIP_EVENT, user_data) == 0)
            return {};
        return Error::from_errno(errno, "flipping").on(path_).call("DRM_IOCTL_MODE_PAGE_FLIP");
    }

    Result<void> restore() override {
        const bool lit = saved_->mode_valid != 0 && saved_->buffer_id != 0 && connected_;
        const int done = lit ? drmModeSetCrtc(fd_, saved_->crtc_id, saved_->buffer_id, saved_->x, saved_->y,
                                              &route_.connector, 1, &saved_->mode)
                             : drmModeSetCrtc(fd_, saved_->crtc_id, 0, 0, 0, nullptr, 0, nullptr);
        if (done == 0)
            return {};
        return Error::from_errno(errno, "restoring the display").on(path_).call("DRM_IOCTL_MODE_SETCRTC");
    }

private:
    int fd_;
    std::string path_;
    Route route_;
    DrmCrtc saved_;
    bool connected_; // the CRTC fed this connector already
};

} // namespace

Result<std::unique_ptr<ModeSetting>> legacy_mode_setting(const Card& card, const Route& route) {
    DrmCrtc saved(drmModeGetCrtc(card.fd.get(), route.crtc));
    if (!saved)
        return Error::from_errno(errno, "looking at the display")
            .on(card.path)
            .call("DRM_IOCTL_MODE_GETCRTC");
    const DrmConnector connector(drmModeGetConnectorCurrent(card.fd.get(), route.connector));
    const DrmEncoder encoder(connector && connector->encoder_id
                                 ? drmModeGetEncoder(card.fd.get(), connector->encoder_id)
                                 : nullptr);
    const bool connected = encoder && encoder->crtc_id == route.crtc;
    return std::unique_ptr<ModeSetting>(std::make_unique<Legacy>(card, route, std::move(saved), connected));
}

} // namespace hwalloc::tools
