#include "hwalloc/egl.h"

#include <limits>

#include "hwalloc/capabilities.h"

namespace hwalloc {
namespace {

// EGL's numbers (the registry's eglext.h), which are ABI.
enum : std::intptr_t {
    egl_none = 0x3038,
    egl_height = 0x3056,
    egl_width = 0x3057,
    egl_fourcc = 0x3271,
    egl_color_space_hint = 0x327B,
    egl_sample_range_hint = 0x327C,
    egl_rec601 = 0x327F,
    egl_rec709 = 0x3280,
    egl_rec2020 = 0x3281,
    egl_full_range = 0x3282,
    egl_narrow_range = 0x3283,
};
struct PlaneNames {
    std::intptr_t fd, offset, pitch, modifier_low, modifier_high;
};
constexpr PlaneNames plane_names[ImageLayout::max_planes] = {
    {0x3272, 0x3273, 0x3274, 0x3443, 0x3444},
    {0x3275, 0x3276, 0x3277, 0x3445, 0x3446},
    {0x3278, 0x3279, 0x327A, 0x3447, 0x3448},
    {0x3440, 0x3441, 0x3442, 0x3449, 0x344A},
};

} // namespace

struct EglImageAttributesBuilder {
    EglImageAttributes made{};

    void add(std::intptr_t name, std::intptr_t value) noexcept {
        made.values_[made.size_++] = name;
        made.values_[made.size_++] = value;
    }
    // Every bit pattern of 32 bits is an EGLint.
    void add_word(std::intptr_t name, std::uint32_t value) noexcept {
        add(name, static_cast<std::int32_t>(value));
    }
    void end() noexcept { made.values_[made.size_++] = egl_none; }
};

namespace {

Result<EglImageAttributes> attributes(const ImageLayout& layout, std::span<const int> fds, std::uint64_t base,
                                      EglModifiers modifiers) noexcept {
    if (layout.plane_count == 0 || layout.plane_count > ImageLayout::max_planes)
        return Error(ErrorKind::invalid, "an image has one to four planes");
    if (layout.fourcc == 0)
        return Error(ErrorKind::unsupported,
                     "the image's format has no name in drm_fourcc.h, and EGL knows no other");
    const bool known = layout.modifier != unknown_modifier;
    if (modifiers == EglModifiers::omit && known && layout.modifier != linear_modifier)
        return Error(ErrorKind::unsupported, "the image is not linear, and its modifier is to be left out")
            .remedy("a display without EGL_EXT_image_dma_buf_import_modifiers takes linear images only");
    constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
    EglImageAttributesBuilder list;
    list.add_word(egl_width, layout.width);
    list.add_word(egl_height, layout.height);
    list.add_word(egl_fourcc, layout.fourcc);
    for (std::uint32_t i = 0; i < layout.plane_count; ++i) {
        const ImagePlane& plane = layout.planes[i];
        if (plane.memory >= fds.size() || fds[plane.memory] < 0)
            return Error(ErrorKind::invalid, "there is no descriptor for a memory of the image");
        if (plane.offset > most - base || plane.stride > most)
            return Error(ErrorKind::unsupported, "EGL's offsets and pitches have 31 bits");
        list.add(plane_names[i].fd, fds[plane.memory]);
        list.add(plane_names[i].offset, static_cast<std::intptr_t>(base + plane.offset));
        list.add(plane_names[i].pitch, static_cast<std::intptr_t>(plane.stride));
        if (modifiers == EglModifiers::tell && known) {
            list.add_word(plane_names[i].modifier_low, static_cast<std::uint32_t>(layout.modifier));
            list.add_word(plane_names[i].modifier_high, static_cast<std::uint32_t>(layout.modifier >> 32));
        }
    }
    switch (layout.matrix) {
    case ColorMatrix::bt601:
        list.add(egl_color_space_hint, egl_rec601);
        break;
    case ColorMatrix::bt709:
        list.add(egl_color_space_hint, egl_rec709);
        break;
    case ColorMatrix::bt2020:
    case ColorMatrix::bt2020_constant:
        list.add(egl_color_space_hint, egl_rec2020);
        break;
    default:
        break;
    }
    if (layout.range != ColorRange::unspecified && is_yuv(layout.fourcc))
        list.add(egl_sample_range_hint, layout.range == ColorRange::full ? egl_full_range : egl_narrow_range);
    list.end();
    return list.made;
}

} // namespace

Result<EglImageAttributes> egl_image_attributes(const ImageLayout& layout, std::span<const int> fds,
                                                EglModifiers modifiers) noexcept {
    return attributes(layout, fds, 0, modifiers);
}

Result<EglImageAttributes> egl_image_attributes(const Memory& memory, const ImageLayout& layout,
                                                EglModifiers modifiers) noexcept {
    const auto lent = borrow_fd(memory, FdKind::dmabuf);
    if (!lent)
        return Error(lent.error());
    if (lent->offset > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
        return Error(ErrorKind::unsupported, "EGL's offsets and pitches have 31 bits");
    const int fd = lent->fd;
    return attributes(layout, {&fd, 1}, lent->offset, modifiers);
}

} // namespace hwalloc
