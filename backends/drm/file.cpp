#include "backends/drm/file.h"

#include <drm.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <vector>

#include "common/fixed_text.h"
#include "common/immortal.h"
#include "common/kernel.h"
#include "common/node_access.h"
#include "common/restarted_ioctl.h"
#include "common/standard_streams.h"

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027 // Linux 6.10
#endif

namespace hwalloc::drm::detail {
namespace {

constexpr NodeAdvice advice{
    .purpose = "opening a graphics card",
    .absent =
        "there is no such card: `ls /dev/dri` shows those there are, `modprobe` brings a driver that is not "
        "loaded, and a container must be given the node",
    .denied =
        "systemd-logind gives the cards to whoever is logged in at the machine; else give a group access "
        "with a udev rule, such as SUBSYSTEM==\"drm\", KERNEL==\"card*\", GROUP=\"video\", MODE=\"0660\""};

// Every File there is. Never destroyed: files may outlive every other static object.
struct Known {
    std::mutex mutex;
    std::vector<std::weak_ptr<File>> files;

    void add(const std::shared_ptr<File>& file) {
        std::erase_if(files, [](const std::weak_ptr<File>& one) { return one.expired(); });
        files.push_back(file);
    }
};
constinit Immortal<Known> known_files;

// The driver's name, or nothing when the descriptor is not a card's.
std::optional<std::string> driver_of(int fd) {
    char name[64] = {};
    drm_version version{};
    version.name = name;
    version.name_len = sizeof(name) - 1;
    if (restarted_ioctl(fd, DRM_IOCTL_VERSION, &version) < 0)
        return std::nullopt;
    return std::string(name);
}

enum class Same { no, yes, unknown };
Same same_open_file(int fd, int other) noexcept {
    const int answer = kernel.fcntl(fd, F_DUPFD_QUERY, other);
    if (answer == 0 || answer == 1)
        return answer == 1 ? Same::yes : Same::no;
    const int order = kernel.compare_files(fd, other);
    return order < 0 ? Same::unknown : order == 0 ? Same::yes : Same::no;
}

std::string path_of(int fd) {
    const FixedText link("/proc/self/fd/", fd);
    char path[256];
    const ssize_t length = kernel.readlink(link.c_str(), path, sizeof(path));
    return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : "a graphics card";
}

} // namespace

Result<std::shared_ptr<File>> File::open(const std::string& node, ErrorKind absence) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<File>> {
        constexpr int flags = O_RDWR;
        const int opened = kernel.open(node.c_str(), flags | O_CLOEXEC);
        if (opened < 0) {
            NodeAdvice told = advice;
            told.absence = absence;
            return node_refused(node.c_str(), flags, -opened, told);
        }
        UniqueFd fd(opened);
        // Who opens a card while nobody is its DRM master becomes that (drm_auth.c, drm_master_open), and
        // would keep every compositor out. EINVAL, when somebody else is, is as good.
        restarted_ioctl(fd.get(), DRM_IOCTL_DROP_MASTER, nullptr);
        auto driver = driver_of(fd.get());
        struct stat status {};
        if (!driver || kernel.fstat(fd.get(), &status) < 0)
            return Error(ErrorKind::invalid, "opening a graphics card")
                .on(node)
                .remedy("the node is not that of a graphics card (DRM)");
        auto file = std::make_shared<File>(std::move(fd), node, std::move(*driver), status.st_rdev);
        // The application may be given the descriptor, and give it back to Device::wrap.
        const std::lock_guard guard(known_files->mutex);
        known_files->add(file);
        return file;
    });
}

Result<std::shared_ptr<File>> File::of(int fd) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<File>> {
        const int copy = kernel.fcntl(fd, F_DUPFD_CLOEXEC, first_free_fd);
        if (copy < 0)
            return Error::from_errno(-copy, "taking a graphics card's descriptor")
                .call("fcntl(F_DUPFD_CLOEXEC)");
        UniqueFd own(copy);
        struct stat status {};
        auto driver = driver_of(own.get());
        if (!driver || kernel.fstat(own.get(), &status) < 0)
            return Error(ErrorKind::invalid, "taking a graphics card's descriptor")
                .call("DRM_IOCTL_VERSION")
                .remedy("the descriptor is not that of a graphics card (DRM)");
        Known& known = *known_files;
        bool uncertain = false;
        std::vector<std::shared_ptr<File>> held; // let go after the lock: the last owner closes a file
        const std::lock_guard guard(known.mutex);
        for (const std::weak_ptr<File>& one : known.files) {
            auto file = held.emplace_back(one.lock());
            if (!file || file->device != status.st_rdev)
                continue;
            const Same same = same_open_file(own.get(), file->fd.get());
            if (same == Same::yes)
                return file;
            uncertain = uncertain || same == Same::unknown;
        }
        if (uncertain)
            return Error(ErrorKind::unsupported, "taking a graphics card's descriptor")
                .call("kcmp")
                .remedy(
                    "this process has the card open more than once, and cannot ask which descriptors are one "
                    "open file, so that GEM handles could be closed that others use: it takes Linux 6.10, "
                    "or CONFIG_KCMP and a sandbox that lets kcmp(2) through");
        auto file = std::make_shared<File>(std::move(own), path_of(fd), std::move(*driver), status.st_rdev);
        known.add(file);
        return file;
    });
}

int File::call(unsigned long request, void* argument) const noexcept {
    return restarted_ioctl(fd.get(), request, argument);
}

bool File::gone() const noexcept {
    drm_version version{};
    return call(DRM_IOCTL_VERSION, &version) == -ENODEV;
}

Error File::refused(ErrorKind kind, int answer, const char* call_name, const char* doing) const noexcept {
    return Error(kind, -answer, doing).on(FixedText(node, " (", driver, ")")).call(call_name);
}
Error File::refused(int answer, const char* call_name, const char* doing) const noexcept {
    const ErrorKind kind = Error::kind_of_errno(-answer);
    // ENODEV is many drivers' word for "I cannot do that".
    return refused(kind == ErrorKind::device_lost && answer == -ENODEV && !gone() ? ErrorKind::unsupported
                                                                                  : kind,
                   answer, call_name, doing);
}

bool File::knows_modifiers() noexcept {
    const std::lock_guard guard(mutex_);
    if (!modifiers_) {
        drm_get_cap capability{};
        capability.capability = DRM_CAP_ADDFB2_MODIFIERS;
        modifiers_ = call(DRM_IOCTL_GET_CAP, &capability) >= 0 && capability.value == 1;
    }
    return *modifiers_;
}

} // namespace hwalloc::drm::detail
