// Graphics cards for machines that have none: /dev/dri, what /sys says of it, and open files with GEM handles
// that behave as linux/drivers/gpu/drm/drm_gem.c and drm_prime.c do, on top of FakeDmaBufs. The real drivers
// are met in the lab (tests/device).
#pragma once

#include <drm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include <gtest/gtest.h>

#include "common/fork_safe_mutex.h"
#include "tests/unit/fake_devices.h"

namespace hwalloc::testing {

struct FakeCard {
    std::string driver = "fake-drm";                        // what DRM_IOCTL_VERSION says
    std::string link = "../../../bus/pci/drivers/fake-drm"; // of device/driver; empty: there is none
    std::string device = "../../../0000:00:02.0";           // what "device" links to
    std::string path{};                                     // of udev's link in by-path; empty: none
    std::uint64_t node = 1; // the inode of its node: another device has another
    std::vector<std::string> connectors{"HDMI-A-1"};
    std::vector<std::string> below{};              // devices below, and
    std::string below_link{};                      // their driver
    std::set<std::uint32_t> depths{8, 16, 24, 32}; // bits a pixel that it takes
    std::uint32_t pitch_mask = 0;
    std::uint64_t lacks = 0; // bytes that its buffers are too small by
    int create_error = 0, export_error = 0, import_error = 0, framebuffer_error = 0, version_error = 0;
    bool maps_dma_bufs = true, maps_dumb = true;
    bool modifiers = false;
    bool shows_linear_aloud = true;
};

class FakeCards {
public:
    FakeCards() {
        active = this;
        buffers.other = [](int fd, unsigned long request, void* argument) {
            return active->ioctl(fd, request, argument);
        };
        kernel.open = [](const char* path, int flags) { return active->open(path, flags); };
        kernel.stat = [](const char* path, struct stat* status) {
            if (hidden(path))
                return -ENOENT;
            if (!std::string_view(path).starts_with("/dev/dri/card"))
                return real_kernel().stat(path, status);
            const auto card = active->cards.find(static_cast<unsigned>(std::stoi(path + 13)));
            if (card == active->cards.end())
                return -ENOENT;
            *status = active->node_status;
            status->st_rdev = makedev(226, card->first);
            status->st_ino = card->second.node;
            return 0;
        };
        kernel.fstat = [](int fd, struct stat* status) {
            const int done = real_kernel().fstat(fd, status);
            if (const auto number = card_of(fd); done == 0 && number) {
                status->st_mode = S_IFCHR | 0660;
                status->st_dev = active->node_status.st_dev;
                status->st_rdev = makedev(226, *number);
                const auto opened_as = active->opened_nodes_.find(inode(fd));
                status->st_ino = opened_as != active->opened_nodes_.end() ? opened_as->second : 0;
            }
            return done;
        };
        kernel.readlink = [](const char* path, char* buffer, std::size_t size) {
            return active->readlink(path, buffer, size);
        };
        kernel.list_directory = [](const char* path, bool (*each)(const char*, void*), void* user) {
            return active->list(path, each, user);
        };
        kernel.fcntl = [](int fd, int command, long argument) {
            if (command != 1027) // F_DUPFD_QUERY
                return real_kernel().fcntl(fd, command, argument);
            return active->tells_duplicates ? int{inode(fd) == inode(static_cast<int>(argument))} : -EINVAL;
        };
        kernel.compare_files = [](int fd, int other) {
            return active->compares_files ? int{inode(fd) != inode(other)} : -EPERM;
        };
        kernel.close = [](int fd) { return active->close(fd); };
        kernel.mmap = [](std::size_t length, int protection, int flags, int fd, off_t offset,
                         void** address) {
            return active->mmap(length, protection, flags, fd, offset, address);
        };
    }
    ~FakeCards() { active = nullptr; }

