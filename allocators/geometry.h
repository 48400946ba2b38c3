// The rule of Geometry::of (hwalloc/block.h), inline for backends whose allocation takes less time than a
// call.
#pragma once

#include "common/checked.h"
#include "hwalloc/block.h"

namespace hwalloc {

// False when a sum does not fit. `params.align` is a mask.
inline bool lay_out(Geometry& geometry, std::size_t size, const AllocationParams& params,
                    std::size_t granule) noexcept {
    const std::size_t slack = params.align > default_align ? params.align : default_align;
    std::size_t want, generous;
    if (!checked_add(params.prefix, size, want) || !checked_add(want, params.padding, want) ||
        !checked_add(want, slack, generous))
        return false;
    geometry = Geometry{.maxsize = generous,
                        .align = slack,
                        .offset = params.prefix,
                        .size = size,
                        .flags = params.flags,
                        .storage = generous};
    if (granule > 1) {
        if (!checked_round_up(want, granule - 1, geometry.storage))
            return false;
        if (geometry.storage == 0)
            geometry.storage = granule;
        if (geometry.storage < generous)
            geometry.maxsize = geometry.storage;
    }
    return true;
}

// For byte-grained memory, and of what do_alloc() is given: Allocator has made sure that the sums fit.
inline Geometry lay_out_bytes(std::size_t size, const AllocationParams& params) noexcept {
    const std::size_t slack = params.align > default_align ? params.align : default_align;
    const std::size_t all = params.prefix + size + params.padding + slack;
    return {.maxsize = all,
            .align = slack,
            .offset = params.prefix,
            .size = size,
            .flags = params.flags,
            .storage = all};
}

} // namespace hwalloc
