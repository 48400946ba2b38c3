// Trials of memory on a device, which are undone.
#pragma once

#include <memory>
#include <span>

#include "backends/v4l2/trial_queue.h"

namespace hwalloc::v4l2::detail {

// Imports the memories of a buffer into the queue as they are bound, with the format that `layout` is, and
// undoes both. Two of them may be one. A reservation is made again. Errors: see Participant::attempt. A
// format that cannot be put back is forgotten: the camera must be negotiated with again then.
Result<void> try_import(Session& session, std::span<const Memory* const> memories, const ImageLayout& layout);

// Has the driver make a buffer of its own, export it and take it into the queue, with the format that
// `layout` is, and undoes all that. Errors and the rest as above.
Result<void> try_own(Session& session, const ImageLayout& layout);

// Whether the CPU can copy images of `layout` between the driver's buffers and the memories: they can be
// mapped for that, and the driver has rows of that length. Errors: see Participant::attempt.
Result<void> try_copy(const Session& session, std::span<Memory* const> memories, const ImageLayout& layout);
// Sets the format that trials with `layout` need, once for all that follow, as far as none of them needs
// another. Null when the device has it. Errors: as try_import(); the device is as it was then.
Result<std::unique_ptr<TrialQueue>> begin_trials(Session& session, const ImageLayout& layout);
// Puts back what was before. Error: what the driver answers.
Result<void> end_trials(Session& session, TrialQueue& queue) noexcept;

} // namespace hwalloc::v4l2::detail
