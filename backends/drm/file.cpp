#include "backends/drm/file.h"

#include <drm.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <vector>

#include "common/fixed_text.h"
#include "common/fork_safe_mutex.h"
#include "common/immortal.h"
#include "common/kernel.h"
#include "common/node_access.h"
#include "common/open_files.h"
#include "common/restarted_ioctl.h"
#include "common/same_open_file.h"
#include "common/standard_streams.h"
#include "common/weak_list.h"

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

// Every File of the process. Never destroyed: files may outlive every other static object.
struct OpenFiles {
    ForkSafeMutex mutex;
    WeakList<File> files;
};
HWALLOC_IMMORTAL(OpenFiles, open_files);

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

std::string path_of(int fd) {
    const FixedText link("/proc/self/fd/", fd);
    char path[256];
    const ssize_t length = kernel.readlink(link.c_str(), path, sizeof(path));
    return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : "a graphics card";
}

} // namespace

File::File(UniqueFd descriptor, std::string path, std::string driver_name, dev_t number)
    : fd(std::move(descriptor))
    , node(std::move(path))
    , driver(std::move(driver_name))
    , device(number)
    , fork_depth_(fork_depth()) {}

bool File::of_this_process() const noexcept {
    return fork_depth() == fork_depth_;
}

Result<void> File::check_process() const noexcept {
    if (of_this_process())
        return {};
    return Error(ErrorKind::invalid, "using a graphics card that was opened before a fork()")
        .on(node)
        .remedy(
            "parent and child have one table of GEM handles there, and would close each other's: open the "
            "card anew in the child");
}

namespace {

// A card's descriptor, and what it says of itself. Error: invalid (no card's).
struct Card {
    UniqueFd fd;
    std::string driver;
    dev_t device;
};
Result<Card> examine(UniqueFd fd, const char* doing) {
    struct stat status {};
    auto driver = driver_of(fd.get());
    if (!driver || kernel.fstat(fd.get(), &status) < 0)
        return Error(ErrorKind::invalid, doing)
            .call("DRM_IOCTL_VERSION")
            .remedy("the descriptor is not that of a graphics card (DRM)");
    return Card{std::move(fd), std::move(*driver), status.st_rdev};
}

constexpr const char* taking = "taking a graphics card's descriptor";

Result<Card> duplicate(int fd) {
    const int copy = kernel.fcntl(fd, F_DUPFD_CLOEXEC, first_free_fd);
    if (copy < 0)
        return with_open_files_remedy(Error::from_errno(-copy, taking).call("fcntl(F_DUPFD_CLOEXEC)"), copy);
    return examine(UniqueFd(copy), taking);
}

// A lease of no objects: an open file that the kernel makes for the DRM master of a card, without looking
// whether the process may open the node (Linux 5.16). A descriptor, or a negative errno.
int create_empty_lease(int master) noexcept {
    drm_mode_create_lease request{};
    request.flags = O_CLOEXEC;
    const int done = restarted_ioctl(master, DRM_IOCTL_MODE_CREATE_LEASE, &request);
    return done < 0 ? done : above_standard_streams(static_cast<int>(request.fd));
}

bool short_of_something(int answer) noexcept {
    return answer == -EMFILE || answer == -ENFILE || answer == -ENOMEM;
}

// Another open file of the card behind `fd`, which nobody else has.
Result<UniqueFd> open_again(int fd, const std::string& node) {
    constexpr const char* doing = "opening a graphics card once more";
    const FixedText link("/proc/self/fd/", fd);
    const int opened = kernel.open(link.c_str(), O_RDWR | O_CLOEXEC);
    if (opened >= 0) {
        // Opening a card that has no DRM master makes the opener its master; see File::open().
        restarted_ioctl(opened, DRM_IOCTL_DROP_MASTER, nullptr);
        return UniqueFd(opened);
    }
    auto refused = Error::from_errno(-opened, doing).on(node).call("open(/proc/self/fd)");
    if (short_of_something(opened))
        return with_open_files_remedy(std::move(refused), opened);
    const int leased = create_empty_lease(fd);
    if (leased >= 0)
        return UniqueFd(leased);
    return std::move(refused)
        .remedy("GEM handles are kept on an open file of the library's own, so that none of the "
                "application's is ever closed: let this process open the card (and have /proc), or be its "
                "DRM master (with Linux 5.16), or take HandlesOn::given_file and adopt_handle()")
        .because(Error::from_errno(-leased, "making an empty lease").call("MODE_CREATE_LEASE"));
}

} // namespace

