// Whether a device needs physically contiguous memory: established by trial with twins, never guessed, and
// never concluded from memory that happened to be contiguous.
#include <cerrno>

#include "allocators/plan/planner.h"
#include "common/addressable.h"
#include "common/fixed_text.h"
#include "common/twins.h"

namespace hwalloc::planning {
namespace {

// Whether a trial failed for a reason that has nothing to do with the memory, so that nothing follows.
bool tells_nothing(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::busy:
    case ErrorKind::device_lost:
    case ErrorKind::exhausted:
    case ErrorKind::limit: // of descriptors, say
    case ErrorKind::permission:
    case ErrorKind::unavailable:
        return true;
    default:
        return false;
    }
}

} // namespace

Result<void> Twins::make() {
    if (made_)
        return why_ ? Result<void>(*why_) : Result<void>();
    made_ = true;
    const auto bytes = addressable(layout_.memory_sizes[0]);
    auto fds = bytes ? make_twins(*bytes) : Result<std::array<UniqueFd, 2>>(bytes.error());
    if (!fds) {
        why_ = std::move(fds).error();
        return *why_;
    }
    for (int i = 0; i < 2; ++i) {
        auto memory = import_dmabuf((*fds)[static_cast<std::size_t>(i)].get());
        if (!memory) {
            why_ = std::move(memory).error();
            return *why_;
        }
        twins_[i] = std::move(*memory);
    }
    return {};
}

Twins::Finding Twins::try_on(Participant& participant) {
    Finding finding;
    if (auto made = make(); !made) {
        finding.how = "it takes /dev/udmabuf to find out";
        finding.why_unknown = std::move(made).error();
        return finding;
    }
    constexpr std::string_view two =
        "of two trial buffers over the same pages in two orders, which cannot both be contiguous, it ";
    int refused = 0;
    bool unreachable = true;
    for (MemoryRef& twin : twins_) {
        auto tried = participant.attempt(*twin, layout_);
        if (tried)
            continue;
        Error& error = tried.error();
        if (tells_nothing(error.kind())) {
            finding.how = "the trial with two buffers failed";
            finding.why_unknown = std::move(error);
            return finding;
        }
        ++refused;
        unreachable = unreachable && error.domain() == ErrorDomain::system && error.code() == EFAULT;
        finding.why_unknown = std::move(error);
    }
    if (refused == 2) {
        finding.how = FixedText(two, "refused both, as it may refuse all that udmabuf makes").view();
        finding.both_unreachable = unreachable;
        return finding;
    }
    finding.needs_contiguous = refused == 1 ? Answer::yes : Answer::no;
    finding.how = FixedText(two, refused == 1 ? "refused one" : "took both").view();
    finding.why_unknown.reset();
    return finding;
}

} // namespace hwalloc::planning