    FakeDmaBufs buffers;
    std::map<unsigned, FakeCard> cards;
    bool there = true;                         // the directory /dev/dri
    std::map<std::string, int> listing_errors; // by directory, without a slash at the end
    std::map<std::string, int> node_errors;
    struct stat node_status {};
    bool tells_duplicates = true, compares_files = true; // F_DUPFD_QUERY, kcmp
    int reopen_error = 0, lease_error = 0;               // of open("/proc/self/fd/N"), and of an empty lease

    std::uint64_t events = 5; // that the kernel has sent
    bool counts_events = true;

    std::vector<std::string> opened;
    int masters_dropped = 0, imports = 0, leases = 0;
    std::vector<drm_mode_create_dumb> asked;    // every MODE_CREATE_DUMB
    std::vector<drm_mode_fb_cmd2> framebuffers; // every MODE_ADDFB2
    std::set<std::uint32_t> shown;              // framebuffers that were not removed
    std::uint64_t last_map_offset = 0;

    // What an application has: an open file of its own.
    UniqueFd open_card(unsigned number) {
        return UniqueFd(::memfd_create(("fake card" + std::to_string(number)).c_str(), MFD_CLOEXEC));
    }
    // Handles of all open files; of one.
    std::size_t handles() {
        const std::lock_guard guard(mutex_);
        std::size_t all = 0;
        for (const auto& [file, handles] : files_)
            all += handles.size();
        return all;
    }
    bool has_handle(int fd, std::uint32_t handle) {
        const std::lock_guard guard(mutex_);
        return files_[inode(fd)].contains(handle);
    }
    bool dropped_master(int fd) { return dropped_.contains(inode(fd)); }
    // What somebody else does on the same open file.
    std::uint32_t import_handle(int fd, int dma_buf) {
        drm_prime_handle request{};
        request.fd = dma_buf;
        return ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &request) == 0 ? request.handle : 0;
    }
    int close_handle(int fd, std::uint32_t handle) {
        drm_gem_close request{};
        request.handle = handle;
        return ioctl(fd, DRM_IOCTL_GEM_CLOSE, &request);
    }

