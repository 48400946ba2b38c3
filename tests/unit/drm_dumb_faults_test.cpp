// Every call to a card fails in turn, and nothing is left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hwalloc/image.h"
#include "tests/unit/drm_dumb_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;

// Every call of allocation, map, unmap, import and image fails in turn.
TEST_F(DrmDumb, NothingIsLeftWhenACallFails) {
    Allocator* allocator = card();
    { ASSERT_TRUE(allocator->alloc(100)); }
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    const auto before = open_fds();
    KernelWatch watch;
    std::vector<std::string> failures;
    for (int n = 1;; ++n) {
        ASSERT_LT(n, 60);
        watch.fail_call(n, ENOMEM);
        bool all = false;
        Error error(ErrorKind::invalid, "");
        {
            auto memory = allocator->alloc(100);
            if (!memory) {
                error = memory.error();
            } else if (auto mapping = (*memory)->map(MapFlags::write); !mapping) {
                error = mapping.error();
            } else if (auto ended = mapping->unmap(); !ended) {
                error = ended.error();
            } else if (auto other = import(allocator, foreign.get()); !other) {
                error = other.error();
            } else if (auto image = alloc_image(*allocator, {fourcc('N', 'V', '1', '2'), 64, 64}); !image) {
                error = image.error();
            } else {
                all = true;
            }
        }
        // A handle whose GEM_CLOSE fails stays: there is nothing else to be done about it.
        const bool closing = all && watch.failed_name == "ioctl" && fake.handles() > 0;
        if (closing)
            for (const int fd : card_fds())
                for (std::uint32_t handle = 1; handle < 9; ++handle)
                    fake.close_handle(fd, handle);
        EXPECT_EQ(open_fds(), before) << watch.failed_name;
        EXPECT_TRUE(watch.mappings.empty()) << watch.failed_name;
        EXPECT_EQ(fake.handles(), 0u) << watch.failed_name << " " << n;
        if (!watch.reached())
            break;
        failures.push_back(watch.failed_name);
        if (!all) {
            EXPECT_EQ(error.code(), ENOMEM) << watch.failed_name;
        }
    }
    EXPECT_THAT(failures,
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
