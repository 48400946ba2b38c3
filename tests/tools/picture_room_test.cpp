// Pictures that are larger than the machine's memory are refused, and nothing is allocated for sizes that
// only a frame claims. Stands in the place of the library's own look at the machine.
#include <gtest/gtest.h>

#include "hwalloc/allocator.h"
#include "hwalloc/machine_memory.h"
#include "tests/tools/jpeg_reference.h"
#include "tools/capture/writer.h"
#include "tools/image/jpeg.h"
#include "tools/image/png.h"
#include "tools/image/room.h"

namespace hwalloc {
namespace {

// What this machine has left, and how much was asked for in all.
std::uint64_t left_over = UINT64_MAX, asked_for = 0;

} // namespace

Result<void> check_machine_has(std::uint64_t bytes) noexcept {
    asked_for += bytes;
    if (bytes <= left_over)
        return {};
    return Error(ErrorKind::exhausted, "looking for free memory").wanted(bytes).held(left_over);
}

namespace tools {
namespace {

using jpeg_reference::Bytes;
using jpeg_reference::Image;
using jpeg_reference::Writing;

constexpr std::uint32_t largest_side = 65500; // that libjpeg takes

class PictureRoom : public ::testing::Test {
protected:
    PictureRoom() {
        left_over = std::uint64_t{1} << 20;
        asked_for = 0;
    }
    ~PictureRoom() override { left_over = UINT64_MAX; }
};

// A file that claims another size than it has.
Bytes claiming(Bytes file, std::uint32_t width, std::uint32_t height) {
    for (const std::uint8_t marker : {std::uint8_t{0xc0}, std::uint8_t{0xc1}, std::uint8_t{0xc2}})
        for (const auto& [begin, length] : jpeg_reference::segments(file, marker)) {
            file[begin + 5] = static_cast<std::uint8_t>(height >> 8);
            file[begin + 6] = static_cast<std::uint8_t>(height);
            file[begin + 7] = static_cast<std::uint8_t>(width >> 8);
            file[begin + 8] = static_cast<std::uint8_t>(width);
        }
    return file;
}

Bytes room_file(const Writing& writing = {}) {
    return Image(jpeg_reference::half_chroma, 64, 48).encode(writing);
}

// A picture of a frame that a camera has agreed on at this size.
Error refused_picture(const Bytes& frame, std::uint32_t width, std::uint32_t height) {
    v4l2::CaptureFormat format{.pixel_format = fourcc('M', 'J', 'P', 'G')};
    format.layout.width = width;
    format.layout.height = height;
    format.layout.plane_count = format.layout.memory_count = 1;
    format.layout.memory_sizes[0] = frame.size();
    FrameWriter writer(FrameWriter::Kind::png);
    EXPECT_TRUE(writer.set_format(format));
    const auto memory = Allocator::find("sysmem")->alloc(frame.size()).value();
    {
        auto mapping = memory->map(MapFlags::write).value();
        std::copy(frame.begin(), frame.end(), mapping.data());
    }
    return writer.write({memory.get()}, v4l2::Frame{.bytes_used = frame.size()}).error();
}

TEST_F(PictureRoom, ASizeThatOnlyTheFrameClaimsTakesNoMemory) {
    const Error error = refused_picture(claiming(room_file(), largest_side, largest_side), 64, 48);
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << error.message();
    EXPECT_NE(error.message().find("65500x65500"), std::string::npos) << error.message();
    EXPECT_EQ(asked_for, 0u);
}

TEST_F(PictureRoom, ASizeThatOnlyTheCameraClaimsTakesNoMemory) {
    const Error error = refused_picture(room_file(), largest_side, largest_side);
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << error.message();
    EXPECT_NE(error.message().find("64x48"), std::string::npos) << error.message();
    EXPECT_EQ(asked_for, 0u);
}

TEST_F(PictureRoom, ASizeThatBothClaimIsComparedWithTheMachine) {
    const Error error =
        refused_picture(claiming(room_file(), largest_side, largest_side), largest_side, largest_side);
    EXPECT_EQ(error.kind(), ErrorKind::exhausted) << error.message();
    EXPECT_EQ(error.size_wanted(), std::uint64_t{3} * largest_side * largest_side);
    EXPECT_EQ(error.size_held(), left_over);
}

// 4:2:2, and of each block 64 numbers of two bytes: four bytes for each pixel.
TEST_F(PictureRoom, OfSeveralScansAllNumbersAreKept) {
    for (const std::span<const jpeg_scan_info> scans :
         {std::span<const jpeg_scan_info>(jpeg_reference::one_by_one), {jpeg_reference::progressive}}) {
        const Bytes file = room_file({.scans = scans});
        Bytes to(std::size_t{64} * 48 * 4);
        left_over = std::uint64_t{64} * 48 * 4;
        EXPECT_TRUE(decode_jpeg(file, 64, 48, JpegPixels::bgrx, 256, to));
        --left_over;
        const auto refused = decode_jpeg(file, 64, 48, JpegPixels::bgrx, 256, to);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), ErrorKind::exhausted) << refused.error().message();
        EXPECT_EQ(refused.error().size_wanted(), left_over + 1);
    }
    Bytes to(std::size_t{64} * 48 * 4);
    left_over = asked_for = 0;
    EXPECT_TRUE(decode_jpeg(room_file(), 64, 48, JpegPixels::bgrx, 256, to)) << "row by row";
    EXPECT_EQ(asked_for, 0u);
}

TEST_F(PictureRoom, EveryOtherPictureIsComparedToo) {
    std::vector<std::uint8_t> narrow;
    std::vector<std::uint16_t> wide;
    EXPECT_EQ(make_room(narrow, left_over + 1).error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(make_room(wide, left_over / 2 + 1).error().size_wanted(), left_over + 2);
    EXPECT_EQ(make_room(wide, UINT64_MAX).error().kind(), ErrorKind::exhausted);
    EXPECT_TRUE(make_room(wide, left_over / 2));
    EXPECT_EQ(wide.size(), left_over / 2);
    left_over = 3 * 100 - 1;
    const Bytes pixels(std::size_t{3} * 100);
    EXPECT_EQ(encode_png(10, 10, pixels, 8).error().kind(), ErrorKind::exhausted);
    for (const char* code : {"YUYV", "RG16", "BA81"}) { // by both converters, and through an array of numbers
        const PixelFormat* format = pixel_format_by_v4l2(fourcc(code[0], code[1], code[2], code[3]));
        if (!format)
            format = pixel_format_by_drm(fourcc(code[0], code[1], code[2], code[3]));
        ASSERT_TRUE(format) << code;
        auto layout = linear_layout(*format, 10, 10, 64).value();
        layout.matrix = format->kind == PixelKind::yuv ? ColorMatrix::bt601 : ColorMatrix::rgb;
        const Bytes image(std::size_t{64} * 10);
        Picture picture;
        EXPECT_EQ(to_picture(*format, layout, image, picture).error().kind(), ErrorKind::exhausted) << code;
    }
}

} // namespace
} // namespace tools
} // namespace hwalloc
