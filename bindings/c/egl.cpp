// What EGL wants to hear of a picture, for C.
#include <algorithm>
#include <span>

#include "bindings/c/layout.h"
#include "hwalloc/c_egl.h"
#include "hwalloc/egl.h"

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

namespace {

// Checks what both have in common, then has `make` make the attributes of the layout.
template<class F>
int answer_attributes(const hwalloc_image_layout* layout, uint32_t modifiers,
                      hwalloc_egl_attributes* attributes, hwalloc_error** error, F&& make) noexcept {
    if (!layout || !attributes)
        return refuse_null(layout ? "there is no place for the attributes" : "there is no layout", error);
    if (modifiers > HWALLOC_EGL_OMIT_MODIFIERS)
        return refuse_null("modifiers are told or omitted, and there is nothing else", error);
    const auto picture = c::layout_of(layout);
    if (!picture)
        return refuse(picture.error(), error);
    const auto made =
        make(*picture, modifiers == HWALLOC_EGL_TELL_MODIFIERS ? EglModifiers::tell : EglModifiers::omit);
    if (!made)
        return refuse(made.error(), error);
    hwalloc_egl_attributes ours{};
    static_assert(std::size(ours.values) == 2 * (3 + 5 * ImageLayout::max_planes + 2) + 1);
    ours.count = made->size();
    std::copy_n(made->data(), made->size(), ours.values);
    return c::answer(c::write_struct(attributes, ours), error);
}

} // namespace

int hwalloc_egl_attributes_of_fds(const hwalloc_image_layout* layout, const int* fds, size_t fd_count,
                                  uint32_t modifiers, hwalloc_egl_attributes* attributes,
                                  hwalloc_error** error) noexcept {
    if (!fds && fd_count > 0)
        return refuse_null("there are no descriptors", error);
    return answer_attributes(layout, modifiers, attributes, error,
                             [&](const ImageLayout& picture, EglModifiers told) {
                                 return egl_image_attributes(picture, std::span(fds, fd_count), told);
                             });
}
int hwalloc_egl_attributes_of_memory(const hwalloc_memory* memory, const hwalloc_image_layout* layout,
                                     uint32_t modifiers, hwalloc_egl_attributes* attributes,
                                     hwalloc_error** error) noexcept {
    if (!memory)
        return refuse_null("there is no memory", error);
    return answer_attributes(layout, modifiers, attributes, error,
                             [&](const ImageLayout& picture, EglModifiers told) {
                                 return egl_image_attributes(*c::of(memory), picture, told);
                             });
}
