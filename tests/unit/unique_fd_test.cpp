// Owners of a descriptor or a mapping: what is moved from, moved to itself, or given what it has already.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>

#include "common/mapped_region.h"
#include "hwalloc/unique_fd.h"
#include "kernel_override.h"

namespace hwalloc {
namespace {

bool open_now(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

UniqueFd any_file() {
    return UniqueFd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

TEST(UniqueFd, KeepsADescriptorThatItIsGivenAgain) {
    UniqueFd file = any_file();
    const int fd = file.get();
    file.reset(file.get());
    EXPECT_EQ(file.get(), fd);
    EXPECT_TRUE(open_now(fd));
    file.reset();
    EXPECT_FALSE(open_now(fd));
    file.reset();
    EXPECT_EQ(file.get(), -1);
}

TEST(UniqueFd, IsEmptyWhenMovedFromAndItselfWhenMovedToItself) {
    UniqueFd file = any_file();
    const int fd = file.get();
    UniqueFd& same = file;
    file = std::move(same);
    EXPECT_EQ(file.get(), fd);
    EXPECT_TRUE(open_now(fd));
    UniqueFd other = std::move(file);
    EXPECT_EQ(file.get(), -1); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(file.release(), -1);
    file = std::move(other);
    EXPECT_EQ(file.get(), fd);
}

TEST(MappedRegion, IsEmptyWhenMovedFromAndItselfWhenMovedToItself) {
    testing::KernelOverride undo;
    testing::KernelWatch watch;
    {
        const UniqueFd file = any_file();
        auto mapped = MappedRegion::of(file.get(), 1, false);
        ASSERT_TRUE(mapped) << mapped.error().message();
        MappedRegion region = *std::move(mapped);
        std::uint8_t* const base = region.base();
        MappedRegion& same = region;
        region = std::move(same);
        EXPECT_EQ(region.base(), base);
        MappedRegion other = std::move(region);
        EXPECT_EQ(region.base(), nullptr); // NOLINT(bugprone-use-after-move)
        region = std::move(other);
        EXPECT_EQ(region.base(), base);
        EXPECT_EQ(watch.mappings.size(), 1u);
    }
    EXPECT_EQ(watch.count("munmap"), 1);
    EXPECT_TRUE(watch.mappings.empty());
}

} // namespace
} // namespace hwalloc
