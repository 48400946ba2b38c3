#include "tools/capture/source.h"

#include "hwalloc/v4l2_own_buffers.h"
#include "tools/capture/inputs.h"
#include "tools/capture/rectangles.h"

namespace hwalloc::tools {
namespace {

class CameraSource final : public FrameSource {
public:
    explicit CameraSource(v4l2::Camera camera) : camera_(std::move(camera)) {}

    const v4l2::DeviceInfo& info() const override { return camera_.info(); }
    // Frames that are copied are the CPU's, which writes them.
    bool needs_dma_buf() const override { return !camera_.copies_frames(); }
    Result<ParticipantRef> participant() override {
        return camera_.copies_frames() ? cpu_participant(MapFlags::write)
                                       : v4l2::capture_participant(camera_);
    }
    void allow_copies(bool allowed) override { camera_.allow_copies(allowed); }
    bool copies_frames() const override { return camera_.copies_frames(); }
    std::uint64_t copies() const override { return camera_.copies(); }
    Result<std::vector<v4l2::FormatInfo>> list_formats() override { return camera_.list_formats(); }
    Result<std::vector<v4l2::RateRange>> list_rates(std::uint32_t pixel_format, std::uint32_t width,
                                                    std::uint32_t height) override {
        return camera_.list_rates(pixel_format, width, height);
    }
    Result<void> use_input(const std::string& input, std::vector<std::string>& notes) override {
        return tools::use_input(camera_, input, notes);
    }
    Result<void> set_controls(std::span<const ControlSetting> settings,
                              std::vector<std::string>& notes) override {
        return tools::set_controls(camera_, settings, notes);
    }
    Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest& request) override {
        return camera_.negotiate(request);
    }
    void tell_rectangles(const v4l2::CaptureFormat& format, std::vector<std::string>& notes) override {
        tools::tell_rectangles(camera_, format, notes);
    }
    std::uint32_t min_buffers() override { return camera_.min_buffers(); }
    Result<std::uint32_t> reserve(std::uint32_t count) override { return camera_.reserve(count); }
    Result<void> bind(std::span<const MemoryRef> memories) override { return camera_.bind(memories); }
    std::string only_own_buffers() override {
        if (!v4l2::has_only_own_buffers(camera_))
            return {};
        const auto itself = v4l2::capture_participant(camera_);
        const auto own = itself ? (*itself)->own_allocators() : std::vector<AllocatorRef>();
        if (own.empty())
            return {};
        // Without a name it is called as in plans.
        return own[0]->name().empty() ? "own memory of " + std::string((*itself)->name())
                                      : std::string(own[0]->name());
    }
    Result<std::uint32_t> bind_own(std::uint32_t count) override { return v4l2::bind_own(camera_, count); }
    Result<void> unbind() override { return camera_.unbind(); }
    std::uint32_t bound() const override { return camera_.bound(); }
    Memory* memory(std::uint32_t index, std::uint32_t which) const override {
        return camera_.memory(index, which);
    }
    Result<void> start() override { return camera_.start(); }
    Result<void> stop() override { return camera_.stop(); }
    Result<v4l2::Frame> dequeue(int timeout_ms) override { return camera_.dequeue(timeout_ms); }
    Result<void> queue(std::uint32_t index) override { return camera_.queue(index); }

private:
    v4l2::Camera camera_;
};

} // namespace

bool is_damaged(const v4l2::Frame& frame, std::uint32_t memories) {
    bool damaged = frame.error;
    for (std::uint32_t which = 0; which < memories; ++which)
        damaged = damaged || frame.part(which).bytes_used == 0;
    return damaged;
}

Result<std::span<const std::uint8_t>> bytes_of(const v4l2::FramePart& part,
                                               std::span<const std::uint8_t> memory) {
    if (part.offset > memory.size() || part.bytes_used > memory.size() - part.offset)
        return Error(ErrorKind::invalid, "the driver says that a frame is larger than its memory");
    return memory.subspan(static_cast<std::size_t>(part.offset), static_cast<std::size_t>(part.bytes_used));
}

std::unique_ptr<FrameSource> camera_source(v4l2::Camera camera) {
    return std::make_unique<CameraSource>(std::move(camera));
}

Result<std::unique_ptr<FrameSource>> open_camera(const std::string& path) {
    auto camera = v4l2::Camera::open(path);
    if (!camera)
        return std::move(camera).error();
    return camera_source(std::move(*camera));
}

} // namespace hwalloc::tools
