#include "hwalloc/image.h"

#include <algorithm>
#include <limits>

namespace hwalloc {
Result<Image> alloc_image(Allocator& allocator, const ImageRequest& request) noexcept {
    if (auto* images = allocator.extension<AllocatesImages>())
        return images->alloc_image(request);
    const auto& modifiers = request.modifiers;
    if (!modifiers.empty() &&
        std::find(modifiers.begin(), modifiers.end(), linear_modifier) == modifiers.end())
        return Error(ErrorKind::unsupported, "allocating an image")
            .on(allocator.name())
            .remedy(
                "this allocator knows linear images only, and linear is not among the modifiers asked for");
    auto layout = linear_layout(request.fourcc, request.width, request.height);
    if (!layout)
        return std::move(layout).error();
    if (layout->memory_sizes[0] > std::numeric_limits<std::size_t>::max())
        return Error(ErrorKind::limit, "the size of the image does not fit");
    auto memory = allocator.alloc(static_cast<std::size_t>(layout->memory_sizes[0]));
    if (!memory)
        return std::move(memory).error();
    return Image{*std::move(memory), *layout};
}

} // namespace hwalloc
