// What the tests of real drivers share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "hwalloc/allocator.h"
#include "hwalloc/dma_buf.h"
#include "hwalloc/unique_fd.h"
#include "tests/unit/kernel_override.h"

namespace hwalloc::testing {

inline constexpr const char* camera_node = "/dev/video0";

inline bool in_lab() {
    const char* lab = std::getenv("HWALLOC_LAB");
    return lab && std::string(lab) == "1";
}

// For a fixture's SetUp: fails in the lab, skips elsewhere, when `node` cannot be opened.
#define NEEDS_DEVICE(node)                                                                                   \
    do {                                                                                                     \
        const UniqueFd probe(::open(node, O_RDONLY | O_CLOEXEC));                                            \
        if (!probe && in_lab())                                                                              \
            FAIL() << node << ": " << std::strerror(errno) << ", and this is the lab";                       \
        if (!probe)                                                                                          \
            GTEST_SKIP() << "no " << node << " here: " << std::strerror(errno);                              \
    } while (false)

inline std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}
// The value of "KEY:\tVALUE" in /proc/self/fdinfo/FD; empty when there is no such line.
inline std::string fdinfo(int fd, const std::string& key) {
    std::istringstream lines(text_of("/proc/self/fdinfo/" + std::to_string(fd)));
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(key + ":")) {
            const auto at = line.find_first_not_of(" \t", key.size() + 1);
            return at == std::string::npos ? "" : line.substr(at);
        }
    return "";
}
inline std::size_t count_in(const std::string& text, const std::string& what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
        ++found;
    return found;
}
// The descriptors of this process that show as `target` in /proc/self/fd.
inline std::vector<int> fds_of(const std::string& target) {
    std::vector<int> found;
    for (const int fd : open_fds()) {
        char link[256] = {};
        if (::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link, sizeof(link) - 1) > 0 &&
            std::string(link).starts_with(target))
            found.push_back(fd);
    }
    return found;
}
inline std::uint64_t inode_of(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}
inline int sync(int fd, std::uint64_t flags) {
    dma_buf_sync request{.flags = flags};
    return ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &request) == 0 ? 0 : errno;
}

inline Allocator* allocator(const char* name) {
    auto found = Allocator::resolve(name);
    EXPECT_TRUE(found) << found.error().message();
    return found ? *found : nullptr;
}

} // namespace hwalloc::testing
