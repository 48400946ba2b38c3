// The capture itself: dequeue, write out what is wanted, queue; and what was measured on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "tools/capture/consumer.h"
#include "tools/capture/source.h"
#include "tools/capture/writer.h"

namespace hwalloc::tools {

struct Statistics {
    std::uint64_t frames = 0;  // delivered, damaged ones included
    std::uint64_t errors = 0;  // of these: damaged, as the driver or their own bytes tell
    std::uint64_t dropped = 0; // never delivered: gaps in the driver's count
    std::uint64_t copies = 0;  // by the CPU, for the source or a consumer
    std::uint64_t decodes = 0; // whole frames of JPEG that the CPU decoded, for a consumer or a file
    std::optional<double> fps; // by the frames' timestamps; empty: fewer than two frames
    // From the driver's timestamp to the application, in microseconds, of the last 65536 frames; empty where
    // the driver's clock is another one. Negative where a driver tells the end of a frame that it delivers
    // before (vivid).
    std::optional<double> latency_p50, latency_p99;
    // What a frame took from the system in the steady state, from when each buffer was used twice; see
    // counters.h. Empty where that cannot be counted, or for too few frames.
    std::optional<double> allocations_per_frame, mappings_per_frame;
};

// Waits for the next frame of a source that streams, as long as its rate lets expect one, and 5 seconds at
// least; `woken` is called now and then meanwhile. Empty when a stop signal came first. Errors: busy with
// code() ETIMEDOUT (none came), and those of dequeue().
Result<std::optional<v4l2::Frame>> wait_for_frame(FrameSource& source, const v4l2::CaptureFormat& format,
                                                  const std::function<void()>& woken = {});

struct FirstFrame {
    std::optional<v4l2::Frame> frame; // empty: a stop signal came before it
    std::uint64_t damaged = 0;        // came before it, and went back to the source
};

// Waits as long as wait_for_frame() for a frame that is whole: many cameras begin with one that is not, and
// one that delivers no other does not work. Errors: those of wait_for_frame() and queue(); unavailable (all
// were damaged).
Result<FirstFrame> wait_for_whole_frame(FrameSource& source, const v4l2::CaptureFormat& format);

// What goes to standard error while frames come.
struct Telling {
    bool progress = false; // for people: a line that is written over
    bool first_frame =
        false; // for programs: a line FRAME once a second frame is there and the first was used
};

// Takes frames from a source that streams, beginning with `first` if there is one, until `frames` frames were
// delivered from there on (0: until a signal), a signal comes or the source has no more, and stops the
// source. Good frames go to `consumer`, if there is one, and to `writer`; a picture is the consumer's then. A
// frame costs what the source's dequeue() and queue() and the consumer's take() cost, and nothing is
// allocated. What was captured before an error is counted and written; the error comes back in `failed`.
Statistics run_capture(FrameSource& source, const v4l2::CaptureFormat& format, const FirstFrame& first,
                       std::uint64_t frames, FrameConsumer* consumer, FrameWriter& writer, Telling telling,
                       std::optional<Error>& failed);

} // namespace hwalloc::tools
