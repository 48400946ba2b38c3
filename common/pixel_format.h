// What is known of pixel formats: their codes and names, and where each number of a pixel stands. One table
// (common/pixel_formats.h), from which the backends and the command take what they need.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hwalloc/export.h"

namespace hwalloc {

// A four-character code, as drm_fourcc.h and videodev2.h make them.
constexpr std::uint32_t fourcc(char a, char b, char c, char d) noexcept {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(a)) |
           static_cast<std::uint32_t>(static_cast<unsigned char>(b)) << 8 |
           static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 16 |
           static_cast<std::uint32_t>(static_cast<unsigned char>(d)) << 24;
}

// "YUYV"; trailing spaces are dropped, a byte that cannot be printed becomes '?'; "none" for 0. May throw
// std::bad_alloc like any function that returns a string.
HWALLOC_API std::string fourcc_name(std::uint32_t code);

// What the numbers of a pixel are, in the order of PixelFormat::components.
enum class PixelKind : std::uint8_t {
    rgb,        // R, G, B, alpha
    yuv,        // Y, Cb, Cr, alpha
    grey,       // Y alone
    bayer,      // one colour each, by PixelFormat::mosaic
    hsv,        // hue, saturation, value
    compressed, // a stream of bytes: no planes, no components
};

// How the bits of a row are counted, bit 0 being the lowest of what comes first.
enum class PixelPacking : std::uint8_t {
    little_endian, // through the bytes as they come
    big_endian_16, // the same after the bytes of every two are swapped
    big_endian_32, // of every four
    mipi,          // groups of pixels: a byte of high bits each, then the low bits of all, the first lowest
};

// Bytes of a plane: so many for each group of `columns` pixels of a row, and a row for each `rows` of the
// image. In whole groups: an odd width is rounded up where two pixels are a group.
struct PixelPlane {
    std::uint8_t bytes, columns, rows;

    friend bool operator==(const PixelPlane&, const PixelPlane&) noexcept = default;
};

// Where the numbers of one component stand in a row of their plane, in bits: the first number's lowest bit,
// and from one number to the next. With packing mipi the group says it all, and these are 0.
struct PixelComponent {
    std::uint8_t plane, first, step;
    std::uint8_t bits; // of one number; 0: the format has no such component
};

// The number of a format in one interface, or why that has none: exactly one of the two is there.
struct FormatCode {
    std::uint32_t code = 0;
    const char* why_none = nullptr;

    constexpr explicit operator bool() const noexcept { return code != 0; }
};

// A row of the table, constant and there for ever. More members may come at the end: take rows from the
// functions below, and copy none.
struct PixelFormat {
    const char* name;    // as the command shows it: V4L2's code or what people say instead; else DRM's code
    const char* aliases; // what else people type, in capitals, with a space between two

    FormatCode drm;    // of drm_fourcc.h, which is EGL's code too (EGL_LINUX_DRM_FOURCC_EXT)
    FormatCode v4l2;   // of videodev2.h, with all planes in one memory
    FormatCode vulkan; // VkFormat
    // V4L2's code where each plane is in a memory of its own, 0 where there is none, and codes that V4L2 has
    // beside, of old, for the same bytes.
    std::uint32_t v4l2_memory_per_plane;
    std::array<std::uint32_t, 2> v4l2_old;

    PixelKind kind;
    PixelPacking packing;
    bool is_float;                            // IEEE numbers; else unsigned
    std::uint8_t chroma_columns, chroma_rows; // pixels that share a chroma number, across and down; else 1
    std::uint8_t plane_count;
    std::array<PixelPlane, 3> planes;
    std::array<PixelComponent, 4> components;
    // Bayer: the component (0 red, 1 green, 2 blue) of the first two pixels of the first row, and of the
    // second.
    std::array<std::uint8_t, 4> mosaic;

    // Bits of the first component: of a colour, luma or raw number.
    constexpr std::uint8_t depth() const noexcept { return components[0].bits; }
    constexpr bool is_yuv() const noexcept { return kind == PixelKind::yuv || kind == PixelKind::grey; }
};

// Every format that is known. Formats with the same VkFormat stand in the order in which one is preferred.
// Thread-safety of these five: any thread. No errors.
HWALLOC_API std::span<const PixelFormat> pixel_formats() noexcept;

// The format of a code; null where it is not known here. By V4L2's, each code of the format does, that of a
// memory for each plane too.
HWALLOC_API const PixelFormat* pixel_format_by_drm(std::uint32_t code) noexcept;
HWALLOC_API const PixelFormat* pixel_format_by_v4l2(std::uint32_t code) noexcept;
HWALLOC_API const PixelFormat* pixel_format_by_vulkan(std::uint32_t vk_format) noexcept;

// The format that people mean by a name: "YUYV", "nv12", "BGRA", "R16"; after V4L2_PIX_FMT_ or DRM_FORMAT_
// that interface's. Names, aliases and V4L2's codes come before DRM's, which gives some of V4L2's to other
// formats ("RG16", "AYUV"). In any case, but a code that has small letters only as it is. Null: none.
HWALLOC_API const PixelFormat* pixel_format_by_name(std::string_view name) noexcept;

} // namespace hwalloc
