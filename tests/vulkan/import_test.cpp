// dma-bufs from elsewhere as VkBuffer: who owns the descriptor, which memory type, how often. On a driver
// that is made up, so that it runs everywhere; import_real_test.cpp has the real one.
#include <gmock/gmock.h>

#include <thread>

#include "hwalloc/capabilities.h"
#include "hwalloc/dma_buf.h"
#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using hwalloc::testing::FakeDmaBufs;

class ImportTest : public FakeDriverTest {
protected:
    static MemoryRef imported(int fd, std::size_t offset = 0, std::size_t size = whole) {
        auto memory = import_dmabuf(fd, offset, size);
        if (!memory)
            throw std::runtime_error(memory.error().message());
        return std::move(*memory);
    }
};

TEST_F(ImportTest, ARefusedDescriptorIsClosedOnceWhicheverSideDoesIt) {
    Device device = wrap_fake();
    const UniqueFd fd = FakeDmaBufs::make(8192);
    MemoryRef memory = imported(fd.get());
    driver->refuses_imports = true;
    for (const bool driver_closes : {false, true}) {
        SCOPED_TRACE(driver_closes);
        driver->closes_refused_fds = driver_closes;
        driver->refused.clear();
        // Whatever the library closes beyond its own would be one of these.
        const auto before = open_fds();
        hwalloc::testing::KernelWatch kernel_watch;
        auto buffer = device.buffer(*memory);
        ASSERT_FALSE(buffer);
        EXPECT_EQ(buffer.error().kind(), ErrorKind::incompatible) << why(buffer);
        EXPECT_EQ(buffer.error().call(), "vkAllocateMemory(import)");
        EXPECT_EQ(buffer.error().device(), device.name());
        EXPECT_EQ(buffer.error().size_held(), 8192u);
        EXPECT_EQ(open_fds(), before);
        ASSERT_EQ(driver->refused.size(), 1u);
        EXPECT_NE(driver->refused[0], borrow_fd(*memory, FdKind::dmabuf)->fd) << "a duplicate was given";
        EXPECT_EQ(kernel_watch.count("close"), driver_closes ? 0 : 1);
    }
}

// Between the driver's close and the library's look another thread may open something there, which may have
// the inode number that the dma-buf has in its own file system.
TEST_F(ImportTest, ADescriptorThatIsSomebodyElsesByNowStaysOpen) {
    Device device = wrap_fake();
    const UniqueFd fd = FakeDmaBufs::make(8192);
    MemoryRef memory = imported(fd.get());
    driver->refuses_imports = driver->closes_refused_fds = true;
    UniqueFd others;
    auto allocate = std::move(watch->allocate);
    watch->allocate = [&](PFN_vkAllocateMemory next, VkDevice on, const VkMemoryAllocateInfo& info,
                          VkDeviceMemory* out) {
        const VkResult result = allocate(next, on, info, out);
        others.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC)); // the lowest number, which was just closed
        return result;
    };
    static std::uint64_t number;
    number = (*DmaBuf::import(fd.get()))->inode();
    const hwalloc::testing::KernelOverride restores;
    for (const bool same_number : {false, true}) {
        SCOPED_TRACE(same_number);
        if (same_number)
            kernel.fstat = [](int file, struct stat* status) {
                const int done = real_kernel().fstat(file, status);
                status->st_ino = static_cast<ino_t>(number);
                return done;
            };
        others.reset();
        driver->refused.clear();
        EXPECT_FALSE(device.buffer(*memory));
        EXPECT_EQ(others.get(), driver->refused.at(0)) << "the case that this is about";
        EXPECT_GE(::fcntl(others.get(), F_GETFD), 0) << "closed by the library";
    }
}

TEST_F(ImportTest, OnlyTypesThatFitBothAreTaken) {
    Device device = wrap_fake();
    const UniqueFd fd = FakeDmaBufs::make(8192);
    MemoryRef memory = imported(fd.get());
    watch->requirements = [](VkMemoryRequirements2& needs) {
        if (needs.sType == VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2)
            needs.memoryRequirements.memoryTypeBits |= 0b1010;
    };
    driver->fd_types = 0b10100;
    watch->clear();
    auto refused = device.buffer(*memory);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::incompatible);
    EXPECT_THAT(refused.error().message(),
                ::testing::AllOf(::testing::HasSubstr("10100"), ::testing::HasSubstr("1011"),
                                 ::testing::HasSubstr("memory types")));
    EXPECT_EQ(watch->count("vkAllocateMemory"), 0);
    EXPECT_EQ(refused.error().device(), device.name());
    driver->fd_types = 0b10101;
    auto taken = device.buffer(*memory);
    ASSERT_TRUE(taken) << why(taken);
    EXPECT_EQ(watch->allocations().at(0).type, 0u);
}

