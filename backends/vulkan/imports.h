// What a device has imported: each dma-buf once, as a VkBuffer, and once more for each VkImage layout of it.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "backends/vulkan/bindings.h"
#include "backends/vulkan/context.h"
#include "common/fork_safe_mutex.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc::vulkan::detail {

// Thread-safe. Imports are found by the dma-buf's object, which they keep, and live as long as somebody holds
// them.
class Imports {
public:
    explicit Imports(Context& context) noexcept : context_(context) {}

    // The dma-buf as a VkBuffer: the whole of it, or as much as the driver can have where it pads buffers.
    Result<std::shared_ptr<const BufferBinding>> buffer(const DmaBufRef& dma_buf) noexcept;
    // A picture in it; the layout's offsets count from the dma-buf's start.
    Result<std::shared_ptr<const ImageBinding>> image(const DmaBufRef& dma_buf, const ImageLayout& layout,
                                                      VkImageUsageFlags usage) noexcept;

private:
    friend struct ImportedBuffer;
    friend struct ImportedImage;
    // One layout of one dma-buf. What tells them apart stands here, so that looking for one holds no other.
    struct ImageEntry {
        ImageLayout layout;
        VkImageUsageFlags usage;
        std::weak_ptr<const ImageBinding> binding;
    };
    void forget_buffer(const DmaBuf* dma_buf) noexcept;
    void forget_image(const DmaBuf* dma_buf) noexcept;

    Context& context_;
    // Held during an import too, so that two threads do not import one buffer twice. The last owner of a
    // binding takes it, so none may let go of one while holding it.
    ForkSafeMutex mutex_{ForkSafeMutex::Held::across_waits};
    std::unordered_map<const DmaBuf*, std::weak_ptr<const BufferBinding>> buffers_;
    std::unordered_multimap<const DmaBuf*, ImageEntry> images_;
};

} // namespace hwalloc::vulkan::detail
