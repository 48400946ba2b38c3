// The table of pixel formats. To be included by pixel_formats.cpp alone, whose functions find what is in it.
//
// Codes are those of drm_fourcc.h, of videodev2.h with Documentation/userspace-api/media/v4l/pixfmt*.rst, and
// of VkFormat in the Vulkan specification ("Formats"). All are ABI, and are written out so that this needs no
// header of another project; tests compare them with those.
//
// DRM names the components of a little-endian word from the highest bit down: DRM_FORMAT_XRGB8888 is the
// bytes B, G, R, X. V4L2 names most formats by their bytes: that is its XBGR32 of old, "BGR4", and "XR24", a
// code it took from DRM. But the same code can be another format: V4L2's "RG16" and "BA12" are raw sensors'
// and its "AYUV" has the bytes the other way round. Vulkan names words with _PACK from the highest bit down,
// others by their bytes.
//
// A new format is one line: its codes, or why an interface has none, and an arrangement of numbers.
#pragma once

#include "common/pixel_arrangements.h"

namespace hwalloc::pixel_format_table {

using namespace arrangements;

// A code by its letters; "-BE" behind them as fourcc_name() has it.
consteval std::uint32_t letters_code(std::string_view letters) {
    const bool is_big_endian = letters.ends_with("-BE");
    if (is_big_endian)
        letters.remove_suffix(3);
    const auto at = [&](std::size_t i) { return i < letters.size() ? letters[i] : ' '; };
    return fourcc(at(0), at(1), at(2), at(3)) | (is_big_endian ? std::uint32_t{1} << 31 : 0);
}

constexpr FormatCode none(const char* why) noexcept {
    return {0, why};
}

struct Drm : FormatCode {
    consteval Drm(const char* letters) : FormatCode{letters_code(letters), nullptr} {}
    constexpr Drm(FormatCode missing) noexcept : FormatCode(missing) {}
};

struct V4l2 : FormatCode {
    consteval V4l2(const char* letters) : FormatCode{letters_code(letters), nullptr} {}
    constexpr V4l2(FormatCode missing) noexcept : FormatCode(missing) {}

