#include "hwalloc/image_layout.h"

#include <algorithm>

#include "common/checked.h"

namespace hwalloc {
namespace {

constexpr std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) noexcept {
    return (value + by - 1) / by;
}

} // namespace

bool is_yuv(std::uint32_t fourcc) noexcept {
    const PixelFormat* format = pixel_format_by_drm(fourcc);
    return format && format->is_yuv();
}

Result<ImageLayout> linear_layout(std::uint32_t fourcc, std::uint32_t width, std::uint32_t height,
                                  std::uint32_t stride) noexcept {
    const PixelFormat* format = pixel_format_by_drm(fourcc);
    if (!format)
        return Error(ErrorKind::unsupported, "the layout of this pixel format is not known");
    return linear_layout(*format, width, height, stride);
}

Result<ImageLayout> linear_layout(const PixelFormat& format, std::uint32_t width, std::uint32_t height,
                                  std::uint32_t stride) noexcept {
    if (format.plane_count == 0)
        return Error(ErrorKind::unsupported, "a compressed image has no layout");
    if (width == 0 || height == 0)
        return Error(ErrorKind::invalid, "an image has at least one pixel");
    ImageLayout layout{.fourcc = format.drm.code,
                       .width = width,
                       .height = height,
                       .plane_count = format.plane_count,
                       .memory_count = 1};
    const PixelPlane& first = format.planes[0];
    const auto row_bytes = [&](const PixelPlane& plane) {
        return divide_up(width, plane.columns) * plane.bytes;
    };
    const std::uint64_t wanted = stride ? stride : row_bytes(first);
    if (wanted < row_bytes(first))
        return Error(ErrorKind::invalid, "the stride is smaller than a row of pixels");
    if (wanted > UINT32_MAX)
        return Error(ErrorKind::limit, "the stride of the image does not fit");
    std::uint64_t end = 0;
    for (std::uint32_t i = 0; i < format.plane_count; ++i) {
        const PixelPlane& plane = format.planes[i];
        // As many samples as the first plane's stride has room for: bytes and columns scale it. Where the
        // width is odd, half of that is not a whole sample, and a row of the plane is.
        std::uint64_t plane_stride =
            wanted * plane.bytes * first.columns / (std::uint64_t{plane.columns} * first.bytes);
        if (i > 0)
            plane_stride = std::max(plane_stride, row_bytes(plane));
        if (plane_stride > UINT32_MAX)
            return Error(ErrorKind::limit, "the stride of the image does not fit");
        std::uint64_t size;
        if (!checked_mul(plane_stride, divide_up(height, plane.rows), size) ||
            !checked_add(end, size, layout.memory_sizes[0]))
            return Error(ErrorKind::limit, "the size of the image does not fit");
        layout.planes[i] = {0, end, static_cast<std::uint32_t>(plane_stride), size};
        end = layout.memory_sizes[0];
    }
    return layout;
}

ImageLayout with_memory_per_plane(const ImageLayout& layout) noexcept {
    ImageLayout apart = layout;
    apart.memory_count = std::min(layout.plane_count, ImageLayout::max_planes);
    apart.memory_sizes = {};
    for (std::uint32_t i = 0; i < apart.memory_count; ++i) {
        apart.planes[i].memory = i;
        apart.planes[i].offset = 0;
        apart.memory_sizes[i] = layout.planes[i].size;
    }
    return apart;
}

} // namespace hwalloc
