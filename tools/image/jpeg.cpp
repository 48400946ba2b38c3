#include "tools/image/jpeg.h"

// libjpeg's header needs this one before it.
#include <cstdio>
//
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "tools/image/huffman_tables.h"
#include "tools/image/jpeg_markers.h"

namespace hwalloc::tools {
namespace {

// All that is used across a longjmp: no variable of a function that is left by one.
struct Decoding {
    jpeg_decompress_struct decoder{};
    jpeg_error_mgr errors{};
    std::jmp_buf leave{};
    char message[JMSG_LENGTH_MAX] = "";
    bool is_out_of_memory = false;

    std::span<const std::uint8_t> file;
    J_COLOR_SPACE colors = JCS_RGB;
    JDIMENSION width = 0, height = 0;
    std::size_t stride = 0;
    std::uint8_t* to = nullptr; // room for that many pixels
};

// libjpeg's functions are left by longjmp, over frames of C only.
[[noreturn]] void leave_decoder(j_common_ptr common) {
    auto& decoding = *static_cast<Decoding*>(common->client_data);
    common->err->format_message(common, decoding.message);
    decoding.is_out_of_memory = common->err->msg_code == JERR_OUT_OF_MEMORY;
    std::longjmp(decoding.leave, 1);
}

// A warning, when `level` is negative: that numbers were made up for missing or damaged ones. Traces are not
// wanted.
void judge_message(j_common_ptr common, int level) {
    if (level < 0 && common->err->msg_code != JWRN_EXTRANEOUS_DATA)
        leave_decoder(common);
}

// Nothing here has a destructor: this function is left by longjmp.
bool decode(Decoding& decoding) {
    jpeg_decompress_struct& decoder = decoding.decoder;
    decoder.err = jpeg_std_error(&decoding.errors);
    decoder.client_data = &decoding;
    decoding.errors.error_exit = leave_decoder;
    decoding.errors.emit_message = judge_message;
    if (setjmp(decoding.leave)) {
        jpeg_destroy_decompress(&decoder);
        return false;
    }
    jpeg_create_decompress(&decoder);
    jpeg_mem_src(&decoder, decoding.file.data(), static_cast<unsigned long>(decoding.file.size()));
    (void)jpeg_read_header(&decoder, TRUE);
    // Whatever else a file says somewhere, this is how much will be written.
    if (decoder.image_width != decoding.width || decoder.image_height != decoding.height)
        ERREXIT(&decoder, JERR_BAD_LENGTH);
    decoder.out_color_space = decoding.colors;
    decoder.do_fancy_upsampling = FALSE; // which would make up chroma between the numbers
    (void)jpeg_start_decompress(&decoder);
    constexpr JDIMENSION most_rows = 4; // that libjpeg makes at a time
    while (decoder.output_scanline < decoder.output_height) {
        JSAMPROW rows[most_rows];
        const JDIMENSION left = decoder.output_height - decoder.output_scanline;
        for (JDIMENSION i = 0; i < std::min(left, most_rows); ++i)
            rows[i] = decoding.to + decoding.stride * (decoder.output_scanline + i);
        (void)jpeg_read_scanlines(&decoder, rows, std::min(left, most_rows));
    }
    (void)jpeg_finish_decompress(&decoder);
    jpeg_destroy_decompress(&decoder);
    return true;
}

} // namespace

bool is_jpeg(std::uint32_t pixel_format) noexcept {
    return std::find(std::begin(jpeg_formats), std::end(jpeg_formats), pixel_format) !=
           std::end(jpeg_formats);
}

Result<void> decode_jpeg(std::span<const std::uint8_t> file, std::uint32_t width, std::uint32_t height,
                         JpegPixels pixels, std::size_t stride, std::span<std::uint8_t> to) {
    if (auto sound = check_jpeg(file, width, height); !sound)
        return sound;
    const std::size_t row_bytes = std::size_t{width} * (pixels == JpegPixels::rgb ? 3 : 4);
    if (stride < row_bytes || to.size() < row_bytes || (to.size() - row_bytes) / stride < height - 1)
        return Error(ErrorKind::invalid, "there is too little room for the pixels of a JPEG")
            .wanted(std::uint64_t{stride} * (height - 1) + row_bytes)
            .held(to.size());
    Decoding decoding;
    decoding.file = file;
    decoding.colors = pixels == JpegPixels::rgb ? JCS_RGB : JCS_EXT_BGRX;
    decoding.width = width;
    decoding.height = height;
    decoding.stride = stride;
    decoding.to = to.data();
    if (decode(decoding))
        return {};
    if (decoding.is_out_of_memory)
        return Error(ErrorKind::exhausted, "decoding a JPEG").call("jpeg_read_scanlines");
    return Error(ErrorKind::invalid, "decoding a JPEG")
        .doing(std::string("decoding a JPEG: ") + decoding.message)
        .call("jpeg_read_scanlines");
}

Result<JpegParts> with_huffman_tables(std::span<const std::uint8_t> file) {
    auto markers = read_jpeg_markers(file);
    if (!markers)
        return std::move(markers).error();
    if (markers->has_huffman_tables)
        return JpegParts{file, {}, {}};
    return JpegParts{file.first(markers->scan), standard_huffman_tables, file.subspan(markers->scan)};
}

} // namespace hwalloc::tools
