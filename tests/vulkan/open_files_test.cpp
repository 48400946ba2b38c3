// A driver, or Vulkan's loader, that can open no more files says so in other words: that it has no memory, or
// that there is no driver. What it lacks is told all the same.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// As long as it lives, no file can be opened, or `spare` more and those that were closed before.
class NoFileLeft {
public:
    explicit NoFileLeft(rlim_t spare = 0) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit few = before_;
        few.rlim_cur = static_cast<rlim_t>(*open_fds().rbegin() + 1) + spare;
        ::setrlimit(RLIMIT_NOFILE, &few);
        if (spare > 0)
            return;
        for (int fd = ::dup(0); fd >= 0; fd = ::dup(0))
            taken_.emplace_back(fd);
    }
    ~NoFileLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoFileLeft(const NoFileLeft&) = delete;
    NoFileLeft& operator=(const NoFileLeft&) = delete;

private:
    rlimit before_{};
    std::vector<UniqueFd> taken_;
};

class OpenFilesTest : public VulkanTest {};

TEST_F(OpenFilesTest, ALackOfThemIsNoLackOfMemory) {
    Device device = wrap();
    AllocatorRef host = allocator(device, Placement::host);
    watch->fail_name("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
    auto refused = host->alloc(1 << 20);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("MiB of a budget"));
    {
        const NoFileLeft none;
        refused = host->alloc(1 << 20);
    }
    watch->clear();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(refused.error().call(), "vkAllocateMemory");
    EXPECT_THAT(refused.error().message(), HasSubstr("ulimit -n"));
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("MiB of a budget")));
    EXPECT_TRUE(host->alloc(1 << 20));
}

// In a process of its own, because Vulkan is opened once. 0: all is as it should be.
constexpr int no_vulkan = 3;
int wrong_start() {
    Result<Device> device = Error(ErrorKind::invalid, "");
    {
        const NoFileLeft none;
        device = Device::open();
    }
    if (!Device::open()) // it is not remembered
        return no_vulkan;
    if (!device && device.error().kind() == ErrorKind::exhausted &&
        device.error().message().find("ulimit -n") != std::string::npos)
        return 0;
    std::fprintf(stderr, "%s\n", device ? "no error" : device.error().message().c_str());
    return 1;
}

TEST(OpenFiles, ALackOfThemIsNoLackOfADriver) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    static bool is_there = true;
    const auto right = [](int status) {
        is_there = !WIFEXITED(status) || WEXITSTATUS(status) != no_vulkan;
        return !is_there || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
    };
    EXPECT_EXIT(std::_Exit(wrong_start()), right, "");
    if (!is_there)
        MISSING("no Vulkan here");
}

class OpenFilesDmaBufTest : public DmaBufVulkanTest {};

TEST_F(OpenFilesDmaBufTest, ExportedMemoryEndsWithThemAndLeavesNothing) {
    Device device = wrap();
    AllocatorRef exporter = allocator(device, Placement::exportable);
    { MemoryRef warm = alloc(*exporter, 4096); }
    const auto before = open_fds();
    std::vector<MemoryRef> held;
    Result<MemoryRef> refused = Error(ErrorKind::invalid, "no allocation failed");
    {
        const NoFileLeft few(8);
        for (int i = 0; i < 100; ++i) {
            auto memory = exporter->alloc(4096);
            if (!memory) {
                refused = std::move(memory);
                break;
            }
            held.push_back(*std::move(memory));
        }
    }
    held.clear();
    EXPECT_EQ(refused.error().kind(), ErrorKind::exhausted) << why(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("ulimit -n"));
    EXPECT_EQ(open_fds(), before);
    EXPECT_TRUE(exporter->alloc(4096));
}

} // namespace
} // namespace hwalloc::vulkan::testing
