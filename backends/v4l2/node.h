// A device's node, and which of its queues is used.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "common/fork_safe_mutex.h"
#include "common/weak_list.h"

namespace hwalloc::v4l2::detail {

struct Session;

// Which queue of a device is used: the one that it fills, or the one that it reads.
enum class Use : std::uint8_t { capture, output };

// A camera's node as this process uses it: one for all its open files. A driver's queue belongs to the open
// file that asked for buffers first, and answers EBUSY to every other.
struct Node {
    explicit Node(dev_t number) noexcept : device(number) {}

    const dev_t device;
    // Held while the queue's buffers change, because allocators of the camera may use it at any time. Never
    // taken for a frame, and never held while code runs that may be anybody's.
    ForkSafeMutex queue_mutex{ForkSafeMutex::Held::across_waits};
    // All cameras and outputs, the oldest first; of outputs each is its own application's, and none is
    // shared. Guarded by the table of nodes.
    WeakList<Session> sessions;
};

} // namespace hwalloc::v4l2::detail
