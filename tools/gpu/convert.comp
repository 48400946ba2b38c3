// One frame of a camera as R'G'B' of 8 or 16 bits: four neighbouring pixels in each invocation. Where the numbers of a
// format stand comes as specialization constants, out of the table of formats (hwalloc/pixel_format.h), so that a pipeline
// holds nothing that its format does not need; what varies between pictures is pushed. A chroma number holds for all the
// pixels that share it, as in tools/image/picture.h.
#version 450

layout(local_size_x = 8, local_size_y = 8) in;

// tools/gpu/conversion.h: ConversionConstants. Of each component: its plane, the lowest bit of the first number, from one
// number to the next, and the bits of one; 0: there is no such component.
layout(constant_id = 0) const uint plane_0 = 0;
layout(constant_id = 1) const uint first_0 = 0;
layout(constant_id = 2) const uint apart_0 = 8;
layout(constant_id = 3) const uint bits_0 = 8;
layout(constant_id = 4) const uint plane_1 = 0;
layout(constant_id = 5) const uint first_1 = 0;
layout(constant_id = 6) const uint apart_1 = 8;
layout(constant_id = 7) const uint bits_1 = 0;
layout(constant_id = 8) const uint plane_2 = 0;
layout(constant_id = 9) const uint first_2 = 0;
layout(constant_id = 10) const uint apart_2 = 8;
layout(constant_id = 11) const uint bits_2 = 0;
// Pixels that share a number of the second and third component, and rows that do.
layout(constant_id = 12) const uint columns = 1;
layout(constant_id = 13) const uint rows = 1;
layout(constant_id = 14) const uint swapped_bytes = 1; // 2 or 4: the bytes of words of so many come the other way round
layout(constant_id = 15) const bool blue_first = false; // bytes B, G, R, A instead of R, G, B, A
layout(constant_id = 16) const bool rows_at_words = false; // all rows begin at multiples of 4 bytes
layout(constant_id = 17) const bool memory_per_plane = false; // else all planes are in the first
layout(constant_id = 18) const bool wide = false; // two words for each pixel, R, G, B, A of 16 bits

// tools/gpu/conversion.h: ConversionParameters
layout(push_constant, std430) uniform Parameters {
    vec4 red, green, blue; // factors of the components' numbers and of 1
    uint width, height;
    uvec2 planes[3]; // where each begins, and from row to row, in bytes
    uint last_words[3]; // of the image in each memory: nothing behind it is read
    uint picture_offset, picture_stride; // in words
};

layout(std430, set = 0, binding = 0) restrict readonly buffer Camera0 { uint camera_0[]; };
layout(std430, set = 0, binding = 1) restrict readonly buffer Camera1 { uint camera_1[]; };
layout(std430, set = 0, binding = 2) restrict readonly buffer Camera2 { uint camera_2[]; };
layout(std430, set = 0, binding = 3) restrict writeonly buffer Picture { uint picture[]; };

uint read_word(uint plane, uint word) {
    if (memory_per_plane && plane == 1)
        return camera_1[min(word, last_words[1])];
    if (memory_per_plane && plane == 2)
        return camera_2[min(word, last_words[2])];
    return camera_0[min(word, last_words[0])];
}

// The four bytes from byte `at` on. Behind the image they are anything: the pixels there are not written.
uint word_at(uint plane, uint at, bool is_word) {
    const uint word = at >> 2, shift = (at & 3) * 8;
    uint bytes = read_word(plane, word);
    if (!is_word && shift != 0)
        bytes = bytes >> shift | read_word(plane, word + 1) << (32 - shift);
    if (swapped_bytes == 2)
        bytes = (bytes & 0x00ff00ff) << 8 | (bytes >> 8 & 0x00ff00ff);
    if (swapped_bytes == 4)
        bytes = bytes << 24 | (bytes & 0xff00) << 8 | (bytes >> 8 & 0xff00) | bytes >> 24;
    return bytes;
}

// A component's numbers for four pixels from `x` on, a multiple of 4: those stand in words of their own from a byte on,
// of a format whose pixels by fours are whole bytes.
vec4 numbers(uint plane, uint first, uint apart, uint bits, uint shared_columns, uint shared_rows, uint x, uint y) {
    if (bits == 0)
        return vec4(0);
    const uint group = 4 / shared_columns * apart / 8; // bytes that hold the numbers of four pixels
    const uint at = planes[plane].x + y / shared_rows * planes[plane].y + x / 4 * group;
    const bool are_words = rows_at_words && group % 4 == 0;
    vec4 found;
    for (uint i = 0; i < 4; ++i) {
        const uint bit = first + i / shared_columns * apart, shift = bit % 32;
        uint number = word_at(plane, at + bit / 32 * 4, are_words) >> shift;
        if (shift + bits > 32)
            number |= word_at(plane, at + bit / 32 * 4 + 4, are_words) << (32 - shift);
        found[i] = float(number & ((1u << bits) - 1));
    }
    return found;
}

void main() {
    const uint x = gl_GlobalInvocationID.x * 4, y = gl_GlobalInvocationID.y;
    if (x >= width || y >= height)
        return;
    const vec4 a = numbers(plane_0, first_0, apart_0, bits_0, 1, 1, x, y),
               b = numbers(plane_1, first_1, apart_1, bits_1, columns, rows, x, y),
               c = numbers(plane_2, first_2, apart_2, bits_2, columns, rows, x, y);
    const uint at = picture_offset + y * picture_stride + (wide ? 2 * x : x);
    for (uint i = 0; i < min(4, width - x); ++i) {
        const vec4 pixel = vec4(a[i], b[i], c[i], 1);
        const vec3 rgb = vec3(dot(red, pixel), dot(green, pixel), dot(blue, pixel));
        if (wide) {
            picture[at + 2 * i] = packUnorm2x16(rgb.rg);
            picture[at + 2 * i + 1] = packUnorm2x16(vec2(rgb.b, 1));
        } else {
            picture[at + i] = packUnorm4x8(vec4(blue_first ? rgb.bgr : rgb, 1));
        }
    }
}
