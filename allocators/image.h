// Images as memory: allocating memory for a picture, where whoever makes the memory says how the picture lies
// in it.
#pragma once

#include <array>
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

// A picture: memory, and where the pixels are in it. layout.memory_sizes[i] is at most the size of memory i.
struct Image {
    MemoryRef memory;
    ImageLayout layout;
    // Of a layout in several memories, those beyond the first; the rest is null.
    std::array<MemoryRef, ImageLayout::max_planes - 1> more_memories{};

    // `index` is below layout.memory_count.
    MemoryRef& memory_at(std::uint32_t index) noexcept HWALLOC_LIFETIMEBOUND {
        return index == 0 ? memory : more_memories[index - 1];
    }
    const MemoryRef& memory_at(std::uint32_t index) const noexcept HWALLOC_LIFETIMEBOUND {
        return index == 0 ? memory : more_memories[index - 1];
    }
};

// Whether the memories of an image are all there, one to four: for whoever takes an image that somebody else
// put together, before Image::memory_at(). Thread-safe. Error: invalid.
inline Result<void> check_memories(const Image& image) noexcept {
    const std::uint32_t count = image.layout.memory_count;
    if (count == 0 || count > ImageLayout::max_planes)
        return Error(ErrorKind::invalid, "an image has one to four memories");
    for (std::uint32_t i = 0; i < count; ++i)
        if (!image.memory_at(i))
            return Error(ErrorKind::invalid, "a memory of the image is missing");
    return {};
}

// On an Allocator: lays pictures out itself, because its device has rules about that (a pitch, a modifier).
class AllocatesImages {
public:
    static constexpr std::string_view extension_id = "hwalloc.allocates-images.v1";
    // New memory for the picture, all planes in one, with the layout that the device chose. Thread-safety: as
    // Allocator::alloc. Errors: invalid (no pixels), unsupported (a format or modifiers that the device does
    // not have), and those of Allocator::alloc.
    virtual Result<Image> alloc_image(const ImageRequest& request) noexcept = 0;

protected:
    ~AllocatesImages() = default;
};

// New memory for a picture from `allocator`: by AllocatesImages where it has that, else as many bytes as
// linear_layout() says. Colours of the layout are left unspecified. Thread-safety: as Allocator::alloc.
// Errors: unsupported (the allocator lays nothing out itself and the modifiers leave linear out, or the
// format is not known), invalid, limit, and those of Allocator::alloc.
HWALLOC_API Result<Image> alloc_image(Allocator& allocator, const ImageRequest& request) noexcept;
// New memory for a picture that lies as `layout` says: as many memories as it has, of memory_sizes each. The
// allocator is asked for bytes only. Thread-safety: as Allocator::alloc. Errors: invalid (no memory, or more
// than there are planes), limit, and those of Allocator::alloc.
HWALLOC_API Result<Image> alloc_layout(Allocator& allocator, const ImageLayout& layout) noexcept;

} // namespace hwalloc
