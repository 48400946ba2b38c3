// "vulkan/N/host": many small pieces out of few VkDeviceMemory, and shares of them as VkBuffers.
#include <gmock/gmock.h>

#include <thread>

#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

class PiecesTest : public VulkanTest {};

TEST_F(PiecesTest, AThousandTakeFewDeviceMemories) {
    Device device = wrap();
    for (const Placement placement : {Placement::host, Placement::device_local}) {
        AllocatorRef from = allocator(device, placement);
        watch->clear();
        std::vector<MemoryRef> pieces;
        for (int i = 0; i < 1000; ++i)
            pieces.push_back(alloc(*from, static_cast<std::size_t>(i % 300 + 1)));
        EXPECT_LE(watch->count("vkAllocateMemory"), 1000 / 256);
        EXPECT_EQ(watch->count("vkCreateBuffer"), 0) << "made when one is asked for";
    }
}

TEST_F(PiecesTest, NoTwoOverlap) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    std::vector<MemoryRef> pieces;
    for (unsigned i = 0; i < 200; ++i) {
        pieces.push_back(alloc(*from, i % 97 + 1));
        fill(*pieces.back(), i);
    }
    for (unsigned i = 0; i < pieces.size(); i += 2)
        pieces[i] = alloc(*from, i % 89 + 1);
    for (unsigned i = 1; i < pieces.size(); i += 2)
        expect_filled(*pieces[i], i);
}

TEST_F(PiecesTest, ABufferOfAShareIsTheRootsAtItsOffset) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    for (const AllocationParams& params :
         {AllocationParams{}, AllocationParams{.align = 4095, .prefix = 100, .padding = 7},
          AllocationParams{.align = (1u << 20) - 1, .prefix = 1}}) {
        MemoryRef memory = alloc(*from, 5000, params);
        fill(*memory, 5);
        MemoryRef share = std::move(*memory->share(1000, 600));
        const Buffer root = *device.buffer(*memory), part = *device.buffer(*share);
        EXPECT_EQ(part.handle(), root.handle());
        EXPECT_EQ(part.device_memory(), root.device_memory());
        EXPECT_EQ(part.device_memory_offset(), root.device_memory_offset());
        EXPECT_EQ(part.offset(), root.offset() + 1000);
        EXPECT_EQ(part.size(), 600u);
        EXPECT_EQ(root.size(), 5000u);
        EXPECT_FALSE(part.foreign());
        // Those are the bytes: seen by mapping nothing but the address of the VkDeviceMemory.
        auto mapping = share->map(MapFlags::read);
        auto root_mapping = memory->map(MapFlags::read);
        EXPECT_EQ(mapping->data() - root_mapping->data(), 1000);
        expect_filled(*share, 5, 1000);
    }
    EXPECT_EQ(watch->count("vkCreateBuffer"), 3 + 5) << "one for each piece, and the probes";
}

TEST_F(PiecesTest, TheCpuAddressIsAlignedUpToTwoMebibytes) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    std::vector<MemoryRef> pieces;
    for (std::size_t unit = 1; unit <= std::size_t{2} << 20; unit *= 2)
        for (const std::size_t prefix : {std::size_t{0}, std::size_t{48}}) {
            SCOPED_TRACE(unit);
            pieces.push_back(alloc(*from, 10, {.align = unit - 1, .prefix = prefix}));
            auto mapping = pieces.back()->map(MapFlags::readwrite);
            ASSERT_TRUE(mapping) << why(mapping);
            const auto region = reinterpret_cast<std::uintptr_t>(mapping->data()) - prefix;
            EXPECT_EQ(region % unit, 0u);
            EXPECT_EQ(pieces.back()->align(), std::max<std::size_t>(unit, 8) - 1);
            std::memset(mapping->data(), 0xff, 10);
            EXPECT_TRUE(device.buffer(*pieces.back()));
        }
    auto wider = from->alloc(10, {.align = (std::size_t{4} << 20) - 1});
    ASSERT_FALSE(wider);
    EXPECT_EQ(wider.error().kind(), ErrorKind::unsupported);
}

