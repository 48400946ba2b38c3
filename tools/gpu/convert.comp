// One frame of a camera as 8-bit R'G'B': four neighbouring pixels in each invocation. What varies between formats is a
// specialization constant, so that a pipeline holds no branch it does not need; what varies between pictures is pushed.
// A chroma sample holds for all the pixels that share it, as in tools/image/convert.h.
#version 450

layout(local_size_x = 8, local_size_y = 8) in;

const uint yuyv = 0, uyvy = 1, nv12 = 2, grey = 3; // tools/gpu/conversion.h: FrameFormat
layout(constant_id = 0) const uint format = yuyv;
layout(constant_id = 1) const bool blue_first = false; // bytes B, G, R, A instead of R, G, B, A
layout(constant_id = 2) const bool in_words = false;   // all rows begin at multiples of 4 bytes

// tools/gpu/conversion.h: Parameters
layout(push_constant, std430) uniform Parameters {
    vec4 red, green, blue; // factors of Y, Cb, Cr and 1, each from 0 to 1
    uint width, height;
    uint luma_offset, luma_stride;     // in bytes; of the only plane where there is one
    uint chroma_offset, chroma_stride; // in bytes
    uint last_word;                    // of the image: nothing behind it is read
    uint picture_offset, picture_stride; // in pixels
};

layout(std430, set = 0, binding = 0) readonly buffer Camera { uint camera[]; };
layout(std430, set = 0, binding = 1) writeonly buffer Picture { uint picture[]; };

// The four bytes from byte `at` on. Behind the image they are anything: the pixels there are not written.
vec4 four_bytes(uint at) {
    const uint word = at >> 2, shift = (at & 3) * 8;
    uint bytes = camera[min(word, last_word)];
    if (!in_words && shift != 0)
        bytes = bytes >> shift | camera[min(word + 1, last_word)] << (32 - shift);
    return unpackUnorm4x8(bytes);
}

void main() {
    const uint x = gl_GlobalInvocationID.x * 4, y = gl_GlobalInvocationID.y;
    if (x >= width || y >= height)
        return;
    const uint row = luma_offset + y * luma_stride;
    vec4 luma, cb, cr;
    if (format == yuyv || format == uyvy) {
        const vec4 a = four_bytes(row + 2 * x), b = four_bytes(row + 2 * x + 4);
        luma = format == yuyv ? vec4(a.xz, b.xz) : vec4(a.yw, b.yw);
        cb = format == yuyv ? vec4(a.yy, b.yy) : vec4(a.xx, b.xx);
        cr = format == yuyv ? vec4(a.ww, b.ww) : vec4(a.zz, b.zz);
    } else {
        luma = four_bytes(row + x);
        cb = cr = vec4(128.0 / 255.0);
        if (format == nv12) {
            const vec4 c = four_bytes(chroma_offset + y / 2 * chroma_stride + x);
            cb = c.xxzz;
            cr = c.yyww;
        }
    }
    const uint at = picture_offset + y * picture_stride + x;
    for (uint i = 0; i < min(4, width - x); ++i) {
        const vec4 ycc = vec4(luma[i], cb[i], cr[i], 1);
        const vec3 rgb = vec3(dot(red, ycc), dot(green, ycc), dot(blue, ycc));
        picture[at + i] = packUnorm4x8(vec4(blue_first ? rgb.bgr : rgb, 1));
    }
}
