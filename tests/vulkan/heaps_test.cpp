// What is told of a device's heaps, and of one that is exhausted.
#include <gmock/gmock.h>

#include <numeric>

#include "hwalloc/capabilities.h"
#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

class HeapsTest : public FakeDriverTest {
protected:
    // Of all heaps together.
    static HeapStatistics sum(const Device& device) {
        HeapStatistics total;
        const auto heaps = device.heaps().value();
        for (const HeapStatistics& heap : heaps) {
            total.size += heap.size;
            total.allocated += heap.allocated;
            total.device_memories += heap.device_memories;
            total.suballocated += heap.suballocated;
            total.suballocations += heap.suballocations;
            total.imported += heap.imported;
            total.imports += heap.imports;
        }
        return total;
    }
};

TEST_F(HeapsTest, TheyAreTheDrivers) {
    Device device = wrap();
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(app->physical_device, &memory);
    const auto heaps = device.heaps().value();
    ASSERT_EQ(heaps.size(), memory.memoryHeapCount);
    for (std::uint32_t i = 0; i < heaps.size(); ++i) {
        EXPECT_EQ(heaps[i].index, i);
        EXPECT_EQ(heaps[i].size, memory.memoryHeaps[i].size);
        EXPECT_EQ(heaps[i].device_local,
                  (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0);
        EXPECT_GT(heaps[i].budget, 0u);
        EXPECT_LE(heaps[i].budget, heaps[i].size);
    }
}

TEST_F(HeapsTest, EachKindOfMemoryIsCountedAndTakenBack) {
    Device device = wrap_fake();
    AllocatorRef host = allocator(device, Placement::host),
                 exporter = allocator(device, Placement::exportable);
    const HeapStatistics empty = sum(device);
    EXPECT_EQ(empty.allocated + empty.suballocated + empty.imported, 0u);
    {
        MemoryRef exported = alloc(*exporter, 100000);
        const HeapStatistics now = sum(device);
        EXPECT_GE(now.allocated, 100000u);
        EXPECT_EQ(now.device_memories, 1u);
        EXPECT_EQ(now.suballocations, 0u);
        EXPECT_EQ(now.imports, 0u);
    }
    EXPECT_EQ(sum(device).allocated, 0u);
    EXPECT_EQ(sum(device).device_memories, 0u);
    {
        MemoryRef first = alloc(*host, 1000), second = alloc(*host, 2000);
        const HeapStatistics now = sum(device);
        EXPECT_EQ(now.suballocations, 2u);
        EXPECT_GE(now.suballocated, 3000u);
        EXPECT_LE(now.suballocated, 4000u);
        EXPECT_EQ(now.device_memories, 1u);
        EXPECT_GE(now.allocated, now.suballocated);
    }
    EXPECT_EQ(sum(device).suballocations, 0u);
    EXPECT_EQ(sum(device).suballocated, 0u);
    EXPECT_LE(sum(device).device_memories, 1u) << "one empty block may be kept";
    {
        const UniqueFd fd = hwalloc::testing::FakeDmaBufs::make(8192);
        auto memory = exporter->extension<ImportsDmaBuf>()->import_dmabuf(fd.get(), 0, whole, {});
        ASSERT_TRUE(memory) << why(memory);
        EXPECT_EQ(sum(device).imports, 1u);
        EXPECT_EQ(sum(device).imported, 8192u);
        EXPECT_LE(sum(device).device_memories, 1u) << "other people's bytes are in no heap";
    }
    EXPECT_EQ(sum(device).imports, 0u);
    EXPECT_EQ(sum(device).imported, 0u);
}

TEST_F(HeapsTest, AnExhaustedOneTellsWhatIsInUse) {
    Device device = wrap_fake();
    for (const Placement placement : {Placement::exportable, Placement::host, Placement::device_local}) {
        AllocatorRef from = allocator(device, placement);
        MemoryRef held = alloc(*from, std::size_t{3} << 20);
        watch->fail_name("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
        auto refused = from->alloc(std::size_t{200} << 20);
        watch->clear();
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), ErrorKind::exhausted);
        EXPECT_EQ(refused.error().code(), VK_ERROR_OUT_OF_DEVICE_MEMORY);
        EXPECT_GE(refused.error().size_wanted(), std::size_t{200} << 20);
        EXPECT_EQ(refused.error().device(), device.name());
        EXPECT_THAT(refused.error().message(),
                    ::testing::AllOf(::testing::HasSubstr("heap 0"),
                                     ::testing::HasSubstr("MiB of a budget of"),
                                     ::testing::HasSubstr("vkAllocateMemory"),
                                     ::testing::HasSubstr("VK_ERROR_OUT_OF_DEVICE_MEMORY")));
    }
}

TEST_F(HeapsTest, MoreThanTheDriverEverGivesIsALimit) {
    watch->memory_properties = [](VkPhysicalDeviceMemoryProperties& memory) {
        for (auto& heap : memory.memoryHeaps)
            heap.size = std::min<VkDeviceSize>(heap.size, 64 << 20);
    };
    Device device = wrap_fake();
    for (const Placement placement : {Placement::exportable, Placement::host, Placement::device_local}) {
        AllocatorRef from = allocator(device, placement);
        watch->clear();
        auto refused = from->alloc((std::size_t{64} << 20) + 1);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), ErrorKind::limit) << why(refused);
        EXPECT_EQ(refused.error().size_held(), std::size_t{64} << 20);
        EXPECT_EQ(watch->count("vkAllocateMemory"), 0) << "the driver is not asked";
    }
}

} // namespace
} // namespace hwalloc::vulkan::testing
