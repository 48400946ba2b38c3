// Memory that the CPU does not see: zeroed and copied by the GPU, and refused clearly where there is no queue
// for it. The driver's memory is visible in truth; it is only made to say otherwise, and the bytes are looked
// at by copying them out.
#include <gmock/gmock.h>

#include "hwalloc/capabilities.h"
#include "tests/vulkan/fake_dma_buf_driver.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

class GpuOnlyTest : public VulkanTest {
protected:
    // Bytes of the GPU's memory with a pattern in them.
    MemoryRef gpu_memory(Device& device, std::size_t size, unsigned seed,
                         const AllocationParams& params = {}) {
        AllocatorRef host = allocator(device, Placement::host),
                     gpu = allocator(device, Placement::device_local);
        MemoryRef bytes = alloc(*host, size, params);
        fill(*bytes, seed);
        // A piece of the host is copied by the CPU; an allocator's memory that is made here, by the GPU.
        MemoryRef memory = alloc(*gpu, size, params);
        write_by_gpu(device, *bytes, *memory, size);
        return memory;
    }
    // What an application does with its own queue.
    void write_by_gpu(Device& device, Memory& from, Memory& to, std::size_t size) {
        const Buffer source = *device.buffer(from), target = *device.buffer(to);
        run([&](VkCommandBuffer commands) {
            const VkBufferCopy region{source.offset(), target.offset(), size};
            vkCmdCopyBuffer(commands, source.handle(), target.handle(), 1, &region);
        });
    }
    // Exports nothing the CPU sees, so that "vulkan/N" too is the GPU's alone.
    void hide_from_cpu() {
        watch->memory_properties = [](VkPhysicalDeviceMemoryProperties& memory) {
            for (auto& type : memory.memoryTypes)
                type.propertyFlags = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
        };
    }
};