TEST_F(ImportTest, WhatTheDriverWantsDedicatedIsAndToTheByte) {
    for (const bool by_features : {false, true}) {
        SCOPED_TRACE(by_features);
        driver->dedicated_only = by_features;
        watch->requirements = [by_features](VkMemoryRequirements2& needs) {
            auto* alone = static_cast<VkMemoryDedicatedRequirements*>(needs.pNext);
            if (alone && !by_features)
                alone->requiresDedicatedAllocation = VK_TRUE;
        };
        Device device = wrap_fake();
        const UniqueFd fd = FakeDmaBufs::make(8192 + 4096);
        MemoryRef memory = imported(fd.get());
        watch->clear();
        auto buffer = device.buffer(*memory);
        ASSERT_TRUE(buffer) << why(buffer);
        const Allocation asked = watch->allocations().at(0);
        EXPECT_TRUE(asked.dedicated);
        EXPECT_EQ(asked.for_buffer, buffer->handle());
        EXPECT_EQ(asked.for_image, VkImage{VK_NULL_HANDLE});
        EXPECT_EQ(asked.size, 8192u + 4096u);
        EXPECT_FALSE(asked.exported);
    }
    watch->requirements = nullptr;
    driver->dedicated_only = false;
    Device device = wrap_fake();
    const UniqueFd fd = FakeDmaBufs::make(8192);
    MemoryRef memory = imported(fd.get());
    watch->clear();
    ASSERT_TRUE(device.buffer(*memory));
    EXPECT_FALSE(watch->allocations().at(0).dedicated) << "nobody asked";
}

TEST_F(ImportTest, ExportsAreDedicatedWhole) {
    Device device = wrap_fake();
    AllocatorRef from = allocator(device, Placement::exportable);
    watch->clear();
    MemoryRef memory = alloc(*from, 10000);
    const Allocation asked = watch->allocations().at(0);
    EXPECT_TRUE(asked.exported);
    EXPECT_TRUE(asked.dedicated);
    EXPECT_EQ(asked.for_buffer, device.buffer(*memory)->handle());
    EXPECT_EQ(asked.size % page_size(), 0u);
    EXPECT_TRUE(device.buffer(*memory)->foreign()) << "others may have the dma-buf";
}

TEST_F(ImportTest, ADmaBufIsImportedOnceHoweverItComes) {
    Device device = wrap_fake();
    const UniqueFd fd = FakeDmaBufs::make(8192);
    const UniqueFd duplicate(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    MemoryRef memory = imported(fd.get()), again = imported(duplicate.get(), 4096, 100);
    MemoryRef share = std::move(*memory->share(512, 1000));
    AllocatorRef vulkan = allocator(device, Placement::exportable);
    const auto before = open_fds();
    {
        std::vector<Buffer> buffers(8);
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i < buffers.size(); ++i)
                threads.emplace_back([&, i] {
                    Memory& one = i % 3 == 0 ? *memory : i % 3 == 1 ? *again : *share;
                    if (auto buffer = device.buffer(one))
                        buffers[i] = std::move(*buffer);
                });
        }
        auto native =
            vulkan->extension<ImportsDmaBuf>()->import_dmabuf(duplicate.get(), 16, 64, MemoryFlags::none);
        ASSERT_TRUE(native) << why(native);
        buffers.push_back(*device.buffer(**native));
        EXPECT_EQ(driver->imports, 1);
        for (const Buffer& buffer : buffers) {
            ASSERT_TRUE(buffer);
            EXPECT_EQ(buffer.handle(), buffers[0].handle());
            EXPECT_TRUE(buffer.foreign());
        }
        EXPECT_EQ(buffers[0].offset(), 0u);
        EXPECT_EQ(buffers[1].offset(), 4096u);
        EXPECT_EQ(buffers[1].size(), 100u);
        EXPECT_EQ(buffers[2].offset(), 512u);
        EXPECT_EQ(buffers.back().offset(), 16u);
        const auto heaps = device.heaps().value();
        EXPECT_EQ(heaps[0].imports, 1u);
        EXPECT_EQ(heaps[0].imported, 8192u);
    }
    EXPECT_EQ(device.heaps()->at(0).imports, 0u);
    EXPECT_EQ(device.heaps()->at(0).imported, 0u);
    EXPECT_EQ(open_fds(), before);
    // And anew when it is asked for anew.
    ASSERT_TRUE(device.buffer(*memory));
    EXPECT_EQ(driver->imports, 2);
    Device other = wrap_fake();
    const Buffer here = *device.buffer(*memory), there = *other.buffer(*memory);
    EXPECT_NE(here.handle(), there.handle()) << "each device has its own";
}

