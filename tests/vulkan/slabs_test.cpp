// Pieces of up to 8 KiB, which are cut out of chunks: none touches another, chunks come and go with them, and
// the statistics tell of pieces.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <thread>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

class SlabsTest : public VulkanTest {
protected:
    struct Usage {
        std::uint32_t memories = 0, pieces = 0;
        std::uint64_t bytes = 0, allocated = 0;
    };
    static Usage usage(const Device& device) {
        Usage all;
        const auto heaps = device.heaps().value();
        for (const HeapStatistics& heap : heaps) {
            all.memories += heap.device_memories;
            all.pieces += heap.suballocations;
            all.bytes += heap.suballocated;
            all.allocated += heap.allocated;
        }
        return all;
    }
};

// Every size class, and what is just above and below it.
TEST_F(SlabsTest, EachSizeGetsBytesOfItsOwn) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    std::vector<MemoryRef> pieces;
    std::uint64_t asked = 0;
    for (std::size_t step = 64; step <= 8192; step = step < 512 ? step + 64 : step + step / 8)
        for (const std::size_t size : {step - 8, step - 7, step - 6}) {
            SCOPED_TRACE(size);
            pieces.push_back(alloc(*from, size));
            asked += pieces.back()->maxsize();
            ASSERT_TRUE(pieces.back()->resize(0, pieces.back()->maxsize()));
            fill(*pieces.back(), static_cast<unsigned>(pieces.size()));
            const auto mapping = pieces.back()->map(MapFlags::read);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapping->data()) % 64, 0u);
        }
    for (std::size_t i = 0; i < pieces.size(); ++i)
        expect_filled(*pieces[i], static_cast<unsigned>(i + 1));
    EXPECT_EQ(usage(device).pieces, pieces.size());
    EXPECT_GE(usage(device).bytes, asked);
    EXPECT_LE(usage(device).bytes, asked + asked / 4)
        << "an eighth is lost at most, and 64 bytes of small ones";
    EXPECT_EQ(watch->count("vkAllocateMemory"), 1);
}

TEST_F(SlabsTest, APieceThatComesBackIsUsedAgain) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    const MemoryRef neighbour = alloc(*from, 1000);
    MemoryRef memory = alloc(*from, 1000);
    const std::uint8_t* const first = memory->map(MapFlags::read)->info().data;
    memory.reset();
    memory = alloc(*from, 990);
    EXPECT_EQ(memory->map(MapFlags::read)->data(), first);
}

#ifdef __SANITIZE_ADDRESS__
TEST_F(SlabsTest, APieceThatWentBackMayNotBeTouched) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    const MemoryRef neighbour = alloc(*from, 256);
    MemoryRef piece = alloc(*from, 256);
    const auto bytes_of = [](const MemoryRef& memory) { return memory->map(MapFlags::read)->info().data; };
    const std::uint8_t* bytes = bytes_of(piece);
    piece.reset();
    EXPECT_TRUE(__asan_address_is_poisoned(bytes));
    EXPECT_FALSE(__asan_address_is_poisoned(bytes_of(neighbour)));
    piece = alloc(*from, 256);
    ASSERT_EQ(bytes_of(piece), bytes);
    EXPECT_FALSE(__asan_address_is_poisoned(bytes));
}
#endif

TEST_F(SlabsTest, ManyAreTakenAndGivenBackInAnyOrder) {
    Device device = wrap();
    std::mt19937 random(1);
    for (const Placement placement : {Placement::host, Placement::device_local}) {
        AllocatorRef from = allocator(device, placement);
        std::vector<MemoryRef> pieces;
        for (int round = 0; round < 3; ++round) {
            while (pieces.size() < 3000)
                pieces.push_back(alloc(*from, random() % 4096));
            std::shuffle(pieces.begin(), pieces.end(), random);
            pieces.resize(round == 2 ? 0 : 100);
            EXPECT_EQ(usage(device).pieces, pieces.size());
        }
    }
    EXPECT_EQ(usage(device).bytes, 0u);
}

// One empty chunk is kept for each placement, whatever sizes there were, and VMA keeps one empty block.
TEST_F(SlabsTest, EmptyChunksAreGivenBack) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    {
        std::vector<MemoryRef> pieces;
        for (std::size_t size = 1; size < 8000; size += 50)
            pieces.push_back(alloc(*from, size));
    }
    // Were the other chunks still there, this would not fit into the block beside them.
    const Usage before = usage(device);
    ASSERT_EQ(before.memories, 1u);
    watch->clear();
    std::vector<MemoryRef> large;
    for (std::uint64_t room = before.allocated - (64 << 10); room >= (8 << 20); room -= 8 << 20)
        large.push_back(alloc(*from, (8 << 20) - 64));
    EXPECT_EQ(watch->count("vkAllocateMemory"), 0);
    MemoryRef small = alloc(*from, 1000);
    EXPECT_EQ(watch->count("vkAllocateMemory"), 0) << "out of the chunk that was kept";
}

