// Pixel formats for C.
#include <algorithm>
#include <string>

#include "bindings/c/answer.h"
#include "hwalloc/c_pixel_format.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/pixel_format.h"
#include "hwalloc/v4l2.h"

using namespace hwalloc;
using c::refuse;
using c::refuse_null;

namespace {

constexpr const char* no_format_place = "there is no place for the format";

const char* name_of(const PixelFormat* format) noexcept {
    return format ? format->name : nullptr;
}

int answer_format_info(const PixelFormat& from, hwalloc_pixel_format_info* to,
                       hwalloc_error** error) noexcept {
    hwalloc_pixel_format_info ours{};
    static_assert(std::size(ours.planes) == std::tuple_size_v<decltype(from.planes)>);
    static_assert(std::size(ours.components) == std::tuple_size_v<decltype(from.components)>);
    ours.name = from.name;
    ours.aliases = from.aliases;
    ours.why_no_drm = from.drm.why_none;
    ours.why_no_v4l2 = from.v4l2.why_none;
    ours.why_no_vulkan = from.vulkan.why_none;
    ours.drm = from.drm.code;
    ours.v4l2 = from.v4l2.code;
    ours.vulkan = from.vulkan.code;
    ours.v4l2_memory_per_plane = from.v4l2_memory_per_plane;
    std::ranges::copy(from.v4l2_old, ours.v4l2_old);
    ours.kind = static_cast<uint32_t>(from.kind);
    ours.packing = static_cast<uint32_t>(from.packing);
    ours.is_float = from.is_float;
    ours.chroma_columns = from.chroma_columns;
    ours.chroma_rows = from.chroma_rows;
    ours.plane_count = from.plane_count;
    std::ranges::transform(from.planes, ours.planes, [](const PixelPlane& plane) {
        return hwalloc_pixel_plane{.bytes = plane.bytes, .columns = plane.columns, .rows = plane.rows};
    });
    std::ranges::transform(from.components, ours.components, [](const PixelComponent& component) {
        return hwalloc_pixel_component{.plane = component.plane,
                                       .first = component.first,
                                       .step = component.step,
                                       .bits = component.bits};
    });
    std::ranges::copy(from.mosaic, ours.mosaic);
    return c::answer(c::write_struct(to, ours), error);
}

} // namespace

int hwalloc_pixel_format(const char* name, uint32_t* drm, uint32_t* v4l2, uint32_t* vulkan,
                         hwalloc_error** error) noexcept {
    const PixelFormat* format = name ? pixel_format_by_name(name) : nullptr;
    if (!format)
        return refuse(Error(ErrorKind::invalid, "no pixel format is called so"), error);
    if (drm)
        *drm = format->drm.code;
    if (v4l2)
        *v4l2 = format->v4l2.code ? format->v4l2.code : format->v4l2_memory_per_plane;
    if (vulkan)
        *vulkan = format->vulkan.code;
    return 0;
}
const char* hwalloc_drm_format_name(uint32_t code) noexcept {
    return name_of(pixel_format_by_drm(code));
}
const char* hwalloc_v4l2_format_name(uint32_t code) noexcept {
    return name_of(pixel_format_by_v4l2(code));
}
const char* hwalloc_vulkan_format_name(uint32_t code) noexcept {
    return name_of(pixel_format_by_vulkan(code));
}
int hwalloc_drm_format_is_yuv(uint32_t code) noexcept {
    return is_yuv(code);
}
uint32_t hwalloc_v4l2_of_drm_format(uint32_t code) noexcept {
    return v4l2::pixel_format_of_drm(code);
}
uint32_t hwalloc_drm_of_v4l2_format(uint32_t code) noexcept {
    return v4l2::drm_of_pixel_format(code);
}
size_t hwalloc_fourcc_name(uint32_t code, char* text, size_t size) noexcept {
    return c::copy_text(fourcc_name(code), text, size); // which is short, and so allocates nothing
}

size_t hwalloc_pixel_formats(void) noexcept {
    return pixel_formats().size();
}
int hwalloc_pixel_format_at(size_t index, hwalloc_pixel_format_info* format, hwalloc_error** error) noexcept {
    if (!format || index >= pixel_formats().size())
        return refuse_null(format ? "there are not so many pixel formats" : no_format_place, error);
    return answer_format_info(pixel_formats()[index], format, error);
}
int hwalloc_pixel_format_named(const char* name, hwalloc_pixel_format_info* format,
                               hwalloc_error** error) noexcept {
    const PixelFormat* found = name ? pixel_format_by_name(name) : nullptr;
    if (!format || !found)
        return refuse_null(format ? "no pixel format is called so" : no_format_place, error);
    return answer_format_info(*found, format, error);
}
