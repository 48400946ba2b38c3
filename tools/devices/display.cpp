#include "tools/devices/display.h"

#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "tools/devices/scanout.h"
#include "tools/display/back_buffers.h"
#include "tools/gpu/pipeline.h"

namespace hwalloc::tools {
namespace {

// The GPU draws each frame straight into what the screen shows next.
class DisplayConsumer final : public FrameConsumer {
public:
    // `own_gpu`: why the card's own GPU does not draw; empty: it does, or there is none.
    DisplayConsumer(std::unique_ptr<Screen> screen, vulkan::Device gpu, const ConsumerRequest& request,
                    std::optional<Error> own_gpu)
        : request_(request)
        , screen_(std::move(screen))
        , own_gpu_(std::move(own_gpu))
        , back_(request.screen_buffers)
        , pipeline_(std::move(gpu), request.frames) {}
    // What is on the screen must leave it before its memory goes.
    ~DisplayConsumer() override { (void)screen_->restore(); }

    std::span<const std::uint32_t> formats() const override { return Pipeline::formats(); }

    Result<void> set_format(const v4l2::CaptureFormat& format) override {
        if (auto can = pipeline_.set_format(format); !can)
            return can;
        const ImageLayout& layout = format.layout;
        if (auto fits = screen_->fit(layout.width, layout.height); !fits)
            return fits;
        auto kinds = Scanout::kinds(request_.scanout, request_.allow_copy);
        if (!kinds)
            return std::move(kinds).error();
        auto scanout = Scanout::make(*screen_, pipeline_.device(), layout.width, layout.height,
                                     request_.screen_buffers, *kinds);
        if (!scanout)
            return std::move(scanout).error();
        scanout_.emplace(std::move(*scanout));
        return {};
    }

    std::vector<std::string> notes() const override {
        std::vector<std::string> lines;
        for (const Error& error : screen_->passed_over())
            lines.push_back("passed over a display: " + in_a_line(error));
        if (own_gpu_)
            lines.push_back(fmt::format("the GPU of the card does not draw: {}; {} does",
                                        in_a_line(*own_gpu_), pipeline_.device().name()));
        if (!screen_->atomic())
            lines.push_back(fmt::format("{} has no atomic mode setting: it is asked for no picture before "
                                        "it shows it",
                                        screen_->driver()));
        for (const Error& error : scanout_->passed_over())
            lines.push_back(fmt::format("showing {} memory: {}", scanout_->name(), in_a_line(error)));
        return lines;
    }

    std::uint64_t memory_size(std::uint32_t which) const override { return pipeline_.memory_size(which); }
    Result<ParticipantRef> participant() const override { return pipeline_.participant(); }

    Result<void> bind(std::span<const MemoryRef> memories) override {
        return pipeline_.bind(memories, {.order = PixelOrder::bgra,
                                         .pitch = scanout_->pitch(),
                                         .offset = scanout_->offset(),
                                         .buffers = scanout_->pictures()});
    }
    void unbind() override { pipeline_.unbind(); }

    Result<void> take(const v4l2::Frame& frame) override {
        auto index = back_.free();
        if (!index) {
            if (auto arrived = wait(); !arrived)
                return arrived;
            index = back_.free();
        }
        if (auto drawn = pipeline_.run(frame, scanout_->picture_of(*index)); !drawn)
            return drawn;
        if (auto there = scanout_->drawn(*index); !there)
            return there;
        if (scanout_->kind() == Scanout::Kind::copy)
            ++copies_;
        if (auto arrived = wait(); !arrived)
            return arrived;
        if (auto shown = screen_->show(scanout_->framebuffer(*index)); !shown)
            return shown;
        back_.flipped(*index);
        last_ = index;
        return {};
    }

    Result<void> finish() override {
        auto arrived = wait(); // the last picture is one that was shown
        auto restored = screen_->restore();
        return restored ? std::move(arrived) : std::move(restored);
    }

    Result<void> picture(Picture& picture) override {
        if (!last_)
            return Error(ErrorKind::unavailable, "no picture was shown, for lack of a frame");
        picture = {
            .width = pipeline_.layout().width, .height = pipeline_.layout().height, .depth = 8, .bytes = {}};
        return scanout_->read(*last_, picture.bytes);
    }

    std::uint64_t copies() const override { return copies_; }

    void report(Json& document) const override {
        pipeline_.report(document);
        Json passed_over = Json::array();
        for (const Error& error : scanout_->passed_over())
            passed_over.push_back(to_json(error));
        document["display"] = {{"card", screen_->path()},           {"driver", screen_->driver()},
                               {"connector", screen_->connector()}, {"mode", screen_->mode()},
                               {"atomic", screen_->atomic()},       {"scanout", scanout_->name()},
                               {"buffers", scanout_->count()},      {"flips", screen_->flips()},
                               {"missed", screen_->missed()},       {"passed_over", std::move(passed_over)}};
    }

    std::string summary() const override {
        return fmt::format("{}\nshown on {} of {} ({}) in mode {} out of {} {} buffers; {} pictures, {} late",
                           pipeline_.summary(), screen_->connector(), screen_->path(), screen_->driver(),
                           screen_->mode(), scanout_->count(), scanout_->name(), screen_->flips(),
                           screen_->missed());
    }

private:
    // For the flip that is on its way, if there is one.
    Result<void> wait() {
        auto waited = screen_->wait();
        back_.arrived();
        // Every one of two buffers was on the screen then; a single picture never marks.
        if (request_.mark_first_frame && !marked_ && screen_->flips() >= 2) {
            std::fputs("SCREENSHOT\n", stderr);
            marked_ = true;
        }
        return waited;
    }

    ConsumerRequest request_;
    std::unique_ptr<Screen> screen_;
    std::optional<Error> own_gpu_;
    BackBuffers back_;
    std::optional<Scanout> scanout_;
    Pipeline pipeline_;
    std::optional<unsigned> last_;
    std::uint64_t copies_ = 0;
    bool marked_ = false;
};

// That of the card where it has one. `own`: why that cannot be used; empty where there is none.
Result<vulkan::Device> choose_gpu(const ConsumerRequest& request, const Screen& screen,
                                  std::optional<Error>& own) {
    if (request.gpu.empty()) {
        auto device = vulkan::Device::open(screen.path());
        if (device)
            return device;
        if (device.error().kind() != ErrorKind::unavailable)
            own = std::move(device).error();
    }
    return vulkan::Device::open(request.gpu);
}

} // namespace

Result<std::unique_ptr<FrameConsumer>> open_display(const ConsumerRequest& request) {
    auto screen = Screen::open(request.card);
    if (!screen)
        return std::move(screen).error();
    std::optional<Error> own;
    auto gpu = choose_gpu(request, **screen, own);
    if (!gpu)
        return std::move(gpu).error();
    return std::unique_ptr<FrameConsumer>(
        std::make_unique<DisplayConsumer>(std::move(*screen), std::move(*gpu), request, std::move(own)));
}

} // namespace hwalloc::tools
