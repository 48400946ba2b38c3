#include "allocators/plan/plan_cache.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "common/immortal.h"

namespace hwalloc {
namespace {

// A request, kept beyond the call, and its plan.
struct Entry {
    std::vector<std::string> keys; // of the participants
    std::vector<std::string> prefer;
    ImageSpec image;
    PlanPolicy policy = PlanPolicy::prefer;
    bool complete = false;
    std::uint64_t changes = 0; // of the registry, as they were counted before the plan was made
    PlanRef plan;

    bool answers(const PlanRequest& request, std::uint64_t now) const noexcept {
        return plan && changes == now && image == request.image && policy == request.policy &&
               complete == request.complete &&
               std::equal(keys.begin(), keys.end(), request.participants.begin(), request.participants.end(),
                          [](const std::string& key, const ParticipantRef& one) {
                              return one->cache_key() == key;
                          }) &&
               std::equal(prefer.begin(), prefer.end(), request.prefer.begin(), request.prefer.end());
    }
};

struct Cache {
    static constexpr std::size_t most = 8;
    std::mutex mutex;
    std::array<Entry, most> entries; // the oldest is replaced
    std::size_t next = 0;
    std::uint64_t generation = 0; // how often all were forgotten
};
// Never destroyed: plans keep allocators, which may be anybody's code.
constinit Immortal<Cache> plans;

// A shortage, or somebody else's use of a device, which may be over at the next call.
bool is_temporary(const std::optional<Error>& why) noexcept {
    return why && (why->kind() == ErrorKind::busy || why->kind() == ErrorKind::exhausted);
}

// Whether a plan may be kept, and given to others. What has no name belongs to whoever brought it, and must
// go when they let go of it: an application's VkDevice is destroyed when its last user should be gone.
bool is_worth_keeping(const Plan& plan, const PlanRequest& request) noexcept {
    const PlanCandidate* const choice = plan.choice();
    if (!choice || choice->verdict != Verdict::accepted)
        return false;
    for (const ParticipantRef& one : request.participants)
        if (one->cache_key().empty())
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
    std::array<Entry, Cache::most> old; // go after the lock
    const std::lock_guard guard(plans->mutex);
    for (const Entry& one : plans->entries)
        if (one.answers(request, changes))
            return {one.plan, plans->generation};
    for (std::size_t i = 0; i < Cache::most; ++i)
        if (plans->entries[i].changes != changes)
            std::swap(plans->entries[i], old[i]);
    return {nullptr, plans->generation};
}

void cache(const PlanRef& plan, const PlanRequest& request, std::uint64_t changes, std::uint64_t generation) {
    if (!is_worth_keeping(*plan, request))
        return;
    Entry fresh{.keys = {},
                .prefer = {request.prefer.begin(), request.prefer.end()},
                .image = request.image,
                .policy = request.policy,
                .complete = request.complete,
                .changes = changes,
                .plan = plan};
    for (const ParticipantRef& one : request.participants)
        fresh.keys.emplace_back(one->cache_key());
    const std::lock_guard guard(plans->mutex);
    if (plans->generation != generation)
        return;
    std::swap(plans->entries[plans->next], fresh); // the old one goes after the lock
    plans->next = (plans->next + 1) % plans->entries.size();
}

} // namespace planning

void forget_plans() noexcept {
    std::array<Entry, Cache::most> old;
    const std::lock_guard guard(plans->mutex);
    std::swap(plans->entries, old);
    ++plans->generation;
}

} // namespace hwalloc