TEST_F(GpuOnlyTest, ItIsNotMappableAndSaysSo) {
    Device device = wrap();
    AllocatorRef gpu = allocator(device, Placement::device_local);
    EXPECT_FALSE(gpu->extension<Describes>()->claims().map);
    MemoryRef memory = alloc(*gpu, 5000);
    EXPECT_TRUE(has(memory->flags(), MemoryFlags::not_mappable));
    auto mapping = memory->map(MapFlags::read);
    ASSERT_FALSE(mapping);
    EXPECT_EQ(mapping.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(mapping.error().message(), ::testing::HasSubstr("NOT_MAPPABLE"));
    MemoryRef share = std::move(*memory->share(0, 10));
    EXPECT_FALSE(share->map(MapFlags::read));
}

TEST_F(GpuOnlyTest, TheEdgesAreZeroToTheLastByte) {
    Device device = wrap();
    AllocatorRef gpu = allocator(device, Placement::device_local), host = allocator(device, Placement::host);
    for (const std::size_t padding : {1u, 2u, 3u, 5u, 64u}) {
        SCOPED_TRACE(padding);
        // Memory that was used before, so that zero is no accident.
        const std::size_t all = 61 + 1001 + padding;
        { MemoryRef used = gpu_memory(device, all + 64, 1); }
        MemoryRef memory = alloc(*gpu, 1001,
                                 {.flags = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded,
                                  .prefix = 61,
                                  .padding = padding});
        ASSERT_TRUE(memory->resize(-61, memory->maxsize()));
        auto out = memory->copy(0, whole, host.get());
        ASSERT_TRUE(out) << why(out);
        auto mapping = (*out)->map(MapFlags::read);
        ASSERT_EQ(mapping->size(), memory->maxsize());
        for (std::size_t i = 0; i < mapping->size(); ++i)
            ASSERT_TRUE(mapping->data()[i] == 0 || (i >= 61 && i < 61 + 1001))
                << "at " << i << " of " << mapping->size();
    }
}

TEST_F(GpuOnlyTest, CopiesArriveWhereverTheyGo) {
    Device device = wrap();
    MemoryRef memory = gpu_memory(device, 200001, 7, {.prefix = 16});
    AllocatorRef host = allocator(device, Placement::host);
    AllocatorRef sysmem(Allocator::find("sysmem")), memfd(Allocator::find("memfd"));
    for (Allocator* target : {host.get(), sysmem.get(), memfd.get()}) {
        SCOPED_TRACE(std::string(target->name()));
        auto copy = memory->copy(1003, 100003, target);
        ASSERT_TRUE(copy) << why(copy);
        EXPECT_EQ(&(*copy)->allocator(), target);
        EXPECT_EQ((*copy)->size(), 100003u);
        EXPECT_EQ((*copy)->offset(), 0u);
        expect_filled(**copy, 7, 1003);
    }
    // To itself, and from there back.
    auto inside = memory->copy(1003, 100003);
    ASSERT_TRUE(inside) << why(inside);
    EXPECT_TRUE(has((*inside)->flags(), MemoryFlags::not_mappable));
    MemoryRef share = std::move(*(*inside)->share(50, 3000));
    auto out = share->copy(0, whole, host.get());
    ASSERT_TRUE(out) << why(out);
    expect_filled(**out, 7, 1003 + 50);
    auto nothing = memory->copy(5, 0, host.get());
    ASSERT_TRUE(nothing) << why(nothing);
    EXPECT_EQ((*nothing)->size(), 0u);
    EXPECT_FALSE(memory->copy(5, 200001, host.get())) << "past the end";
}

TEST_F(GpuOnlyTest, ACopyIsAlignedAsItsSourceByItsOwnAllocatorAlone) {
    Device device = wrap();
    MemoryRef memory = gpu_memory(device, 1000, 7, {.align = 4095});
    auto own = memory->copy();
    ASSERT_TRUE(own) << why(own);
    EXPECT_EQ((*own)->align(), 4095u);
    AllocatorRef host = allocator(device, Placement::host);
    auto elsewhere = memory->copy(0, whole, host.get());
    ASSERT_TRUE(elsewhere) << why(elsewhere);
    EXPECT_EQ((*elsewhere)->align(), 7u);
}

TEST_F(GpuOnlyTest, ACopyTakesNoLock) {
    Device device = wrap();
    MemoryRef memory = gpu_memory(device, 1000, 7);
    ASSERT_TRUE(memory->lock(LockFlags::write));
    EXPECT_TRUE(memory->copy()) << "as by the CPU";
    ASSERT_TRUE(memory->unlock(LockFlags::write));
    EXPECT_TRUE(memory->copy());
}

TEST_F(GpuOnlyTest, WithoutAQueueEachIsAClearRefusal) {
    Handles handles = app->handles();
    handles.queue = VK_NULL_HANDLE;
    handles.queue_mutex = nullptr;
    Device device = wrap(handles);
    EXPECT_EQ(device.queue(), VkQueue{VK_NULL_HANDLE});
    AllocatorRef gpu = allocator(device, Placement::device_local);
    MemoryRef memory = alloc(*gpu, 1000);
    EXPECT_TRUE(device.buffer(*memory));
    auto zeroed = gpu->alloc(1000, {.flags = MemoryFlags::zero_padded, .padding = 100});
    auto copied = memory->copy();
    AllocatorRef sysmem(Allocator::find("sysmem"));
    auto elsewhere = memory->copy(0, whole, sysmem.get());
    for (const Error& error : {zeroed.error(), copied.error(), elsewhere.error()}) {
        EXPECT_EQ(error.kind(), ErrorKind::unsupported) << error.message();
        EXPECT_EQ(error.device(), device.name());
        EXPECT_THAT(error.message(), ::testing::HasSubstr("queue"));
    }
    EXPECT_EQ(watch->count("vkCreateCommandPool"), 0);
    // And the memory of a host needs none.
    AllocatorRef host = allocator(device, Placement::host);
    MemoryRef visible = alloc(*host, 1000);
    fill(*visible, 3);
    expect_filled(**visible->copy(), 3);
}

TEST_F(GpuOnlyTest, ExportsThatTheCpuDoesNotSeeAreZeroedWhole) {
    FakeDmaBufDriver driver(*watch);
    hide_from_cpu();
    // And whose buffers need more than they hold: the dma-buf has all of it.
    watch->requirements = [](VkMemoryRequirements2& needs) {
        needs.memoryRequirements.alignment = 65536;
        needs.memoryRequirements.size = (needs.memoryRequirements.size + 65535) / 65536 * 65536;
    };
    std::vector<const char*> all = app->extensions;
    for (const char* name : required_device_extensions())
        all.push_back(name);
    Handles handles = app->handles();
    handles.enabled_extensions = all;
    {
        Device device = wrap(handles);
        AllocatorRef from = allocator(device, Placement::exportable);
        watch->clear();
        MemoryRef memory = alloc(*from, 5000);
        EXPECT_EQ(watch->count("vkMapMemory"), 0);
        EXPECT_EQ(watch->count("vkCmdFillBuffer"), 1);
        EXPECT_EQ(watch->count("vkQueueSubmit"), 1);
        // vkCmdFillBuffer reaches to the end of the VkBuffer, which must be the end of the memory.
        EXPECT_EQ(watch->buffer_sizes().back(), watch->allocations().at(0).size);
        // And whoever imports the dma-buf acquires what was released.
        const Buffer buffer = *device.buffer(*memory);
        const auto barriers = watch->buffer_barriers();
        ASSERT_EQ(barriers.size(), 1u);
        EXPECT_EQ(barriers[0].buffer, buffer.handle());
        EXPECT_EQ(barriers[0].srcAccessMask, VkAccessFlags{VK_ACCESS_TRANSFER_WRITE_BIT});
        EXPECT_EQ(barriers[0].srcQueueFamilyIndex, device.queue_family());
        const std::uint32_t outside = device.acquire_barrier(buffer, 0).srcQueueFamilyIndex;
        EXPECT_THAT(outside, ::testing::AnyOf(VK_QUEUE_FAMILY_FOREIGN_EXT, VK_QUEUE_FAMILY_EXTERNAL));
        EXPECT_EQ(barriers[0].dstQueueFamilyIndex, outside);
        EXPECT_FALSE(has(memory->flags(), MemoryFlags::not_mappable)) << "by its dma-buf it can be";
    }
    handles.queue = VK_NULL_HANDLE;
    Device device = wrap(handles);
    AllocatorRef from = allocator(device, Placement::exportable);
    auto refused = from->alloc(5000);
    ASSERT_FALSE(refused) << "old bytes would leave the process";
    EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(refused.error().message(), ::testing::HasSubstr("queue"));
}

// What a failed wait must not do: let go of memory that the GPU still writes, or leave a fence signalled.
TEST_F(GpuOnlyTest, AFailedWaitWaitsAllTheSame) {
    Device device = wrap();
    MemoryRef memory = gpu_memory(device, 100000, 7);
    watch->fail_name("vkWaitForFences", VK_ERROR_OUT_OF_HOST_MEMORY);
    auto refused = memory->copy();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().call(), "vkWaitForFences");
    EXPECT_EQ(watch->count("vkQueueWaitIdle"), 1) << "the GPU was at it";
    watch->fail_name("vkResetFences", VK_ERROR_OUT_OF_DEVICE_MEMORY);
    auto not_ready = memory->copy();
    ASSERT_FALSE(not_ready);
    EXPECT_EQ(not_ready.error().call(), "vkResetFences");
    watch->clear();
    AllocatorRef host = allocator(device, Placement::host);
    auto copy = memory->copy(0, whole, host.get());
    ASSERT_TRUE(copy) << why(copy);
    expect_filled(**copy, 7);
}

} // namespace
} // namespace hwalloc::vulkan::testing
