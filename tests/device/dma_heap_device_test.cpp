// DMA heaps of the running kernel.
#include <algorithm>

#include "common/machine_memory.h"
#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;

constexpr const char* heap_node = "/dev/dma_heap/system";

class DmaHeapDevice : public ::testing::Test {
protected:
    void SetUp() override { NEEDS_DEVICE(heap_node); }
    // A buffer with access modes that the library itself never asks for.
    static UniqueFd raw(std::size_t size, int mode) {
        const UniqueFd heap(::open(heap_node, O_RDONLY | O_CLOEXEC));
        dma_heap_allocation_data request{
            .len = size, .fd = 0, .fd_flags = static_cast<unsigned>(mode | O_CLOEXEC), .heap_flags = 0};
        EXPECT_EQ(::ioctl(heap.get(), DMA_HEAP_IOCTL_ALLOC, &request), 0) << std::strerror(errno);
        return UniqueFd(static_cast<int>(request.fd));
    }
};

TEST_F(DmaHeapDevice, IsFoundByItsNames) {
    Allocator* heap = allocator("dma-heap/system");
    EXPECT_EQ(Allocator::find("dma-heap"), heap);
    EXPECT_EQ(Allocator::find(heap_node), heap);
    EXPECT_TRUE(heap->extension<Describes>()->available());
}

TEST_F(DmaHeapDevice, IsOpenedOnceAndForReadingOnly) {
    Allocator* heap = allocator("dma-heap/system");
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(heap->alloc(100));
    const auto fds = fds_of(heap_node);
    ASSERT_EQ(fds.size(), 1u);
    EXPECT_EQ(::fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
    EXPECT_TRUE(::fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
}

TEST_F(DmaHeapDevice, AReadOnlyBufferIsReadOnlyMemory) {
    const UniqueFd fd = raw(page_size(), O_RDONLY);
    EXPECT_EQ(::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0), MAP_FAILED);
    EXPECT_EQ(errno, EACCES) << "what the check is for";
    auto memory = import_dmabuf(fd.get());
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(has((*memory)->flags(), MemoryFlags::readonly));
    EXPECT_FALSE(borrow_fd(**memory, FdKind::dmabuf)->writable);
    EXPECT_FALSE((*memory)->map(MapFlags::write));
    EXPECT_FALSE((*memory)->map(MapFlags::readwrite));
    auto mapping = (*memory)->map(MapFlags::read);
    ASSERT_TRUE(mapping) << mapping.error().message();
    EXPECT_EQ(mapping->data()[page_size() - 1], 0);
}

TEST_F(DmaHeapDevice, AWriteOnlyBufferCannotBeMapped) {
    const UniqueFd fd = raw(page_size(), O_WRONLY);
    EXPECT_EQ(::mmap(nullptr, page_size(), PROT_WRITE, MAP_SHARED, fd.get(), 0), MAP_FAILED);
    auto memory = import_dmabuf(fd.get());
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(has((*memory)->flags(), MemoryFlags::not_mappable));
    EXPECT_FALSE((*memory)->map(MapFlags::write));
}

TEST_F(DmaHeapDevice, AWindowBeyondTheRealSizeIsRefused) {
    const UniqueFd fd = raw(page_size(), O_RDWR);
    auto memory = import_dmabuf(fd.get(), 0, page_size() + 1);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().size_held(), page_size());
}

TEST_F(DmaHeapDevice, MoreThanTheMachineHasIsExhausted) {
    Allocator* heap = allocator("dma-heap/system");
    const auto before = open_fds();
    // The driver itself takes page after page until the kernel kills this process.
    const auto machine = machine_memory();
    ASSERT_TRUE(machine);
    const std::size_t above =
        static_cast<std::size_t>(std::min<std::uint64_t>(SIZE_MAX / 4, std::uint64_t{1} << 45));
    for (const std::size_t size : {above, static_cast<std::size_t>(machine->total) - 1}) {
        auto memory = heap->alloc(size);
        ASSERT_FALSE(memory);
        EXPECT_EQ(memory.error().kind(), ErrorKind::exhausted) << memory.error().message();
        EXPECT_GE(memory.error().size_wanted(), size);
        EXPECT_NE(memory.error().message().find(heap_node), std::string::npos);
    }
    EXPECT_TRUE(heap->alloc(32 << 20)) << "large, and there";
    EXPECT_LE(open_fds().size(), before.size() + 1) << "at most the heap's own node";
}

} // namespace
} // namespace hwalloc
