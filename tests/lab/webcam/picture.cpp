#include "picture.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>

namespace webcam {
namespace {

constexpr std::uint32_t block_width = 16, block_height = 8;

struct Rgb {
    int red, green, blue;
};

// Y, Cb and Cr of a block.
using Ycc = std::array<int, 3>;

Rgb colour(std::uint32_t column, std::uint32_t row, std::uint32_t columns, std::uint32_t rows) {
    constexpr int bright = 191; // three quarters
    if (row * 4 >= rows * 3) {
        const int grey = static_cast<int>(column * 16 / columns) * 17;
        return {grey, grey, grey};
    }
    // White, yellow, cyan, green, magenta, red, blue, black: from the brightest to the darkest.
    const std::uint32_t bar = column * 8 / columns;
    return {(bar & 2) == 0 ? bright : 0, (bar & 4) == 0 ? bright : 0, (bar & 1) == 0 ? bright : 0};
}

Ycc converted(Rgb rgb, int brightness, bool full_range) {
    const auto level = [&](int value) { return std::clamp(value + brightness, 0, 255); };
    const double red = level(rgb.red), green = level(rgb.green), blue = level(rgb.blue);
    const double luma = 0.299 * red + 0.587 * green + 0.114 * blue;
    const double cb = (blue - luma) / 1.772, cr = (red - luma) / 1.402;
    const auto rounded = [](double value) {
        return std::clamp(static_cast<int>(std::lround(value)), 0, 255);
    };
    if (full_range)
        return {rounded(luma), rounded(128 + cb), rounded(128 + cr)};
    return {rounded(16 + luma * 219 / 255), rounded(128 + cb * 224 / 255), rounded(128 + cr * 224 / 255)};
}

// Calls `use` with each block of the picture, row by row.
template<class Use>
void for_each_block(const Size& size, int brightness, bool full_range, Use use) {
    const std::uint32_t columns = size.width / block_width, rows = size.height / block_height;
    for (std::uint32_t row = 0; row < rows; ++row)
        for (std::uint32_t column = 0; column < columns; ++column)
            use(column, row, converted(colour(column, row, columns, rows), brightness, full_range));
}

// Tables of the standard (ITU-T T.81, K.3.3): how many codes have 1, 2, … bits, and what they stand for. Of
// that of the other coefficients, all zero here, there is only the beginning, up to the code for "zero to the
// end".
constexpr std::array<std::uint8_t, 16> lengths_of_means = {0, 1, 5, 1, 1, 1, 1, 1, 1};
constexpr std::array<std::uint8_t, 12> categories = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
constexpr std::array<std::uint8_t, 16> lengths_of_others = {0, 2, 1, 3};
constexpr std::array<std::uint8_t, 6> others = {0x01, 0x02, 0x03, 0x00, 0x04, 0x11};
constexpr std::uint32_t end_of_block = 0b1010, end_of_block_bits = 4;

class Bits {
public:
    explicit Bits(Bytes& to) : to_(to) {}

    void put(std::uint32_t value, std::uint32_t count) {
        while (count-- > 0) {
            held_ = held_ << 1 | (value >> count & 1);
            if (++held_bits_ < 8)
                continue;
            to_.push_back(static_cast<std::uint8_t>(held_));
            if (held_ == 0xff)
                to_.push_back(0); // or it would be a marker
            held_ = held_bits_ = 0;
        }
    }

    // The last byte is filled up with ones.
    void end() {
        while (held_bits_ != 0)
            put(1, 1);
    }

private:
    Bytes& to_;
    std::uint32_t held_ = 0, held_bits_ = 0;
};

// A block of one colour: how its mean differs from that of the block before, and no other coefficient.
void put_block(Bits& bits, int difference) {
    const auto magnitude = static_cast<unsigned>(std::abs(difference));
    const auto category = static_cast<std::uint32_t>(std::bit_width(magnitude));
    std::uint32_t code = 0, number = 0;
    for (std::uint32_t length = 1; length <= lengths_of_means.size(); ++length, code <<= 1) {
        const std::uint32_t codes = lengths_of_means[length - 1];
        if (category < number + codes) {
            bits.put(code + category - number, length);
            break;
        }
        number += codes;
        code += codes;
    }
    const std::uint32_t below = difference < 0 ? (1u << category) - 1 : 0;
    bits.put(static_cast<std::uint32_t>(difference) + below, category);
    bits.put(end_of_block, end_of_block_bits);
}

// A marker, the length of what follows, and that.
void put_segment(Bytes& to, std::uint32_t marker, const Bytes& content) {
    put_big(to, 2, {marker, static_cast<std::uint32_t>(content.size()) + 2});
    to.insert(to.end(), content.begin(), content.end());
}

} // namespace

Bytes yuyv(const Size& size, int brightness) {
    Bytes bytes(frame_bytes(size));
    for_each_block(size, brightness, false, [&](std::uint32_t column, std::uint32_t row, Ycc ycc) {
        for (std::uint32_t y = row * block_height; y < (row + 1) * block_height; ++y)
            for (std::uint32_t x = column * block_width; x < (column + 1) * block_width; ++x) {
                std::uint8_t* pixel = &bytes[(y * size.width + x) * 2];
                pixel[0] = static_cast<std::uint8_t>(ycc[0]);
                pixel[1] = static_cast<std::uint8_t>(ycc[x % 2 == 0 ? 1 : 2]);
            }
    });
    return bytes;
}

Bytes jpeg(const Size& size, int brightness, bool huffman_tables) {
    Bytes bytes = {0xff, 0xd8};
    put_segment(bytes, 0xffe0, {'J', 'F', 'I', 'F', 0, 1, 2, 0, 0, 1, 0, 1, 0, 0});
    // The mean of a block is kept eight times as large: divided by eight it is exact.
    Bytes quantizers(65, 8);
    quantizers[0] = 0;
    put_segment(bytes, 0xffdb, quantizers);
    Bytes frame = {8};
    put_big(frame, 2, {size.height, size.width});
    frame.insert(frame.end(),
                 {3, 1, 0x21, 0, 2, 0x11, 0, 3, 0x11, 0}); // of each number, sampling, quantizers
    put_segment(bytes, 0xffc0, frame);
    if (huffman_tables) {
        Bytes tables = {0x00};
        tables.insert(tables.end(), lengths_of_means.begin(), lengths_of_means.end());
        tables.insert(tables.end(), categories.begin(), categories.end());
        tables.push_back(0x10);
        tables.insert(tables.end(), lengths_of_others.begin(), lengths_of_others.end());
        tables.insert(tables.end(), others.begin(), others.end());
        put_segment(bytes, 0xffc4, tables);
    }
    put_segment(bytes, 0xffda, {3, 1, 0, 2, 0, 3, 0, 0, 63, 0});
    Bits bits(bytes);
    Ycc last = {128, 128, 128};
    for_each_block(size, brightness, true, [&](std::uint32_t, std::uint32_t, Ycc ycc) {
        put_block(bits, ycc[0] - last[0]);
        put_block(bits, 0); // 8 by 8 pixels in luma, 16 by 8 in chroma
        put_block(bits, ycc[1] - last[1]);
        put_block(bits, ycc[2] - last[2]);
        last = ycc;
    });
    bits.end();
    put_big(bytes, 2, {0xffd9});
    return bytes;
}

} // namespace webcam
