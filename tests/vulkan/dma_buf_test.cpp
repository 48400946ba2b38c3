// Real dma-bufs of a real driver: in the lab, lavapipe on udmabuf and the system heap.
#include <gmock/gmock.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "hwalloc/capabilities.h"
#include "hwalloc/dma_buf.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

constexpr const char* exporters[] = {"dma-heap/system", "udmabuf"};

class DmaBufTest : public DmaBufVulkanTest {
protected:
    static AllocatorRef named(const char* name) {
        auto found = Allocator::resolve(name);
        if (!found)
            throw std::runtime_error(found.error().message());
        return AllocatorRef(*found);
    }
    // A copy on the GPU as an application makes it, with the barriers that foreign buffers need.
    void copy_on_gpu(Device& device, const Buffer& from, const Buffer& to) {
        run([&](VkCommandBuffer commands) {
            const VkBufferMemoryBarrier before[] = {device.acquire_barrier(from, VK_ACCESS_TRANSFER_READ_BIT),
                                                    device.acquire_barrier(to, VK_ACCESS_TRANSFER_WRITE_BIT)};
            vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
                                 0, 0, nullptr, 2, before, 0, nullptr);
            const VkBufferCopy region{from.offset(), to.offset(), from.size()};
            vkCmdCopyBuffer(commands, from.handle(), to.handle(), 1, &region);
            const VkBufferMemoryBarrier after[] = {device.release_barrier(from, VK_ACCESS_TRANSFER_READ_BIT),
                                                   device.release_barrier(to, VK_ACCESS_TRANSFER_WRITE_BIT)};
            vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                 0, 0, nullptr, 2, after, 0, nullptr);
        });
    }
};

TEST_F(DmaBufTest, AnExportHoldsTheSameBytesForWhoeverMapsIt) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable);
    MemoryRef memory = alloc(*from, 100000);
    auto fd = export_fd(*memory, FdKind::dmabuf);
    ASSERT_TRUE(fd) << why(fd);
    auto* outside =
        static_cast<std::uint8_t*>(::mmap(nullptr, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0));
    ASSERT_NE(outside, MAP_FAILED);
    for (std::size_t i = 0; i < 100000; ++i)
        ASSERT_EQ(outside[i], 0) << "fresh memory may leave the process";
    fill(*memory, 1);
    for (std::size_t i = 0; i < 100000; ++i)
        ASSERT_EQ(outside[i], static_cast<std::uint8_t>(i * 7 + i / 251 + 1));
    for (std::size_t i = 0; i < 100000; ++i)
        outside[i] = static_cast<std::uint8_t>(i * 7 + i / 251 + 2);
    expect_filled(*memory, 2);
    ::munmap(outside, 100000);
}

TEST_F(DmaBufTest, TheGpuReadsAndWritesWhatTheCpuDoes) {
    Device device = wrap();
    for (const char* name : exporters) {
        SCOPED_TRACE(name);
        AllocatorRef elsewhere = named(name), native = allocator(device, Placement::exportable);
        MemoryRef source = alloc(*elsewhere, 50000), target = alloc(*native, 50000),
                  back = alloc(*elsewhere, 50000);
        fill(*source, 3);
        MemoryRef part = std::move(*source->share(4321, 40000));
        const Buffer from = *device.buffer(*part), to = *device.buffer(*target);
        EXPECT_TRUE(from.foreign());
        EXPECT_EQ(from.offset(), 4321u);
        copy_on_gpu(device, from, to);
        MemoryRef arrived = std::move(*target->share(0, 40000));
        expect_filled(*arrived, 3, 4321);
        copy_on_gpu(device, *device.buffer(*arrived), *device.buffer(*back));
        MemoryRef returned = std::move(*back->share(0, 40000));
        expect_filled(*returned, 3, 4321);
    }
}

TEST_F(DmaBufTest, BarriersOfAForeignBufferMoveOwnership) {
    Device device = wrap();
    AllocatorRef elsewhere = named("udmabuf");
    MemoryRef memory = alloc(*elsewhere, 4096);
    const Buffer buffer = *device.buffer(*memory);
    const auto acquire = device.acquire_barrier(buffer, VK_ACCESS_SHADER_READ_BIT);
    const auto release = device.release_barrier(buffer, VK_ACCESS_SHADER_READ_BIT);
    EXPECT_EQ(acquire.dstQueueFamilyIndex, device.queue_family());
    EXPECT_EQ(release.srcQueueFamilyIndex, device.queue_family());
    EXPECT_EQ(acquire.srcQueueFamilyIndex, release.dstQueueFamilyIndex);
    EXPECT_THAT(acquire.srcQueueFamilyIndex,
                ::testing::AnyOf(VK_QUEUE_FAMILY_FOREIGN_EXT, VK_QUEUE_FAMILY_EXTERNAL));
}

