// The geometry of storage that comes in whole pages, which is every device's.
#pragma once

#include <cstddef>
#include <string_view>

#include "hwalloc/block.h"

namespace hwalloc {

// Geometry::of with the page as granule, for memory that is mapped with mmap and so begins on a page. Errors,
// besides those of Geometry::of: unsupported, when params.align asks for more than a page (`allocator` is
// named in it); limit, when the storage is larger than any mapping can be.
Result<Geometry> page_geometry(std::size_t size, const AllocationParams& params,
                               std::string_view allocator) noexcept;

} // namespace hwalloc
