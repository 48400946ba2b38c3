// What the shader of converter.h is told: where the samples of a frame lie, and what their numbers mean.
// Plain arithmetic, no Vulkan.
#pragma once

#include <array>
#include <cstdint>

#include "hwalloc/image_layout.h"
#include "hwalloc/result.h"

namespace hwalloc::tools {

// The order of the bytes of a pixel in memory; the fourth is 255.
enum class PixelOrder : std::uint8_t {
    rgba, // DRM_FORMAT_ABGR8888, "AB24"
    bgra, // DRM_FORMAT_ARGB8888 and XRGB8888, "AR24" and "XR24": what displays take
};

// convert.comp: the constant `format`.
enum class FrameFormat : std::uint32_t { yuyv, uyvy, nv12, grey };

// convert.comp: what is pushed. Rows of factors for Y, Cb, Cr and 1.
struct ConversionParameters {
    std::array<float, 4> red, green, blue;
    std::uint32_t width, height;
    std::uint32_t luma_offset, luma_stride, chroma_offset, chroma_stride;
    std::uint32_t last_word;
    std::uint32_t picture_offset, picture_stride;
};
static_assert(sizeof(ConversionParameters) == 84, "as std430 lays it out; 128 bytes are always there");

struct Conversion {
    FrameFormat format = FrameFormat::yuyv;
    ConversionParameters parameters{}; // for a frame and a picture that begin at 0
    // From the first byte of the frame, and of the picture, to the end of its last row.
    std::uint64_t frame_bytes = 0, picture_bytes = 0;
    bool in_words = false; // every row begins at a multiple of 4 bytes
};

// How to convert frames of this layout to rows of `picture_pitch` bytes (0: no gaps). Errors: unsupported
// (another format than YUYV, UYVY, NV12 and R8, or colours that are no matrix; with the formats there are),
// invalid (no pixels; a pitch that is no multiple of 4, or too short), limit (a frame or picture of more than
// 2 GiB).
Result<Conversion> make_conversion(const ImageLayout& layout, std::uint32_t picture_pitch = 0);

} // namespace hwalloc::tools
