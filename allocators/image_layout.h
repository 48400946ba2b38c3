// Where the pixels of an image are in its memory, and what their numbers mean.
#pragma once

#include <array>
#include <cstdint>

#include "hwalloc/export.h"
#include "hwalloc/pixel_format.h"
#include "hwalloc/result.h"

namespace hwalloc {

// The modifier of rows one after the other (DRM_FORMAT_MOD_LINEAR).
inline constexpr std::uint64_t linear_modifier = 0;
// The maker of the pixels did not tell how they lie (DRM_FORMAT_MOD_INVALID).
inline constexpr std::uint64_t unknown_modifier = 0x00ff'ffff'ffff'ffff;

// How Y'CbCr numbers were made from R'G'B'; luma_weights() has the numbers. Of hue, saturation and value,
// what the hues are; the other two are 0 to 255.
enum class ColorMatrix : std::uint8_t {
    unspecified,
    rgb, // no matrix: the image holds R'G'B'
    bt601,
    bt709,
    bt2020,          // non-constant luminance
    bt2020_constant, // constant luminance: not a matrix at all
    smpte240m,
    hsv_180, // hues of two degrees each, 0 to 179
    hsv_256, // the circle in 256 parts
};

// The luma weights Kr and Kb of ITU-R BT.601, BT.709 and BT.2020, and of SMPTE 240M. False, having changed
// nothing, for what is no matrix (constant luminance, R'G'B', hues, unspecified).
constexpr bool luma_weights(ColorMatrix matrix, double& kr, double& kb) noexcept {
    switch (matrix) {
    case ColorMatrix::bt601:
        kr = 0.299, kb = 0.114;
        return true;
    case ColorMatrix::bt709:
        kr = 0.2126, kb = 0.0722;
        return true;
    case ColorMatrix::bt2020:
        kr = 0.2627, kb = 0.0593;
        return true;
    case ColorMatrix::smpte240m:
        kr = 0.212, kb = 0.087;
        return true;
    case ColorMatrix::unspecified:
    case ColorMatrix::rgb:
    case ColorMatrix::bt2020_constant:
    case ColorMatrix::hsv_180:
    case ColorMatrix::hsv_256:
        break;
    }
    return false;
}

// What 8-bit black and white are: 0 and 255 (full), or 16 and 235 (limited; chroma 16 to 240).
enum class ColorRange : std::uint8_t { unspecified, limited, full };

struct ImagePlane {
    std::uint32_t memory = 0; // which memory of the image: 0 to memory_count - 1
    std::uint64_t offset = 0; // of the first row in that memory, in bytes
    std::uint32_t stride = 0; // bytes from one row to the next
    std::uint64_t size = 0;   // bytes: stride times the rows of this plane

    friend bool operator==(const ImagePlane&, const ImagePlane&) noexcept = default;
};

// An image is memory together with a layout. A plain value: compare two to see whether two devices agree.
struct ImageLayout {
    static constexpr std::uint32_t max_planes = 4;

    // The format by its name in drm_fourcc.h (DRM_FORMAT_XRGB8888 is "XR24"), or 0 where that has none:
    // compressed images and raw sensor data. Then there is one plane, and its stride may be 0.
    std::uint32_t fourcc = 0;
    // As in drm_fourcc.h; 0 is linear.
    std::uint64_t modifier = 0;
    std::uint32_t width = 0; // in pixels
    std::uint32_t height = 0;
    std::uint32_t plane_count = 0;
    std::array<ImagePlane, max_planes> planes{};
    // How many memories hold the planes, and the bytes each must have at least. This can be more than the
    // planes need: what a device asks for is what it must get.
    std::uint32_t memory_count = 0;
    std::array<std::uint64_t, max_planes> memory_sizes{};
    ColorMatrix matrix = ColorMatrix::unspecified;
    ColorRange range = ColorRange::unspecified;

    friend bool operator==(const ImageLayout&, const ImageLayout&) noexcept = default;
};

// The linear layout of a format in one memory, planes one behind the other, as V4L2 lays them out
// (Documentation/userspace-api/media/v4l/pixfmt-intro.rst and yuv-formats.rst): `stride` is that of the first
// plane in bytes, 0 for the smallest; the others' follow from it and hold a row at least. An odd width or
// height is rounded up where the format shares chroma between pixels. The stride of the first plane of any
// layout, given back, gives the same layout. Colours are left unspecified. Errors: unsupported (a format not
// known here), invalid (no pixels, or a stride below a row's bytes), limit (a size does not fit).
HWALLOC_API Result<ImageLayout> linear_layout(std::uint32_t fourcc, std::uint32_t width, std::uint32_t height,
                                              std::uint32_t stride = 0) noexcept;
// The same for a format of the table that drm_fourcc.h may have no name for, as raw sensor data: its layout's
// fourcc is 0 then.
HWALLOC_API Result<ImageLayout> linear_layout(const PixelFormat& format, std::uint32_t width,
                                              std::uint32_t height, std::uint32_t stride = 0) noexcept;

// The same planes, each at the start of a memory of its own, as V4L2 has them in formats such as NM12 (which
// is NV12). `layout`: one that linear_layout() gave.
HWALLOC_API ImageLayout with_memory_per_plane(const ImageLayout& layout) noexcept;

// Whether a format's numbers are Y'CbCr (grey included). False for formats not known here.
HWALLOC_API bool is_yuv(std::uint32_t fourcc) noexcept;

} // namespace hwalloc
