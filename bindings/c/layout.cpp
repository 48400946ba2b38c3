#include "bindings/c/layout.h"

#include <algorithm>
#include <iterator>

namespace hwalloc::c {

static_assert(HWALLOC_MAX_PLANES == ImageLayout::max_planes);

hwalloc_image_layout layout_to_c(const ImageLayout& from) noexcept {
    hwalloc_image_layout to{};
    to.fourcc = from.fourcc;
    to.width = from.width;
    to.height = from.height;
    to.plane_count = from.plane_count;
    to.modifier = from.modifier;
    for (std::size_t i = 0; i < from.planes.size(); ++i)
        to.planes[i] = {.memory = from.planes[i].memory,
                        .stride = from.planes[i].stride,
                        .offset = from.planes[i].offset,
                        .size = from.planes[i].size};
    std::copy(from.memory_sizes.begin(), from.memory_sizes.end(), to.memory_sizes);
    to.memory_count = from.memory_count;
    to.matrix = static_cast<uint32_t>(from.matrix);
    to.range = static_cast<uint32_t>(from.range);
    return to;
}

Result<ImageLayout> layout_of(const hwalloc_image_layout* given) noexcept {
    const auto from = read_struct(given);
    if (!from)
        return from.error();
    if (from->plane_count > HWALLOC_MAX_PLANES || from->memory_count > HWALLOC_MAX_PLANES ||
        from->matrix > HWALLOC_MATRIX_HSV_256 || from->range > HWALLOC_RANGE_FULL || from->reserved)
        return Error(ErrorKind::invalid, "a layout has numbers that mean nothing");
    ImageLayout to{.fourcc = from->fourcc,
                   .modifier = from->modifier,
                   .width = from->width,
                   .height = from->height,
                   .plane_count = from->plane_count,
                   .memory_count = from->memory_count,
                   .matrix = static_cast<ColorMatrix>(from->matrix),
                   .range = static_cast<ColorRange>(from->range)};
    for (std::size_t i = 0; i < to.planes.size(); ++i)
        to.planes[i] = {.memory = from->planes[i].memory,
                        .offset = from->planes[i].offset,
                        .stride = from->planes[i].stride,
                        .size = from->planes[i].size};
    std::copy(std::begin(from->memory_sizes), std::end(from->memory_sizes), to.memory_sizes.begin());
    return to;
}

int answer_layout(const ImageLayout& from, hwalloc_image_layout* to, hwalloc_error** error) noexcept {
    return to ? answer(write_struct(to, layout_to_c(from)), error)
              : refuse_null("there is no place for the layout", error);
}

} // namespace hwalloc::c