TEST_F(SlabsTest, WithoutRoomForAChunkAPieceIsMadeAlone) {
    for (const Placement placement : {Placement::host, Placement::device_local}) {
        Device device = wrap();
        AllocatorRef from = allocator(device, placement);
        constexpr std::size_t larger_than_pieces = 30000;
        std::vector<MemoryRef> filled;
        filled.push_back(alloc(*from, larger_than_pieces));
        watch->fail_name("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
        while (auto more = from->alloc(larger_than_pieces))
            filled.push_back(*std::move(more));
        auto alone = from->alloc(1000);
        EXPECT_TRUE(alone) << why(alone);
        EXPECT_EQ(usage(device).pieces, filled.size() + 1);
        EXPECT_EQ(usage(device).memories, 1u);
        watch->clear();
    }
}

TEST_F(SlabsTest, AFailureNamesTheCallAndLeavesNothing) {
    for (const Placement placement : {Placement::host, Placement::device_local}) {
        Device device = wrap();
        AllocatorRef from = allocator(device, placement);
        watch->fail_name("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
        auto refused = from->alloc(1000);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), ErrorKind::exhausted) << why(refused);
        EXPECT_EQ(refused.error().call(), "vkAllocateMemory");
        EXPECT_EQ(usage(device).pieces, 0u);
        watch->clear();
        EXPECT_TRUE(from->alloc(1000));
    }
}

TEST_F(SlabsTest, AVkBufferCoversItsPieceOnly) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    std::vector<MemoryRef> pieces;
    std::vector<Buffer> buffers;
    for (int i = 0; i < 20; ++i) {
        pieces.push_back(alloc(*from, 1000));
        buffers.push_back(device.buffer(*pieces.back()).value());
    }
    std::vector<VkDeviceSize> begins;
    for (const Buffer& buffer : buffers) {
        EXPECT_EQ(buffer.device_memory(), buffers[0].device_memory());
        begins.push_back(buffer.device_memory_offset());
    }
    std::sort(begins.begin(), begins.end());
    for (std::size_t i = 1; i < begins.size(); ++i)
        EXPECT_GE(begins[i] - begins[i - 1], 1000u);
    // What the GPU writes through one arrives in that piece.
    for (const MemoryRef& piece : pieces)
        fill(*piece, 3);
    run([&](VkCommandBuffer commands) {
        vkCmdFillBuffer(commands, buffers[7].handle(), buffers[7].offset(), 1000, 0x01010101);
    });
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (i != 7)
            expect_filled(*pieces[i], 3);
    }
    const auto written = pieces[7]->map(MapFlags::read);
    EXPECT_EQ(std::count(written->data(), written->data() + 1000, 1), 1000);
}

TEST_F(SlabsTest, ThreadsShareThem) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    std::atomic<int> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (unsigned seed = 1; seed <= 4; ++seed)
            threads.emplace_back([&, seed] {
                std::mt19937 random(seed);
                std::vector<MemoryRef> mine(50);
                for (int i = 0; i < 5000; ++i) {
                    MemoryRef& memory = mine[random() % mine.size()];
                    if (memory) {
                        const auto mapping = memory->map(MapFlags::read);
                        for (const std::uint8_t byte : mapping->bytes())
                            wrong += byte != seed;
                    }
                    memory.reset();
                    auto made = from->alloc(random() % 600 + 1);
                    if (!made) {
                        ++wrong;
                        continue;
                    }
                    memory = *std::move(made);
                    const auto mapping = memory->map(MapFlags::write);
                    std::memset(mapping->data(), static_cast<int>(seed), mapping->size());
                }
            });
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(usage(device).pieces, 0u);
}

TEST_F(SlabsTest, APieceOfAChunkThatIsThereDoesNotWaitForAnother) {
    constexpr std::chrono::seconds very_long{60};
    std::promise<void> asked, given;
    std::atomic<bool> waits{false};
    watch->allocate = [&](PFN_vkAllocateMemory below, VkDevice device, const VkMemoryAllocateInfo& info,
                          VkDeviceMemory* memory) {
        if (waits.exchange(false)) {
            asked.set_value();
            given.get_future().wait();
        }
        return below(device, &info, nullptr, memory);
    };
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    std::vector<MemoryRef> filled;
    filled.push_back(alloc(*from, 1000));
    watch->fail_name("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
    while (auto more = from->alloc(30000))
        filled.push_back(*std::move(more));
    watch->clear();
    waits = true;
    auto of_a_new_chunk = std::async(std::launch::async, [&] { return from->alloc(5000); });
    const bool is_asked = asked.get_future().wait_for(very_long) == std::future_status::ready;
    auto of_the_first = std::async(std::launch::async, [&] { return from->alloc(1000); });
    const bool is_there = of_the_first.wait_for(very_long) == std::future_status::ready;
    given.set_value();
    EXPECT_TRUE(is_asked);
    EXPECT_TRUE(is_there);
    EXPECT_TRUE(of_the_first.get());
    EXPECT_TRUE(of_a_new_chunk.get());
}

TEST_F(SlabsTest, NothingIsLeftWithTheDevice) {
    {
        Device device = wrap();
        for (const Placement placement : {Placement::host, Placement::device_local})
            (void)alloc(*allocator(device, placement), 100);
    }
    EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{}));
}

} // namespace
} // namespace hwalloc::vulkan::testing
