// Which of the things that libjpeg-turbo only warns of make a JPEG a damaged one, and how long it may take.
#include <gmock/gmock.h>

#include "tests/tools/jpeg_reference.h"
#include "tools/image/jpeg.h"

namespace hwalloc::tools {
namespace {

using jpeg_reference::Bytes;
using jpeg_reference::Image;
using jpeg_reference::Writing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::uint32_t warned_width = 64, warned_height = 48;

Image warned_image() {
    return {jpeg_reference::half_chroma, warned_width, warned_height, 3};
}

// What is said against a file; nothing: it was decoded, and `pixels` are there.
std::string said_against(const Bytes& file, Bytes* pixels = nullptr) {
    Bytes to(std::size_t{4} * warned_width * warned_height);
    const auto done = decode_jpeg(file, warned_width, warned_height, JpegPixels::bgrx, 4 * warned_width, to);
    if (!done) {
        EXPECT_EQ(done.error().kind(), ErrorKind::invalid) << done.error().message();
        return std::string(done.error().operation());
    }
    if (pixels)
        *pixels = std::move(to);
    return {};
}

void expect_same_pixels(const Bytes& changed, const Bytes& sound) {
    Bytes got, expected;
    EXPECT_EQ(said_against(changed, &got), "");
    EXPECT_EQ(said_against(sound, &expected), "");
    EXPECT_EQ(got, expected);
}

Bytes with_inserted(Bytes file, std::size_t at, const Bytes& what) {
    file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), what.begin(), what.end());
    return file;
}

// Where the last scan begins.
std::size_t last_scan(const Bytes& file) {
    std::size_t at = file.size() - 2;
    while (file[at] != 0xff || file[at + 1] != 0xda)
        --at;
    return at;
}
// Where the numbers of the last scan begin.
std::size_t last_numbers(const Bytes& file) {
    const std::size_t scan = last_scan(file);
    return scan + 2 + (std::size_t{file[scan + 2]} << 8 | file[scan + 3]);
}

// Its last scan as often as that, with all that were before it.
Bytes with_scans(const Bytes& file, std::size_t before, std::size_t total) {
    const std::size_t scan = last_scan(file);
    const Bytes again(file.begin() + static_cast<std::ptrdiff_t>(scan), file.end() - 2);
    Bytes many(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(scan));
    for (std::size_t i = before; i < total; ++i)
        many.insert(many.end(), again.begin(), again.end());
    many.insert(many.end(), {0xff, 0xd9});
    return many;
}

TEST(JpegWarnings, NumbersInTagsThatChangeNoPixelAreNoDamage) {
    const Bytes sound = warned_image().encode();
    const auto jfif = jpeg_reference::segments(sound, 0xe0);
    ASSERT_EQ(jfif.size(), 1u);
    Bytes newer = sound;
    newer[jfif[0].first + 9] = 2; // JFIF 2.01
    expect_same_pixels(newer, sound);
    // Without JFIF's tag Adobe's tells how colours are coded: in a way that nobody knows.
    Bytes without = sound;
    const auto begin = without.begin() + static_cast<std::ptrdiff_t>(jfif[0].first);
    without.erase(begin, begin + static_cast<std::ptrdiff_t>(jfif[0].second));
    const Bytes adobe = {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 7};
    expect_same_pixels(with_inserted(without, 2, adobe), sound);
    // Which numbers of a block a scan has: in other pictures than progressive ones, all.
    Bytes zeros = sound;
    zeros[last_numbers(sound) - 2] = 0;
    expect_same_pixels(zeros, sound);
    // Bytes that belong to nothing.
    expect_same_pixels(with_inserted(sound, sound.size() - 2, {1, 2, 3}), sound);
}

TEST(JpegWarnings, NumbersThatWereMadeUpAreDamage) {
    const Bytes sound = warned_image().encode();
    const std::size_t numbers = last_numbers(sound);
    Bytes lost = sound;
    lost.erase(lost.begin() + static_cast<std::ptrdiff_t>(numbers + 20), lost.end() - 2);
    EXPECT_THAT(said_against(lost), HasSubstr("premature end of data segment"));
    Bytes wrong = sound;
    for (std::size_t i = 0; i < 16; ++i)
        wrong[numbers + i] = i % 2 == 0 ? 0xff : 0; // ones, which begin no code
    EXPECT_THAT(said_against(wrong), HasSubstr("bad Huffman code"));
    // The end is in a comment, which is behind all pixels.
    Bytes endless(sound.begin(), sound.end() - 2);
    const Bytes comment = {0xff, 0xfe, 0, 4, 0xff, 0xd9};
    endless.insert(endless.end(), comment.begin(), comment.end());
    EXPECT_THAT(said_against(endless), HasSubstr("Premature end of JPEG file"));
    // The second part of three comes in the place of the first.
    Bytes parts = warned_image().encode(Writing{.restart_interval = 6});
    EXPECT_EQ(said_against(parts), "");
    std::size_t restart = last_numbers(parts);
    while (parts[restart] != 0xff || parts[restart + 1] != 0xd0)
        ++restart;
    parts[restart + 1] = 0xd1;
    EXPECT_THAT(said_against(parts), HasSubstr("found marker 0xd1 instead of RST0"));
}

TEST(JpegWarnings, ScansAreCounted) {
    for (const std::span<const jpeg_scan_info> scans :
         {std::span<const jpeg_scan_info>(jpeg_reference::one_by_one), {jpeg_reference::progressive}}) {
        SCOPED_TRACE(scans.size());
        const Bytes sound = warned_image().encode(Writing{.scans = scans});
        expect_same_pixels(sound, warned_image().encode());
        expect_same_pixels(with_scans(sound, scans.size() - 1, 100), sound);
        for (const std::size_t many : {101u, 10000u})
            EXPECT_THAT(said_against(with_scans(sound, scans.size() - 1, many)),
                        StartsWith("decoding a JPEG: it has more than 100 scans"))
                << many;
    }
}

} // namespace
} // namespace hwalloc::tools
