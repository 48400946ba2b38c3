// What the camera can be set to: formats, their sizes, and the rates of each size, as its descriptors tell
// them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace webcam {

struct Size {
    std::uint32_t width, height;      // multiples of 16 and 8
    std::vector<std::uint32_t> rates; // frames a second, the first by default
};

struct Format {
    std::string name;        // "YUYV" or "MJPG"
    std::vector<Size> sizes; // the first by default
};

// As on many webcams: what is not compressed is slow where it is large, for the bus carries no more of it.
inline const std::vector<Format>& all_formats() {
    static const std::vector<Format> formats = {
        {"YUYV", {{640, 480, {30, 15}}, {320, 240, {30, 15}}, {160, 120, {30, 15}}, {1280, 720, {10, 5}}}},
        {"MJPG", {{640, 480, {30, 15}}, {320, 240, {30, 15}}, {1280, 720, {30, 15}}, {1920, 1080, {30, 15}}}},
    };
    return formats;
}

constexpr std::uint32_t ticks = 10'000'000; // of a second: UVC counts intervals in 100 ns

// The largest a frame of this size can be.
inline std::uint32_t frame_bytes(const Size& size) {
    return size.width * size.height * 2;
}

} // namespace webcam
