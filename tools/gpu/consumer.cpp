#include "tools/gpu/consumer.h"

#include <fmt/format.h>

#include <algorithm>

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
        if (auto can = pipeline_.set_format(format); !can)
            return can;
        const bool deep = picture_depth(*pixel_format_by_drm(format.layout.fourcc)) == 16;
        cut_ = deep && bytes_of_pixel(PixelOrder::rgba_16) * std::uint64_t{pixels()} > pipeline_.most_bytes();
        order_ = deep && !cut_ ? PixelOrder::rgba_16 : PixelOrder::rgba;
        return {};
    }
    std::vector<std::string> notes() const override {
        if (!cut_)
            return {};
        return {fmt::format(
            "{} sees too little memory at once for a picture of that size with 16 bits a channel: "
            "it makes one of 8 bits",
            pipeline_.device().name())};
    }
    std::uint64_t memory_size(std::uint32_t which) const override { return pipeline_.memory_size(which); }
    Result<ParticipantRef> participant() const override { return pipeline_.participant(); }

    Result<void> bind(std::span<const MemoryRef> memories) override {
        if (auto made = make_picture(); !made)
            return made;
        return pipeline_.bind(memories, {.order = order_, .buffers = {&picture_, 1}});
    }
    void unbind() override { pipeline_.unbind(); }

    Result<void> take(const v4l2::Frame& frame) override { return pipeline_.run(frame, 0); }
    Result<void> finish() override { return {}; }

    Result<void> picture(Picture& picture) override {
        if (pipeline_.frames() == 0)
            return Error(ErrorKind::unavailable, "the GPU made no picture, for lack of a frame");
        auto mapping = picture_memory_->map(MapFlags::read);
        if (!mapping)
            return std::move(mapping).error();
        const std::size_t bytes = bytes_of_pixel(order_) / 4; // of a number
        picture.width = pipeline_.layout().width;
        picture.height = pipeline_.layout().height;
        picture.depth = static_cast<unsigned>(8 * bytes);
        if (auto room = make_room(picture.bytes, std::uint64_t{3} * bytes * pixels()); !room)
            return room;
        std::uint8_t* to = picture.bytes.data();
        for (std::size_t pixel = 0; pixel < pixels(); ++pixel)
            for (std::size_t channel = 0; channel < 3; ++channel) {
                const std::uint8_t* from = mapping->data() + (4 * pixel + channel) * bytes;
                to = std::reverse_copy(from, from + bytes, to);
            }
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
        auto memory = (*allocator)->alloc(bytes_of_pixel(order_) * pixels());
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
    PixelOrder order_ = PixelOrder::rgba; // of the picture
    bool cut_ = false;                    // to 8 bits, as the device sees no more at once
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
