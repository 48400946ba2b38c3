// The plans that were made, given again for an equal request: with neither a system call nor an allocation.
#pragma once

#include <cstdint>

#include "hwalloc/plan.h"

namespace hwalloc::planning {

struct CacheLookup {
    PlanRef plan; // null: none was made for such a request
    // How often all plans were forgotten: a plan that was begun before must not be kept after.
    std::uint64_t generation = 0;
};
// `changes`: of the registry, as they are counted now. Plans that were made before the last change go.
CacheLookup find_cached(const PlanRequest& request, std::uint64_t changes) noexcept;

// Keeps a plan that is worth it, unless plans were forgotten since `generation`. `changes`: of the registry,
// as they were counted before the plan was made. May throw std::bad_alloc.
void cache(const PlanRef& plan, const PlanRequest& request, std::uint64_t changes, std::uint64_t generation);

} // namespace hwalloc::planning
