// What suits two participants at once: numbers are merged without knowing whose they are.
#include <algorithm>
#include <limits>
#include <numeric>

#include "common/checked.h"
#include "common/fixed_text.h"
#include "common/without_exceptions.h"
#include "hwalloc/participant.h"

namespace hwalloc {
namespace {

// False when it does not fit.
template<class T>
bool least_common_multiple(T one, T other, T& both) noexcept {
    if (one == 0 || other == 0) {
        both = std::max(one, other);
        return true;
    }
    return checked_mul<T>(one / std::gcd(one, other), other, both);
}

Answer either(Answer one, Answer other) noexcept {
    if (one == Answer::yes || other == Answer::yes)
        return Answer::yes;
    return one == Answer::unknown || other == Answer::unknown ? Answer::unknown : Answer::no;
}

// What holds for both: the weaker of two assurances.
Answer weaker(Answer one, Answer other) noexcept {
    if (one == Answer::no || other == Answer::no)
        return Answer::no;
    return one == Answer::unknown ? one : other;
}

// In the order of `one`. Empty means all, so an intersection that is empty is told by the result.
bool intersect(const std::vector<std::uint64_t>& one, const std::vector<std::uint64_t>& other,
               std::vector<std::uint64_t>& both) {
    if (one.empty() || other.empty()) {
        both = one.empty() ? other : one;
        return true;
    }
    for (const std::uint64_t modifier : one)
        if (std::find(other.begin(), other.end(), modifier) != other.end())
            both.push_back(modifier);
    return !both.empty();
}

} // namespace

Result<Constraints> merge(const Constraints& one, const Constraints& other) noexcept {
    return without_exceptions([&]() -> Result<Constraints> {
        Constraints both;
        both.min_size = std::max(one.min_size, other.min_size);
        both.contiguous = either(one.contiguous, other.contiguous);
        both.prefers_cached = one.prefers_cached || other.prefers_cached;
        both.needs_dma_buf = one.needs_dma_buf || other.needs_dma_buf;
        both.through_cpu_caches = one.through_cpu_caches || other.through_cpu_caches;
        both.syncs_cpu_access = both.through_cpu_caches &&
                                (one.syncs_cpu_access || !one.through_cpu_caches) &&
                                (other.syncs_cpu_access || !other.through_cpu_caches);
        both.memory_per_plane = one.memory_per_plane || other.memory_per_plane;
        both.sees_cpu_caches = weaker(one.sees_cpu_caches, other.sees_cpu_caches);
        both.pitch_min = std::max(one.pitch_min, other.pitch_min);
        both.pitch_max = std::min(one.pitch_max, other.pitch_max);
        if (!least_common_multiple(one.size_align, other.size_align, both.size_align) ||
            !least_common_multiple(one.pitch_align, other.pitch_align, both.pitch_align))
            return Error(ErrorKind::limit, "the alignments have no common multiple that fits");
        if (!intersect(one.modifiers, other.modifiers, both.modifiers))
            return Error(ErrorKind::incompatible,
                         "the devices have no layout of pixels (modifier) in common");
        const std::uint64_t least = (std::uint64_t{both.pitch_min} + both.pitch_align - 1) /
                                    std::max(both.pitch_align, 1u) * both.pitch_align;
        if (least > both.pitch_max)
            return Error(ErrorKind::incompatible, "merging constraints")
                .doing(FixedText("no pitch does for all: at least ", both.pitch_min, ", at most ",
                                 both.pitch_max, ", a multiple of ", both.pitch_align));
        return both;
    });
}

} // namespace hwalloc
