// The rectangles of a queue: the part of the picture that is taken, and where in the buffer it goes.
#pragma once

#include <linux/videodev2.h>

#include <array>

#include "backends/v4l2/session.h"

namespace hwalloc::v4l2::detail {

// Remembers them, and restores them: a format that is set moves them, and setting the format from before
// does not move them back (Linux Documentation/userspace-api/media/v4l/selection-api-configuration.rst).
class Selections {
public:
    // A driver without rectangles has none to remember.
    explicit Selections(const Session& session) noexcept;
    void restore() const noexcept;

private:
    // False: the driver has no such rectangle.
    bool read(v4l2_selection& selection) const noexcept;

    const Session& session_;
    std::array<v4l2_selection, 2> before_{}; // of type 0: not there
};

} // namespace hwalloc::v4l2::detail