    static inline FakeCards* active = nullptr;

private:
    static std::uint64_t inode(int fd) {
        struct stat status {};
        return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
    }
    static std::optional<unsigned> card_of(int fd) {
        char target[64] = {};
        const std::string link = "/proc/self/fd/" + std::to_string(fd);
        const std::string_view start = "/memfd:fake card";
        if (::readlink(link.c_str(), target, sizeof(target) - 1) <= 0 ||
            !std::string(target).starts_with(start))
            return std::nullopt;
        return static_cast<unsigned>(std::stoi(target + start.size()));
    }
    int open(const std::string& path, int flags) {
        if (path.starts_with("/proc/self/fd/"))
            if (const auto number = card_of(std::stoi(path.substr(14)))) {
                EXPECT_EQ(flags, O_RDWR | O_CLOEXEC);
                return reopen_error ? -reopen_error : open_card(*number).release();
            }
        if (path == event_count_path)
            return counts_events ? fake_file(std::to_string(events) + "\n") : -ENOENT;
        if (!path.starts_with("/dev/dri/"))
            return real_kernel().open(path.c_str(), flags);
        opened.push_back(path);
        EXPECT_EQ(flags, O_RDWR | O_CLOEXEC);
        if (const auto error = node_errors.find(path); error != node_errors.end())
            return -error->second;
        if (!path.starts_with("/dev/dri/card"))
            return ::memfd_create("no card", MFD_CLOEXEC);
        const auto number = static_cast<unsigned>(std::stoi(path.substr(13)));
        if (!cards.contains(number))
            return -ENOENT;
        UniqueFd fd = open_card(number);
        opened_nodes_[inode(fd.get())] = cards[number].node;
        return fd.release();
    }
    ssize_t readlink(const std::string& path, char* buffer, std::size_t size) {
        const auto answer = [&](const std::string& target) -> ssize_t {
            if (target.empty())
                return -ENOENT;
            const std::size_t length = std::min(size, target.size());
            std::memcpy(buffer, target.data(), length);
            return static_cast<ssize_t>(length);
        };
        for (const auto& [number, card] : cards) {
            const std::string device = "/sys/class/drm/card" + std::to_string(number) + "/device";
            if (path == device)
                return answer(card.device);
            if (path == device + "/driver")
                return answer(card.link);
            for (const std::string& below : card.below)
                if (path == device + "/" + below + "/driver")
                    return answer(card.below_link);
        }
        constexpr std::string_view links = "/dev/dri/by-path/";
        for (const auto& [number, card] : cards)
            if (!card.path.empty() && path == std::string(links) + card.path + "-card")
                return answer("../card" + std::to_string(number));
        if (path.starts_with("/proc/self/fd/"))
            if (const auto number = card_of(std::stoi(path.substr(14))))
                return answer("/dev/dri/card" + std::to_string(*number));
        return real_kernel().readlink(path.c_str(), buffer, size);
    }
    int list(const std::string& path, bool (*each)(const char*, void*), void* user) {
        std::vector<std::string> names;
        const auto error = listing_errors.find(path.substr(0, path.find_last_not_of('/') + 1));
        if (error != listing_errors.end())
            return -error->second;
        if (path == "/dev/dri") {
            if (!there)
                return -ENOENT;
            for (const auto& [number, card] : cards) {
                names.push_back("renderD" + std::to_string(128 + number));
                names.push_back("card" + std::to_string(number));
            }
        } else if (path == "/dev/dri/by-path/") {
            for (const auto& [number, card] : cards)
                if (!card.path.empty())
                    for (const char* suffix : {"-card", "-render"})
                        names.push_back(card.path + suffix);
        } else if (path == "/sys/class/drm/" || path == "/sys/class/drm") {
            for (const auto& [number, card] : cards) {
                const std::string name = "card" + std::to_string(number);
                names.push_back(name);
                for (const std::string& connector : card.connectors)
                    names.push_back(name + "-" + connector);
            }
        } else {
            for (const auto& [number, card] : cards)
                if (path == "/sys/class/drm/card" + std::to_string(number) + "/device")
                    names = card.below;
            if (names.empty())
                return real_kernel().list_directory(path.c_str(), each, user);
        }
        for (const std::string& name : names)
            if (!each(name.c_str(), user))
                break;
        return 0;
    }
    int mmap(std::size_t length, int protection, int flags, int fd, off_t offset, void** address) {
        const std::lock_guard guard(mutex_);
        if (const auto number = card_of(fd)) {
            last_map_offset = static_cast<std::uint64_t>(offset);
            const auto& handles = files_[inode(fd)];
            const auto handle = handles.find(static_cast<std::uint32_t>(offset >> 32));
            if (handle == handles.end())
                return -EINVAL;
            return real_kernel().mmap(length, protection, flags, objects_[handle->second].fd.get(), 0,
                                      address);
        }
        if (const auto object = objects_.find(inode(fd)); object != objects_.end() &&
                                                          cards.contains(object->second.card) &&
                                                          !cards[object->second.card].maps_dma_bufs)
            return -EINVAL;
        return real_kernel().mmap(length, protection, flags, fd, offset, address);
    }

    // The end of an open file is the end of its handles.
    int close(int fd) {
        const bool card = card_of(fd).has_value();
        const std::uint64_t file = inode(fd);
        const int done = real_kernel().close(fd);
        if (!card)
            return done;
        for (const int other : open_fds())
            if (inode(other) == file)
                return done;
        const std::lock_guard guard(mutex_);
        files_.erase(file);
        opened_nodes_.erase(file);
        std::erase_if(shown, [&](std::uint32_t id) { return framebuffer_files_[id] == file; });
        forget_unused();
        return done;
    }
    void forget_unused() {
        std::set<std::uint64_t> used;
        for (const auto& [file, handles] : files_)
            for (const auto& [handle, object] : handles)
                used.insert(object);
        std::erase_if(objects_, [&](const auto& one) { return !used.contains(one.first); });
    }

