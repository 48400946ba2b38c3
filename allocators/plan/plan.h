// The plan: which memory all participants take, found by trying, and why the rest does not do.
//
//   auto camera = v4l2::Camera::open("/dev/video0");
//   ... camera->negotiate(...)
//   auto plan = hwalloc::plan({*v4l2::capture_participant(*camera), *participant_of("vulkan/0")},
//                             {.image = {fourcc('Y','U','Y','V'), 640, 480}});
//   if (!plan) …                               // nobody could be asked
//   auto buffers = (*plan)->allocate(4);       // or an error that tells what every candidate lacks
//
// What makes the answer hold:
//   - Every candidate is allocated at the real size and tried on every participant, as it would be used.
//   - That memory was contiguous once proves nothing about the next buffer. Whether a device needs contiguous
//     memory is established with twins: two dma-bufs over the same pages in two orders, which cannot both be
//     contiguous. A device that takes both needs no contiguity; one that refuses either does, and is then
//     given only memory that guarantees it, or its own.
//   - A layout is proposed to everybody until nobody changes it, so that all agree on stride and size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/export.h"
#include "hwalloc/image.h"
#include "hwalloc/participant.h"
#include "hwalloc/result.h"

namespace hwalloc {

enum class Verdict : std::uint8_t {
    // Tried, and taken; where contiguity matters, proved.
    accepted,
    // Tried, and not taken; or proved to be taken by luck only, or to be seen differently by CPU and device.
    refused,
    // Not known: the device was busy, the memory could not be had, or it was taken once, which is no proof:
    // perhaps by luck, or with caches that nobody is known to maintain.
    untested,
};
// "accepted", "refused", "untested".
HWALLOC_API std::string_view to_string(Verdict verdict) noexcept;

enum class PlanPolicy : std::uint8_t {
    // The preferred names and no others, where any are given; nothing that is untested.
    strict,
    // The preferred names first, then the others; what is untested when nothing is accepted.
    prefer,
    // As prefer; and when no memory does for all, two kinds of memory and a copy in between.
    allow_copy,
};

struct PlanRequest {
    // In the order in which they see a frame: who fills it comes first. Read during the call only.
    std::span<const ParticipantRef> participants{};
    ImageSpec image{};
    PlanPolicy policy = PlanPolicy::prefer;
    // Names of allocators, the best one first. Empty: those of the environment variable
    // HWALLOC_ALLOCATORS, else of a configuration file (see preferred_allocators()). Read during the call
    // only.
    std::span<const std::string_view> prefer{};
    // Try every candidate: for a complete table, and for all that can be fallen back to. Otherwise trying
    // ends when two candidates do for all, one to take and one to fall back to; what follows is untested, and
    // not in the ranking.
    bool complete = false;
};

// One candidate and one participant.
struct PlanCell {
    Verdict verdict = Verdict::untested;
    // Why it is refused or untested: Error::call(), code(), remedy(). Empty when it is accepted.
    std::optional<Error> why{};
    Recipe recipe{}; // when it is accepted, or untested because taking it once is no proof
};

// One allocator.
struct PlanCandidate {
    std::string name; // as registered; "own memory of NAME" for an allocator without a name
    AllocatorRef allocator{};
    Properties properties{};
    bool preferred = false;        // by name
    std::vector<PlanCell> cells{}; // one for each participant, in their order
    // Of all cells together: refused when one is, else untested when one is.
    Verdict verdict = Verdict::untested;
    std::optional<Error> why{}; // it gave no memory to try, or lays pixels out as nobody wants them
    // As its memory was tried. For bytes: a fourcc of 0, and the size.
    ImageLayout layout{};
    bool lays_out = false; // the layout is the allocator's own choice (AllocatesImages)
};

// What is known of a participant.
struct PlanParticipant {
    std::string name;
    Answer needs_contiguous = Answer::unknown;
    std::string why_contiguous{}; // how that is known, or why not
    // It took its own memory, and refused everybody else's that was tried, two kinds at least.
    bool only_own = false;
    Constraints constraints{};
};

// Buffers of one allocator and one layout.
struct PlanBuffers {
    std::size_t candidate = 0; // whose: an index into candidates()
    // layout.memory_count for each buffer: all of the first, then all of the second, ...
    std::vector<MemoryRef> memories{};
    ImageLayout layout{};
    std::vector<Error> passed_over{}; // what should have done, and failed when it mattered
};

class Plan;
using PlanRef = std::shared_ptr<const Plan>;

// Where one memory does not do for all: each side has a plan of its own, with its own layout, and the CPU
// copies each frame, row by row where the strides differ. Counted by the caller for each frame; never done in
// silence.
struct PlanCopy {
    // How many of the first ones share the memory of `from`; the rest share that of `to`.
    std::size_t participants = 0;
    // Each has a choice(), and the CPU as one participant more: the last one of `from`, which reads, and the
    // first one of `to`, which writes. Never null.
    PlanRef from{}, to{};
};

// A plan does not change, and keeps its allocators. Thread-safe.
class HWALLOC_API Plan {
public:
    std::span<const PlanParticipant> participants() const noexcept HWALLOC_LIFETIMEBOUND {
        return parts_.participants;
    }
    // In the order in which they are taken: the first one that is accepted is the choice.
    std::span<const PlanCandidate> candidates() const noexcept HWALLOC_LIFETIMEBOUND {
        return parts_.candidates;
    }
    // What the participants need together; nothing when they contradict each other, which
    // error() tells.
    const std::optional<Constraints>& constraints() const noexcept HWALLOC_LIFETIMEBOUND {
        return parts_.constraints;
    }
    const ImageSpec& image() const noexcept HWALLOC_LIFETIMEBOUND { return parts_.image; }

