// What every allocator of dma-bufs must do on its real driver, run over those that there are.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;

struct Driver {
    const char* name;
    const char* node;
    const char* exporter;      // as fdinfo calls it
    bool pages_exactly = true; // no more of them than were asked for
};
void PrintTo(const Driver& driver, std::ostream* out) {
    *out << driver.name;
}

class DmaBufDevice : public ::testing::TestWithParam<Driver> {
protected:
    void SetUp() override {
        NEEDS_DEVICE(GetParam().node);
        if (!in_lab() && !Allocator::resolve(GetParam().name))
            GTEST_SKIP() << "no " << GetParam().name << " here";
        maker = allocator(GetParam().name);
        ASSERT_NE(maker, nullptr);
    }
    MemoryRef make(std::size_t size) {
        auto memory = maker->alloc(size);
        EXPECT_TRUE(memory) << memory.error().message();
        return memory ? std::move(*memory) : MemoryRef();
    }
    static int fd_of(const MemoryRef& memory) { return borrow_fd(*memory, FdKind::dmabuf)->fd; }

    Allocator* maker = nullptr;
};

TEST_P(DmaBufDevice, TheBufferIsNamedSizedAndClosedOnExec) {
    auto memory = make(2 * page_size() + 1);
    const int fd = fd_of(memory);
    EXPECT_EQ(fdinfo(fd, "exp_name"), GetParam().exporter);
    EXPECT_EQ(fdinfo(fd, "name"), "hwalloc:" + std::to_string(2 * page_size() + 1));
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT_EQ(::fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    struct stat status {};
    ASSERT_EQ(::fstat(fd, &status), 0);
    EXPECT_EQ(status.st_size, ::lseek(fd, 0, SEEK_END)) << "one call tells identity and size";
    const auto size = static_cast<std::size_t>(status.st_size);
    EXPECT_EQ(fdinfo(fd, "size"), std::to_string(size));
    if (GetParam().pages_exactly)
        EXPECT_EQ(size, 3 * page_size());
    else
        EXPECT_GE(size, 3 * page_size());
}

TEST_P(DmaBufDevice, FreshMemoryIsZeroAndHoldsWhatIsWritten) {
    auto memory = make(100000);
    {
        auto mapping = memory->map(MapFlags::read);
        ASSERT_TRUE(mapping);
        for (std::size_t i = 0; i < mapping->size(); ++i)
            ASSERT_EQ(mapping->data()[i], 0) << i;
    }
    {
        auto mapping = memory->map(MapFlags::write);
        ASSERT_TRUE(mapping);
        for (std::size_t i = 0; i < mapping->size(); ++i)
            mapping->data()[i] = static_cast<std::uint8_t>(i * 7);
    }
    // Through the descriptor alone, as another process would.
    void* other = ::mmap(nullptr, 100000, PROT_READ, MAP_SHARED, fd_of(memory), 0);
    ASSERT_NE(other, MAP_FAILED);
    for (std::size_t i = 0; i < 100000; ++i)
        ASSERT_EQ(static_cast<std::uint8_t*>(other)[i], static_cast<std::uint8_t>(i * 7)) << i;
    ::munmap(other, 100000);
}

TEST_P(DmaBufDevice, DuplicatesAndImportsAreOneBufferMappedAndBracketedOnce) {
    auto memory = make(50000);
    const UniqueFd duplicate(::fcntl(fd_of(memory), F_DUPFD_CLOEXEC, 0));
    EXPECT_EQ(inode_of(duplicate.get()), inode_of(fd_of(memory)));
    auto a = import_dmabuf(duplicate.get());
    auto b = import_dmabuf(fd_of(memory), 4096, 100);
    ASSERT_TRUE(a && b);
    auto* buffer = memory->block().extension<HasDmaBuf>()->dma_buf().get();
    EXPECT_EQ((*a)->block().extension<HasDmaBuf>()->dma_buf().get(), buffer);
    EXPECT_EQ((*b)->block().extension<HasDmaBuf>()->dma_buf().get(), buffer);
    EXPECT_EQ(buffer->inode(), inode_of(duplicate.get()));
    {
        KernelWatch watch;
        auto map_memory = memory->map(MapFlags::read);
        auto map_a = (*a)->map(MapFlags::read);
        auto map_b = (*b)->map(MapFlags::read);
        ASSERT_TRUE(map_memory && map_a && map_b);
        EXPECT_EQ(map_a->data(), map_memory->data());
        EXPECT_EQ(map_b->data(), map_memory->data() + 4096);
        ASSERT_TRUE(map_memory->unmap());
        ASSERT_TRUE(map_a->unmap());
        ASSERT_TRUE(map_b->unmap());
        EXPECT_EQ(watch.count("mmap"), 1);
        EXPECT_EQ(watch.count("ioctl"), 2) << "one START, one END";
    }
    EXPECT_EQ(count_in(text_of("/proc/self/maps"), "/dmabuf:"), 1u);
    auto other = make(100);
    EXPECT_NE(inode_of(fd_of(other)), buffer->inode());
}

TEST_P(DmaBufDevice, SyncIsTakenInEveryDirectionAndOrder) {
    auto memory = make(50000);
    auto second = import_dmabuf(fd_of(memory));
    ASSERT_TRUE(second);
    for (auto first : {MapFlags::read, MapFlags::write, MapFlags::readwrite})
        for (auto then : {MapFlags::read, MapFlags::write, MapFlags::readwrite})
            for (bool first_leaves_first : {false, true}) {
                auto a = memory->map(first);
                ASSERT_TRUE(a) << a.error().message();
                auto b = (*second)->map(then);
                ASSERT_TRUE(b) << b.error().message();
                if (has(first, MapFlags::write))
                    a->data()[0] = 42;
                auto& early = first_leaves_first ? *a : *b;
                auto& late = first_leaves_first ? *b : *a;
                auto ended = early.unmap();
                EXPECT_TRUE(ended) << ended.error().message();
                ended = late.unmap();
                EXPECT_TRUE(ended) << ended.error().message();
            }
    auto read = memory->map(MapFlags::read);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->data()[0], 42);
}

