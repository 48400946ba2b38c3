#include "tools/image/jpeg.h"

// libjpeg's header needs this one before it.
#include <cstdio>
//
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "hwalloc/machine_memory.h"
#include "tools/image/huffman_tables.h"
#include "tools/image/jpeg_markers.h"

namespace hwalloc::tools {
namespace {

// Of a progressive picture every scan goes over all of it again, for as little as two bytes: a file could
// keep a decoder for as long as it likes. Encoders make ten, and some tens where they search for the
// shortest.
constexpr int most_scans = 100;

// All that is used across a longjmp: no variable of a function that is left by one.
struct Decoding {
    jpeg_decompress_struct decoder{};
    jpeg_error_mgr errors{};
    jpeg_progress_mgr progress{};
    std::jmp_buf leave{};
    char message[JMSG_LENGTH_MAX] = "";
    bool is_out_of_memory = false;

    std::span<const std::uint8_t> file;
    J_COLOR_SPACE colors = JCS_RGB;
    std::size_t stride = 0;
    std::uint8_t* to = nullptr; // room for all pixels

    Decoding() = default;
    ~Decoding() { jpeg_destroy_decompress(&decoder); } // whatever is there of it
    Decoding(const Decoding&) = delete;
    Decoding& operator=(const Decoding&) = delete;

    Error error() const {
        if (is_out_of_memory)
            return Error(ErrorKind::exhausted, "decoding a JPEG").call("jpeg_read_scanlines");
        return Error(ErrorKind::invalid, "decoding a JPEG")
            .doing(std::string("decoding a JPEG: ") + message)
            .call("jpeg_read_scanlines");
    }
};

// libjpeg's functions are left by longjmp, over frames of C only.
[[noreturn]] void leave_decoder(j_common_ptr common) {
    auto& decoding = *static_cast<Decoding*>(common->client_data);
    common->err->format_message(common, decoding.message);
    decoding.is_out_of_memory = common->err->msg_code == JERR_OUT_OF_MEMORY;
    std::longjmp(decoding.leave, 1);
}

// Whether a warning leaves every pixel what it was: of bytes that belong to nothing, of a number in a tag
// that is newer than the decoder, of those in a scan that only progressive pictures use.
bool is_harmless(int warning) {
    return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_JFIF_MAJOR || warning == JWRN_ADOBE_XFORM ||
           warning == JWRN_NOT_SEQUENTIAL;
}

// A warning, when `level` is negative: any other says that numbers were made up for missing or damaged ones.
// Traces are not wanted.
void judge_message(j_common_ptr common, int level) {
    if (level < 0 && !is_harmless(common->err->msg_code))
        leave_decoder(common);
}

// Called for every row of blocks of every scan.
void limit_scans(j_common_ptr common) {
    auto& decoding = *static_cast<Decoding*>(common->client_data);
    if (decoding.decoder.input_scan_number <= most_scans)
        return;
    std::snprintf(decoding.message, sizeof decoding.message, "it has more than %d scans", most_scans);
    std::longjmp(decoding.leave, 1);
}

// Nothing here, and in the next one, has a destructor: both are left by longjmp.
bool read_header(Decoding& decoding) {
    jpeg_decompress_struct& decoder = decoding.decoder;
    decoder.err = jpeg_std_error(&decoding.errors);
    decoder.client_data = &decoding;
    decoding.errors.error_exit = leave_decoder;
    decoding.errors.emit_message = judge_message;
    if (setjmp(decoding.leave))
        return false;
    jpeg_create_decompress(&decoder);
    decoding.progress.progress_monitor = limit_scans;
    decoder.progress = &decoding.progress;
    jpeg_mem_src(&decoder, decoding.file.data(), static_cast<unsigned long>(decoding.file.size()));
    (void)jpeg_read_header(&decoder, TRUE);
    return true;
}

bool read_pixels(Decoding& decoding) {
    jpeg_decompress_struct& decoder = decoding.decoder;
    if (setjmp(decoding.leave))
        return false;
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
    return true;
}

// In one scan a picture is decoded row by row. Of several all numbers are kept up to the last one, which the
// decoder allocates without asking what the machine has.
Result<void> check_room(jpeg_decompress_struct& decoder) {
    if (!jpeg_has_multiple_scans(&decoder))
        return {};
    std::uint64_t bytes = 0;
    for (int i = 0; i < decoder.num_components; ++i) {
        const jpeg_component_info& component = decoder.comp_info[i];
        bytes += std::uint64_t{component.width_in_blocks} * component.height_in_blocks * sizeof(JBLOCK);
    }
    if (auto enough = check_machine_has(bytes); !enough)
        return Error(enough.error()).doing("decoding a JPEG of several scans");
    return {};
}

// A file that check_jpeg() found to be of this size, into rows that begin `stride` bytes apart.
Result<void> decode(std::span<const std::uint8_t> file, std::uint32_t width, std::uint32_t height,
                    J_COLOR_SPACE colors, std::size_t stride, std::uint8_t* to) {
    Decoding decoding;
    decoding.file = file;
    decoding.colors = colors;
    decoding.stride = stride;
    decoding.to = to;
    if (!read_header(decoding))
        return decoding.error();
    // Whatever else a file says somewhere, this is how much will be written.
    if (decoding.decoder.image_width != width || decoding.decoder.image_height != height)
        return Error(ErrorKind::invalid, "a JPEG tells two sizes");
    if (auto enough = check_room(decoding.decoder); !enough)
        return enough;
    return read_pixels(decoding) ? Result<void>() : decoding.error();
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
    return decode(file, width, height, pixels == JpegPixels::rgb ? JCS_RGB : JCS_EXT_BGRX, stride, to.data());
}

Result<void> try_jpeg(std::span<const std::uint8_t> file, std::uint32_t width, std::uint32_t height) {
    if (auto sound = check_jpeg(file, width, height); !sound)
        return sound;
    std::vector<std::uint8_t> row(std::size_t{3} * width); // which is written over by the next one
    return decode(file, width, height, JCS_RGB, 0, row.data());
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
