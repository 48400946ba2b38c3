// What EGL wants to hear of an image, for eglCreateImage(EGL_LINUX_DMA_BUF_EXT) (EGL_EXT_image_dma_buf_import
// and EGL_EXT_image_dma_buf_import_modifiers). Plain numbers: neither this header nor the library needs EGL.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hwalloc/export.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/result.h"

namespace hwalloc {

// A list that ends with EGL_NONE: data() for eglCreateImage, which takes EGLAttrib. eglCreateImageKHR takes
// EGLint: copy the values, each of which fits.
class EglImageAttributes {
public:
    const std::intptr_t* data() const noexcept HWALLOC_LIFETIMEBOUND { return values_.data(); }
    std::size_t size() const noexcept { return size_; } // EGL_NONE included

private:
    friend struct EglImageAttributesBuilder;
    // Size and format, five for each plane, two hints, and the end.
    std::array<std::intptr_t, 2 * (3 + 5 * ImageLayout::max_planes + 2) + 1> values_{};
    std::size_t size_ = 0;
};

enum class EglModifiers : std::uint8_t {
    tell, // the display has EGL_EXT_image_dma_buf_import_modifiers
    omit, // it has not: only linear images can be told
};

// The attributes of an image whose memories have these descriptors: one for each memory of the layout, lent,
// as eglCreateImage wants them (EGL duplicates them). Colours that are not known are not told. Errors:
// invalid (no planes, or too few descriptors), unsupported (a format without a DRM name, more than INT_MAX,
// or a modifier that must be told and is to be omitted).
HWALLOC_API Result<EglImageAttributes>
egl_image_attributes(const ImageLayout& layout, std::span<const int> fds,
                     EglModifiers modifiers = EglModifiers::tell) noexcept;
// The same for an image in one memory: its dma-buf, and where its window begins there. The descriptor is the
// memory's: call eglCreateImage while it lives. Errors: those, and of borrow_fd().
HWALLOC_API Result<EglImageAttributes>
egl_image_attributes(const Memory& memory, const ImageLayout& layout,
                     EglModifiers modifiers = EglModifiers::tell) noexcept;
// The same; invalid where the handle holds no memory.
inline Result<EglImageAttributes> egl_image_attributes(const MemoryRef& memory, const ImageLayout& layout,
                                                       EglModifiers modifiers = EglModifiers::tell) noexcept {
    if (!memory)
        return Error(ErrorKind::invalid, "there is no memory");
    return egl_image_attributes(*memory, layout, modifiers);
}

} // namespace hwalloc