// Device-local memory straight into a dma-buf of somebody else, by the GPU.
TEST_F(DmaBufTest, CopiesOfGpuMemoryReachForeignMemoryWithoutAStage) {
    Device device = wrap();
    AllocatorRef gpu = allocator(device, Placement::device_local), host = allocator(device, Placement::host);
    MemoryRef bytes = alloc(*host, 70000);
    fill(*bytes, 5);
    MemoryRef memory = alloc(*gpu, 70000);
    copy_on_gpu(device, *device.buffer(*bytes), *device.buffer(*memory));
    for (const char* name : exporters) {
        AllocatorRef target = named(name);
        watch->clear();
        auto copy = memory->copy(100, 60000, target.get());
        ASSERT_TRUE(copy) << why(copy);
        EXPECT_EQ(watch->count("vkCmdCopyBuffer"), 1);
        EXPECT_EQ(watch->allocations().size(), 1u) << "the import and nothing else";
        EXPECT_TRUE((*copy)->is_type(target->mem_type()));
        expect_filled(**copy, 5, 100);
    }
}

TEST_F(DmaBufTest, ADriverThatImportsItsOwnExportDoesItOnce) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable);
    MemoryRef memory = alloc(*from, 8192);
    auto again = from->extension<ImportsDmaBuf>()->import_dmabuf(borrow_fd(*memory, FdKind::dmabuf)->fd, 4096,
                                                                 100, MemoryFlags::none);
    ASSERT_TRUE(again) << why(again);
    fill(**again, 8);
    auto mapping = memory->map(MapFlags::read);
    EXPECT_EQ(mapping->data()[4096 + 50], static_cast<std::uint8_t>(50 * 7 + 8));
    EXPECT_EQ(device.heaps()->at(0).imports, 1u);
}

TEST_F(DmaBufTest, BetweenTwoVkDevices) {
    Application second;
    Device here = wrap(), there = wrap(second.handles());
    AllocatorRef from = allocator(here, Placement::exportable);
    MemoryRef memory = alloc(*from, 8192);
    fill(*memory, 6);
    auto buffer = there.buffer(*memory);
    ASSERT_TRUE(buffer) << why(buffer);
    EXPECT_NE(buffer->handle(), here.buffer(*memory)->handle());
    EXPECT_EQ(there.heaps()->at(0).imports, 1u);
    EXPECT_EQ(here.heaps()->at(0).imports, 0u) << "its own";
}

TEST_F(DmaBufTest, ManyRoundsLeaveNothing) {
    Device device = wrap();
    AllocatorRef native = allocator(device, Placement::exportable), elsewhere = named("udmabuf");
    const auto round = [&] {
        MemoryRef own = alloc(*native, 30000), foreign = alloc(*elsewhere, 30000);
        fill(*own, 1);
        const Buffer buffer = *device.buffer(*foreign);
        auto copy = own->copy(0, whole, elsewhere.get());
        ASSERT_TRUE(copy) << why(copy);
        expect_filled(**copy, 1);
    };
    round();
    const auto fds = open_fds();
    const auto live = watch->live();
    for (int i = 0; i < 50; ++i)
        round();
    EXPECT_EQ(open_fds(), fds);
    EXPECT_EQ(watch->live(), live);
    EXPECT_EQ(device.heaps()->at(0).imports, 0u);
}

TEST_F(DmaBufTest, AReadOnlyDescriptorIsTakenOrRefusedByName) {
    const UniqueFd heap(::open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC));
    if (!heap)
        MISSING("no /dev/dma_heap/system here");
    dma_heap_allocation_data request{};
    request.len = 8192;
    request.fd_flags = O_RDONLY | O_CLOEXEC;
    ASSERT_EQ(::ioctl(heap.get(), DMA_HEAP_IOCTL_ALLOC, &request), 0);
    const UniqueFd fd(static_cast<int>(request.fd));
    Device device = wrap();
    auto memory = import_dmabuf(fd.get());
    ASSERT_TRUE(memory) << why(memory);
    const auto before = open_fds();
    for (int i = 0; i < 3; ++i) {
        auto buffer = device.buffer(**memory);
        if (!buffer) {
            EXPECT_EQ(buffer.error().kind(), ErrorKind::permission) << why(buffer);
            EXPECT_THAT(std::string(buffer.error().remedy()), ::testing::HasSubstr("read-only"));
        }
    }
    EXPECT_EQ(open_fds(), before) << "lavapipe up to 25.2 closes what it refuses";
}

// Something that answers like a dma-buf until the driver looks: not one.
TEST_F(DmaBufTest, WhatIsNoDmaBufNeverReachesTheDriver) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable);
    const UniqueFd memfd(::memfd_create("no dma-buf", MFD_CLOEXEC));
    watch->clear();
    for (const int fd : {memfd.get(), -1, 12345}) {
        auto refused = from->extension<ImportsDmaBuf>()->import_dmabuf(fd, 0, whole, MemoryFlags::none);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), ErrorKind::invalid) << why(refused);
    }
    EXPECT_EQ(watch->count("vkAllocateMemory"), 0);
}

} // namespace
} // namespace hwalloc::vulkan::testing
