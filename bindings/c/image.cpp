// Pictures for C.
#include <algorithm>
#include <new>
#include <span>

#include "bindings/c/layout.h"
#include "bindings/c/picture.h"
#include "hwalloc/c_image.h"
#include "hwalloc/image.h"

using namespace hwalloc;
using c::answer_layout;
using c::layout_of;
using c::of;
using c::refuse;
using c::refuse_null;

namespace {

constexpr const char* no_picture_place = "there is no place for the picture, or nothing that describes it";
int answer_image(Result<Image> made, hwalloc_image** image, hwalloc_error** error) noexcept {
    if (!made)
        return refuse(made.error(), error);
    return c::give(new (std::nothrow) hwalloc_image{*std::move(made)}, image, error);
}

} // namespace

int hwalloc_linear_layout(uint32_t fourcc, uint32_t width, uint32_t height, uint32_t stride,
                          hwalloc_image_layout* layout, hwalloc_error** error) noexcept {
    const auto made = linear_layout(fourcc, width, height, stride);
    return made ? answer_layout(*made, layout, error) : refuse(made.error(), error);
}
int hwalloc_memory_per_plane(hwalloc_image_layout* layout, hwalloc_error** error) noexcept {
    if (!layout)
        return refuse_null("there is no layout", error);
    const auto given = layout_of(layout);
    return given ? answer_layout(with_memory_per_plane(*given), layout, error) : refuse(given.error(), error);
}

int hwalloc_alloc_image(hwalloc_allocator* allocator, uint32_t fourcc, uint32_t width, uint32_t height,
                        const uint64_t* modifiers, size_t modifier_count, hwalloc_image** image,
                        hwalloc_error** error) noexcept {
    if (!allocator || !image || (!modifiers && modifier_count > 0))
        return refuse_null(allocator ? no_picture_place : "there is no allocator", error);
    return answer_image(alloc_image(*of(allocator), {.fourcc = fourcc,
                                                     .width = width,
                                                     .height = height,
                                                     .modifiers = std::span(modifiers, modifier_count)}),
                        image, error);
}
int hwalloc_alloc_layout(hwalloc_allocator* allocator, const hwalloc_image_layout* layout,
                         hwalloc_image** image, hwalloc_error** error) noexcept {
    if (!allocator || !image || !layout)
        return refuse_null(allocator ? no_picture_place : "there is no allocator", error);
    const auto given = layout_of(layout);
    return given ? answer_image(alloc_layout(*of(allocator), *given), image, error)
                 : refuse(given.error(), error);
}
hwalloc_memory* hwalloc_image_memory(const hwalloc_image* image, uint32_t index) noexcept {
    return image && index < image->image.layout.memory_count ? c::to_c(image->image.memory_at(index).get())
                                                             : nullptr;
}
int hwalloc_image_get_layout(const hwalloc_image* image, hwalloc_image_layout* layout,
                             hwalloc_error** error) noexcept {
    return image ? answer_layout(image->image.layout, layout, error)
                 : refuse_null("there is no picture", error);
}
void hwalloc_image_free(hwalloc_image* image) noexcept {
    delete image;
}
