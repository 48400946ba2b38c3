// The plans that were made, for who asks again: with neither a system call nor an allocation.
#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include "allocators/plan/planner.h"
#include "allocators/registry/registry.h"
#include "common/immortal.h"
#include "common/without_exceptions.h"

namespace hwalloc {
namespace {

// A request, kept beyond the call.
struct Remembered {
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

struct Store {
    static constexpr std::size_t most = 8;
    std::mutex mutex;
    std::array<Remembered, most> plans; // the oldest is replaced
    std::size_t next = 0;
    std::uint64_t forgotten = 0; // how often: a plan that was begun before must not be kept after
};
// Never destroyed: plans keep allocators, which may be anybody's code.
constinit Immortal<Store> remembered_plans;

// A shortage, or somebody else's use of a device, which may be over at the next call.
bool passes(const std::optional<Error>& why) noexcept {
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
        return passes(better.why) || std::any_of(better.cells.begin(), better.cells.end(),
                                                 [](const PlanCell& cell) { return passes(cell.why); });
    });
}

Result<void> check(const PlanRequest& request) noexcept {
    const ImageSpec& image = request.image;
    if (request.participants.empty() || std::find(request.participants.begin(), request.participants.end(),
                                                  nullptr) != request.participants.end())
        return Error(ErrorKind::invalid, "a plan needs participants, one at least, and none that is null");
    if (image.pixels() ? image.width == 0 || image.height == 0 : image.size == 0)
        return Error(ErrorKind::invalid, "a plan needs pixels (a format, a width and a height) or a size");
    return {};
}

} // namespace

Result<PlanRef> plan(const PlanRequest& request) noexcept {
    if (auto sound = check(request); !sound)
        return std::move(sound).error();
    Store& store = *remembered_plans;
    const std::uint64_t changes = Registry::instance().changes();
    std::uint64_t forgotten;
    {
        std::array<Remembered, Store::most> old; // go after the lock
        const std::lock_guard guard(store.mutex);
        forgotten = store.forgotten;
        for (const Remembered& one : store.plans)
            if (one.answers(request, changes))
                return one.plan;
        for (std::size_t i = 0; i < Store::most; ++i)
            if (store.plans[i].changes != changes)
                std::swap(store.plans[i], old[i]);
    }
    return without_exceptions([&]() -> Result<PlanRef> {
        std::vector<std::string_view> preferred(request.prefer.begin(), request.prefer.end());
        if (preferred.empty())
            preferred.assign(preferred_allocators().names.begin(), preferred_allocators().names.end());
        PlanRef made = std::make_shared<const Plan>(planning::make_plan(request, preferred));
        if (!is_worth_keeping(*made, request))
            return made;
        Remembered fresh{.keys = {},
                         .prefer = {request.prefer.begin(), request.prefer.end()},
                         .image = request.image,
                         .policy = request.policy,
                         .complete = request.complete,
                         .changes = changes,
                         .plan = made};
        for (const ParticipantRef& one : request.participants)
            fresh.keys.emplace_back(one->cache_key());
        const std::lock_guard guard(store.mutex);
        if (store.forgotten != forgotten)
            return made;
        std::swap(store.plans[store.next], fresh); // the old one goes after the lock
        store.next = (store.next + 1) % store.plans.size();
        return made;
    });
}

void forget_plans() noexcept {
    std::array<Remembered, Store::most> old;
    const std::lock_guard guard(remembered_plans->mutex);
    std::swap(remembered_plans->plans, old);
    ++remembered_plans->forgotten;
}

} // namespace hwalloc