    // The memory to take; null when none does for all.
    const PlanCandidate* choice() const noexcept HWALLOC_LIFETIMEBOUND {
        return parts_.ranking.empty() ? nullptr : &parts_.candidates[parts_.ranking.front()];
    }
    // Every candidate that may be taken, the best one first: indices into candidates().
    std::span<const std::size_t> ranking() const noexcept HWALLOC_LIFETIMEBOUND { return parts_.ranking; }
    // With PlanPolicy::allow_copy, when there is no choice().
    const std::optional<PlanCopy>& copy() const noexcept HWALLOC_LIFETIMEBOUND { return parts_.copy; }
    // When there is no choice(): why, with a cause for each candidate. Kind: theirs, where they agree, else
    // incompatible.
    const std::optional<Error>& error() const noexcept HWALLOC_LIFETIMEBOUND { return parts_.error; }

    // `count` buffers of the choice, each memory of which has layout.memory_sizes bytes at least. When it
    // fails, those of the next in the ranking, which starts at its place `first`: for a caller whose device
    // has refused what came before. What was not tried is not in the ranking: see PlanRequest::complete.
    // Errors: error(); unavailable (nothing is left in the ranking); that of the first that failed, with a
    // cause for each that was tried.
    Result<PlanBuffers> allocate(std::size_t count, std::size_t first = 0) const noexcept;
    // `count` buffers of this candidate, whatever its verdict: for a caller with a choice of its own. Errors:
    // invalid (no such candidate), unavailable (it was not tried: see PlanRequest::complete), and why it
    // gives none.
    Result<PlanBuffers> allocate_from(std::size_t candidate, std::size_t count) const noexcept;

    // The whole story, a line for each candidate and one for each refusal. May throw std::bad_alloc like any
    // function that returns a string.
    std::string explain() const;

    // Implementation: what the planner fills in.
    struct Parts {
        ImageSpec image{};
        std::optional<Constraints> constraints{};
        std::vector<PlanParticipant> participants{};
        std::vector<PlanCandidate> candidates{};
        std::vector<std::size_t> ranking{};
        std::optional<PlanCopy> copy{};
        std::optional<Error> error{};
    };
    explicit Plan(Parts&& parts) noexcept;
    ~Plan();
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

private:
    const Parts parts_;
};

// Makes a plan, or gives the one that was made for an equal request: with equal keys of the participants, the
// same image, policy and preferences, and no device come or gone since (DeviceMonitor::dispatch() and every
// scan of the registry tell). That costs no system call and no allocation. A few plans are remembered, with
// what they keep: those with a choice() that is accepted, that did not pass over anything because it was busy
// or exhausted, and whose allocators all have names (what has none belongs to whoever brought it).
//
// Candidates are the allocators that are registered and those that participants bring; memory that a device
// owns (Properties::cost below 20) only from participants, or by preference. May block: it allocates, and
// talks to devices. Thread-safe, as long as no two calls share a participant.
//
// A plan without a choice() is no error. Errors: invalid (no participants, an empty one, or neither pixels
// nor a size), exhausted.
HWALLOC_API Result<PlanRef> plan(const PlanRequest& request) noexcept;
// The same with the lists in braces, in place of the request's own:
//   plan({camera, gpu}, {.image = image});
//   plan({camera, gpu}, {"dma-heap/system", "udmabuf"}, {.image = image, .policy = PlanPolicy::strict});
inline Result<PlanRef> plan(std::initializer_list<ParticipantRef> participants,
                            PlanRequest request) noexcept {
    request.participants = participants;
    return plan(request);
}
inline Result<PlanRef> plan(std::initializer_list<ParticipantRef> participants,
                            std::initializer_list<std::string_view> prefer, PlanRequest request) noexcept {
    request.participants = participants;
    request.prefer = prefer;
    return plan(request);
}

// Makes the next plan anew, whatever is remembered: after permissions or limits have changed. Thread-safe.
HWALLOC_API void forget_plans() noexcept;

// The names in a list that commas separate, with "\," for a comma that belongs to a name, as in "linux,cma";
// without the space around them and without those that are empty. For an application's own option.
// Thread-safe. May throw std::bad_alloc.
HWALLOC_API std::vector<std::string> allocator_names(std::string_view list);
inline std::vector<std::string> allocator_names(const char* list) { // none where it is null
    return allocator_names(list ? std::string_view(list) : std::string_view());
}

// The names that plans prefer when the caller names none, and where they come from: HWALLOC_ALLOCATORS (as
// allocator_names() takes them; not looked at in a process with more privilege than its caller), else the
// first of $XDG_CONFIG_HOME/hwalloc/allocators (~/.config/hwalloc/allocators) and /etc/hwalloc/allocators
// that there is: a name a line, # begins a comment. Read once in a process. Thread-safe.
struct PreferredAllocators {
    std::vector<std::string> names;
    std::string source;       // "HWALLOC_ALLOCATORS", a file, or empty
    std::optional<Error> why; // a file is there and cannot be read
};
HWALLOC_API const PreferredAllocators& preferred_allocators() noexcept;

} // namespace hwalloc