// The last owner goes while others ask: one import at a time lives, and none is lost or kept.
TEST_F(ImportTest, ComingAndGoingOnSeveralThreads) {
    Device device = wrap_fake();
    const UniqueFd fd = FakeDmaBufs::make(8192), second = FakeDmaBufs::make(4096);
    MemoryRef memory = imported(fd.get()), other = imported(second.get());
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&, i] {
                for (int n = 0; n < 100; ++n) {
                    auto buffer = device.buffer((n + i) % 3 ? *memory : *other);
                    ASSERT_TRUE(buffer) << why(buffer);
                    ASSERT_NE(buffer->handle(), VkBuffer{VK_NULL_HANDLE});
                }
            });
    }
    EXPECT_EQ(device.heaps()->at(0).imports, 0u);
}

TEST_F(ImportTest, AReadOnlyDescriptorIsNamedAsTheCause) {
    Device device = wrap_fake();
    const UniqueFd fd = FakeDmaBufs::make(8192);
    const UniqueFd for_reading = FakeDmaBufs::reopened(fd, O_RDONLY);
    MemoryRef memory = imported(for_reading.get());
    ASSERT_TRUE(device.buffer(*memory)) << "a driver may do with it";
    driver->refuses_imports = true;
    auto refused = device.buffer(*memory);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::permission) << why(refused);
    EXPECT_EQ(refused.error().code(), VK_ERROR_INVALID_EXTERNAL_HANDLE);
    EXPECT_THAT(std::string(refused.error().remedy()), ::testing::HasSubstr("read-only"));
    driver->refusal = VK_ERROR_OUT_OF_HOST_MEMORY;
    EXPECT_EQ(device.buffer(*memory).error().kind(), ErrorKind::exhausted) << "that is another matter";
}

TEST_F(ImportTest, ABufferOutlivesEverythingItCameFrom) {
    Buffer buffer;
    {
        Device device = wrap_fake();
        const UniqueFd fd = FakeDmaBufs::make(8192);
        MemoryRef memory = imported(fd.get());
        buffer = *device.buffer(*memory);
    }
    EXPECT_NE(buffer.handle(), VkBuffer{VK_NULL_HANDLE});
    EXPECT_THAT(watch->live(), ::testing::Contains(::testing::Pair("VkBuffer", 1u)));
    buffer = Buffer();
    EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{}));
}

TEST_F(ImportTest, AReadOnlyExportIsWrittenByTheCpuAllTheSame) {
    driver->exports_read_only = true; // v3dv, asahi, pvr
    Device device = wrap_fake();
    AllocatorRef from = allocator(device, Placement::exportable);
    MemoryRef memory = alloc(*from, 4096);
    EXPECT_FALSE(borrow_fd(*memory, FdKind::dmabuf)->writable);
    fill(*memory, 3);
    expect_filled(*memory, 3);
}

TEST_F(ImportTest, MemoryWithoutADmaBufIsRefusedWithWhatHelps) {
    Device device = wrap_fake();
    auto memory = Allocator::find("sysmem")->alloc(4096);
    auto refused = device.buffer(**memory);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
    EXPECT_NE(refused.error().remedy(), "");
    Device other = wrap_fake();
    AllocatorRef elsewhere = allocator(other, Placement::host);
    EXPECT_FALSE(device.buffer(*alloc(*elsewhere, 100))) << "another device's memory without a dma-buf";
}

TEST_F(ImportTest, WhereTheDriverCannotTheErrorSaysWhatIsMissing) {
    Handles handles = app->handles();
    handles.enabled_extensions = {};
    Device device = wrap(handles);
    EXPECT_FALSE(device.imports_dma_buf());
    const UniqueFd fd = FakeDmaBufs::make(8192);
    MemoryRef memory = imported(fd.get());
    auto refused = device.buffer(*memory);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(std::string(refused.error().remedy()),
                ::testing::HasSubstr("VK_EXT_external_memory_dma_buf"));
    auto exporting = device.allocator(Placement::exportable);
    ASSERT_FALSE(exporting);
    EXPECT_EQ(exporting.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(std::string(exporting.error().remedy()),
                ::testing::HasSubstr("VK_EXT_external_memory_dma_buf"));
}

} // namespace
} // namespace hwalloc::vulkan::testing