Result<std::shared_ptr<File>> File::open(const std::string& node, ErrorKind absence) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<File>> {
        constexpr int flags = O_RDWR;
        const int opened = kernel.open(node.c_str(), flags | O_CLOEXEC);
        if (opened < 0) {
            NodeAdvice of_this_absence = advice;
            of_this_absence.absence = absence;
            return node_refused(node.c_str(), flags, -opened, of_this_absence);
        }
        UniqueFd fd(opened);
        // Who opens a card while nobody is its DRM master becomes that (drm_auth.c, drm_master_open), and
        // would keep every compositor out. EINVAL, when somebody else is, is as good.
        restarted_ioctl(fd.get(), DRM_IOCTL_DROP_MASTER, nullptr);
        auto card = examine(std::move(fd), "opening a graphics card");
        if (!card)
            return std::move(card).error().on(node).remedy("the node is not that of a graphics card (DRM)");
        auto file = std::make_shared<File>(std::move(card->fd), node, std::move(card->driver), card->device);
        // The application may be given the descriptor, and give it back to Device::wrap.
        const std::lock_guard guard(open_files->mutex);
        open_files->files.add(file);
        return file;
    });
}

Result<std::shared_ptr<File>> File::reopen(int fd) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<File>> {
        // By a duplicate, which stays what it is whatever other threads close meanwhile.
        auto given = duplicate(fd);
        if (!given)
            return std::move(given).error();
        const std::string node = path_of(given->fd.get());
        auto fresh = open_again(given->fd.get(), node);
        if (!fresh)
            return std::move(fresh).error();
        auto card = examine(std::move(*fresh), taking);
        if (!card)
            return std::move(card).error().on(node);
        auto file = std::make_shared<File>(std::move(card->fd), node, std::move(card->driver), card->device);
        const std::lock_guard guard(open_files->mutex);
        open_files->files.add(file);
        return file;
    });
}

Result<std::shared_ptr<File>> File::given(int fd) noexcept {
    return without_exceptions([&]() -> Result<std::shared_ptr<File>> {
        auto card = duplicate(fd);
        if (!card)
            return std::move(card).error();
        bool uncertain = false;
        // Released after the lock: the last owner closes a file.
        std::vector<std::shared_ptr<File>> files;
        std::shared_ptr<File> fresh;
        const std::lock_guard guard(open_files->mutex);
        files = open_files->files.alive();
        for (const auto& file : files) {
            if (file->device != card->device || !file->of_this_process())
                continue;
            const SameOpenFile same = same_open_file(card->fd.get(), file->fd.get());
            if (same == SameOpenFile::yes)
                return file;
            uncertain = uncertain || same == SameOpenFile::unknown;
        }
        if (uncertain)
            return Error(ErrorKind::unsupported, taking)
                .call("kcmp")
                .remedy(
                    "this process has the card open more than once, and cannot ask which descriptors are one "
                    "open file, so that GEM handles could be closed that others use: it takes Linux 6.10, "
                    "or CONFIG_KCMP and a sandbox that lets kcmp(2) through");
        std::string node = path_of(card->fd.get());
        fresh = std::make_shared<File>(std::move(card->fd), std::move(node), std::move(card->driver),
                                       card->device);
        open_files->files.add(fresh);
        return fresh;
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
