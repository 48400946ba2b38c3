// Replaces entries of the kernel table for the length of a test, makes the N-th call fail, and tells what is
// left over.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/kernel.h"

namespace hwalloc::testing {

// Every change to `hwalloc::kernel` made while it lives is undone when it goes.
class KernelOverride {
public:
    KernelOverride() : saved_(kernel) {}
    KernelOverride(const KernelOverride&) = delete;
    KernelOverride& operator=(const KernelOverride&) = delete;
    ~KernelOverride() { kernel = saved_; }

private:
    KernelTable saved_;
};

// Counts every call through the table in force when it is made, remembers the mappings, and makes chosen
// calls fail. Not for several threads. One at a time.
class KernelWatch {
public:
    KernelWatch() : below(kernel) {
        active = this;
        install();
    }
    ~KernelWatch() { active = nullptr; }

    // The N-th call from here on, counted from 1, fails with `error`; 0: none does.
    void fail_call(int n, int error) {
        calls = 0;
        failing = n;
        error_ = error;
        failed_name.clear();
        log.clear();
    }
    bool reached() const { return !failed_name.empty(); }
    // How often `name` was called since the last fail_call() or clear().
    int count(const std::string& name) const {
        int found = 0;
        for (const std::string& entry : log)
            found += entry == name;
        return found;
    }
    void clear() { fail_call(0, 0); }

    int calls = 0;
    std::string failed_name;      // the call that was made to fail
    std::vector<std::string> log; // the names of all calls, in order
    std::map<void*, std::size_t> mappings;

private:
    static inline KernelWatch* active = nullptr;
    KernelOverride restore_; // undone last
    KernelTable below;
    int failing = 0;
    int error_ = 0;

    bool fails(const char* name) {
        log.emplace_back(name);
        if (++calls != failing)
            return false;
        failed_name = name;
        return true;
    }
    void install();
    friend struct Thunks;
};

struct Thunks {
    static bool fails(const char* name) { return KernelWatch::active->fails(name); }
    static int error() { return -KernelWatch::active->error_; }
    static const KernelTable& below() { return KernelWatch::active->below; }
    static KernelWatch& watch() { return *KernelWatch::active; }
};

inline void KernelWatch::install() {
    using T = Thunks;
    kernel.open = [](const char* path, int flags) {
        return T::fails("open") ? T::error() : T::below().open(path, flags);
    };
    // A failing close has closed (man 2 close): failing it is no interesting case, and would leak in the
    // test.
    kernel.close = [](int fd) {
        T::watch().log.emplace_back("close");
        return T::below().close(fd);
    };
    kernel.ioctl = [](int fd, unsigned long request, void* argument) {
        return T::fails("ioctl") ? T::error() : T::below().ioctl(fd, request, argument);
    };
    kernel.mmap = [](std::size_t length, int protection, int flags, int fd, off_t offset, void** address) {
        if (T::fails("mmap"))
            return T::error();
        const int mapped = T::below().mmap(length, protection, flags, fd, offset, address);
        if (mapped >= 0)
            T::watch().mappings[*address] = length;
        return mapped;
    };
    kernel.munmap = [](void* address, std::size_t length) {
        T::watch().log.emplace_back("munmap");
        if (const auto at = T::watch().mappings.find(address);
            at != T::watch().mappings.end() && at->second == length)
            T::watch().mappings.erase(at);
        return T::below().munmap(address, length);
    };
    kernel.memfd_create = [](const char* name, unsigned flags) {
        return T::fails("memfd_create") ? T::error() : T::below().memfd_create(name, flags);
    };
    kernel.ftruncate = [](int fd, off_t length) {
        return T::fails("ftruncate") ? T::error() : T::below().ftruncate(fd, length);
    };
    kernel.fcntl = [](int fd, int command, long argument) {
        return T::fails("fcntl") ? T::error() : T::below().fcntl(fd, command, argument);
    };
    kernel.fstat = [](int fd, struct stat* status) {
        return T::fails("fstat") ? T::error() : T::below().fstat(fd, status);
    };
    kernel.stat = [](const char* path, struct stat* status) {
        return T::fails("stat") ? T::error() : T::below().stat(path, status);
    };
    kernel.fstatfs = [](int fd, struct statfs* status) {
        return T::fails("fstatfs") ? T::error() : T::below().fstatfs(fd, status);
    };
    kernel.lseek = [](int fd, off_t offset, int whence) {
        return T::fails("lseek") ? off_t{T::error()} : T::below().lseek(fd, offset, whence);
    };
    kernel.compare_files = [](int fd, int other) {
        return T::fails("compare_files") ? T::error() : T::below().compare_files(fd, other);
    };
    kernel.getrlimit = [](int resource, rlim_t* limit) {
        T::watch().log.emplace_back("getrlimit"); // not failed: without the limit the kernel decides
        return T::below().getrlimit(resource, limit);
    };
    kernel.read = [](int fd, void* buffer, std::size_t count) {
        return T::fails("read") ? ssize_t{T::error()} : T::below().read(fd, buffer, count);
    };
}

// The descriptors this process has open.
inline std::set<int> open_fds() {
    std::set<int> fds;
    DIR* directory = ::opendir("/proc/self/fd");
    while (const dirent* entry = ::readdir(directory))
        if (entry->d_name[0] != '.')
            fds.insert(std::stoi(entry->d_name));
    fds.erase(::dirfd(directory));
    ::closedir(directory);
    return fds;
}

} // namespace hwalloc::testing
