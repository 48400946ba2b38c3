// A driver with dma-bufs, for machines whose Vulkan has none: what is exported is a memfd that answers like a
// dma-buf (tests/unit/fake_dma_buf.h), what is imported becomes ordinary memory. It shows what the library
// asks for and who owns a descriptor; that the bytes are the same is shown in the lab.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/kernel.h"
#include "tests/unit/fake_dma_buf.h"
#include "tests/vulkan/driver_watch.h"
#include "tests/vulkan/short_memory.h"

namespace hwalloc::vulkan::testing {

class FakeDmaBufDriver {
public:
    explicit FakeDmaBufDriver(DriverWatch& watch) {
        // What the made-up kernel allocates is no allocation of the library's.
        static const auto fstatfs = kernel.fstatfs;
        static const auto ioctl = kernel.ioctl;
        kernel.fstatfs = [](int fd, struct statfs* status) {
            const ShortMemory::Pause pause;
            return fstatfs(fd, status);
        };
        kernel.ioctl = [](int fd, unsigned long request, void* argument) {
            const ShortMemory::Pause pause;
            return ioctl(fd, request, argument);
        };
        watch.external_buffers = [this](VkExternalBufferProperties& answer) {
            auto& features = answer.externalMemoryProperties.externalMemoryFeatures;
            features = VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT | VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
            if (dedicated_only)
                features |= VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT;
        };
        watch.create_buffer = [](PFN_vkCreateBuffer next, VkDevice device, const VkBufferCreateInfo& info,
                                 VkBuffer* out) {
            VkBufferCreateInfo plain = info;
            plain.pNext = nullptr;
            return next(device, &plain, nullptr, out);
        };
        watch.allocate = [this](PFN_vkAllocateMemory next, VkDevice device, const VkMemoryAllocateInfo& info,
                                VkDeviceMemory* out) { return allocate(next, device, info, out); };
        watch.get_fd = [this](VkDeviceMemory memory, int* out) {
            auto fd = hwalloc::testing::FakeDmaBufs::make(exported_.at(memory));
            if (exports_read_only)
                fd = hwalloc::testing::FakeDmaBufs::reopened(fd, O_RDONLY);
            *out = fd.release();
            return VK_SUCCESS;
        };
        watch.fd_properties = [this](int, VkMemoryFdPropertiesKHR* out) {
            out->memoryTypeBits = fd_types;
            return VK_SUCCESS;
        };
    }

    std::uint32_t fd_types = ~0u;
    bool dedicated_only = false;
    bool exports_read_only = false;
    bool refuses_imports = false;
    VkResult refusal = VK_ERROR_INVALID_EXTERNAL_HANDLE;
    // As Mesa's lavapipe up to 25.2 does, against the specification.
    bool closes_refused_fds = false;
    int imports = 0;
    // Descriptors it was given and refused.
    std::vector<int> refused;

private:
    VkResult allocate(PFN_vkAllocateMemory next, VkDevice device, const VkMemoryAllocateInfo& info,
                      VkDeviceMemory* out) {
        const auto* import =
            find_in_chain<VkImportMemoryFdInfoKHR>(info.pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
        if (import && refuses_imports) {
            refused.push_back(import->fd);
            if (closes_refused_fds)
                ::close(import->fd);
            return refusal;
        }
        VkMemoryAllocateInfo plain = info;
        plain.pNext = nullptr;
        const VkResult result = next(device, &plain, nullptr, out);
        if (result != VK_SUCCESS)
            return result;
        if (import) {
            ++imports;
            ::close(import->fd); // taken
        }
        const std::size_t page = page_size();
        exported_[*out] = (info.allocationSize + page - 1) / page * page;
        return result;
    }

    hwalloc::testing::FakeDmaBufs kernel_;
    std::map<VkDeviceMemory, std::size_t> exported_;
};

} // namespace hwalloc::vulkan::testing
