#include "allocators/plan/contiguity.h"

#include <cerrno>

#include "common/addressable.h"
#include "common/fixed_text.h"
#include "common/twins.h"
#include "hwalloc/dma_buf.h"

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
    const auto bytes = addressable(bytes_);
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

Contiguity Twins::try_on(const Import& import) {
    Contiguity found;
    if (auto made = make(); !made) {
        found.how = "it takes /dev/udmabuf to find out";
        found.why_unknown = std::move(made).error();
        return found;
    }
    constexpr std::string_view two =
        "of two trial buffers over the same pages in two orders, which cannot both be contiguous, it ";
    int refused = 0, unreachable = 0;
    for (MemoryRef& twin : twins_) {
        auto tried = import(*twin);
        if (tried)
            continue;
        Error& error = tried.error();
        if (tells_nothing(error.kind())) {
            found.how = "the trial with two buffers failed";
            found.why_unknown = std::move(error);
            return found;
        }
        const int answer = unreachable_errno(error);
        unreachable = refused == 0 || unreachable == answer ? answer : 0;
        ++refused;
        found.why_unknown = std::move(error);
    }
    if (refused == 2) {
        found.how = FixedText(two, "refused both, as it may refuse all that udmabuf makes").view();
        found.both_unreachable = unreachable;
        return found;
    }
    found.needed = refused == 1 ? Answer::yes : Answer::no;
    found.how = FixedText(two, refused == 1 ? "refused one" : "took both").view();
    found.why_unknown.reset();
    return found;
}

bool is_of_another_maker(std::string_view exporter) noexcept {
    return !exporter.empty() && exporter != twins_exporter;
}

int unreachable_errno(const Error& error) noexcept {
    return error.domain() == ErrorDomain::system && (error.code() == EFAULT || error.code() == EINVAL)
               ? error.code()
               : 0;
}

void conclude_from_unreachable(Contiguity& found, int error_number) {
    if (found.needed != Answer::unknown || error_number == 0 || found.both_unreachable != error_number)
        return;
    found.needed = Answer::yes;
    found.how = "it could reach neither of two trial buffers over the same pages in two orders, nor the "
                "scattered memory of another maker";
    found.why_unknown.reset();
}

} // namespace hwalloc::planning
