// An open file of a card ("drm_file" in the kernel), and the GEM handles it has.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/fork_safe_mutex.h"
#include "common/without_exceptions.h"
#include "hwalloc/drm.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc::drm::detail {

// Every File of the process is in one list, so that two descriptors of one open file are one File and share
// its table of handles. Thread-safe.
struct File : std::enable_shared_from_this<File> {
    // Opens a card's primary node: a new open file, which is not DRM master. Errors: those of node_refused,
    // with `absence` where there is no such node; invalid (no card), exhausted.
    static Result<std::shared_ptr<File>> open(const std::string& node,
                                              ErrorKind absence = ErrorKind::unavailable) noexcept;
    // A new open file of the card behind `fd`, with handles of its own. Errors: see Device::wrap.
    static Result<std::shared_ptr<File>> reopen(int fd) noexcept;
    // The open file behind `fd` itself, of which a duplicate is kept. Errors: see Device::wrap.
    static Result<std::shared_ptr<File>> given(int fd) noexcept;

    File(UniqueFd descriptor, std::string path, std::string driver_name, dev_t number);

    // A DRM ioctl, restarted as libdrm does. 0 or more, or a negative errno.
    int call(unsigned long request, void* argument) const noexcept;
    // Whether the card has gone. An errno alone does not tell: drivers answer ENODEV for other reasons too.
    bool gone() const noexcept;
    // An error of this card for a negative errno: "doing on /dev/dri/card0 (virtio_gpu): CALL: ...".
    Error refused(int answer, const char* call_name, const char* doing) const noexcept;
    Error refused(ErrorKind kind, int answer, const char* call_name, const char* doing) const noexcept;

    // Begins to count the owners of a handle that the kernel has just made for the caller alone. It is closed
    // when there is no memory for that. Error: exhausted.
    Result<GemHandle> track(std::uint32_t fresh) noexcept;
    // The handle of a dma-buf on this file, with one more owner. `maker`: the card that made the buffer where
    // that is known, for an error's text. Errors: see Device::gem_handle.
    Result<GemHandle> import(int dma_buf, const File* maker = nullptr) noexcept;
    // One more owner of a handle that the application made. Errors: see Device::adopt_handle.
    Result<GemHandle> adopt(std::uint32_t handle) noexcept;
    // The file that a handle is on; null when there is no handle.
    static const std::shared_ptr<File>& of(const GemHandle& handle) noexcept { return handle.file_; }
    // One more owner of a handle that the caller owns.
    GemHandle get(const GemHandle& owned) noexcept;
    // One owner fewer; the last closes the handle.
    void put(std::uint32_t handle) noexcept;
    // One owner fewer, which closes the handle itself: the last GemHandle does not.
    void give_back(std::uint32_t handle) noexcept;

    // A child of fork() has the same open file as its parent, whose handles and framebuffers are not the
    // child's to destroy: false there.
    bool of_this_process() const noexcept;
    // What a child of fork() is told instead of being given a handle in its parent's table.
    Result<void> check_process() const noexcept;

    // Whether the kernel still knows the handle, found out by exporting it. 0, or the negative errno of that.
    int look_up(std::uint32_t handle) const noexcept;

    // DRM_CAP_ADDFB2_MODIFIERS, asked for once.
    bool knows_modifiers() noexcept;

    const UniqueFd fd;
    const std::string node;   // "/dev/dri/card0"
    const std::string driver; // "virtio_gpu"
    const dev_t device;

private:
    struct Owners {
        std::uint32_t count = 0;
        bool kept_open = false; // the application closes it
    };

    Result<GemHandle> track_locked(std::uint32_t handle) noexcept;
    Error import_refused(int answer, int dma_buf, const File* maker) const noexcept;
    void close(std::uint32_t handle) const noexcept;

    const std::uint32_t fork_depth_; // of the process that opened the file
    // Held across FD_TO_HANDLE and GEM_CLOSE, or the one could answer what the other closes.
    ForkSafeMutex mutex_;
    // By handle. The kernel gives the lowest number that is free (drm_gem_handle_create_tail, idr_alloc), so
    // this is as long as the file ever had handles at a time.
    std::vector<Owners> owners_;
    std::optional<bool> modifiers_;
};

// On a Block: storage that has a GEM handle of its own.
class HasGemHandle {
public:
    static constexpr std::string_view extension_id = "hwalloc.drm.has-gem-handle.v1";
    // One more owner of the handle where it is one of `file`, else none.
    virtual GemHandle gem_handle_on(const File& file) noexcept = 0;
    // The file that the memory was made on; null where it was imported.
    virtual const File* maker() const noexcept = 0;

protected:
    ~HasGemHandle() = default;
};

} // namespace hwalloc::drm::detail
