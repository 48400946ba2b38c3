// Memory that is not coherent: what is flushed and invalidated, and when. The driver's memory is coherent in
// truth; it is only made to say otherwise.
#include <gmock/gmock.h>

#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

constexpr VkDeviceSize atom = 256;

class CoherencyTest : public FakeDriverTest, public ::testing::WithParamInterface<Placement> {
protected:
    // The application's device, with memory that is coherent or not.
    AllocatorRef allocator_with(bool coherent) {
        watch->properties = [](VkPhysicalDeviceProperties& properties) {
            properties.limits.nonCoherentAtomSize = atom;
        };
        watch->memory_properties = [coherent](VkPhysicalDeviceMemoryProperties& memory) {
            for (auto& type : memory.memoryTypes)
                if (!coherent)
                    type.propertyFlags &= ~VkMemoryPropertyFlags{VK_MEMORY_PROPERTY_HOST_COHERENT_BIT};
        };
        Device device = wrap_fake();
        return allocator(device, GetParam());
    }
    // Whole atoms, inside the memory, around [first, first + size) of the VkDeviceMemory.
    void expect_atoms(const std::vector<VkMappedMemoryRange>& ranges, const Buffer& where,
                      VkDeviceSize size) const {
        ASSERT_FALSE(ranges.empty());
        const VkDeviceSize first = where.device_memory_offset() + where.offset();
        for (const VkMappedMemoryRange& range : ranges) {
            const VkDeviceSize whole_memory = watch->size_of(range.memory);
            const VkDeviceSize end = range.size == VK_WHOLE_SIZE ? whole_memory : range.offset + range.size;
            EXPECT_EQ(range.memory, where.device_memory());
            EXPECT_EQ(range.offset % atom, 0u);
            EXPECT_LE(range.offset, first);
            EXPECT_TRUE(end % atom == 0 || end == whole_memory) << end << " of " << whole_memory;
            EXPECT_LE(end, whole_memory);
            EXPECT_GE(end, first + size);
        }
    }
};

TEST_P(CoherencyTest, ReadInvalidatesAndWriteFlushes) {
    AllocatorRef from = allocator_with(false);
    Device device = Device::of(*from).value();
    MemoryRef neighbour = alloc(*from, 100);
    MemoryRef memory = alloc(*from, 5000);
    const Buffer where = device.buffer(*memory).value();
    struct Case {
        MapFlags flags;
        bool invalidates, flushes;
    };
    for (const Case& one : {Case{MapFlags::read, true, false}, Case{MapFlags::write, false, true},
                            Case{MapFlags::readwrite, true, true}}) {
        SCOPED_TRACE(static_cast<int>(one.flags));
        watch->clear();
        auto mapping = memory->map(one.flags);
        ASSERT_TRUE(mapping) << why(mapping);
        EXPECT_EQ(watch->invalidated().size(), one.invalidates ? 1u : 0u);
        EXPECT_EQ(watch->flushed().size(), 0u);
        if (one.invalidates)
            expect_atoms(watch->invalidated(), where, 5000);
        watch->clear();
        ASSERT_TRUE(mapping->unmap());
        EXPECT_EQ(watch->flushed().size(), one.flushes ? 1u : 0u);
        EXPECT_EQ(watch->invalidated().size(), 0u);
        if (one.flushes)
            expect_atoms(watch->flushed(), where, 5000);
    }
}

TEST_P(CoherencyTest, AShareIsMaintainedFromItsOwnFirstByte) {
    AllocatorRef from = allocator_with(false);
    Device device = Device::of(*from).value();
    MemoryRef memory = alloc(*from, 20000);
    MemoryRef share = std::move(*memory->share(5000, 100));
    const Buffer where = device.buffer(*share).value();
    watch->clear();
    ASSERT_TRUE(share->map(MapFlags::read));
    const auto ranges = watch->invalidated();
    expect_atoms(ranges, where, 100);
    const VkDeviceSize first = where.device_memory_offset() + where.offset();
    EXPECT_GT(ranges.at(0).offset + atom, first) << "not from the start of the memory";
}

