#include "tools/image/jpeg_markers.h"

#include <string>

namespace hwalloc::tools {
namespace {

// The second byte of a marker (ITU-T T.81, table B.1); the first is 0xff.
constexpr std::uint8_t start_of_image = 0xd8, end_of_image = 0xd9, start_of_scan = 0xda,
                       huffman_tables = 0xc4, arithmetic_conditions = 0xcc, extension = 0xc8,
                       temporary = 0x01;

// The frame's header, of whichever process.
bool begins_frame(std::uint8_t marker) {
    return marker >= 0xc0 && marker <= 0xcf && marker != huffman_tables && marker != arithmetic_conditions &&
           marker != extension;
}

// Markers that no length follows.
bool is_bare(std::uint8_t marker) {
    return marker == temporary || (marker >= 0xd0 && marker <= start_of_image);
}

std::uint32_t big_endian_16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return std::uint32_t{bytes[at]} << 8 | bytes[at + 1];
}

Error cut_off(std::size_t size) {
    return Error(ErrorKind::invalid, "a JPEG is cut off")
        .doing("a JPEG is cut off: its " + std::to_string(size) + " bytes have no end");
}

} // namespace

Result<JpegMarkers> read_jpeg_markers(std::span<const std::uint8_t> file) {
    if (file.size() < 2 || file[0] != 0xff || file[1] != start_of_image)
        return Error(ErrorKind::invalid, "a JPEG begins with FF D8, and this does not");
    JpegMarkers markers;
    std::size_t at = 2;
    while (at + 2 <= file.size()) {
        if (file[at] != 0xff || file[at + 1] == 0)
            return Error(ErrorKind::invalid, "there is no marker where a JPEG must have one");
        const std::uint8_t marker = file[at + 1];
        if (marker == 0xff) { // any number of them may come before a marker
            ++at;
            continue;
        }
        if (marker == start_of_scan) {
            if (markers.width == 0 || markers.height == 0)
                return Error(ErrorKind::invalid, "a JPEG tells no size before its pixels");
            markers.scan = at;
            return markers;
        }
        if (marker == end_of_image)
            return Error(ErrorKind::invalid, "a JPEG ends before its pixels begin");
        at += 2;
        if (is_bare(marker))
            continue;
        if (at + 2 > file.size())
            break;
        const std::size_t length = big_endian_16(file, at);
        if (length < 2 || length > file.size() - at)
            break;
        if (begins_frame(marker)) {
            if (length < 8)
                return Error(ErrorKind::invalid, "the header of a JPEG's frame is too short");
            markers.height = big_endian_16(file, at + 3);
            markers.width = big_endian_16(file, at + 5);
        }
        markers.has_huffman_tables = markers.has_huffman_tables || marker == huffman_tables;
        at += length;
    }
    return cut_off(file.size());
}

Result<void> check_jpeg(std::span<const std::uint8_t> file, std::uint32_t width, std::uint32_t height) {
    auto markers = read_jpeg_markers(file);
    if (!markers)
        return std::move(markers).error();
    if (markers->width != width || markers->height != height)
        return Error(ErrorKind::invalid, "a JPEG has another size than its camera said")
            .doing("a JPEG of " + std::to_string(markers->width) + "x" + std::to_string(markers->height) +
                   " came where " + std::to_string(width) + "x" + std::to_string(height) + " was agreed on");
    // Among pixels FF is followed by 00 or by a restart; cameras may fill up what comes after the end.
    for (std::size_t at = file.size() - 1; at > markers->scan + 1; --at)
        if (file[at] == end_of_image && file[at - 1] == 0xff)
            return {};
    return cut_off(file.size());
}

} // namespace hwalloc::tools
