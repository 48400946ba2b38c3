// Device nodes for machines that have none: DMA heaps and udmabuf that answer as the kernel's do, on top of
// FakeDmaBufs. What the real drivers do is tested in tests/device.
#pragma once

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include <deque>
#include <map>

#include <gtest/gtest.h>

#include "allocators/registry/registry.h"
#include "tests/unit/fake_dma_buf.h"

namespace hwalloc::testing {

// A registry that has seen nothing yet. Kept for ever, like the one of the library.
inline Registry& fresh_registry() {
    static auto& registries = *new std::deque<Registry>; // reachable at the end, when leaks are looked for
    return registries.emplace_back();
}

// What the machine that runs the tests may have, and the fake one has not: udev, which knows no fake device,
// and udmabuf.
inline bool hidden(std::string_view path) {
    return path.starts_with("/run/udev/") || path == "/dev/udmabuf" || path == "/sys/class/misc/udmabuf";
}

// A file with this text, as a descriptor for reading.
inline int fake_file(std::string_view text) {
    const int fd = ::memfd_create("fake file", MFD_CLOEXEC);
    EXPECT_EQ(::pwrite(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return fd;
}

// The kernel's count of events, on a machine where the test makes them.
constexpr std::string_view event_count_path = "/sys/kernel/uevent_seqnum";

class FakeDevices {
public:
    FakeDevices() {
        active = this;
        buffers.other = [](int fd, unsigned long request, void* argument) {
            return active->ioctl(fd, request, argument);
        };
        kernel.open = [](const char* path, int flags) { return active->open(path, flags); };
        kernel.stat = [](const char* path, struct stat* status) { return active->stat(path, status); };
        kernel.fstat = [](int fd, struct stat* status) {
            const int done = real_kernel().fstat(fd, status);
            if (done == 0 && (is(fd, "fake heap") || is(fd, "fake udmabuf")))
                *status = active->opened_status_;
            return done;
        };
        kernel.list_directory = [](const char* path, bool (*each)(const char*, void*), void* user) {
            return active->list(path, each, user);
        };
    }
    ~FakeDevices() { active = nullptr; }

    FakeDmaBufs buffers;
    bool heaps_there = true;
    std::vector<std::string> heaps; // unsorted, as the kernel lists
    bool heaps_in_kernel = false;   // though /dev does not show them
    bool udmabuf_there = true;
    bool udev_runs = true;
    std::map<std::string, std::string> files;        // what a path holds; "!N": open answers -N
    std::map<std::string, int> node_errors;          // what opening a node answers
    struct stat node_status {};                      // of every node
    std::vector<std::pair<std::string, int>> opened; // nodes, with flags
    int alloc_result = 0;                            // of DMA_HEAP_IOCTL_ALLOC and UDMABUF_CREATE
    dma_heap_allocation_data last_heap_request{};
    udmabuf_create last_udmabuf_request{};
    int last_memfd_seals = 0;
    std::size_t udmabuf_limit = 64u << 20;

    static inline FakeDevices* active = nullptr;

private:
    int open(const std::string& path, int flags) {
        if (const auto file = files.find(path); file != files.end()) {
            if (file->second.starts_with('!'))
                return -std::stoi(file->second.substr(1));
            return fake_file(file->second);
        }
        const bool heap = path.starts_with("/dev/dma_heap/");
        if (!heap && path != "/dev/udmabuf")
            return real_kernel().open(path.c_str(), flags);
        opened.emplace_back(path, flags);
        if (const auto error = node_errors.find(path); error != node_errors.end())
            return -error->second;
        EXPECT_TRUE(flags & O_CLOEXEC);
        opened_status_ = node_status;
        return ::memfd_create(heap ? "fake heap" : "fake udmabuf", MFD_CLOEXEC);
    }
    int stat(const std::string& path, struct stat* status) {
        if ((path == "/dev/udmabuf" || path == "/sys/class/misc/udmabuf") && !udmabuf_there)
            return -ENOENT;
        if (path.starts_with("/dev/dma_heap/") || path == "/dev/udmabuf") {
            *status = node_status;
            return 0;
        }
        if (path == "/run/udev/control") {
            *status = {};
            return udev_runs ? 0 : -ENOENT;
        }
        return real_kernel().stat(path.c_str(), status);
    }
    int list(const std::string& path, bool (*each)(const char*, void*), void* user) {
        if (path == "/sys/class/dma_heap") {
            if (heaps_in_kernel)
                each("system", user);
            return heaps_in_kernel ? 0 : -ENOENT;
        }
        if (path != "/dev/dma_heap")
            return real_kernel().list_directory(path.c_str(), each, user);
        if (!heaps_there)
            return -ENOENT;
        for (const std::string& heap : heaps)
            if (!each(heap.c_str(), user))
                break;
        return 0;
    }
    struct stat opened_status_ {}; // of the last node that was opened
    static bool is(int fd, const char* what) {
        char target[64] = {};
        const std::string link = "/proc/self/fd/" + std::to_string(fd);
        return ::readlink(link.c_str(), target, sizeof(target) - 1) > 0 &&
               std::string(target).starts_with("/memfd:" + std::string(what));
    }
    int ioctl(int fd, unsigned long request, void* argument) {
        if (request == DMA_HEAP_IOCTL_ALLOC && is(fd, "fake heap")) {
            auto& data = *static_cast<dma_heap_allocation_data*>(argument);
            last_heap_request = data;
            if (data.fd || data.heap_flags || data.len == 0 ||
                (data.fd_flags & ~static_cast<unsigned>(O_CLOEXEC | O_ACCMODE)))
                return -EINVAL;
            if (alloc_result < 0)
                return alloc_result;
            data.fd = static_cast<unsigned>(FakeDmaBufs::make(data.len).release());
            return 0;
        }
        if (request == UDMABUF_CREATE && is(fd, "fake udmabuf")) {
            const auto& data = *static_cast<const udmabuf_create*>(argument);
            last_udmabuf_request = data;
            last_memfd_seals = ::fcntl(static_cast<int>(data.memfd), F_GET_SEALS);
            if (last_memfd_seals < 0)
                return -EBADFD;
            if (!(last_memfd_seals & F_SEAL_SHRINK) || (last_memfd_seals & F_SEAL_WRITE) || data.size == 0 ||
                data.size % page_size() || data.size > udmabuf_limit ||
                data.offset + data.size >
                    static_cast<std::uint64_t>(::lseek(static_cast<int>(data.memfd), 0, SEEK_END)))
                return -EINVAL;
            if (alloc_result < 0)
                return alloc_result;
            return FakeDmaBufs::make(data.size).release();
        }
        return real_kernel().ioctl(fd, request, argument);
    }
};

} // namespace hwalloc::testing