TEST_P(DmaBufDevice, LongNamesAreCutWhereTheKernelWouldRefuse) {
    auto memory = make(100);
    const std::string name(40, 'n');
    EXPECT_EQ(::ioctl(fd_of(memory), DMA_BUF_SET_NAME, name.c_str()), -1) << "what the cutting is for";
    memory->block().extension<HasDmaBuf>()->dma_buf()->set_name(name);
    EXPECT_EQ(fdinfo(fd_of(memory), "name"), std::string(31, 'n'));
}

TEST_P(DmaBufDevice, AnotherProcessSeesTheBytesAndItsDeathTakesNothing) {
    auto memory = make(100);
    const int fd = fd_of(memory);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        auto theirs = import_dmabuf(fd);
        auto mapping = theirs ? (*theirs)->map(MapFlags::write) : Result<Mapping>(theirs.error());
        if (!mapping)
            ::_exit(1);
        mapping->data()[99] = 77;
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    auto mapping = memory->map(MapFlags::read);
    ASSERT_TRUE(mapping);
    EXPECT_EQ(mapping->data()[99], 77);
}

TEST_P(DmaBufDevice, NothingIsLeftOfMemoryThatWent) {
    { auto warm = make(100); } // the node stays open
    const auto before = open_fds();
    std::uint64_t inode = 0;
    {
        auto memory = make(1 << 20);
        inode = inode_of(fd_of(memory));
        auto second = import_dmabuf(fd_of(memory));
        ASSERT_TRUE(second);
        auto mapping = (*second)->map(MapFlags::readwrite);
        ASSERT_TRUE(mapping);
        memory.reset();
        second->reset();
        mapping->data()[5] = 5; // the map alone keeps it
        EXPECT_EQ(count_in(text_of("/proc/self/maps"), "/dmabuf:"), 1u);
    }
    EXPECT_EQ(open_fds(), before);
    EXPECT_EQ(count_in(text_of("/proc/self/maps"), "/dmabuf:"), 0u);
    if (const std::string kernels = text_of("/sys/kernel/debug/dma_buf/bufinfo"); !kernels.empty()) {
        EXPECT_EQ(kernels.find(std::to_string(inode)), std::string::npos) << kernels;
    } else {
        EXPECT_FALSE(in_lab() && ::geteuid() == 0) << "the lab has debugfs";
    }
}

TEST_P(DmaBufDevice, RunningOutOfDescriptorsIsAnErrorThatLeavesNothing) {
    { auto warm = make(100); }
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const auto before = open_fds();
    rlimit few = limit;
    few.rlim_cur = static_cast<rlim_t>(*before.rbegin() + 8);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    std::vector<MemoryRef> held;
    Error error(ErrorKind::invalid, "no allocation failed");
    for (int i = 0; i < 100; ++i) {
        auto memory = maker->alloc(100);
        if (!memory) {
            error = memory.error();
            break;
        }
        held.push_back(std::move(*memory));
    }
    const std::size_t made = held.size();
    held.clear();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_GT(made, 0u);
    EXPECT_EQ(error.kind(), ErrorKind::exhausted) << error.message();
    EXPECT_EQ(error.code(), EMFILE) << error.message();
    EXPECT_NE(error.message().find("ulimit -n"), std::string::npos) << error.message();
    EXPECT_EQ(open_fds(), before);
}

INSTANTIATE_TEST_SUITE_P(Real, DmaBufDevice,
                         ::testing::Values(Driver{"dma-heap/system", "/dev/dma_heap/system", "system"},
                                           Driver{"udmabuf", "/dev/udmabuf", "udmabuf"},
                                           Driver{"drm-dumb/virtio_gpu", "/dev/dri", "virtio_gpu"},
                                           Driver{"drm-dumb/bochs-drm", "/dev/dri", "drm"},
                                           Driver{"drm-dumb/vgem", "/dev/dri", "drm"},
                                           Driver{"v4l2/video0", "/dev/video0", "videobuf2_vmalloc", false}),
                         [](const auto& instance) {
                             std::string name = instance.param.name;
                             for (char& letter : name)
                                 if (!std::isalnum(static_cast<unsigned char>(letter)))
                                     letter = '_';
                             return name;
                         });

} // namespace
} // namespace hwalloc
