// Frames of a camera to R'G'B' of 8 or 16 bits on the GPU, by a compute shader (convert.comp) and nothing
// else: everything that a frame needs is made before the first one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "hwalloc/vulkan.h"
#include "tools/gpu/conversion.h"

namespace hwalloc::tools {

class Converter {
public:
    struct Times {
        std::optional<std::int64_t>
            gpu_ns;               // from the first to the last thing the GPU did; none: it has no clock
        std::int64_t wait_ns = 0; // the CPU's wait for it, from the submission on
    };

    // A pipeline for these frames, and room for `slots` pairs of a frame's memory and a picture's. Errors:
    // those of make_conversion, unsupported (a device without a queue), and what the driver answers.
    static Result<Converter> make(const vulkan::Device& device, const ImageLayout& layout, PixelOrder order,
                                  std::uint32_t picture_pitch, std::uint32_t slots);
    ~Converter();
    Converter(Converter&&) noexcept;
    Converter& operator=(Converter&&) noexcept;

    // What a picture's memory must have, in bytes.
    std::uint64_t picture_bytes() const noexcept;

    // A frame: its memories, as many as the layout has, and where it begins in each, in bytes.
    struct Source {
        std::array<vulkan::Buffer, 3> memories{};
        std::array<std::uint64_t, 3> offsets{};
    };
    // Fixes what slot `slot` converts, until it is prepared again: the frame into the picture that begins
    // `picture_offset` bytes into `picture`. Keeps both alive. Not while the slot runs. Errors: invalid (no
    // such slot, a picture that begins at no multiple of 4 bytes), incompatible (memory that is too small),
    // limit (the device cannot see that much of a buffer at once), and what the driver answers.
    Result<void> prepare(std::uint32_t slot, const Source& frame, const vulkan::Buffer& picture,
                         std::uint64_t picture_offset = 0);
    // The same for a frame in one memory, which begins `frame_offset` bytes into `camera`.
    Result<void> prepare(std::uint32_t slot, const vulkan::Buffer& camera, const vulkan::Buffer& picture,
                         std::uint64_t frame_offset = 0, std::uint64_t picture_offset = 0) {
        return prepare(slot, Source{.memories = {camera}, .offsets = {frame_offset}}, picture,
                       picture_offset);
    }

    // Converts, and returns when the GPU is done: the camera may have its memory back. Takes the frame's
    // memory over from its foreign owner and gives it back, and the picture's likewise. Allocates, imports
    // and maps nothing. Errors: what the driver answers; "device lost" when the GPU is gone. The GPU uses the
    // memory no longer then, either.
    Result<Times> run(std::uint32_t slot);

private:
    struct Objects;
    explicit Converter(std::unique_ptr<Objects> objects) noexcept;
    std::unique_ptr<Objects> objects_;
};

} // namespace hwalloc::tools
