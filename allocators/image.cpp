#include "hwalloc/image.h"
#include "allocators/modifiers.h"
#include "common/addressable.h"

#include <algorithm>

namespace hwalloc {
Result<Image> alloc_image(Allocator& allocator, const ImageRequest& request) noexcept {
    if (auto* images = allocator.extension<AllocatesImages>()) {
        auto image = images->alloc_image(request);
        if (image)
            if (auto given = check_memories(*image); !given)
                return std::move(given).error().on(allocator.name());
        return image;
    }
    if (!allows_linear(request.modifiers))
        return Error(ErrorKind::unsupported, "allocating an image")
            .on(allocator.name())
            .remedy(
                "this allocator knows linear images only, and linear is not among the modifiers asked for");
    auto layout = linear_layout(request.fourcc, request.width, request.height);
    if (!layout)
        return std::move(layout).error();
    return alloc_layout(allocator, *layout);
}

Result<Image> alloc_layout(Allocator& allocator, const ImageLayout& layout) noexcept {
    if (layout.memory_count == 0 || layout.memory_count > ImageLayout::max_planes)
        return Error(ErrorKind::invalid, "an image has one to four memories");
    Image image{.memory = {}, .layout = layout};
    for (std::uint32_t i = 0; i < layout.memory_count; ++i) {
        const auto bytes = addressable(layout.memory_sizes[i]);
        if (!bytes)
            return bytes.error();
        auto memory = allocator.alloc(*bytes);
        if (!memory)
            return std::move(memory).error();
        image.memory_at(i) = *std::move(memory);
    }
    return image;
}

} // namespace hwalloc
