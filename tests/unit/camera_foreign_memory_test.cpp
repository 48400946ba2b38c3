// Memory of an application's own allocator, whose code runs while a camera takes it: it may use the camera's
// allocator, and tells what the library does not know by itself.
#include <gmock/gmock.h>

#include <functional>
#include <thread>
#include <vector>

#include "hwalloc/block.h"
#include "hwalloc/capabilities.h"
#include "tests/unit/fake_camera.h"
#include "tests/unit/fake_devices.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ForeignBlock final : public Block, public HasFd {
public:
    static std::function<void()> when_asked; // for its descriptor

    ForeignBlock(Allocator& allocator, const Geometry& geometry)
        : Block(allocator, geometry), fd_(FakeDmaBufs::make(geometry.storage)) {}

    BorrowedFd block_fd(FdKind kind) noexcept override {
        if (when_asked)
            when_asked();
        return {kind, kind == FdKind::dmabuf ? fd_.get() : -1, 0, 0, true};
    }

private:
    void* do_extension(std::string_view id) noexcept override {
        return id == HasFd::extension_id ? static_cast<HasFd*>(this) : nullptr;
    }
    UniqueFd fd_;
};
std::function<void()> ForeignBlock::when_asked;

class ForeignAllocator final : public Allocator, public Describes {
public:
    ForeignAllocator() : Allocator("camera-test") {}
    Answer contiguous = Answer::unknown;

    Properties properties() noexcept override { return {.contiguous = contiguous}; }
    Claims claims() noexcept override { return {.alloc = true, .export_dmabuf = true}; }
    Result<void> available() noexcept override { return {}; }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        auto geometry = Geometry::of(size, params, page_size());
        if (!geometry)
            return std::move(geometry).error();
        return new ForeignBlock(*this, *geometry);
    }
    void* do_extension(std::string_view id) noexcept override {
        return id == Describes::extension_id ? static_cast<Describes*>(this) : nullptr;
    }
};

class CameraForeignMemoryTest : public CameraTest {
protected:
    ~CameraForeignMemoryTest() override { ForeignBlock::when_asked = nullptr; }
    std::vector<MemoryRef> foreign(std::size_t count) {
        std::vector<MemoryRef> made;
        for (std::size_t i = 0; i < count; ++i)
            made.push_back(allocator->alloc(image_bytes).value());
        return made;
    }
    ForeignAllocator* const allocator = new ForeignAllocator;
    const AllocatorRef owner = AllocatorRef::adopt(allocator);
};

TEST_F(CameraForeignMemoryTest, MayUseTheCamerasAllocatorWhileItIsTaken) {
    auto camera = ready();
    const auto given = foreign(2);
    const auto participant = v4l2::capture_participant(camera).value();
    Allocator& own = *fresh_registry().resolve("v4l2/video7").value();
    int asked = 0;
    ForeignBlock::when_asked = [&] {
        ++asked;
        EXPECT_TRUE(own.alloc(image_bytes));
        std::thread([&] { EXPECT_TRUE(own.alloc(image_bytes)); }).join();
    };
    EXPECT_TRUE(participant->attempt(*given[0], camera.format()->layout));
    EXPECT_EQ(asked, 1);
    ASSERT_TRUE(camera.bind(given));
    EXPECT_EQ(asked, 3);
}

TEST_F(CameraForeignMemoryTest, ThatIsContiguousProvesNothingByBeingRefused) {
    fake.qbuf = [](int, std::uint32_t) { return -EFAULT; };
    fake.exporter = "linux,cma";
    const auto refused = [&] {
        auto camera = ready();
        return camera.bind(foreign(1)).error().message();
    };
    allocator->contiguous = Answer::yes;
    EXPECT_THAT(refused(), AllOf(HasSubstr("could not be found out"), Not(HasSubstr("established"))));
    allocator->contiguous = Answer::no;
    EXPECT_THAT(refused(), HasSubstr("needs physically contiguous memory"));
}

TEST_F(CameraForeignMemoryTest, AskingForContiguityLeavesTheReservation) {
    auto camera = ready();
    ASSERT_EQ(camera.reserve(3).value(), 3u);
    EXPECT_EQ(camera.needs_contiguous_memory().value(), Answer::no);
    EXPECT_EQ(fake.reserved, 3u);
    EXPECT_TRUE(camera.bind(foreign(3)));
}

TEST_F(CameraForeignMemoryTest, ATrialLeavesTheQueueToOthers) {
    auto camera = ready();
    const auto participant = v4l2::capture_participant(camera).value();
    ASSERT_TRUE(participant->attempt(*foreign(1)[0], camera.format()->layout));
    auto other = ready();
    fake.reqbufs = -EBUSY; // by another program
    EXPECT_THAT(other.reserve(2).error().message(), HasSubstr("another program"));
}

// As kernels before 5.19 may do it, where nobody compares open files. Memory that differs in size is not the
// same.
TEST_F(CameraForeignMemoryTest, OfOneInodeNumberIsBoundWhenItsSizesDiffer) {
    static decltype(kernel.fstat) fstat_before;
    fstat_before = kernel.fstat;
    kernel.fstat = [](int number, struct stat* status) {
        const int done = fstat_before(number, status);
        if (done == 0 && FakeDmaBufs::is_buffer(number))
            status->st_ino = 77;
        return done;
    };
    kernel.compare_files = [](int, int) { return -EPERM; };
    static decltype(kernel.fcntl) fcntl_before;
    fcntl_before = kernel.fcntl;
    kernel.fcntl = [](int number, int command, long argument) {
        return command == 1027 ? -EINVAL : fcntl_before(number, command, argument); // F_DUPFD_QUERY
    };
    auto camera = ready();
    std::vector<MemoryRef> given;
    given.push_back(allocator->alloc(image_bytes).value());
    given.push_back(allocator->alloc(image_bytes + page_size()).value());
    auto bound = camera.bind(given);
    EXPECT_TRUE(bound) << bound.error().message();
    ASSERT_TRUE(camera.unbind());
    given[1] = given[0]->ref().value();
    EXPECT_EQ(camera.bind(given).error().kind(), ErrorKind::invalid) << "the same dma-buf twice";
}

} // namespace
} // namespace hwalloc
