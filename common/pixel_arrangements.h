// The arrangements of numbers that formats have, written as their documents write them: words from the
// highest bit down, bytes and samples as they come. Each gives the part of a PixelFormat that says where its
// numbers are.
#pragma once

#include <cstddef>
#include <string_view>

#include "hwalloc/pixel_format.h"

namespace hwalloc::arrangements {

// Which component a letter is; 4: bits that mean nothing.
constexpr std::size_t component_of(char letter) noexcept {
    switch (letter) {
    case 'R':
    case 'Y':
    case 'H':
        return 0;
    case 'G':
    case 'U':
    case 'S':
        return 1;
    case 'B':
    case 'V':
        return 2;
    case 'A':
        return 3;
    default:
        return 4;
    }
}

constexpr PixelKind kind_of(std::string_view letters) noexcept {
    return letters.find('Y') != letters.npos   ? PixelKind::yuv
           : letters.find('H') != letters.npos ? PixelKind::hsv
                                               : PixelKind::rgb;
}

constexpr std::uint8_t small(int number) noexcept {
    return static_cast<std::uint8_t>(number);
}

constexpr PixelFormat begin(PixelKind kind, int planes) noexcept {
    PixelFormat made{};
    made.kind = kind;
    made.plane_count = small(planes);
    made.chroma_columns = made.chroma_rows = 1;
    return made;
}

// One word a pixel, its components from the highest bit down: word("xRGB", {1, 5, 5, 5}).
constexpr PixelFormat word(std::string_view letters, std::array<int, 4> widths) noexcept {
    PixelFormat made = begin(kind_of(letters), 1);
    int total = 0;
    for (std::size_t i = letters.size(); i-- > 0;) {
        if (const std::size_t component = component_of(letters[i]); component < 4)
            made.components[component] = {0, small(total), 0, small(widths[i])};
        total += widths[i];
    }
    for (PixelComponent& component : made.components)
        if (component.bits)
            component.step = small(total);
    made.planes[0] = {small(total / 8), 1, 1};
    return made;
}

// The same word with its highest byte first; of 16 or 32 bits.
constexpr PixelFormat big_endian(PixelFormat made) noexcept {
    made.packing = made.planes[0].bytes == 2 ? PixelPacking::big_endian_16 : PixelPacking::big_endian_32;
    return made;
}

// Numbers of 8 bits, as the bytes come: bytes("BGRx").
constexpr PixelFormat bytes(std::string_view letters) noexcept {
    std::array<char, 4> turned{};
    for (std::size_t i = 0; i < letters.size(); ++i)
        turned[letters.size() - 1 - i] = letters[i];
    return word({turned.data(), letters.size()}, {8, 8, 8, 8});
}

// IEEE numbers in the places of a word.
constexpr PixelFormat floats(PixelFormat made) noexcept {
    made.is_float = true;
    return made;
}

// Two pixels that share their chroma, four numbers as they come, in the high bits of `container` bits each.
constexpr PixelFormat pairs(std::string_view letters, int bits = 8, int container = 8) noexcept {
    PixelFormat made = begin(PixelKind::yuv, 1);
    made.chroma_columns = 2;
    made.planes[0] = {small(container / 2), 2, 1};
    const auto place = [&](char letter, int step) {
        return PixelComponent{0, small(static_cast<int>(letters.find(letter)) * container + container - bits),
                              small(step * container), small(bits)};
    };
    made.components = {place('Y', 2), place('U', 4), place('V', 4), PixelComponent{}};
    return made;
}

// A plane of Y and one of Cb and Cr in turns ("UV"; "VU" the other way), in the high bits of a container.
constexpr PixelFormat semi_planar(std::string_view order, int across, int down, int bits = 8,
                                  int container = 8) noexcept {
    PixelFormat made = begin(PixelKind::yuv, 2);
    made.chroma_columns = small(across);
    made.chroma_rows = small(down);
    made.planes = {PixelPlane{small(container / 8), 1, 1},
                   PixelPlane{small(container / 4), small(across), small(down)}};
    const int low = container - bits;
    made.components = {
        PixelComponent{0, small(low), small(container), small(bits)},
        PixelComponent{1, small(low + (order[0] == 'U' ? 0 : container)), small(2 * container), small(bits)},
        PixelComponent{1, small(low + (order[0] == 'U' ? container : 0)), small(2 * container), small(bits)},
        PixelComponent{}};
    return made;
}

// The same with 10 bits one behind the other, four in five bytes.
constexpr PixelFormat dense_semi_planar(int across, int down) noexcept {
    PixelFormat made = semi_planar("UV", across, down, 10, 10);
    made.planes = {PixelPlane{5, 4, 1}, PixelPlane{5, small(2 * across), small(down)}};
    return made;
}

// A plane of Y and one each of Cb and Cr, in this order ("UV"; "VU" the other way).
constexpr PixelFormat planar(std::string_view order, int across, int down) noexcept {
    PixelFormat made = begin(PixelKind::yuv, 3);
    made.chroma_columns = small(across);
    made.chroma_rows = small(down);
    const PixelPlane chroma{1, small(across), small(down)};
    made.planes = {PixelPlane{1, 1, 1}, chroma, chroma};
    const std::uint8_t cb = order[0] == 'U' ? 1 : 2;
    made.components = {PixelComponent{0, 0, 8, 8}, PixelComponent{cb, 0, 8, 8},
                       PixelComponent{small(3 - cb), 0, 8, 8}, PixelComponent{}};
    return made;
}

// One number a pixel, in the low bits of whole bytes, from bit `low` up.
constexpr PixelFormat grey(int bits, int low = 0) noexcept {
    PixelFormat made = begin(PixelKind::grey, 1);
    const int container = bits <= 8 ? 8 : 16;
    made.planes[0] = {small(container / 8), 1, 1};
    made.components[0] = {0, small(low), small(container), small(bits)};
    return made;
}

// One number a pixel, packed as CSI-2 cameras send it: 10 and 14 bits by fours, 12 bits by twos.
constexpr PixelFormat mipi_grey(int bits) noexcept {
    PixelFormat made = grey(bits);
    const int columns = bits == 12 ? 2 : 4;
    made.packing = PixelPacking::mipi;
    made.planes[0] = {small(columns * bits / 8), small(columns), 1};
    made.components[0] = {0, 0, 0, small(bits)};
    return made;
}

// A raw sensor's numbers: grey ones, each behind a filter of the colour that the letters say, for two pixels
// of the first row and two of the second.
constexpr PixelFormat mosaic(std::string_view letters, PixelFormat made) noexcept {
    made.kind = PixelKind::bayer;
    for (std::size_t i = 0; i < 4; ++i)
        made.mosaic[i] = small(static_cast<int>(component_of(letters[i])));
    return made;
}

constexpr PixelFormat stream() noexcept {
    return begin(PixelKind::compressed, 0);
}

} // namespace hwalloc::arrangements
