// Decoding JPEG: pictures of every sampling against the formulas, and what is not whole.
#include "tools/image/jpeg.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/tools/jpeg_reference.h"
#include "tools/image/huffman_tables.h"
#include "tools/image/jpeg_markers.h"

namespace hwalloc::tools {
namespace {

using jpeg_reference::Bytes;
using jpeg_reference::Image;
using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr std::uint8_t untouched = 0xa5;

// Decodes into rows with a gap behind each, and looks at every pixel and gap.
void expect_decoded(const Image& image, const Bytes& file, JpegPixels pixels) {
    const std::size_t pixel_bytes = pixels == JpegPixels::rgb ? 3 : 4,
                      row_bytes = pixel_bytes * image.width(), stride = row_bytes + 12;
    Bytes to(stride * image.height() + 64, untouched);
    const auto done = decode_jpeg(file, image.width(), image.height(), pixels, stride, to);
    ASSERT_TRUE(done) << done.error().message();
    for (std::uint32_t y = 0; y < image.height(); ++y) {
        for (std::uint32_t x = 0; x < image.width(); ++x) {
            const std::uint8_t* got = &to[stride * y + pixel_bytes * x];
            const auto expected = image.pixel(x, y);
            for (std::size_t i = 0; i < 3; ++i)
                ASSERT_NEAR(got[pixels == JpegPixels::rgb ? i : 2 - i], std::clamp(expected[i], 0.0, 255.0),
                            1.01)
                    << x << "," << y << " colour " << i;
        }
        for (std::size_t i = row_bytes; i < stride; ++i)
            ASSERT_EQ(to[stride * y + i], untouched) << "behind row " << y;
    }
    for (std::size_t i = stride * image.height(); i < to.size(); ++i)
        ASSERT_EQ(to[i], untouched) << "behind the last row";
}

std::string why_not(const Bytes& file, std::uint32_t width = 64, std::uint32_t height = 48) {
    Bytes to(std::size_t{4} * width * height);
    const auto done = decode_jpeg(file, width, height, JpegPixels::bgrx, std::size_t{4} * width, to);
    const auto tried = try_jpeg(file, width, height);
    EXPECT_EQ(done.has_value(), tried.has_value());
    if (done)
        return {};
    EXPECT_EQ(done.error().kind(), ErrorKind::invalid) << done.error().message();
    EXPECT_TRUE(tried || tried.error().message() == done.error().message()) << tried.error().message();
    return done.error().message();
}

Bytes sound_file() {
    return Image(jpeg_reference::half_chroma, 64, 48).encode();
}

TEST(Jpeg, EverySamplingIsDecodedByTheFormulas) {
    for (const auto& sampling : jpeg_reference::samplings)
        for (const auto& [width, height] :
             {std::pair{64u, 48u}, {33u, 17u}, {7u, 5u}, {1u, 1u}, {130u, 3u}}) {
            SCOPED_TRACE(std::string(sampling.name) + " " + std::to_string(width) + "x" +
                         std::to_string(height));
            const Image image(sampling, width, height, width);
            for (const auto pixels : {JpegPixels::rgb, JpegPixels::bgrx})
                expect_decoded(image, image.encode(), pixels);
        }
}

TEST(Jpeg, WithoutHuffmanTablesThoseOfTheStandardAreMeant) {
    const Image image(jpeg_reference::half_chroma, 64, 48);
    const Bytes whole = image.encode(), bare = jpeg_reference::without_huffman_tables(whole);
    ASSERT_LT(bare.size(), whole.size());
    EXPECT_FALSE(read_jpeg_markers(bare).value().has_huffman_tables);
    expect_decoded(image, bare, JpegPixels::bgrx);
    const auto parts = with_huffman_tables(bare).value();
    Bytes mended(parts.before.begin(), parts.before.end());
    mended.insert(mended.end(), parts.tables.begin(), parts.tables.end());
    mended.insert(mended.end(), parts.after.begin(), parts.after.end());
    EXPECT_TRUE(read_jpeg_markers(mended).value().has_huffman_tables);
    EXPECT_EQ(jpeg_reference::without_huffman_tables(mended), bare);
    expect_decoded(image, mended, JpegPixels::rgb);
    const auto same = with_huffman_tables(whole).value();
    EXPECT_THAT(same.before, ElementsAreArray(whole));
    EXPECT_TRUE(same.tables.empty() && same.after.empty());
    EXPECT_EQ(with_huffman_tables(Bytes{'n', 'o'}).error().kind(), ErrorKind::invalid);
}

// What another program writes for them.
TEST(Jpeg, TheTablesAreThoseOfTheStandard) {
    const auto tables_of = [](std::span<const std::uint8_t> content) {
        std::map<int, Bytes> tables;
        while (content.size() > 17) {
            std::size_t size = 17;
            for (std::size_t i = 1; i <= 16; ++i)
                size += content[i];
            tables[content[0]] =
                Bytes(content.begin() + 1, content.begin() + static_cast<std::ptrdiff_t>(size));
            content = content.subspan(size);
        }
        return tables;
    };
    const Bytes file = sound_file();
    std::map<int, Bytes> theirs;
    for (const auto& [begin, length] : jpeg_reference::segments(file, 0xc4))
        theirs.merge(tables_of(std::span(file).subspan(begin + 4, length - 4)));
    ASSERT_EQ(theirs.size(), 4u);
    EXPECT_EQ(tables_of(std::span(standard_huffman_tables).subspan(4)), theirs);
    EXPECT_EQ(standard_huffman_tables[2] * 256u + standard_huffman_tables[3] + 2,
              standard_huffman_tables.size());
}

TEST(Jpeg, WhatIsCutOffIsNoPicture) {
    const Bytes file = sound_file();
    EXPECT_TRUE(check_jpeg(file, 64, 48));
    EXPECT_EQ(why_not(file), "");
    for (std::size_t size = 0; size < file.size(); ++size) {
        const Bytes part(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
        ASSERT_EQ(check_jpeg(part, 64, 48).error().kind(), ErrorKind::invalid) << size;
        ASSERT_NE(why_not(part), "") << size;
    }
    EXPECT_THAT(why_not(Bytes(file.begin(), file.end() - 2)),
                HasSubstr("cut off: its " + std::to_string(file.size() - 2) + " bytes"));
}

TEST(Jpeg, WhatFillsUpAFrameBehindItsEndDoesNotCount) {
    Bytes file = sound_file();
    file.resize(file.size() + 1000);
    EXPECT_TRUE(check_jpeg(file, 64, 48));
    EXPECT_EQ(why_not(file), "");
}

TEST(Jpeg, ALostPartInTheMiddleIsFound) {
    Bytes file = sound_file();
    const auto middle = file.begin() + static_cast<std::ptrdiff_t>(file.size() - 60);
    file.erase(middle, middle + 40);
    EXPECT_TRUE(check_jpeg(file, 64, 48)) << "its ends are there";
    EXPECT_THAT(why_not(file), HasSubstr("decoding a JPEG: "));
}

TEST(Jpeg, AnotherSizeIsTold) {
    const Bytes file = sound_file();
    EXPECT_THAT(why_not(file, 640, 480), AllOf(HasSubstr("64x48"), HasSubstr("640x480")));
    EXPECT_NE(why_not(file, 64, 47), "");
    // A second header that a careless reader does not see: what is written goes by the decoder's own numbers.
    Bytes two = file;
    const auto [begin, length] = jpeg_reference::segments(file, 0xc0).front();
    Bytes large(file.begin() + static_cast<std::ptrdiff_t>(begin),
                file.begin() + static_cast<std::ptrdiff_t>(begin + length));
    large[5] = large[7] = 0x7f;
    two.insert(two.begin() + static_cast<std::ptrdiff_t>(begin), large.begin(), large.end());
    EXPECT_NE(why_not(two), "");
}

TEST(Jpeg, GarbageIsNoPicture) {
    EXPECT_THAT(why_not({}), HasSubstr("FF D8"));
    EXPECT_THAT(why_not(Bytes(1000, 0)), HasSubstr("FF D8"));
    EXPECT_THAT(why_not(Bytes{0xff, 0xd8, 0, 0, 0, 0}), HasSubstr("marker"));
    EXPECT_THAT(why_not(Bytes{0xff, 0xd8, 0xff, 0xd9}), HasSubstr("ends before"));
    EXPECT_THAT(why_not(Bytes{0xff, 0xd8, 0xff, 0xda, 0, 2}), HasSubstr("no size"));
    EXPECT_THAT(why_not(Bytes{0xff, 0xd8, 0xff, 0xc0, 0, 3, 8, 0}), HasSubstr("too short"));
    // Whatever comes of it, nothing is written beside the picture.
    const Bytes file = sound_file();
    std::mt19937 random(7);
    for (int i = 0; i < 3000; ++i) {
        Bytes broken = file;
        for (int j = 0; j < 3; ++j)
            broken[random() % broken.size()] = static_cast<std::uint8_t>(random());
        (void)why_not(broken);
    }
}

TEST(Jpeg, TooLittleRoomIsRefused) {
    const Bytes file = sound_file();
    Bytes to(std::size_t{64} * 48 * 3);
    EXPECT_TRUE(decode_jpeg(file, 64, 48, JpegPixels::rgb, 192, to));
    EXPECT_EQ(decode_jpeg(file, 64, 48, JpegPixels::rgb, 191, to).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(decode_jpeg(file, 64, 48, JpegPixels::bgrx, 256, to).error().kind(), ErrorKind::invalid);
    to.pop_back();
    const auto refused = decode_jpeg(file, 64, 48, JpegPixels::rgb, 192, to);
    EXPECT_EQ(refused.error().kind(), ErrorKind::invalid);
    EXPECT_EQ(refused.error().size_wanted(), 64u * 48 * 3);
}

} // namespace
} // namespace hwalloc::tools
