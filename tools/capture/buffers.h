// Memory for a frame source: from the allocator that was named, or from the first that works.
#pragma once

#include <string>
#include <vector>

#include "tools/capture/consumer.h"
#include "tools/capture/source.h"

namespace hwalloc::tools {

struct Buffers {
    std::string allocator;          // its registered name
    std::string kind;               // "dmabuf", "memfd" or "system": what the buffers are
    bool own = false;               // the source's own, which nothing was imported into
    std::vector<Error> passed_over; // what was tried first, and why it did not do
};

// Allocates `count` buffers of the negotiated size (more where the source wants more), binds them to the
// consumer, if there is one, and to the source, and queues them. `read_by_cpu`: the frames themselves are to
// be written down. "auto" takes what a plan for all of them finds (hwalloc/plan.h). On an error nothing is
// bound, and the error holds every refusal.
Result<Buffers> bind_buffers(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                             const v4l2::CaptureFormat& format, const std::string& name, std::uint32_t count);

} // namespace hwalloc::tools
