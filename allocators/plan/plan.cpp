// The front door: a plan for a request, from the cache or made now.
#include "hwalloc/plan.h"

#include <algorithm>

#include "allocators/plan/plan_cache.h"
#include "allocators/plan/planner.h"
#include "allocators/registry/registry.h"
#include "common/without_exceptions.h"

namespace hwalloc {
namespace {

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

Plan::Plan(Parts&& parts) noexcept : parts_(std::move(parts)) {}
Plan::~Plan() = default;

Result<PlanRef> plan(const PlanRequest& request) noexcept {
    if (auto sound = check(request); !sound)
        return std::move(sound).error();
    // Before the plan is made: what changes meanwhile makes it old.
    const std::uint64_t changes = Registry::instance().changes();
    const planning::CacheLookup cached = planning::find_cached(request, changes);
    if (cached.plan)
        return cached.plan;
    return without_exceptions([&]() -> Result<PlanRef> {
        std::vector<std::string_view> preferred(request.prefer.begin(), request.prefer.end());
        if (preferred.empty())
            preferred.assign(preferred_allocators().names.begin(), preferred_allocators().names.end());
        PlanRef made = std::make_shared<const Plan>(planning::make_plan(request, preferred));
        planning::cache(made, request, changes, cached.generation);
        return made;
    });
}

} // namespace hwalloc
