// GEM handles, counted: the kernel gives one handle for one buffer on one open file, and counts nothing.
#include <drm.h>
#include <fcntl.h>

#include <cerrno>
#include <new>

#include "backends/drm/cards.h"
#include "backends/drm/file.h"
#include "common/dma_buf.h"
#include "common/fixed_text.h"
#include "common/open_files.h"
#include "common/without_exceptions.h"

namespace hwalloc::drm {

GemHandle::GemHandle(std::shared_ptr<detail::File> file, std::uint32_t value) noexcept
    : file_(std::move(file)), value_(value) {}

void GemHandle::reset() noexcept {
    const auto file = std::move(file_); // goes last: it may close the file
    if (const std::uint32_t value = std::exchange(value_, 0); value != 0)
        file->put(value);
}

std::uint32_t GemHandle::release() noexcept {
    const auto file = std::move(file_); // goes last: it may close the file
    const std::uint32_t value = std::exchange(value_, 0);
    if (value != 0)
        file->give_back(value);
    return value;
}

namespace detail {

void File::close(std::uint32_t handle) const noexcept {
    drm_gem_close request{};
    request.handle = handle;
    call(DRM_IOCTL_GEM_CLOSE, &request);
}

int File::look_up(std::uint32_t handle) const noexcept {
    drm_prime_handle request{};
    request.handle = handle;
    request.flags = DRM_CLOEXEC | DRM_RDWR;
    const int answer = call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &request);
    if (answer < 0)
        return answer;
    const UniqueFd not_needed(request.fd);
    return 0;
}

Result<GemHandle> File::track_locked(std::uint32_t handle) noexcept {
    if (handle >= owners_.size())
        try {
            owners_.resize(std::size_t{handle} + 1);
        } catch (const std::bad_alloc&) {
            close(handle); // it has no other owner, whose count would be here
            return Error(ErrorKind::exhausted, "no memory for counting the owners of a GEM handle");
        }
    ++owners_[handle].count;
    return GemHandle(shared_from_this(), handle);
}

Result<GemHandle> File::track(std::uint32_t fresh) noexcept {
    const std::lock_guard guard(mutex_);
    return track_locked(fresh);
}

Result<GemHandle> File::adopt(std::uint32_t handle) noexcept {
    if (auto checked = check_process(); !checked)
        return std::move(checked).error();
    const std::lock_guard guard(mutex_);
    const int answer = handle == 0 ? -ENOENT : look_up(handle);
    if (is_too_many_files(answer))
        return with_open_files_remedy(
            Error::from_errno(-answer, "adopting a GEM handle").on(node).call("PRIME_HANDLE_TO_FD"), answer);
    if (answer < 0)
        return Error(ErrorKind::invalid, -answer, "adopting a GEM handle")
            .on(node)
            .call("PRIME_HANDLE_TO_FD")
            .remedy("this open file has no such handle, or its driver exports no dma-buf of it");
    if (handle >= owners_.size())
        try {
            owners_.resize(std::size_t{handle} + 1);
        } catch (const std::bad_alloc&) {
            return Error(ErrorKind::exhausted, "no memory for counting the owners of a GEM handle");
        }
    return track_locked(handle);
}

GemHandle File::get(const GemHandle& owned) noexcept {
    const std::lock_guard guard(mutex_);
    ++owners_[owned.value()].count;
    return {shared_from_this(), owned.value()};
}

void File::put(std::uint32_t handle) noexcept {
    if (!of_this_process())
        return; // and another thread of the parent may have held the lock
    const std::lock_guard guard(mutex_);
    Owners& owners = owners_[handle];
    if (--owners.count == 0 && !std::exchange(owners.kept_open, false))
        close(handle);
}

void File::give_back(std::uint32_t handle) noexcept {
    if (!of_this_process())
        return;
    const std::lock_guard guard(mutex_);
    Owners& owners = owners_[handle];
    owners.kept_open = --owners.count != 0;
}

Result<GemHandle> File::import(int dma_buf, const File* maker) noexcept {
    if (auto checked = check_process(); !checked)
        return std::move(checked).error();
    drm_prime_handle request{};
    request.fd = dma_buf;
    const std::lock_guard guard(mutex_);
    if (const int done = call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &request); done < 0)
        return import_refused(done, dma_buf, maker);
    return track_locked(request.handle);
}

// The kernel says no more than an errno. These are those of drm_prime.c and of the drivers' import functions.
Error File::import_refused(int answer, int dma_buf, const File* maker) const noexcept {
    constexpr const char* call_name = "PRIME_FD_TO_HANDLE";
    constexpr const char* doing = "importing a dma-buf";
    switch (-answer) {
    case ENODEV:
        if (gone())
            break;
        [[fallthrough]];
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
    case EFAULT: {
        const std::string exporter = dma_buf::exporter_of(dma_buf);
        const auto itself =
            without_exceptions([&]() -> Result<std::string> { return allocator_name_of(device); });
        FixedText why("the card does not take this buffer");
        if (maker)
            why.append(", which ").append(maker->driver).append(" (").append(maker->node).append(") made");
        else if (exporter == "drm") // every card's buffers are called so
            why.append(", which a graphics card's driver made");
        else if (!exporter.empty())
            why.append(", which ").append(exporter).append(" made");
        why.append(
               ": its driver imports no memory but its own, or needs one contiguous run of memory, or the "
               "exporter lets no other device attach to the memory; allocate from the card itself (")
            .append(itself && !itself->empty() ? std::string_view(*itself) : "Device::dumb_allocator()")
            .append("), or, where it needs contiguous memory, from a contiguous heap");
        return refused(ErrorKind::incompatible, answer, call_name, doing).remedy(why);
    }
    default:
        break;
    }
    return refused(answer, call_name, doing);
}

} // namespace detail
} // namespace hwalloc::drm
