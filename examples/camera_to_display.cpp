// Camera to display without a copy: V4L2 fills the very buffers that the card scans out.
//
//     camera_to_display [CAMERA [CARD [FRAMES]]]
//
// The memory is the card's own (dumb buffers), because a card may take no other; the camera imports it as
// dma-buf. Works where camera and screen have a size in common and the camera gives XR24 (blue, green, red,
// nothing). Run it on a console: whoever shows a desktop is DRM master already. A program for any camera puts
// a GPU in between (camera_to_gpu.cpp, hwalloc capture --to display).
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "hwalloc/allocator.h"
#include "hwalloc/drm.h"
#include "hwalloc/image.h"
#include "hwalloc/plan.h"
#include "hwalloc/unique_fd.h"
#include "hwalloc/v4l2.h"

using namespace hwalloc;

// An example ends at the first thing that goes wrong, and says what and what to do; what it made goes on the
// way out, and the console comes back.
[[noreturn]] static void give_up(const std::string& why) {
    throw std::runtime_error(why);
}
template<class T>
static T must(Result<T> result) {
    if (!result)
        give_up(result.error().message());
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

template<auto Free>
struct Freed {
    template<class T>
    void operator()(T* pointer) const {
        Free(pointer);
    }
};
using Connector = std::unique_ptr<drmModeConnector, Freed<drmModeFreeConnector>>;
using Crtc = std::unique_ptr<drmModeCrtc, Freed<drmModeFreeCrtc>>;
using Resources = std::unique_ptr<drmModeRes, Freed<drmModeFreeResources>>;
using Encoder = std::unique_ptr<drmModeEncoder, Freed<drmModeFreeEncoder>>;

// A connected screen, what drives it, and what it showed before, which comes back at the end.
struct Screen {
    int fd;
    Connector connector;
    Crtc before;
    bool taken = false;

    // The first screen that is there, with the CRTC that feeds it already, else one that feeds nothing.
    static Screen find(int fd) {
        const Resources all(drmModeGetResources(fd));
        for (int i = 0; all && i < all->count_connectors; ++i) {
            Connector connector(drmModeGetConnector(fd, all->connectors[i]));
            if (!connector || connector->connection != DRM_MODE_CONNECTED || connector->count_modes == 0)
                continue;
            std::uint32_t possible = 0;
            for (int e = 0; e < connector->count_encoders; ++e)
                if (const Encoder encoder(drmModeGetEncoder(fd, connector->encoders[e])); encoder)
                    possible |= encoder->possible_crtcs;
            const Encoder current(drmModeGetEncoder(fd, connector->encoder_id));
            Crtc idle;
            for (int c = 0; c < all->count_crtcs; ++c) {
                Crtc crtc(possible >> c & 1 ? drmModeGetCrtc(fd, all->crtcs[c]) : nullptr);
                if (crtc && current && crtc->crtc_id == current->crtc_id)
                    return {fd, std::move(connector), std::move(crtc)};
                if (crtc && !crtc->mode_valid)
                    idle = std::move(crtc);
            }
            if (idle)
                return {fd, std::move(connector), std::move(idle)};
        }
        give_up("no screen is connected to this card, or none has a free CRTC");
    }
    void show(std::uint32_t framebuffer, drmModeModeInfo mode) {
        if (drmModeSetCrtc(fd, before->crtc_id, framebuffer, 0, 0, &connector->connector_id, 1, &mode))
            give_up("the screen could not be set: another program (a desktop) may hold the card, or it needs "
                    "root");
        taken = true;
    }
    // Shows another framebuffer from the next refresh on, and waits for that.
    void flip(std::uint32_t framebuffer) const {
        if (drmModePageFlip(fd, before->crtc_id, framebuffer, DRM_MODE_PAGE_FLIP_EVENT, nullptr))
            give_up("drmModePageFlip failed");
        pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
        int ready;
        do
            ready = poll(&wait, 1, 2000);
        while (ready < 0 && errno == EINTR);
        if (ready != 1)
            give_up("the screen does not flip");
        drmEventContext events{};
        events.version = 2;
        events.page_flip_handler = [](int, unsigned, unsigned, unsigned, void*) {};
        drmHandleEvent(fd, &events);
    }
    ~Screen() {
        if (!taken)
            return;
        const int shown = before->mode_valid ? 1 : 0;
        drmModeSetCrtc(fd, before->crtc_id, before->buffer_id, before->x, before->y,
                       shown ? const_cast<std::uint32_t*>(&connector->connector_id) : nullptr, shown,
                       shown ? &before->mode : nullptr);
    }
};

static volatile std::sig_atomic_t interrupted = 0;

static void run(int argc, char** argv) {
    const std::string path = argc > 1 ? argv[1] : "/dev/video0";
    const std::string card = argc > 2 ? argv[2] : "/dev/dri/card0";
    const int frames = argc > 3 ? std::atoi(argv[3]) : 300;

    const UniqueFd fd(open(card.c_str(), O_RDWR | O_CLOEXEC)); // ours, so that we are master of it
    if (!fd)
        give_up("opening " + card + ": " + std::strerror(errno));
    auto device = must(drm::Device::wrap(fd.get()));
    std::vector<drm::Framebuffer> framebuffers; // the screen lets go of them before they go
    Screen screen = Screen::find(fd.get());
    auto camera = must(v4l2::Camera::open(path));

    // A size that both have. The screen's modes come best first, then by size; larger than the best is only
    // slower.
    constexpr std::uint32_t xr24 = fourcc('X', 'R', '2', '4');
    const drmModeModeInfo* mode = nullptr;
    v4l2::CaptureFormat format;
    for (int i = 0; i < screen.connector->count_modes && !mode; ++i) {
        const drmModeModeInfo& one = screen.connector->modes[i];
        if (one.hdisplay > screen.connector->modes[0].hdisplay)
            continue;
        const std::uint32_t stride = 4 * one.hdisplay;
        format = must(camera.negotiate({.pixel_format = v4l2::pixel_format_of_drm(xr24),
                                        .width = one.hdisplay,
                                        .height = one.vdisplay,
                                        .stride = stride}));
        const ImageLayout& layout = format.layout;
        if (layout.fourcc == xr24 && layout.width == one.hdisplay && layout.height == one.vdisplay)
            mode = &one;
    }
    if (!mode)
        give_up(path + " gives XR24 in no size that the screen has");

    // Memory that the camera fills and the screen shows, with one stride for both: found by trying.
    const std::vector<ParticipantRef> both{must(v4l2::capture_participant(camera)),
                                           must(drm::participant(device, drm::CardUse::framebuffer))};
    const PlanRef plan =
        must(hwalloc::plan({.participants = both, .image = {xr24, mode->hdisplay, mode->vdisplay}}));
    if (!plan->choice()) // a GPU would have to be in between
        give_up(plan->error()->message());
    const ImageLayout& layout = plan->choice()->layout;
    format = must(camera.negotiate({.pixel_format = format.pixel_format,
                                    .width = layout.width,
                                    .height = layout.height,
                                    .stride = layout.planes[0].stride}));
    const std::uint32_t count = must(camera.reserve(camera.min_buffers() + 3));
    const PlanBuffers buffers = must(plan->allocate(count));
    for (const MemoryRef& memory : buffers.memories)
        framebuffers.push_back(must(device.framebuffer(*memory, buffers.layout)));
    must(camera.bind(buffers.memories));

    must(camera.start());
    std::optional<v4l2::HeldFrame> shown; // is the camera's again when the next one is on the screen
    int i = 0;
    for (; i < frames && !interrupted; ++i) {
        auto taken = camera.take(5000);
        if (!taken && interrupted)
            break;
        v4l2::HeldFrame frame = must(std::move(taken));
        const std::uint32_t framebuffer = framebuffers[frame->index].id();
        if (shown)
            screen.flip(framebuffer);
        else
            screen.show(framebuffer, *mode);
        shown = std::move(frame);
    }
    must(camera.stop());
    std::fprintf(stderr, "%d frames of %ux%u from %s on a screen of %s (%s), in %u buffers of %s\n", i,
                 format.layout.width, format.layout.height, path.c_str(), card.c_str(),
                 device.driver().c_str(), count, plan->candidates()[buffers.candidate].name.c_str());
}

int main(int argc, char** argv) {
    for (const int signal : {SIGINT, SIGTERM})
        std::signal(signal, [](int) { interrupted = 1; });
    try {
        run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "camera_to_display: %s\n", error.what());
        return 1;
    }
}
