// Uses hwalloc/vulkan.h as an application would, from what was installed alone: its extensions, a device,
// memory of the device as a VkBuffer. Prints the version; a machine without a Vulkan driver is no failure.
#include <cstdio>
#include <cstring>

#include "hwalloc/inventory.h"
#include "hwalloc/vulkan.h"

namespace {

int fail(const char* what, const hwalloc::Error& error) {
    std::fprintf(stderr, "%s: %s\n", what, error.message().c_str());
    return 1;
}

int use(hwalloc::vulkan::Device& device) {
    auto allocator = device.allocator(hwalloc::vulkan::Placement::host);
    if (!allocator)
        return fail("allocator", allocator.error());
    auto memory = (*allocator)->alloc(64);
    if (!memory)
        return fail("alloc", memory.error());
    auto buffer = device.buffer(**memory);
    if (!buffer)
        return fail("buffer", buffer.error());
    if (buffer->handle() == VK_NULL_HANDLE || buffer->size() != 64 || buffer->foreign()) {
        std::fprintf(stderr, "the buffer is something else\n");
        return 1;
    }
    return 0;
}

} // namespace

int main() {
    bool listed = false;
    for (const char* name : hwalloc::vulkan::required_device_extensions())
        listed |= std::strcmp(name, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME) == 0;
    if (!listed) {
        std::fprintf(stderr, "no dma-buf among the extensions\n");
        return 1;
    }
    if (auto device = hwalloc::vulkan::Device::open()) {
        if (use(*device) != 0)
            return 1;
    } else if (device.error().kind() != hwalloc::ErrorKind::unavailable) {
        return fail("open", device.error());
    }
    const auto version = hwalloc::version();
    std::printf("%.*s\n", static_cast<int>(version.size()), version.data());
    return 0;
}