// The map rules let a share be read while its root is written.
TEST_P(CoherencyTest, AReaderThatJoinsAWriterFlushesFirst) {
    AllocatorRef from = allocator_with(false);
    MemoryRef memory = alloc(*from, 5000);
    MemoryRef share = std::move(*memory->share(100, 200));
    auto writing = memory->map(MapFlags::write);
    ASSERT_TRUE(writing) << why(writing);
    std::vector<std::string> order;
    watch->clear();
    watch->on_call = [&](const char* name) { order.emplace_back(name); };
    auto reading = share->map(MapFlags::read);
    ASSERT_TRUE(reading) << why(reading);
    EXPECT_THAT(order, ::testing::ElementsAre("vkFlushMappedMemoryRanges", "vkInvalidateMappedMemoryRanges"));
    const VkMappedMemoryRange flushed = watch->flushed().at(0), invalidated = watch->invalidated().at(0);
    EXPECT_LE(flushed.offset, invalidated.offset) << "what is thrown away was written out";
    order.clear();
    ASSERT_TRUE(reading->unmap());
    EXPECT_THAT(order, ::testing::ElementsAre());
    ASSERT_TRUE(writing->unmap());
    EXPECT_THAT(order, ::testing::ElementsAre("vkFlushMappedMemoryRanges"));
    order.clear();
    ASSERT_TRUE(share->map(MapFlags::read)) << "nobody writes any more";
    EXPECT_THAT(order, ::testing::ElementsAre("vkInvalidateMappedMemoryRanges"));
    watch->on_call = nullptr;
}

TEST_P(CoherencyTest, AFailedMapCountsNoWriter) {
    AllocatorRef from = allocator_with(false);
    MemoryRef memory = alloc(*from, 5000);
    watch->fail_name("vkInvalidateMappedMemoryRanges", VK_ERROR_OUT_OF_HOST_MEMORY);
    auto refused = memory->map(MapFlags::readwrite);
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error().call(), "vkInvalidateMappedMemoryRanges");
    watch->clear();
    ASSERT_TRUE(memory->map(MapFlags::read));
    EXPECT_EQ(watch->flushed().size(), 0u) << "no writer is there whose bytes could be lost";
}

TEST_P(CoherencyTest, AFailedFlushIsToldByItsName) {
    AllocatorRef from = allocator_with(false);
    MemoryRef memory = alloc(*from, 5000);
    MemoryRef share = std::move(*memory->share(0, 100));
    auto writing = memory->map(MapFlags::write);
    ASSERT_TRUE(writing);
    watch->fail_name("vkFlushMappedMemoryRanges", VK_ERROR_OUT_OF_HOST_MEMORY);
    auto reading = share->map(MapFlags::read);
    ASSERT_FALSE(reading);
    EXPECT_EQ(reading.error().call(), "vkFlushMappedMemoryRanges");
    auto ended = writing->unmap();
    ASSERT_FALSE(ended) << "the bytes may not have arrived";
    EXPECT_EQ(ended.error().call(), "vkFlushMappedMemoryRanges");
}

TEST_P(CoherencyTest, CoherentMemoryIsLeftAlone) {
    AllocatorRef from = allocator_with(true);
    MemoryRef memory = alloc(*from, 5000);
    watch->clear();
    for (const MapFlags flags : {MapFlags::read, MapFlags::write, MapFlags::readwrite}) {
        auto mapping = memory->map(flags);
        ASSERT_TRUE(mapping) << why(mapping);
        ASSERT_TRUE(mapping->unmap());
    }
    EXPECT_EQ(watch->count("vkFlushMappedMemoryRanges"), 0);
    EXPECT_EQ(watch->count("vkInvalidateMappedMemoryRanges"), 0);
    EXPECT_EQ(watch->count("vkMapMemory"), 0) << "it stays mapped";
}

INSTANTIATE_TEST_SUITE_P(Memory, CoherencyTest, ::testing::Values(Placement::host, Placement::exportable),
                         [](const auto& chosen) {
                             return chosen.param == Placement::host ? "Piece" : "Export";
                         });

} // namespace
} // namespace hwalloc::vulkan::testing
