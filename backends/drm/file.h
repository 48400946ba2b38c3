// An open file of a card ("drm_file" in the kernel), and the GEM handles it has.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/without_exceptions.h"
#include "hwalloc/drm.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc::drm::detail {

// Every File of the process is known to the process, so that two descriptors of one open file are one File
// and share its table. Thread-safe.
struct File : std::enable_shared_from_this<File> {
    // Opens a card's primary node: a new open file, which is not DRM master. Errors: those of node_refused,
    // with `absence` where there is no such node; invalid (no card), exhausted.
    static Result<std::shared_ptr<File>> open(const std::string& node,
                                              ErrorKind absence = ErrorKind::unavailable) noexcept;
    // The open file behind somebody's descriptor, of which a duplicate is kept. Errors: see Device::wrap.
    static Result<std::shared_ptr<File>> of(int fd) noexcept;

    File(UniqueFd descriptor, std::string path, std::string driver_name, dev_t number)
        : fd(std::move(descriptor)), node(std::move(path)), driver(std::move(driver_name)), device(number) {}

    // A DRM ioctl, restarted as libdrm does. 0 or more, or a negative errno.
    int call(unsigned long request, void* argument) const noexcept;
    // Whether the card has gone. An errno alone does not tell: drivers answer ENODEV for other reasons too.
    bool gone() const noexcept;
    // An error of this card for a negative errno: "doing on /dev/dri/card0 (virtio_gpu): CALL: ...".
    Error refused(int answer, const char* call_name, const char* doing) const noexcept;
    Error refused(ErrorKind kind, int answer, const char* call_name, const char* doing) const noexcept;

    // Begins to count a handle that the kernel has just made for the caller alone. It is closed when there is
    // no memory for that. Error: exhausted.
    Result<GemHandle> count(std::uint32_t fresh) noexcept;
    // The handle of a dma-buf on this file, counted once more. Errors: see Device::gem_handle.
    Result<GemHandle> import(int dma_buf) noexcept;
    // The file that a handle is on; null when there is no handle.
    static const std::shared_ptr<File>& of(const GemHandle& handle) noexcept { return handle.file_; }
    // One more owner of a handle that the caller owns.
    GemHandle again(const GemHandle& owned) noexcept;
    // One owner fewer; the last closes the handle.
    void release(std::uint32_t handle) noexcept;

    // Whether the kernel still knows the handle. For telling why something failed.
    bool is_open(std::uint32_t handle) const noexcept;

    // DRM_CAP_ADDFB2_MODIFIERS, asked for once.
    bool knows_modifiers() noexcept;

    const UniqueFd fd;
    const std::string node;   // "/dev/dri/card0"
    const std::string driver; // "virtio_gpu"
    const dev_t device;

private:
    Result<GemHandle> count_locked(std::uint32_t handle) noexcept;
    Error import_refused(int answer, int dma_buf) const noexcept;
    void close(std::uint32_t handle) const noexcept;

    std::mutex
        mutex_; // held across FD_TO_HANDLE and GEM_CLOSE, or the one could answer what the other closes
    // By handle. The kernel gives the lowest number that is free (drm_gem_handle_create_tail, idr_alloc), so
    // this is as long as the file ever had handles at a time.
    std::vector<std::uint32_t> owners_;
    std::optional<bool> modifiers_;
};

// On a Block: storage that has a GEM handle of its own.
class HasGemHandle {
public:
    static constexpr std::string_view extension_id = "hwalloc.drm.has-gem-handle.v1";
    // Another owner of the handle where it is one of `file`, else none.
    virtual GemHandle gem_handle_on(const File& file) noexcept = 0;

protected:
    ~HasGemHandle() = default;
};

} // namespace hwalloc::drm::detail
