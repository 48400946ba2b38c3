// YUYV to RGBA, two pixels for each invocation: BT.601, limited range, as most cameras send it.
#version 450
layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) readonly buffer Camera { uint yuyv[]; };
layout(binding = 1) writeonly buffer Picture { uint rgba[]; };
layout(push_constant) uniform Size { uint pairs, height, stride_in_words; };

vec4 color(float y, float u, float v) {
    y = (y - 16.0 / 255.0) * (255.0 / 219.0);
    u = (u - 128.0 / 255.0) * (255.0 / 224.0);
    v = (v - 128.0 / 255.0) * (255.0 / 224.0);
    return vec4(clamp(vec3(y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u), 0.0, 1.0), 1.0);
}

void main() {
    const uvec2 at = gl_GlobalInvocationID.xy;
    if (at.x >= pairs || at.y >= height)
        return;
    const vec4 p = unpackUnorm4x8(yuyv[at.y * stride_in_words + at.x]); // Y0 U Y1 V
    const uint first = (at.y * pairs + at.x) * 2;
    rgba[first] = packUnorm4x8(color(p.x, p.y, p.w));
    rgba[first + 1] = packUnorm4x8(color(p.z, p.y, p.w));
}
