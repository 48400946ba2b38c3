// What the shader of converter.h is told: where the samples of a frame lie, and what their numbers mean.
// Plain arithmetic, no Vulkan.
#pragma once

#include <array>
#include <cstdint>

#include "hwalloc/image_layout.h"
#include "hwalloc/pixel_format.h"
#include "hwalloc/result.h"

namespace hwalloc::tools {

// The order of the bytes of a pixel in memory; the fourth number is the highest.
enum class PixelOrder : std::uint8_t {
    rgba,    // DRM_FORMAT_ABGR8888, "AB24"
    bgra,    // DRM_FORMAT_ARGB8888 and XRGB8888, "AR24" and "XR24": what displays take
    rgba_16, // DRM_FORMAT_ABGR16161616, "AB48": numbers of 16 bits, the low byte first
};

constexpr std::uint32_t bytes_of_pixel(PixelOrder order) noexcept {
    return order == PixelOrder::rgba_16 ? 8 : 4;
}

// convert.comp: its constants, in order.
struct ConversionConstants {
    struct Component {
        std::uint32_t plane, first, step, bits; // as in PixelComponent
    };
    std::array<Component, 3> components;
    std::uint32_t columns, rows; // pixels that share a number of the second and third component
    std::uint32_t swapped_bytes; // 2 or 4: of words of so many; else 1
    std::uint32_t blue_first, rows_at_words, memory_per_plane, wide; // 1: so it is
};
static_assert(sizeof(ConversionConstants) == 19 * sizeof(std::uint32_t), "one behind the other");

// convert.comp: what is pushed. Rows of factors for the numbers of the components, and for 1.
struct ConversionParameters {
    std::array<float, 4> red, green, blue;
    std::uint32_t width, height;
    struct Plane {
        std::uint32_t offset, stride;
    };
    std::array<Plane, 3> planes;
    std::array<std::uint32_t, 3> last_words;
    std::uint32_t picture_offset, picture_stride;
};
static_assert(sizeof(ConversionParameters) == 100, "as std430 lays it out; 128 bytes are always there");

// Of a frame in one memory, and of a picture: what the shader counts in 32 bits, with room for where the
// buffers begin.
constexpr std::uint64_t most_bytes_converted = std::uint64_t{1} << 31;

struct Conversion {
    ConversionConstants constants{};
    ConversionParameters parameters{}; // for a frame and a picture that begin at 0
    std::uint32_t memory_count = 1;    // of a frame
    // From the first byte of the frame in each memory, and of the picture, to the end of its last row.
    std::array<std::uint64_t, 3> frame_bytes{};
    std::uint64_t picture_bytes = 0;
};

// Whether the shader has what frames of this format take: R, G and B, Y'CbCr or grey, of numbers without a
// point that stand in the row as they are, whatever their bits.
bool converts(const PixelFormat& format) noexcept;

// How to convert frames of this layout, in one memory or with one for each plane, to rows of `picture_pitch`
// bytes (0: no gaps) of pixels of that order. Errors: unsupported (another format than converts() says, or
// colours that are no matrix; with formats to choose), invalid (no pixels; a pitch that is no multiple of 4,
// or too short), limit (a frame or picture of more than 2 GiB).
Result<Conversion> make_conversion(const ImageLayout& layout, std::uint32_t picture_pitch = 0,
                                   PixelOrder order = PixelOrder::rgba);

} // namespace hwalloc::tools
