// JPEGs whose pixels are known: each block of 8 by 8 numbers is one number, which JPEG keeps exactly when it
// divides by one, so that a decoder can be held to the formulas of JFIF (ITU-T T.871, 7).
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <span>
#include <utility>
#include <vector>
//
#include <jpeglib.h>

namespace jpeg_reference {

using Bytes = std::vector<std::uint8_t>;

struct Sampling {
    const char* name;
    int components;   // 1: grey
    int across, down; // luma numbers for one of chroma
};
inline constexpr Sampling samplings[] = {{"grey", 1, 1, 1},  {"4:4:4", 3, 1, 1}, {"4:2:2", 3, 2, 1},
                                         {"4:2:0", 3, 2, 2}, {"4:4:0", 3, 1, 2}, {"4:1:1", 3, 4, 1}};
inline constexpr Sampling half_chroma = samplings[2];

// How it is written: with restarts every so many units (0: without), or in these scans.
struct Writing {
    unsigned restart_interval = 0;
    std::span<const jpeg_scan_info> scans{};
};
// One scan for each component, or all of progressive ones: the means of all blocks, then the rest.
inline constexpr jpeg_scan_info one_by_one[] = {
    {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
inline constexpr jpeg_scan_info progressive[] = {
    {3, {0, 1, 2}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 0}, {1, {1}, 1, 63, 0, 0}, {1, {2}, 1, 63, 0, 0}};

class Image {
public:
    Image(const Sampling& sampling, std::uint32_t width, std::uint32_t height, unsigned seed = 1)
        : sampling_(sampling), width_(width), height_(height) {
        std::mt19937 random(seed);
        std::uniform_int_distribution<int> number(0, 255);
        for (int i = 0; i < sampling.components; ++i) {
            Plane plane{.across = i ? 1u : static_cast<std::uint32_t>(sampling.across),
                        .down = i ? 1u : static_cast<std::uint32_t>(sampling.down)};
            plane.columns = mcus(width, sampling.across) * plane.across;
            plane.rows = mcus(height, sampling.down) * plane.down;
            plane.blocks.resize(std::size_t{plane.columns} * plane.rows);
            for (std::uint8_t& block : plane.blocks)
                block = static_cast<std::uint8_t>(number(random));
            planes_.push_back(std::move(plane));
        }
    }

    std::uint32_t width() const { return width_; }
    std::uint32_t height() const { return height_; }

    // R, G and B, with 0 to 255 not cut off.
    std::array<double, 3> pixel(std::uint32_t x, std::uint32_t y) const {
        const double luma = number(0, x, y);
        if (planes_.size() == 1)
            return {luma, luma, luma};
        const double cb = number(1, x, y) - 128.0, cr = number(2, x, y) - 128.0;
        return {luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb};
    }

    // With the Huffman tables of the standard in it.
    Bytes encode(const Writing& writing = {}) const {
        jpeg_compress_struct encoder{};
        jpeg_error_mgr errors{};
        encoder.err = jpeg_std_error(&errors);
        errors.error_exit = [](j_common_ptr common) {
            (*common->err->output_message)(common);
            std::abort();
        };
        jpeg_create_compress(&encoder);
        unsigned char* file = nullptr;
        unsigned long size = 0;
        jpeg_mem_dest(&encoder, &file, &size);
        encoder.image_width = width_;
        encoder.image_height = height_;
        encoder.input_components = sampling_.components;
        encoder.in_color_space = sampling_.components == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
        jpeg_set_defaults(&encoder);
        jpeg_set_quality(&encoder, 100, TRUE);
        encoder.raw_data_in = TRUE;
        encoder.restart_interval = writing.restart_interval;
        encoder.scan_info = writing.scans.data();
        encoder.num_scans = static_cast<int>(writing.scans.size());
        encoder.comp_info[0].h_samp_factor = sampling_.across;
        encoder.comp_info[0].v_samp_factor = sampling_.down;
        jpeg_start_compress(&encoder, TRUE);
        for (std::uint32_t y = 0; y < mcus(height_, sampling_.down); ++y) {
            std::vector<Bytes> lines; // of all planes, for one row of units
            std::vector<std::vector<JSAMPROW>> rows(planes_.size());
            std::vector<JSAMPARRAY> arrays;
            for (const Plane& plane : planes_)
                for (std::uint32_t row = y * plane.down; row < (y + 1) * plane.down; ++row) {
                    Bytes line;
                    for (std::uint32_t column = 0; column < plane.columns; ++column)
                        line.insert(line.end(), 8, plane.blocks[std::size_t{row} * plane.columns + column]);
                    lines.push_back(std::move(line));
                }
            std::size_t next = 0;
            for (std::size_t i = 0; i < planes_.size(); ++i) {
                for (std::uint32_t row = 0; row < planes_[i].down; ++row, ++next)
                    rows[i].insert(rows[i].end(), 8, lines[next].data());
                arrays.push_back(rows[i].data());
            }
            jpeg_write_raw_data(&encoder, arrays.data(), static_cast<JDIMENSION>(8 * sampling_.down));
        }
        jpeg_finish_compress(&encoder);
        Bytes bytes(file, file + size);
        jpeg_destroy_compress(&encoder);
        std::free(file);
        return bytes;
    }

private:
    struct Plane {
        std::uint32_t across = 1, down = 1;  // blocks of it in a unit
        std::uint32_t columns = 0, rows = 0; // of blocks
        Bytes blocks{};
    };

    static std::uint32_t mcus(std::uint32_t pixels, int blocks) {
        const std::uint32_t unit = 8 * static_cast<std::uint32_t>(blocks);
        return (pixels + unit - 1) / unit;
    }
    double number(std::size_t plane, std::uint32_t x, std::uint32_t y) const {
        const Plane& from = planes_[plane];
        const std::uint32_t column = x * from.across / static_cast<std::uint32_t>(sampling_.across),
                            row = y * from.down / static_cast<std::uint32_t>(sampling_.down);
        return from.blocks[std::size_t{row / 8} * from.columns + column / 8];
    }

    Sampling sampling_;
    std::uint32_t width_, height_;
    std::vector<Plane> planes_;
};

// Where segments with this marker are: where each begins, and its length with the marker.
inline std::vector<std::pair<std::size_t, std::size_t>> segments(std::span<const std::uint8_t> file,
                                                                 std::uint8_t marker) {
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (std::size_t at = 2; file[at + 1] != 0xda;) {
        const std::size_t length = 2 + (std::size_t{file[at + 2]} << 8 | file[at + 3]);
        if (file[at + 1] == marker)
            found.emplace_back(at, length);
        at += length;
    }
    return found;
}

// As many webcams send it.
inline Bytes without_huffman_tables(Bytes file) {
    for (auto tables = segments(file, 0xc4); !tables.empty(); tables = segments(file, 0xc4)) {
        const auto begin = file.begin() + static_cast<std::ptrdiff_t>(tables.front().first);
        file.erase(begin, begin + static_cast<std::ptrdiff_t>(tables.front().second));
    }
    return file;
}

} // namespace jpeg_reference
