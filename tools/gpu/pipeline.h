// The way of frames through the GPU: each memory of the camera imported once, a prepared conversion for each
// pair of a frame's memory and a picture's, and what it took.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "tools/capture/consumer.h"
#include "tools/capture/samples.h"
#include "tools/gpu/converter.h"

namespace hwalloc::tools {

class Pipeline {
public:
    // The formats it takes, as V4L2 calls them, the best one first.
    static std::span<const std::uint32_t> formats();

    // `frames`: how many will come; 0: unknown.
    Pipeline(vulkan::Device device, std::uint64_t frames) : device_(std::move(device)), gpu_ns_(frames) {}

    vulkan::Device& device() { return device_; }
    const vulkan::Device& device() const { return device_; }
    const ImageLayout& layout() const { return layout_; }

    // As those of FrameConsumer.
    Result<void> set_format(const v4l2::CaptureFormat& format);
    std::uint64_t memory_size(std::uint32_t which) const;
    // The shader reads a VkBuffer.
    Result<ParticipantRef> participant() const { return vulkan::participant(device_, 0); }

    // The most bytes of a frame's memory or of a picture that the device sees.
    std::uint64_t most_bytes() const;

    // Where pictures go: all in one order of bytes, with one pitch.
    struct Target {
        PixelOrder order = PixelOrder::rgba;
        std::uint32_t pitch = 0;  // bytes from row to row; 0: no gaps
        std::uint64_t offset = 0; // of the first pixel in each buffer, in bytes; a multiple of 4
        std::span<const vulkan::Buffer> buffers;
    };
    // Imports the memories, those of the first buffer first, and converts something from that, since drivers
    // compile shaders at their first use. On an error nothing is bound. Errors: those of
    // vulkan::Device::buffer() and of Converter.
    Result<void> bind(std::span<const MemoryRef> memories, const Target& target);
    void unbind();
    // Converts the frame into picture number `picture`, and returns when the GPU is done. Allocates, imports
    // and maps nothing.
    Result<void> run(const v4l2::Frame& frame, std::uint32_t picture);

    std::uint64_t frames() const { return frames_; }
    // As those of FrameConsumer.
    void report(Json& document) const;
    std::string summary() const;

private:
    Result<void> import(std::span<const MemoryRef> memories, const Target& target);
    Result<void> prepare(std::uint32_t camera);
    double wait_us() const;

    vulkan::Device device_;
    ImageLayout layout_;
    std::vector<Converter::Source> cameras_; // each buffer, as its slots were prepared
    std::vector<vulkan::Buffer> pictures_;
    std::uint64_t picture_offset_ = 0;
    std::optional<Converter> converter_;
    std::uint32_t imports_ = 0;
    std::uint64_t frames_ = 0;
    std::int64_t wait_ns_ = 0;
    Samples gpu_ns_;
};

} // namespace hwalloc::tools
