// The built-in source: what a camera does, done by the CPU through the mapping of the buffers.
#include <fmt/format.h>

#include <cerrno>
#include <ctime>

#include "hwalloc/test_pattern.h"
#include "tools/capture/clock.h"
#include "tools/capture/format_options.h"
#include "tools/capture/source.h"

namespace hwalloc::tools {
namespace {

// Returns 0, or EINTR when a signal came first.
int sleep_until(std::int64_t when) {
    const timespec until{.tv_sec = static_cast<std::time_t>(when / second_ns),
                         .tv_nsec = static_cast<long>(when % second_ns)};
    return ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

// What a camera of this size would tell that says nothing else.
void set_colors(ImageLayout& layout) {
    const bool yuv = is_yuv(layout.fourcc);
    layout.range = yuv ? ColorRange::limited : ColorRange::full;
    layout.matrix = !yuv                                         ? ColorMatrix::rgb
                    : layout.height > 576 || layout.width > 1024 ? ColorMatrix::bt709
                                                                 : ColorMatrix::bt601;
}

bool draws(const PixelFormat& format) {
    auto layout = linear_layout(format.drm.code, 2, 2);
    if (!layout)
        return false;
    set_colors(*layout);
    return TestPattern::make(*layout).has_value();
}

class TestSource final : public FrameSource {
public:
    const v4l2::DeviceInfo& info() const override { return info_; }
    bool needs_dma_buf() const override { return false; }
    Result<ParticipantRef> participant() override { return cpu_participant(MapFlags::write); }

    Result<std::vector<v4l2::FormatInfo>> list_formats() override {
        std::vector<v4l2::FormatInfo> formats;
        for (const PixelFormat& format : pixel_formats())
            if (format.v4l2 && draws(format))
                formats.push_back({format.v4l2.code,
                                   std::string("moving colour bars in ") + format.name,
                                   false,
                                   false,
                                   {{1, largest, 1, 1, largest, 1}}});
        return formats;
    }

    Result<void> use_input(const std::string& input, std::vector<std::string>&) override {
        if (input.empty())
            return {};
        return Error(ErrorKind::invalid, "the test source has no inputs")
            .on("test")
            .remedy("leave --input out");
    }

    Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest& request) override {
        const std::uint32_t code = request.pixel_format ? request.pixel_format : parse_format("YUYV");
        const std::uint32_t width = request.width ? request.width : 640;
        const std::uint32_t height = request.height ? request.height : 480;
        const auto refuse = [&](const Error& error) {
            return Error(error)
                .doing("making colour bars of " + std::to_string(width) + "x" + std::to_string(height) + " " +
                       format_name(code) + ": " + std::string(error.operation()))
                .on("test")
                .remedy("`hwalloc capture --device test --list-formats` shows what it draws");
        };
        if (width > largest || height > largest)
            return refuse(
                Error(ErrorKind::limit, "it draws").doing(fmt::format("it draws {0}x{0} at most", largest)));
        auto layout = linear_layout(v4l2::drm_of_pixel_format(code), width, height, request.stride);
        if (!layout)
            return refuse(layout.error());
        set_colors(*layout);
        auto bars = TestPattern::make(*layout);
        if (!bars)
            return refuse(bars.error());
        bars_ = std::make_unique<TestPattern>(std::move(*bars));
        const v4l2::FrameRate rate = request.rate.frames ? request.rate : v4l2::FrameRate{30, 1};
        period_ns_ = std::max<std::int64_t>(1, second_ns * rate.seconds / rate.frames);
        format_ = {code, *layout, rate, v4l2::Field::progressive};
        return format_;
    }

    std::uint32_t min_buffers() override { return 1; }
    Result<std::uint32_t> reserve(std::uint32_t count) override { return count; }

    Result<void> bind(std::span<const MemoryRef> memories) override {
        std::vector<MemoryRef> taken;
        for (const MemoryRef& memory : memories) {
            if (memory->size() < format_.layout.memory_sizes[0])
                return Error(ErrorKind::incompatible, "the memory is smaller than an image")
                    .on("test")
                    .wanted(format_.layout.memory_sizes[0])
                    .held(memory->size());
            // What a driver finds out by importing: that these bytes can be written.
            auto mapping = memory->map(MapFlags::write);
            if (!mapping)
                return std::move(mapping).error();
            if (auto ended = mapping->unmap(); !ended)
                return ended;
            auto handle = memory->ref();
            if (!handle)
                return std::move(handle).error();
            taken.push_back(std::move(*handle));
        }
        memories_ = std::move(taken);
        waiting_.resize(memories_.size());
        first_ = 0;
        waiting_count_ = 0;
        for (std::uint32_t i = 0; i < memories_.size(); ++i)
            put(i);
        return {};
    }
    Result<void> unbind() override {
        memories_.clear();
        return {};
    }
    std::uint32_t bound() const override { return static_cast<std::uint32_t>(memories_.size()); }
    Memory* memory(std::uint32_t index, std::uint32_t which) const override {
        return which == 0 && index < memories_.size() ? memories_[index].get() : nullptr;
    }

    Result<void> start() override {
        due_ns_ = now_ns() + period_ns_;
        return {};
    }
    Result<void> stop() override { return {}; }

    Result<v4l2::Frame> dequeue(int timeout_ms) override {
        const std::int64_t now = now_ns();
        const std::int64_t give_up = now + std::int64_t{timeout_ms} * 1'000'000;
        // A camera would have filled the waiting buffers in the meantime, and lost what came after.
        if (const std::int64_t late = (now - due_ns_) / period_ns_ - waiting_count_; late > 0) {
            sequence_ += static_cast<std::uint32_t>(late);
            due_ns_ += late * period_ns_;
        }
        const bool too_late = waiting_count_ == 0 || due_ns_ > give_up;
        if (sleep_until(too_late ? give_up : due_ns_) == EINTR)
            return Error(ErrorKind::busy, EINTR, "a signal came before a frame");
        if (too_late)
            return Error(ErrorKind::busy, ETIMEDOUT, "no frame came in time");
        const std::uint32_t index = waiting_[first_];
        auto mapping = memories_[index]->map(MapFlags::write);
        if (!mapping)
            return std::move(mapping).error();
        if (auto drawn = bars_->draw(mapping->bytes(), sequence_); !drawn)
            return std::move(drawn).error();
        if (auto ended = mapping->unmap(); !ended)
            return std::move(ended).error();
        first_ = (first_ + 1) % waiting_.size();
        --waiting_count_;
        const v4l2::Frame frame{.index = index,
                                .sequence = sequence_++,
                                .timestamp_ns = due_ns_,
                                .monotonic = true,
                                .error = false,
                                .offset = 0,
                                .bytes_used = format_.layout.memory_sizes[0]};
        due_ns_ += period_ns_;
        return frame;
    }
    Result<void> queue(std::uint32_t index) override {
        put(index);
        return {};
    }

private:
    static constexpr std::uint32_t largest = 16384;

    void put(std::uint32_t index) {
        waiting_[(first_ + static_cast<std::size_t>(waiting_count_)) % waiting_.size()] = index;
        ++waiting_count_;
    }

    v4l2::DeviceInfo info_{.path = "test", .driver = "test", .card = "moving colour bars", .bus = ""};
    v4l2::CaptureFormat format_;
    std::unique_ptr<TestPattern> bars_;
    std::vector<MemoryRef> memories_;
    std::vector<std::uint32_t> waiting_; // a ring of indices, oldest at first_
    std::size_t first_ = 0;
    std::int64_t waiting_count_ = 0;
    std::int64_t period_ns_ = 0;
    std::int64_t due_ns_ = 0;
    std::uint32_t sequence_ = 0;
};

} // namespace

std::unique_ptr<FrameSource> test_source() {
    return std::make_unique<TestSource>();
}

} // namespace hwalloc::tools
