// A second opinion on colours, in double precision, written from the standards and from no converter of ours:
//   ITU-R BT.601-7, section 2.5.1 to 2.5.3; ITU-R BT.709-6, items 3.2 to 4.6; ITU-R BT.2020-2, table 4;
//   SMPTE ST 240: E'Y and the colour-difference signals, and their quantization to 8 bits.
// Includes no header of this project, so that a program which judges the library can use it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace yuv_reference {

// E'Y = kr E'R + kg E'G + kb E'B;  E'Cb = (E'B - E'Y) / cb_range;  E'Cr = (E'R - E'Y) / cr_range
struct Standard {
    double kr, kg, kb, cb_range, cr_range;
};
// BT.601-7 2.5.1, 2.5.2: the differences are divided by 1.772 and 1.402.
inline constexpr Standard bt601{0.299, 0.587, 0.114, 1.772, 1.402};
// BT.709-6 3.2, 3.3: 1.8556 and 1.5748.
inline constexpr Standard bt709{0.2126, 0.7152, 0.0722, 1.8556, 1.5748};
// BT.2020-2 table 4, non-constant luminance: 1.8814 and 1.4746.
inline constexpr Standard bt2020{0.2627, 0.6780, 0.0593, 1.8814, 1.4746};
// SMPTE ST 240: 1.826 and 1.576.
inline constexpr Standard smpte240{0.212, 0.701, 0.087, 1.826, 1.576};

struct Rgb {
    double r, g, b; // 0 to 255, not rounded, clipped
};

inline double clip(double level) {
    return std::clamp(level, 0.0, 1.0) * 255.0;
}

// Inverts the definitions above one after the other. `full`: 8-bit levels 0 to 255 for E'Y, and the colour
// differences times 255 around 128; otherwise BT.601-7 2.5.3: 219 E'Y + 16, 224 E'C + 128.
inline Rgb to_rgb(const Standard& s, bool full, int y, int cb, int cr) {
    const double ey = full ? y / 255.0 : (y - 16) / 219.0;
    const double ecb = (cb - 128) / (full ? 255.0 : 224.0);
    const double ecr = (cr - 128) / (full ? 255.0 : 224.0);
    const double er = ey + s.cr_range * ecr;
    const double eb = ey + s.cb_range * ecb;
    const double eg = (ey - s.kr * er - s.kb * eb) / s.kg;
    return {clip(er), clip(eg), clip(eb)};
}

// A level of grey, or of R', G' or B' by itself.
inline double to_level(bool full, int code) {
    return clip(full ? code / 255.0 : (code - 16) / 219.0);
}

// How far three 8-bit values are from the exact ones, at most.
inline double difference(const Rgb& exact, const std::uint8_t* rgb) {
    return std::max({std::abs(exact.r - rgb[0]), std::abs(exact.g - rgb[1]), std::abs(exact.b - rgb[2])});
}

} // namespace yuv_reference