TEST_F(PiecesTest, OddSizesAndNothingAtAll) {
    Device device = wrap();
    for (const Placement placement : {Placement::host, Placement::device_local}) {
        AllocatorRef from = allocator(device, placement);
        for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4097}}) {
            MemoryRef memory = alloc(*from, size);
            EXPECT_EQ(memory->size(), size);
            auto buffer = device.buffer(*memory);
            ASSERT_TRUE(buffer) << why(buffer);
            EXPECT_EQ(buffer->size(), size);
        }
        for (const std::size_t size : {~std::size_t{0}, ~std::size_t{0} / 2, ~std::size_t{0} / 4 + 1}) {
            auto refused = from->alloc(size);
            ASSERT_FALSE(refused);
            EXPECT_EQ(refused.error().kind(), ErrorKind::limit) << why(refused);
        }
    }
}

// A driver whose buffers need more than they hold (alignment 256, sizes rounded up).
TEST_F(PiecesTest, ADriverThatRoundsBuffersUpGetsEnough) {
    watch->requirements = [](VkMemoryRequirements2& needs) {
        needs.memoryRequirements.alignment = 256;
        needs.memoryRequirements.size = (needs.memoryRequirements.size + 255) / 256 * 256;
    };
    Device device = wrap();
    for (const Placement placement : {Placement::host, Placement::device_local}) {
        AllocatorRef from = allocator(device, placement);
        std::vector<MemoryRef> pieces;
        for (const std::size_t size : {1u, 255u, 256u, 257u, 5000u})
            for (const std::size_t align : {7u, 4095u}) {
                pieces.push_back(alloc(*from, size, {.align = align, .prefix = 3}));
                auto buffer = device.buffer(*pieces.back());
                ASSERT_TRUE(buffer) << size << ": " << why(buffer);
                EXPECT_EQ(buffer->device_memory_offset() % 256, 0u);
            }
    }
}

TEST_F(PiecesTest, MemoryOutlivesItsAllocatorAndDevice) {
    MemoryRef memory;
    Buffer buffer;
    {
        Device device = wrap();
        AllocatorRef from = allocator(device, Placement::host);
        memory = alloc(*from, 5000);
        buffer = *device.buffer(*memory);
    }
    fill(*memory, 9);
    expect_filled(*memory, 9);
    memory.reset();
    EXPECT_THAT(watch->live(), ::testing::Contains(::testing::Pair("VkBuffer", 1u)));
    buffer = Buffer();
    EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{}));
}

TEST_F(PiecesTest, OneVkBufferHoweverManyThreadsAsk) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    for (int round = 0; round < 20; ++round) {
        MemoryRef memory = alloc(*from, 5000);
        std::vector<Buffer> buffers(4);
        {
            std::vector<std::jthread> threads;
            for (Buffer& buffer : buffers)
                threads.emplace_back([&] {
                    auto made = device.buffer(*memory);
                    if (made)
                        buffer = std::move(*made);
                });
        }
        for (const Buffer& buffer : buffers) {
            ASSERT_TRUE(buffer);
            EXPECT_EQ(buffer.handle(), buffers[0].handle());
        }
        EXPECT_EQ(watch->live().at("VkBuffer"), 1u);
    }
}

// Of two types that would do the Vulkan Memory Allocator takes the first, and that is what is told.
TEST_F(PiecesTest, TheirPropertiesAreThoseOfTheMemoryTheyGet) {
    watch->memory_properties = [](VkPhysicalDeviceMemoryProperties& memory) {
        constexpr VkMemoryPropertyFlags mapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                                 VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                                                 VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
        memory.memoryTypeCount = 2;
        memory.memoryTypes[0] = {mapped, 0};
        memory.memoryTypes[1] = {mapped | VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0};
    };
    watch->requirements = [](VkMemoryRequirements2& needs) {
        needs.memoryRequirements.memoryTypeBits = 0b11;
    };
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    const Properties told = from->extension<Describes>()->properties();
    watch->clear();
    MemoryRef memory = alloc(*from, 100000);
    ASSERT_EQ(watch->allocations().size(), 1u);
    EXPECT_EQ(watch->allocations()[0].type, 0u);
    EXPECT_EQ(told.device_local, Answer::no);
    EXPECT_EQ(told.cached, Answer::yes);
}

TEST_F(PiecesTest, PiecesNeverLeaveTheProcess) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    MemoryRef memory = alloc(*from, 5000);
    EXPECT_FALSE(borrow_fd(*memory, FdKind::dmabuf));
    EXPECT_FALSE(watch->allocations().empty());
    for (const Allocation& one : watch->allocations())
        EXPECT_FALSE(one.exported);
}

} // namespace
} // namespace hwalloc::vulkan::testing