    std::map<std::uint64_t, std::uint64_t> opened_nodes_; // by file: the node's inode when it was opened

    using Handles = std::map<std::uint32_t, std::uint64_t>; // handle: the buffer's inode
    struct Object {
        UniqueFd fd;
        unsigned card; // that made it
    };

    static std::uint32_t new_handle(Handles& handles, std::uint64_t object) {
        std::uint32_t handle = 1; // the lowest that is free
        while (handles.contains(handle))
            ++handle;
        handles[handle] = object;
        return handle;
    }

    int create(FakeCard& card, unsigned number, Handles& handles, drm_mode_create_dumb& request) {
        asked.push_back(request);
        if (card.create_error)
            return -card.create_error;
        if (!card.depths.contains(request.bpp) || request.width == 0 || request.height == 0)
            return -EINVAL;
        request.pitch = ((request.width * request.bpp + 7) / 8 + card.pitch_mask) & ~card.pitch_mask;
        request.size = std::uint64_t{request.pitch} * request.height - card.lacks;
        if (request.size >> 32)
            return -EINVAL;
        const std::uint64_t pages = (request.size + page_size() - 1) / page_size();
        UniqueFd fd = FakeDmaBufs::make(pages * page_size());
        const std::uint64_t object = inode(fd.get());
        if (!card.lacks)
            request.size = pages * page_size();
        if (card.driver == "radeon") { // what was there before
            const std::vector<char> old(static_cast<std::size_t>(request.size), 'o');
            EXPECT_EQ(::pwrite(fd.get(), old.data(), old.size(), 0), static_cast<ssize_t>(old.size()));
        }
        objects_[object] = {std::move(fd), number};
        request.handle = new_handle(handles, object);
        return 0;
    }
    int import(FakeCard& card, unsigned number, Handles& handles, drm_prime_handle& request) {
        ++imports;
        if (!FakeDmaBufs::is_buffer(request.fd))
            return -EINVAL;
        const std::uint64_t object = inode(request.fd);
        for (const auto& [handle, held] : handles)
            if (held == object) {
                request.handle = handle;
                return 0;
            }
        const auto own = objects_.find(object);
        if (card.import_error && (own == objects_.end() || own->second.card != number))
            return -card.import_error;
        if (own == objects_.end())
            objects_[object] = {UniqueFd(::fcntl(request.fd, F_DUPFD_CLOEXEC, 0)), ~0u};
        request.handle = new_handle(handles, object);
        return 0;
    }
    int add_framebuffer(FakeCard& card, std::uint64_t file, const Handles& handles,
                        drm_mode_fb_cmd2& request) {
        framebuffers.push_back(request);
        if (card.framebuffer_error)
            return -card.framebuffer_error;
        const bool aloud = (request.flags & DRM_MODE_FB_MODIFIERS) != 0;
        if (aloud && (!card.modifiers || (request.modifier[0] == 0 && !card.shows_linear_aloud)))
            return -EINVAL;
        for (int i = 0; i < 4; ++i)
            if (!aloud && request.modifier[i] != 0)
                return -EINVAL;
        for (int i = 0; i < 4 && request.handles[i]; ++i)
            if (!handles.contains(request.handles[i]))
                return -ENOENT;
        request.fb_id = ++last_framebuffer_;
        shown.insert(request.fb_id);
        framebuffer_files_[request.fb_id] = file;
        return 0;
    }