    consteval V4l2 with_memories(const char* letters) const {
        V4l2 made = *this;
        made.memory_per_plane = letters_code(letters);
        return made;
    }
    consteval V4l2 of_old(const char* letters) const {
        V4l2 made = *this;
        made.old[made.old[0] ? 1 : 0] = letters_code(letters);
        return made;
    }
    std::uint32_t memory_per_plane = 0;
    std::array<std::uint32_t, 2> old{};
};

struct Vulkan : FormatCode {
    consteval Vulkan(std::uint32_t number) : FormatCode{number, nullptr} {}
    constexpr Vulkan(FormatCode missing) noexcept : FormatCode(missing) {}
};

consteval PixelFormat row(const char* name, const char* aliases, Drm drm, V4l2 v4l2, Vulkan vulkan,
                          PixelFormat made) {
    made.name = name;
    made.aliases = aliases;
    made.drm = drm;
    made.v4l2 = v4l2;
    made.vulkan = vulkan;
    made.v4l2_memory_per_plane = v4l2.memory_per_plane;
    made.v4l2_old = v4l2.old;
    return made;
}

// Why an interface has no code.
inline constexpr FormatCode no_v4l2 = none("videodev2.h has no such format"),
                            v4l2_apart = none("V4L2 has it with a memory for each plane only"),
                            no_drm = none("drm_fourcc.h has no format with these bytes"),
                            drm_raw = none("drm_fourcc.h has no raw sensor data"),
                            drm_stream = none("drm_fourcc.h has no streams"),
                            no_vulkan = none("Vulkan has no format with these bytes"),
                            vulkan_cr_first = none("Vulkan's formats have Cb before Cr"),
                            vulkan_low_bits = none("Vulkan's 10 and 12 bits are the high ones of 16"),
                            vulkan_later =
                                none("it takes Vulkan 1.3 or an extension, which are not asked for"),
                            vulkan_raw =
                                none("Vulkan has no raw sensor data: a shader reads it from a buffer"),
                            vulkan_stream = none("Vulkan has no streams among its formats");

// clang-format off
inline constexpr PixelFormat rows[] = {
    // Y, Cb and Cr, packed: pixfmt-packed-yuv.rst
    row("YUYV", "YUY2 YUYV422 YUNV", "YUYV", "YUYV", 1000156000, pairs("YUYV")),
    row("UYVY", "UYVY422 UYNV", "UYVY", "UYVY", 1000156001, pairs("UYVY")),
    row("YVYU", "YVYU422", "YVYU", "YVYU", vulkan_cr_first, pairs("YVYU")),
    row("VYUY", "", "VYUY", "VYUY", vulkan_cr_first, pairs("VYUY")),
    row("Y210", "", "Y210", "Y210", 1000156010, pairs("YUYV", 10, 16)),
    row("Y212", "", "Y212", "Y212", 1000156020, pairs("YUYV", 12, 16)),
    row("Y216", "", "Y216", "Y216", 1000156027, pairs("YUYV", 16, 16)),
    row("Y444", "YUV444", no_drm, "Y444", no_vulkan, word("AYUV", {4, 4, 4, 4})),
    row("YUVO", "YUV555", no_drm, "YUVO", no_vulkan, word("AYUV", {1, 5, 5, 5})),
    row("YUVP", "YUV565", no_drm, "YUVP", no_vulkan, word("YUV", {5, 6, 5})),
    row("YUV3", "YUV24 VUY888", "VU24", "YUV3", no_vulkan, bytes("YUV")),
    row("AYUV", "AYUV32", no_drm, "AYUV", no_vulkan, bytes("AYUV")),
    row("XYUV", "XYUV32 YUV32", no_drm, V4l2("XYUV").of_old("YUV4"), no_vulkan, bytes("xYUV")),
    row("VUYA", "VUYA32 AYUV8888", "AYUV", "VUYA", no_vulkan, bytes("VUYA")),
    row("VUYX", "VUYX32 XYUV8888", "XYUV", "VUYX", no_vulkan, bytes("VUYx")),
    row("YUVA", "YUVA32 AVUY8888", "AVUY", "YUVA", no_vulkan, bytes("YUVA")),
    row("YUVX", "YUVX32 XVUY8888", "XVUY", "YUVX", no_vulkan, bytes("YUVx")),

    // in two planes and in three: pixfmt-yuv-planar.rst
    row("NV12", "NV12M", "NV12", V4l2("NV12").with_memories("NM12"), 1000156003, semi_planar("UV", 2, 2)),
    row("NV21", "NV21M", "NV21", V4l2("NV21").with_memories("NM21"), vulkan_cr_first,
        semi_planar("VU", 2, 2)),
    row("NV16", "NV16M", "NV16", V4l2("NV16").with_memories("NM16"), 1000156005, semi_planar("UV", 2, 1)),
    row("NV61", "NV61M", "NV61", V4l2("NV61").with_memories("NM61"), vulkan_cr_first,
        semi_planar("VU", 2, 1)),
    row("NV24", "", "NV24", "NV24", vulkan_later, semi_planar("UV", 1, 1)),
    row("NV42", "", "NV42", "NV42", vulkan_cr_first, semi_planar("VU", 1, 1)),
    row("P010", "P010LE", "P010", "P010", 1000156013, semi_planar("UV", 2, 2, 10, 16)),
    row("P012", "P012M", "P012", V4l2("P012").with_memories("PM12"), 1000156023,
        semi_planar("UV", 2, 2, 12, 16)),
    row("P016", "", "P016", no_v4l2, 1000156030, semi_planar("UV", 2, 2, 16, 16)),
    row("P210", "P210LE", "P210", no_v4l2, 1000156015, semi_planar("UV", 2, 1, 10, 16)),
    row("NV15", "", "NV15", "NV15", no_vulkan, dense_semi_planar(2, 2)),
    row("NV20", "", "NV20", "NV20", no_vulkan, dense_semi_planar(2, 1)),
    row("YU12", "I420 IYUV YUV420 YUV420P YUV420M", "YU12", V4l2("YU12").with_memories("YM12"), 1000156002,
        planar("UV", 2, 2)),
    row("YV12", "YVU420 YVU420M", "YV12", V4l2("YV12").with_memories("YM21"), vulkan_cr_first,
        planar("VU", 2, 2)),
    row("422P", "YUV422 YUV422P I422 Y42B YUV422M", "YU16", V4l2("422P").with_memories("YM16"), 1000156004,
        planar("UV", 2, 1)),
    row("YV16", "YVU422 YVU422M", "YV16", V4l2(v4l2_apart).with_memories("YM61"), vulkan_cr_first,
        planar("VU", 2, 1)),
    row("YU24", "I444 YUV444P YUV444M", "YU24", V4l2(v4l2_apart).with_memories("YM24"), 1000156006,
        planar("UV", 1, 1)),
    row("YV24", "YVU444 YVU444M", "YV24", V4l2(v4l2_apart).with_memories("YM42"), vulkan_cr_first,
        planar("VU", 1, 1)),
    row("411P", "YUV411 YUV411P", "YU11", "411P", no_vulkan, planar("UV", 4, 1)),
    row("YUV9", "YUV410 YUV410P", "YUV9", "YUV9", no_vulkan, planar("UV", 4, 4)),
    row("YVU9", "YVU410", "YVU9", "YVU9", no_vulkan, planar("VU", 4, 4)),

    // Y alone: pixfmt-yuv-luma.rst
    row("GREY", "GRAY GRAY8 GREY8 Y8 Y800", "R8", "GREY", 9, grey(8)),
    row("Y10", "GRAY10 GRAY10LE", "R10", "Y10", vulkan_low_bits, grey(10)),
    row("Y12", "GRAY12 GRAY12LE", "R12", "Y12", vulkan_low_bits, grey(12)),
    row("Y14", "GRAY14", no_drm, "Y14", vulkan_low_bits, grey(14)),
    row("Y16", "GRAY16 GRAY16LE", "R16", "Y16", 70, grey(16)),
    row("Y16-BE", "Y16_BE Y16BE GRAY16BE", no_drm, "Y16-BE", no_vulkan, big_endian(grey(16))),
    row("Y012", "", no_drm, "Y012", no_vulkan, grey(12, 4)),
    row("Y10P", "", no_drm, "Y10P", no_vulkan, mipi_grey(10)),
    row("Y12P", "", no_drm, "Y12P", no_vulkan, mipi_grey(12)),
    row("Y14P", "", no_drm, "Y14P", no_vulkan, mipi_grey(14)),

    // R, G and B: pixfmt-rgb.rst
    row("RGB24", "RGB BGR888", "BG24", "RGB3", 23, bytes("RGB")),
    row("BGR24", "BGR RGB888", "RG24", "BGR3", 30, bytes("BGR")),
    row("XR24", "XRGB8888 BGRX BGR0 XBGR32 BGR32", "XR24", V4l2("XR24").of_old("BGR4"), 44, bytes("BGRx")),
    row("AR24", "ARGB8888 BGRA ABGR32", "AR24", "AR24", 44, bytes("BGRA")),
    row("XB24", "XBGR8888 RGBX RGB0 RGBX32", "XB24", "XB24", 37, bytes("RGBx")),
    row("AB24", "ABGR8888 RGBA RGBA32", "AB24", "AB24", 37, bytes("RGBA")),
    row("RX24", "RGBX8888 XBGR 0BGR BGRX32", "RX24", "RX24", no_vulkan, bytes("xBGR")),
    row("RA24", "RGBA8888 ABGR BGRA32", "RA24", "RA24", no_vulkan, bytes("ABGR")),
    row("BX24", "BGRX8888 XRGB 0RGB XRGB32 RGB32", "BX24", V4l2("BX24").of_old("RGB4"), no_vulkan,
        bytes("xRGB")),
    row("BA24", "BGRA8888 ARGB ARGB32", "BA24", "BA24", no_vulkan, bytes("ARGB")),
    row("RGBP", "RGB565 RGB565LE RGB16", "RG16", "RGBP", 4, word("RGB", {5, 6, 5})),
    row("RGBR", "RGB565X RGB565BE", no_drm, "RGBR", no_vulkan, big_endian(word("RGB", {5, 6, 5}))),
    row("BG16", "BGR565", "BG16", no_v4l2, 5, word("BGR", {5, 6, 5})),
    row("RGB1", "RGB332", "RGB8", "RGB1", no_vulkan, word("RGB", {3, 3, 2})),
    row("BGRH", "BGR666", no_drm, "BGRH", no_vulkan, big_endian(word("BGRx", {6, 6, 6, 14}))),
    row("XR15", "XRGB1555 XRGB555 RGB555", "XR15", V4l2("XR15").of_old("RGBO"), 8,
        word("xRGB", {1, 5, 5, 5})),
    row("AR15", "ARGB1555 ARGB555", "AR15", "AR15", 8, word("ARGB", {1, 5, 5, 5})),
    row("XB15", "XBGR1555 XBGR555", "XB15", "XB15", vulkan_later, word("xBGR", {1, 5, 5, 5})),
    row("AB15", "ABGR1555 ABGR555", "AB15", "AB15", vulkan_later, word("ABGR", {1, 5, 5, 5})),
    row("RX15", "RGBX5551 RGBX555", "RX15", "RX15", 6, word("RGBx", {5, 5, 5, 1})),
    row("RA15", "RGBA5551 RGBA555", "RA15", "RA15", 6, word("RGBA", {5, 5, 5, 1})),
    row("BX15", "BGRX5551 BGRX555", "BX15", "BX15", 7, word("BGRx", {5, 5, 5, 1})),
    row("BA15", "BGRA5551 BGRA555", "BA15", "BA15", 7, word("BGRA", {5, 5, 5, 1})),
    row("XR15-BE", "XRGB555X RGB555X", no_drm, V4l2("XR15-BE").of_old("RGBQ"), no_vulkan,
        big_endian(word("xRGB", {1, 5, 5, 5}))),
    row("AR15-BE", "ARGB555X", no_drm, "AR15-BE", no_vulkan, big_endian(word("ARGB", {1, 5, 5, 5}))),
    row("XR12", "XRGB4444 XRGB444 RGB444", "XR12", V4l2("XR12").of_old("R444"), vulkan_later,
        word("xRGB", {4, 4, 4, 4})),
    row("AR12", "ARGB4444 ARGB444", "AR12", "AR12", vulkan_later, word("ARGB", {4, 4, 4, 4})),
    row("XB12", "XBGR4444 XBGR444", "XB12", "XB12", vulkan_later, word("xBGR", {4, 4, 4, 4})),
    row("AB12", "ABGR4444 ABGR444", "AB12", "AB12", vulkan_later, word("ABGR", {4, 4, 4, 4})),
    row("RX12", "RGBX4444 RGBX444", "RX12", "RX12", 2, word("RGBx", {4, 4, 4, 4})),
    row("RA12", "RGBA4444 RGBA444", "RA12", "RA12", 2, word("RGBA", {4, 4, 4, 4})),
    row("BX12", "BGRX4444 BGRX444", "BX12", "BX12", 3, word("BGRx", {4, 4, 4, 4})),
    row("GA12", "BGRA4444 BGRA444", "BA12", "GA12", 3, word("BGRA", {4, 4, 4, 4})),
    row("XR30", "XRGB2101010", "XR30", no_v4l2, 58, word("xRGB", {2, 10, 10, 10})),
    row("AR30", "ARGB2101010", "AR30", "AR30", 58, word("ARGB", {2, 10, 10, 10})),
    row("XB30", "XBGR2101010", "XB30", no_v4l2, 64, word("xBGR", {2, 10, 10, 10})),
    row("AB30", "ABGR2101010", "AB30", no_v4l2, 64, word("ABGR", {2, 10, 10, 10})),
    row("RX30", "RGBX1010102", "RX30", "RX30", no_vulkan, word("RGBx", {10, 10, 10, 2})),
    row("RA30", "RGBA1010102", "RA30", "RA30", no_vulkan, word("RGBA", {10, 10, 10, 2})),
    row("XB48", "XBGR16161616", "XB48", no_v4l2, 91, word("xBGR", {16, 16, 16, 16})),
    row("AB48", "ABGR16161616", "AB48", no_v4l2, 91, word("ABGR", {16, 16, 16, 16})),
    row("AB4H", "ABGR16161616F", "AB4H", no_v4l2, 97, floats(word("ABGR", {16, 16, 16, 16}))),
    row("XB4H", "XBGR16161616F", "XB4H", no_v4l2, 97, floats(word("xBGR", {16, 16, 16, 16}))),
    row("GR88", "", "GR88", no_v4l2, 16, word("GR", {8, 8})),
    row("GR32", "GR1616", "GR32", no_v4l2, 77, word("GR", {16, 16})),

    // H, S and V: pixfmt-hsv.rst
    row("HSV3", "HSV24", no_drm, "HSV3", no_vulkan, bytes("HSV")),
    row("HSV4", "HSV32", no_drm, "HSV4", no_vulkan, bytes("xHSV")),

    // Raw sensors: pixfmt-srggb*.rst
    row("BA81", "SBGGR8 BGGR BGGR8", drm_raw, "BA81", vulkan_raw, mosaic("BGGR", grey(8))),
    row("GBRG", "SGBRG8 GBRG8", drm_raw, "GBRG", vulkan_raw, mosaic("GBRG", grey(8))),
    row("GRBG", "SGRBG8 GRBG8", drm_raw, "GRBG", vulkan_raw, mosaic("GRBG", grey(8))),
    row("RGGB", "SRGGB8 RGGB8", drm_raw, "RGGB", vulkan_raw, mosaic("RGGB", grey(8))),
    row("BG10", "SBGGR10 BGGR10", drm_raw, "BG10", vulkan_raw, mosaic("BGGR", grey(10))),
    row("GB10", "SGBRG10 GBRG10", drm_raw, "GB10", vulkan_raw, mosaic("GBRG", grey(10))),
    row("BA10", "SGRBG10 GRBG10", drm_raw, "BA10", vulkan_raw, mosaic("GRBG", grey(10))),
    row("RG10", "SRGGB10 RGGB10", drm_raw, "RG10", vulkan_raw, mosaic("RGGB", grey(10))),
    row("pBAA", "SBGGR10P", drm_raw, "pBAA", vulkan_raw, mosaic("BGGR", mipi_grey(10))),
    row("pGAA", "SGBRG10P", drm_raw, "pGAA", vulkan_raw, mosaic("GBRG", mipi_grey(10))),
    row("pgAA", "SGRBG10P", drm_raw, "pgAA", vulkan_raw, mosaic("GRBG", mipi_grey(10))),
    row("pRAA", "SRGGB10P", drm_raw, "pRAA", vulkan_raw, mosaic("RGGB", mipi_grey(10))),
    row("BG12", "SBGGR12 BGGR12", drm_raw, "BG12", vulkan_raw, mosaic("BGGR", grey(12))),
    row("GB12", "SGBRG12 GBRG12", drm_raw, "GB12", vulkan_raw, mosaic("GBRG", grey(12))),
    row("BA12", "SGRBG12 GRBG12", drm_raw, "BA12", vulkan_raw, mosaic("GRBG", grey(12))),
    row("RG12", "SRGGB12 RGGB12", drm_raw, "RG12", vulkan_raw, mosaic("RGGB", grey(12))),
    row("pBCC", "SBGGR12P", drm_raw, "pBCC", vulkan_raw, mosaic("BGGR", mipi_grey(12))),
    row("pGCC", "SGBRG12P", drm_raw, "pGCC", vulkan_raw, mosaic("GBRG", mipi_grey(12))),
    row("pgCC", "SGRBG12P", drm_raw, "pgCC", vulkan_raw, mosaic("GRBG", mipi_grey(12))),
    row("pRCC", "SRGGB12P", drm_raw, "pRCC", vulkan_raw, mosaic("RGGB", mipi_grey(12))),
    row("BG14", "SBGGR14 BGGR14", drm_raw, "BG14", vulkan_raw, mosaic("BGGR", grey(14))),
    row("GB14", "SGBRG14 GBRG14", drm_raw, "GB14", vulkan_raw, mosaic("GBRG", grey(14))),
    row("GR14", "SGRBG14 GRBG14", drm_raw, "GR14", vulkan_raw, mosaic("GRBG", grey(14))),
    row("RG14", "SRGGB14 RGGB14", drm_raw, "RG14", vulkan_raw, mosaic("RGGB", grey(14))),
    row("pBEE", "SBGGR14P", drm_raw, "pBEE", vulkan_raw, mosaic("BGGR", mipi_grey(14))),
    row("pGEE", "SGBRG14P", drm_raw, "pGEE", vulkan_raw, mosaic("GBRG", mipi_grey(14))),
    row("pgEE", "SGRBG14P", drm_raw, "pgEE", vulkan_raw, mosaic("GRBG", mipi_grey(14))),
    row("pREE", "SRGGB14P", drm_raw, "pREE", vulkan_raw, mosaic("RGGB", mipi_grey(14))),
    row("BYR2", "SBGGR16 BGGR16", drm_raw, "BYR2", vulkan_raw, mosaic("BGGR", grey(16))),
    row("GB16", "SGBRG16 GBRG16", drm_raw, "GB16", vulkan_raw, mosaic("GBRG", grey(16))),
    row("GR16", "SGRBG16 GRBG16", drm_raw, "GR16", vulkan_raw, mosaic("GRBG", grey(16))),
    row("RG16", "SRGGB16 RGGB16", drm_raw, "RG16", vulkan_raw, mosaic("RGGB", grey(16))),

    // Compressed: pixfmt-compressed.rst
    row("MJPG", "MJPEG", drm_stream, "MJPG", vulkan_stream, stream()),
    row("JPEG", "JPG", drm_stream, "JPEG", vulkan_stream, stream()),
    row("H264", "AVC", drm_stream, "H264", vulkan_stream, stream()),
    row("HEVC", "H265", drm_stream, "HEVC", vulkan_stream, stream()),
    row("VP80", "VP8", drm_stream, "VP80", vulkan_stream, stream()),
    row("VP90", "VP9", drm_stream, "VP90", vulkan_stream, stream()),
    row("AV01", "AV1", drm_stream, "AV01", vulkan_stream, stream()),
    row("H263", "", drm_stream, "H263", vulkan_stream, stream()),
    row("MPEG", "", drm_stream, "MPEG", vulkan_stream, stream()),
    row("MPG1", "MPEG1", drm_stream, "MPG1", vulkan_stream, stream()),
    row("MPG2", "MPEG2", drm_stream, "MPG2", vulkan_stream, stream()),
    row("MPG4", "MPEG4", drm_stream, "MPG4", vulkan_stream, stream()),
    row("FWHT", "", drm_stream, "FWHT", vulkan_stream, stream()),
};
// clang-format on

} // namespace hwalloc::pixel_format_table
