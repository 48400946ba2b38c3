// A buffer as V4L2's calls take it.
#pragma once

#include <linux/videodev2.h>

#include <array>
#include <cstdint>

namespace hwalloc::v4l2::detail {

// The kernel's V4L2 buffer with its plane array, for either API.
struct Buffer {
    v4l2_buffer buffer{};
    std::array<v4l2_plane, VIDEO_MAX_PLANES> planes{};

    explicit Buffer(std::uint32_t type, std::uint32_t memory = V4L2_MEMORY_DMABUF) noexcept {
        buffer.type = type;
        buffer.memory = memory;
        if (V4L2_TYPE_IS_MULTIPLANAR(type)) {
            buffer.m.planes = planes.data();
            buffer.length = VIDEO_MAX_PLANES;
        }
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
};

} // namespace hwalloc::v4l2::detail