    int ioctl(int fd, unsigned long request, void* argument) {
        const auto number = card_of(fd);
        if (!number)
            return real_kernel().ioctl(fd, request, argument);
        const std::lock_guard guard(mutex_);
        // As drm_ioctl() does after drm_dev_unplug(), for every open file of the device that went.
        const auto entry = opened_nodes_.find(inode(fd));
        if (entry != opened_nodes_.end() &&
            (!cards.contains(*number) || cards[*number].node != entry->second))
            return -ENODEV;
        FakeCard& card = cards[*number];
        Handles& handles = files_[inode(fd)];
        switch (request) {
        case DRM_IOCTL_VERSION: {
            auto& version = *static_cast<drm_version*>(argument);
            if (card.version_error)
                return -card.version_error;
            if (version.name && version.name_len)
                std::memcpy(version.name, card.driver.data(),
                            std::min<std::size_t>(version.name_len, card.driver.size()));
            version.name_len = card.driver.size();
            return 0;
        }
        case DRM_IOCTL_DROP_MASTER:
            dropped_.insert(inode(fd));
            return ++masters_dropped == 1 ? 0 : -EINVAL;
        case DRM_IOCTL_GET_CAP: {
            auto& capability = *static_cast<drm_get_cap*>(argument);
            EXPECT_EQ(capability.capability, unsigned{DRM_CAP_ADDFB2_MODIFIERS})
                << "nothing else is worth asking";
            capability.value = card.modifiers;
            return 0;
        }
        case DRM_IOCTL_MODE_CREATE_DUMB:
            return create(card, *number, handles, *static_cast<drm_mode_create_dumb*>(argument));
        case DRM_IOCTL_PRIME_HANDLE_TO_FD: {
            auto& prime = *static_cast<drm_prime_handle*>(argument);
            EXPECT_EQ(prime.flags, unsigned{DRM_CLOEXEC | DRM_RDWR}) << "the access mode is for ever";
            if (card.export_error)
                return -card.export_error;
            if (!handles.contains(prime.handle))
                return -ENOENT;
            prime.fd = ::fcntl(objects_[handles[prime.handle]].fd.get(), F_DUPFD_CLOEXEC, 0);
            return 0;
        }
        case DRM_IOCTL_PRIME_FD_TO_HANDLE:
            return import(card, *number, handles, *static_cast<drm_prime_handle*>(argument));
        case DRM_IOCTL_GEM_CLOSE: {
            const auto held = handles.find(static_cast<drm_gem_close*>(argument)->handle);
            if (held == handles.end())
                return -EINVAL;
            handles.erase(held);
            forget_unused();
            return 0;
        }
        case DRM_IOCTL_MODE_MAP_DUMB: {
            auto& map = *static_cast<drm_mode_map_dumb*>(argument);
            if (!handles.contains(map.handle))
                return -ENOENT;
            if (!card.maps_dumb)
                return -EINVAL;
            map.offset = std::uint64_t{map.handle} << 32;
            return 0;
        }
        case DRM_IOCTL_MODE_ADDFB2:
            return add_framebuffer(card, inode(fd), handles, *static_cast<drm_mode_fb_cmd2*>(argument));
        case DRM_IOCTL_MODE_RMFB: { // by the file that made it alone
            const std::uint32_t id = *static_cast<std::uint32_t*>(argument);
            return framebuffer_files_[id] == inode(fd) && shown.erase(id) ? 0 : -ENOENT;
        }
        case DRM_IOCTL_MODE_CREATE_LEASE: {
            auto& lease = *static_cast<drm_mode_create_lease*>(argument);
            EXPECT_EQ(lease.object_count, 0u);
            EXPECT_EQ(lease.flags, unsigned{O_CLOEXEC});
            if (lease_error)
                return -lease_error;
            ++leases;
            lease.fd = static_cast<std::uint32_t>(open_card(*number).release());
            return 0;
        }
        default:
            ADD_FAILURE() << "ioctl " << std::hex << request << " is not expected";
            return -ENOTTY;
        }
    }

    ForkSafeMutex mutex_; // a child of fork finds no call of another thread's half done, as in a kernel
    std::map<std::uint64_t, Handles> files_; // by the open file's inode
    std::map<std::uint64_t, Object> objects_;
    std::set<std::uint64_t> dropped_;                          // files that gave DRM master up
    std::map<std::uint32_t, std::uint64_t> framebuffer_files_; // by id: the file that made it
    std::uint32_t last_framebuffer_ = 40;
};

} // namespace hwalloc::testing
