#include "hwalloc/image.h"
#include "allocators/modifiers.h"
#include "common/addressable.h"

#include <algorithm>

namespace hwalloc {
Result<Image> alloc_image(Allocator& allocator, const ImageRequest& request) noexcept {
    if (auto* images = allocator.extension<AllocatesImages>())
        return images->alloc_image(request);
    if (!allows_linear(request.modifiers))
        return Error(ErrorKind::unsupported, "allocating an image")
            .on(allocator.name())
            .remedy(
                "this allocator knows linear images only, and linear is not among the modifiers asked for");
    auto layout = linear_layout(request.fourcc, request.width, request.height);
    if (!layout)
        return std::move(layout).error();
    const auto bytes = addressable(layout->memory_sizes[0]);
    if (!bytes)
        return bytes.error();
    auto memory = allocator.alloc(*bytes);
    if (!memory)
        return std::move(memory).error();
    return Image{*std::move(memory), *layout};
}

} // namespace hwalloc
