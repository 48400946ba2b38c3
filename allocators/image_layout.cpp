#include "hwalloc/image_layout.h"

#include <algorithm>

#include "common/checked.h"

namespace hwalloc {
namespace {

// A plane's samples: bytes for each group of `columns` pixels of a row, one row for each `rows` of the image.
struct PlaneShape {
    std::uint8_t bytes, columns, rows;
};
struct FormatShape {
    std::uint32_t fourcc;
    bool yuv;
    std::uint8_t plane_count;
    PlaneShape planes[3];
};

// Codes as in drm_fourcc.h, which is ABI; written out, so that this needs no header of another project.
constexpr FormatShape shapes[] = {
    {fourcc('R', '8', ' ', ' '), true, 1, {{1, 1, 1}}},
    {fourcc('R', '1', '0', ' '), true, 1, {{2, 1, 1}}},
    {fourcc('R', '1', '2', ' '), true, 1, {{2, 1, 1}}},
    {fourcc('R', '1', '6', ' '), true, 1, {{2, 1, 1}}},
    {fourcc('Y', 'U', 'Y', 'V'), true, 1, {{4, 2, 1}}},
    {fourcc('Y', 'V', 'Y', 'U'), true, 1, {{4, 2, 1}}},
    {fourcc('U', 'Y', 'V', 'Y'), true, 1, {{4, 2, 1}}},
    {fourcc('V', 'Y', 'U', 'Y'), true, 1, {{4, 2, 1}}},
    {fourcc('N', 'V', '1', '2'), true, 2, {{1, 1, 1}, {2, 2, 2}}},
    {fourcc('N', 'V', '2', '1'), true, 2, {{1, 1, 1}, {2, 2, 2}}},
    {fourcc('N', 'V', '1', '6'), true, 2, {{1, 1, 1}, {2, 2, 1}}},
    {fourcc('N', 'V', '6', '1'), true, 2, {{1, 1, 1}, {2, 2, 1}}},
    {fourcc('N', 'V', '2', '4'), true, 2, {{1, 1, 1}, {2, 1, 1}}},
    {fourcc('N', 'V', '4', '2'), true, 2, {{1, 1, 1}, {2, 1, 1}}},
    {fourcc('Y', 'U', '1', '2'), true, 3, {{1, 1, 1}, {1, 2, 2}, {1, 2, 2}}},
    {fourcc('Y', 'V', '1', '2'), true, 3, {{1, 1, 1}, {1, 2, 2}, {1, 2, 2}}},
    {fourcc('Y', 'U', '1', '6'), true, 3, {{1, 1, 1}, {1, 2, 1}, {1, 2, 1}}},
    {fourcc('R', 'G', '1', '6'), false, 1, {{2, 1, 1}}},
    {fourcc('R', 'G', '2', '4'), false, 1, {{3, 1, 1}}},
    {fourcc('B', 'G', '2', '4'), false, 1, {{3, 1, 1}}},
    {fourcc('X', 'R', '2', '4'), false, 1, {{4, 1, 1}}},
    {fourcc('A', 'R', '2', '4'), false, 1, {{4, 1, 1}}},
    {fourcc('X', 'B', '2', '4'), false, 1, {{4, 1, 1}}},
    {fourcc('A', 'B', '2', '4'), false, 1, {{4, 1, 1}}},
    {fourcc('R', 'X', '2', '4'), false, 1, {{4, 1, 1}}},
    {fourcc('R', 'A', '2', '4'), false, 1, {{4, 1, 1}}},
    {fourcc('B', 'X', '2', '4'), false, 1, {{4, 1, 1}}},
    {fourcc('B', 'A', '2', '4'), false, 1, {{4, 1, 1}}},
};

const FormatShape* shape_of(std::uint32_t code) noexcept {
    for (const FormatShape& shape : shapes)
        if (shape.fourcc == code)
            return &shape;
    return nullptr;
}

constexpr std::uint64_t divide_up(std::uint64_t value, std::uint64_t by) noexcept {
    return (value + by - 1) / by;
}

} // namespace

bool is_yuv(std::uint32_t fourcc) noexcept {
    const FormatShape* shape = shape_of(fourcc);
    return shape && shape->yuv;
}

Result<ImageLayout> linear_layout(std::uint32_t fourcc, std::uint32_t width, std::uint32_t height,
                                  std::uint32_t stride) noexcept {
    const FormatShape* shape = shape_of(fourcc);
    if (!shape)
        return Error(ErrorKind::unsupported, "the layout of this pixel format is not known");
    if (width == 0 || height == 0)
        return Error(ErrorKind::invalid, "an image has at least one pixel");
    ImageLayout layout{.fourcc = fourcc,
                       .width = width,
                       .height = height,
                       .plane_count = shape->plane_count,
                       .memory_count = 1};
    const PlaneShape& first = shape->planes[0];
    const auto row_bytes = [&](const PlaneShape& plane) {
        return divide_up(width, plane.columns) * plane.bytes;
    };
    const std::uint64_t wanted = stride ? stride : row_bytes(first);
    if (wanted < row_bytes(first))
        return Error(ErrorKind::invalid, "the stride is smaller than a row of pixels");
    if (wanted > UINT32_MAX)
        return Error(ErrorKind::limit, "the stride of the image does not fit");
    std::uint64_t end = 0;
    for (std::uint32_t i = 0; i < shape->plane_count; ++i) {
        const PlaneShape& plane = shape->planes[i];
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

} // namespace hwalloc
