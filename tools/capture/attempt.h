// A capture from one source as far as its first whole frame: all that can show that this source does not
// work.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/capture/buffers.h"
#include "tools/capture/loop.h"
#include "tools/capture/options.h"

namespace hwalloc::tools {

// Frames of JPEG that are decoded.
struct Decoded {
    v4l2::CaptureFormat format; // what they become
    Buffers from;               // where they come in
    std::uint32_t count = 0;    // of those
};

// A source that streams.
struct Started {
    v4l2::CaptureFormat format; // as the source sends it
    // Gives the frames in place of the source, whose they are; null: the source does.
    std::unique_ptr<FrameSource> around;
    std::optional<Decoded> decoded; // then `buffers` hold what they became
    Buffers buffers;
    std::uint32_t imports = 0; // into the camera's driver; the test source fills memory where it is
    FirstFrame first;
    std::vector<std::string> notes; // what is other than it was asked for

    // `source` is the one that was started.
    FrameSource& frames(FrameSource& source) const { return around ? *around : source; }
    // Of those frames.
    const v4l2::CaptureFormat& used_format() const { return decoded ? decoded->format : format; }
};

// Negotiates, allocates, binds, starts and waits for a whole frame. `consumer` may be null. On an error
// nothing is bound and nothing streams. Errors: those of each step; busy with code() ETIMEDOUT (no frame
// came), unavailable (all were damaged).
Result<Started> start_source(FrameSource& source, FrameConsumer* consumer, FrameWriter& writer,
                             const CaptureOptions& options);

} // namespace hwalloc::tools
