#include "backends/v4l2/buffer_kinds.h"

#include <algorithm>

namespace hwalloc::v4l2 {
namespace {

// drivers/media/common/videobuf2: an exporter is called like its file. dma-contig gives one run of addresses
// of the device, which behind an IOMMU are scattered pages; its calls for CPU access do nothing, because the
// memory is coherent. Those of vmalloc only wait for fences.
constexpr detail::BufferKind kinds[] = {
    {"videobuf2_vmalloc", Answer::no, Answer::yes, SyncQuality::fence_only, true, true},
    {"videobuf2_dma_sg", Answer::no, Answer::yes, SyncQuality::exporter_only, false, true},
    {"videobuf2_dma_contig", Answer::unknown, Answer::unknown, SyncQuality::exporter_only, false, false},
};

} // namespace

const detail::BufferKind& detail::kind_of_exporter(std::string_view exporter) noexcept {
    const auto* found = std::find_if(std::begin(kinds), std::end(kinds),
                                     [&](const BufferKind& kind) { return kind.exporter == exporter; });
    return found == std::end(kinds) ? unknown_kind : *found;
}

} // namespace hwalloc::v4l2
