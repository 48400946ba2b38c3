// A queue while memory is tried on it: remembers how it was, and puts that back.
#pragma once

#include <optional>

#include "backends/v4l2/picture.h"
#include "backends/v4l2/selections.h"

namespace hwalloc::v4l2::detail {

// All with the node's queue_mutex held. Whoever makes one calls undo().
class TrialQueue {
public:
    // `format`: what the device has now.
    TrialQueue(Session& session, const v4l2_format& format) noexcept
        : session_(session), before_(format), reserved_(session.reserved) {}

    // For whatever has a format of its own. The queue has no buffers. Errors: incompatible, and what the
    // driver answers.
    Result<FormatFields> set_format(const Picture& picture);
    // A format that cannot be put back is forgotten by the session, and told.
    Result<void> undo() noexcept;

private:
    int free_buffers() noexcept;

    Session& session_;
    const v4l2_format before_;
    const std::uint32_t reserved_;
    std::optional<Selections> selections_;
    FrameRate rate_{};
    bool changed_ = false;
};

} // namespace hwalloc::v4l2::detail
