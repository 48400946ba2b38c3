#include "allocators/page_geometry.h"

#include <cstddef>

#include "allocators/geometry.h"
#include "common/addressable.h"
#include "common/fixed_text.h"
#include "common/kernel.h"

namespace hwalloc {

Result<Geometry> page_geometry(std::size_t size, const AllocationParams& params,
                               std::string_view allocator) noexcept {
    const std::size_t page = page_size();
    if (params.align >= page)
        return Error(ErrorKind::unsupported, "aligning memory")
            .doing(FixedText("allocating memory with align = ", params.align))
            .on(allocator)
            .remedy(FixedText("memory of this allocator begins on a page, so it is aligned to ", page,
                              " bytes and no more: ask for align = ", page - 1, " at most"));
    if (!is_align_mask(params.align))
        return Error(ErrorKind::invalid, "align is not a mask (a power of two less one)");
    Geometry geometry;
    if (!lay_out(geometry, size, params, page))
        return Error(ErrorKind::limit, "prefix + size + padding + alignment does not fit");
    if (geometry.storage > most_addressable)
        return Error(ErrorKind::limit, beyond_addressable).wanted(geometry.storage).held(most_addressable);
    return geometry;
}

} // namespace hwalloc
