// A device node and the story of why it cannot be opened: the one that every backend and every tool tells.
#pragma once

#include <memory>
#include <string>

#include "common/fork_safe_mutex.h"
#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"

namespace hwalloc {

// The udev rule that opens a node, for those that the system's own rules leave to root. The texts have no
// quotation mark that a shell would mind between '...'.
struct NodeRule {
    const char* text;  // SUBSYSTEM=="dma_heap", KERNEL=="system", GROUP="video", MODE="0640"
    const char* file;  // its name in a directory of rules: "55-hwalloc-dma-heap.rules"
    const char* group; // whom it lets in
    const char* match; // options of `udevadm trigger` for the devices that it is for
};

// What a user can do about a node. The texts live as long as whoever uses them.
struct NodeAdvice {
    const char* purpose; // "using the DMA heap": what the library wanted
    const char* absent;  // when the node is not there
    const char* denied;  // when nobody but root may open it; who is in the right group needs no advice from
                         // the backend
    const NodeRule* rule = nullptr; // what `denied` says, ready to be installed; null: there is none
    // What a node that is not there means: a device that never was, or one that the library has met.
    ErrorKind absence = ErrorKind::unavailable;
};

// Why open(path, flags) answered `errno_value`, in words: the node's owner, group and mode, who this process
// is, and what to do, as a line for a shell too where one does it (Error::mend). Owner, group and user are
// told by number, and by name where /etc/passwd and /etc/group know them; the name service is not asked,
// because it may reach for the network. Reads files, so it is for failures only.
Error node_refused(const char* path, int flags, int errno_value, const NodeAdvice& advice) noexcept;

// What `path` names now, seen from a descriptor that was opened there: the same node; another one, made when
// its device went and came; or nothing that this process can see.
enum class NodeNow { same, another, unseen };
NodeNow node_now(const char* path, int fd) noexcept;

// A node that is opened when it is first needed and kept open. Thread-safe.
class DeviceNode {
public:
    // `flags` as open(2), without O_CLOEXEC, which is always added.
    DeviceNode(std::string path, int flags, const NodeAdvice& advice) noexcept
        : path_(std::move(path)), flags_(flags), advice_(advice) {}

    const char* path() const noexcept { return path_.c_str(); }
    // The node's descriptor, opened if it is not open. It stays open as long as somebody holds it, also when
    // another thread calls drop().
    using Held = std::shared_ptr<const UniqueFd>;
    Result<Held> open() noexcept;
    // Makes the next open() open the node anew: after `held` answered that the device is gone or is another
    // one.
    void drop(const Held& held) noexcept;
    // Closes the node if its path names another one now. Whether it is open afterwards.
    bool recheck() noexcept;
    // Closes the node; the next open() opens it anew.
    void close() noexcept;
    // Whether the node can be opened now, whatever is open already.
    Result<void> check() const noexcept;

private:
    Result<UniqueFd> open_anew() const noexcept;

    std::string path_;
    int flags_;
    NodeAdvice advice_;
    ForkSafeMutex mutex_;
    Held held_;
};

} // namespace hwalloc
