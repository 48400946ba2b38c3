// Images as memory: allocating memory for a picture, where whoever makes the memory says how the picture lies
// in it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hwalloc/allocator.h"
#include "hwalloc/export.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/result.h"

namespace hwalloc {

// What a picture's memory must be able to hold.
struct ImageRequest {
    std::uint32_t fourcc = 0; // by its name in drm_fourcc.h; fourcc('X', 'R', '2', '4')
    std::uint32_t width = 0;  // in pixels
    std::uint32_t height = 0;
    // The layouts of pixels that will do, as in drm_fourcc.h; one of them is chosen. Empty: linear only. Read
    // during the call only.
    std::span<const std::uint64_t> modifiers{};
};

// A picture: memory, and where the pixels are in it. All planes are in the one memory; layout.memory_sizes[0]
// is at most its size.
struct Image {
    MemoryRef memory;
    ImageLayout layout;
};

// On an Allocator: lays pictures out itself, because its device has rules about that (a pitch, a modifier).
class AllocatesImages {
public:
    static constexpr std::string_view extension_id = "hwalloc.allocates-images.v1";
    // New memory for the picture, with the layout that the device chose. Thread-safety: as Allocator::alloc.
    // Errors: invalid (no pixels), unsupported (a format or modifiers that the device does not have), and
    // those of Allocator::alloc.
    virtual Result<Image> alloc_image(const ImageRequest& request) noexcept = 0;

protected:
    ~AllocatesImages() = default;
};

// New memory for a picture from `allocator`: by AllocatesImages where it has that, else as many bytes as
// linear_layout() says. Colours of the layout are left unspecified. Thread-safety: as Allocator::alloc.
// Errors: unsupported (the allocator lays nothing out itself and the modifiers leave linear out, or the
// format is not known), invalid, limit, and those of Allocator::alloc.
HWALLOC_API Result<Image> alloc_image(Allocator& allocator, const ImageRequest& request) noexcept;

} // namespace hwalloc
