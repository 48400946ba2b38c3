// Every call to a card fails in turn, and nothing is left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hwalloc/image.h"
#include "tests/unit/drm_dumb_fixture.h"
#include "tests/unit/fault_loop.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;

// Every call of allocation, map, unmap, import and image fails in turn.
TEST_F(DrmDumb, NothingIsLeftWhenACallFails) {
    Allocator* allocator = card();
    { ASSERT_TRUE(allocator->alloc(100)); }
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    const auto use_it = [&]() -> Result<void> {
        auto memory = allocator->alloc(100);
        if (!memory)
            return std::move(memory).error();
        if (auto mapped = map_once(**memory); !mapped)
            return mapped;
        auto other = import(allocator, foreign.get());
        if (!other)
            return std::move(other).error();
        auto image = alloc_image(*allocator, {fourcc('N', 'V', '1', '2'), 64, 64});
        return image ? Result<void>() : Result<void>(std::move(image).error());
    };
    const auto look = [&](const FaultRound& round) {
        // A handle whose GEM_CLOSE fails stays: there is nothing else to be done about it.
        if (round.done && round.failed == "ioctl" && fake.handles() > 0)
            for (const int fd : card_fds())
                for (std::uint32_t handle = 1; handle < 9; ++handle)
                    fake.close_handle(fd, handle);
        EXPECT_EQ(fake.handles(), 0u) << round.failed;
    };
    EXPECT_THAT(fail_each_call(ENOMEM, use_it, look),
                ElementsAre("ioctl", "ioctl", "fstat", "ioctl", "mmap", "ioctl", "ioctl", // alloc, map
                            "fcntl", "fstatfs", "fstat", "lseek", "fcntl", "ioctl",       // import
                            "ioctl", "ioctl", "fstat", "ioctl",                           // image
                            "ioctl", "ioctl", "ioctl"))                                   // GEM_CLOSE
        << "CREATE, HANDLE_TO_FD, fstat, SET_NAME (ignored), mmap, START, END; ...";
}

TEST_F(DrmDumb, OpeningThatFailsLeavesNothing) {
    Allocator* allocator = card();
    const auto before = open_fds();
    KernelWatch watch;
    for (int n = 1; n < 5; ++n) {
        watch.fail_call(n, EMFILE);
        auto memory = allocator->alloc(100);
        if (watch.failed_name == "ioctl" && n == 2) {
            EXPECT_TRUE(memory) << "DROP_MASTER is a courtesy";
            break;
        }
        EXPECT_FALSE(memory);
        EXPECT_EQ(open_fds(), before) << watch.failed_name;
    }
}

} // namespace
} // namespace hwalloc
