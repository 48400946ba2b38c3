#include "tools/gpu/consumer.h"

#include "hwalloc/vulkan.h"
#include "tools/gpu/pipeline.h"
#include "tools/image/room.h"

namespace hwalloc::tools {
namespace {

// All frames go into one picture, in memory that the CPU can read: the GPU is waited for after each anyway.
class GpuConsumer final : public FrameConsumer {
public:
    GpuConsumer(vulkan::Device device, std::uint64_t frames) : pipeline_(std::move(device), frames) {}

    std::span<const std::uint32_t> formats() const override { return Pipeline::formats(); }
    Result<void> set_format(const v4l2::CaptureFormat& format) override {
        return pipeline_.set_format(format);
    }
    std::uint64_t memory_size(std::uint32_t which) const override { return pipeline_.memory_size(which); }
    Result<ParticipantRef> participant() const override { return pipeline_.participant(); }

    Result<void> bind(std::span<const MemoryRef> memories) override {
        if (auto made = make_picture(); !made)
            return made;
        return pipeline_.bind(memories, {.order = PixelOrder::rgba, .buffers = {&picture_, 1}});
    }
    void unbind() override { pipeline_.unbind(); }

    Result<void> take(const v4l2::Frame& frame) override { return pipeline_.run(frame, 0); }
    Result<void> finish() override { return {}; }

    Result<void> picture(std::vector<std::uint8_t>& rgb) override {
        if (pipeline_.frames() == 0)
            return Error(ErrorKind::unavailable, "the GPU made no picture, for lack of a frame");
        auto mapping = picture_memory_->map(MapFlags::read);
        if (!mapping)
            return std::move(mapping).error();
        if (auto room = make_room(rgb, std::uint64_t{3} * pixels()); !room)
            return room;
        for (std::size_t i = 0; i < pixels(); ++i)
            for (std::size_t channel = 0; channel < 3; ++channel)
                rgb[3 * i + channel] = mapping->data()[4 * i + channel];
        return mapping->unmap();
    }

    std::uint64_t copies() const override { return 0; }
    void report(Json& document) const override { pipeline_.report(document); }
    std::string summary() const override { return pipeline_.summary(); }

private:
    std::size_t pixels() const { return std::size_t{pipeline_.layout().width} * pipeline_.layout().height; }

    Result<void> make_picture() {
        if (picture_)
            return {};
        auto allocator = pipeline_.device().allocator(vulkan::Placement::host);
        if (!allocator)
            return std::move(allocator).error();
        auto memory = (*allocator)->alloc(4 * pixels());
        if (!memory)
            return std::move(memory).error();
        auto buffer = pipeline_.device().buffer(**memory);
        if (!buffer)
            return std::move(buffer).error();
        picture_memory_ = std::move(*memory);
        picture_ = std::move(*buffer);
        return {};
    }

    MemoryRef picture_memory_;
    vulkan::Buffer picture_;
    Pipeline pipeline_;
};

} // namespace

Result<std::unique_ptr<FrameConsumer>> open_gpu(const ConsumerRequest& request) {
    auto device = vulkan::Device::open(request.gpu);
    if (!device)
        return std::move(device).error();
    return std::unique_ptr<FrameConsumer>(std::make_unique<GpuConsumer>(std::move(*device), request.frames));
}

} // namespace hwalloc::tools
