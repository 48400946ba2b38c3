#include "allocators/plan/plan_cache.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "common/fork_safe_mutex.h"
#include "common/immortal.h"

namespace hwalloc {
namespace {

// A request, kept beyond the call, and its plan. Does not change once it is in the cache.
struct Entry {
    std::vector<std::string> keys; // of the participants
    std::vector<std::string> prefer;
    ImageSpec image;
    PlanPolicy policy;
    bool complete;
    std::uint64_t changes; // of the registry, as they were counted before the plan was made
    PlanRef plan;

    // Whether a request is equal in everything but the participants.
    bool asks_like(const PlanRequest& request) const noexcept {
        return image == request.image && policy == request.policy && complete == request.complete &&
               std::equal(prefer.begin(), prefer.end(), request.prefer.begin(), request.prefer.end());
    }
    bool has_participants_of(const PlanRequest& request) const noexcept {
        return std::equal(
            keys.begin(), keys.end(), request.participants.begin(), request.participants.end(),
            [](const std::string& key, const ParticipantRef& one) { return one->cache_key() == key; });
    }
};

// A participant's key may be anybody's code, and call back into the library: it is never asked for with the
// mutex held. So entries are shared, and compared outside.
struct Cache {
    static constexpr std::size_t most = 8;
    using Entries = std::array<std::shared_ptr<const Entry>, most>;
    ForkSafeMutex mutex;
    Entries entries; // the oldest is replaced
    std::size_t next = 0;
    std::uint64_t generation = 0; // how often all were forgotten
};
// Never destroyed: plans may be made while other static objects end.
HWALLOC_IMMORTAL(Cache, plans);

// A shortage, or somebody else's use of a device, which may be over at the next call.
bool is_temporary(const std::optional<Error>& why) noexcept {
    return why && (why->kind() == ErrorKind::busy || why->kind() == ErrorKind::exhausted);
}

// Whether a plan may be kept, and given to others. What has no name belongs to whoever brought it, and must
// go when they let go of it: an application's VkDevice is destroyed when its last user should be gone.
bool is_worth_keeping(const Plan& plan) noexcept {
    const PlanCandidate* const choice = plan.choice();
    if (!choice || choice->verdict != Verdict::accepted)
        return false;
    for (const PlanCandidate& one : plan.candidates())
        if (one.allocator && one.allocator->name().empty())
            return false;
    return std::none_of(plan.candidates().data(), choice, [](const PlanCandidate& better) {
        return is_temporary(better.why) ||
               std::any_of(better.cells.begin(), better.cells.end(),
                           [](const PlanCell& cell) { return is_temporary(cell.why); });
    });
}

} // namespace

namespace planning {

CacheLookup find_cached(const PlanRequest& request, std::uint64_t changes) noexcept {
    Cache::Entries alike, old; // end after the lock
    CacheLookup found;
    {
        const std::lock_guard guard(plans->mutex);
        found.generation = plans->generation;
        for (std::size_t i = 0; i < Cache::most; ++i) {
            auto& entry = plans->entries[i];
            if (entry && entry->changes < changes)
                old[i] = std::move(entry);
            else if (entry && entry->changes == changes && entry->asks_like(request))
                alike[i] = entry;
        }
    }
    for (const auto& entry : alike)
        if (entry && entry->has_participants_of(request)) {
            found.plan = entry->plan;
            break;
        }
    return found;
}

void cache(const PlanRef& plan, const PlanRequest& request, std::uint64_t changes, std::uint64_t generation) {
    if (!is_worth_keeping(*plan))
        return;
    std::vector<std::string> keys;
    for (const ParticipantRef& one : request.participants)
        if (keys.emplace_back(one->cache_key()).empty())
            return;
    std::shared_ptr<const Entry> entry =
        std::make_shared<Entry>(Entry{.keys = std::move(keys),
                                      .prefer = {request.prefer.begin(), request.prefer.end()},
                                      .image = request.image,
                                      .policy = request.policy,
                                      .complete = request.complete,
                                      .changes = changes,
                                      .plan = plan});
    const std::lock_guard guard(plans->mutex);
    if (plans->generation != generation)
        return;
    std::swap(plans->entries[plans->next], entry); // the old one ends after the lock
    plans->next = (plans->next + 1) % Cache::most;
}

} // namespace planning

void forget_plans() noexcept {
    Cache::Entries old; // end after the lock
    const std::lock_guard guard(plans->mutex);
    std::swap(plans->entries, old);
    ++plans->generation;
}

} // namespace hwalloc
