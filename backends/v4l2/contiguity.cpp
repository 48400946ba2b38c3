// Why a device refused a buffer, and whether it demands contiguous memory.
//
// EFAULT of QBUF has several causes: the dma-buf is shorter than the plane; a driver that copies by CPU
// cannot map the exporter's memory; a driver without an IOMMU needs one run of addresses; addresses out of
// its reach. Twins (common/twins.h) tell the third from the others.
#include "allocators/plan/contiguity.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "backends/v4l2/trial.h"
#include "common/dma_buf.h"
#include "hwalloc/allocator.h"

namespace hwalloc::v4l2 {
namespace {

// Whether memory that was refused may be in pieces. Its allocator may be anybody's code.
bool may_be_scattered(const Memory& memory) noexcept {
    auto* describes = memory.allocator().extension<Describes>();
    return !describes || describes->properties().contiguous != Answer::yes;
}

} // namespace

const planning::Contiguity& detail::Session::probe_contiguity() {
    if (!contiguity) {
        const ImageLayout layout = format->layout;
        planning::Twins twins(*std::max_element(layout.memory_sizes.begin(), layout.memory_sizes.end()));
        contiguity = twins.try_on([&](const Memory& twin) {
            // One twin in the place of each memory.
            std::array<const Memory*, ImageLayout::max_planes> memories;
            memories.fill(&twin);
            return try_import(*this, {memories.data(), layout.memory_count}, layout);
        });
    }
    return *contiguity;
}

Result<Answer> Camera::needs_contiguous_memory(std::optional<Error>* why) noexcept {
    return without_exceptions([&]() -> Result<Answer> {
        if (!session_ || !session_->format || !session_->slots.empty())
            return Error(ErrorKind::invalid, "asked after negotiate() with nothing bound");
        const planning::Contiguity& found = session_->probe_contiguity();
        if (why)
            *why = found.why_unknown;
        return found.needed;
    });
}

Error detail::Session::explain_refusal(int answer, std::string_view doing, const Memory& memory,
                                       const Import& import) {
    Error error = import_error(answer, doing, image_size(), import.size);
    if (error.kind() != ErrorKind::incompatible)
        return error;
    if (answer != -EFAULT || import.size < image_size())
        return with_plan_command(std::move(error));
    planning::Contiguity found = probe_contiguity();
    if (!format) // somebody else has set another meanwhile
        return error;
    if (may_be_scattered(memory) && planning::is_of_another_maker(dma_buf::exporter_of(import.fd)))
        planning::conclude_from_unreachable(found, -answer);
    switch (found.needed) {
    case Answer::yes:
        return with_plan_command(std::move(error).remedy(FixedText(
            "the size is right, and the device needs physically contiguous memory, which this is not "
            "(established: ",
            found.how,
            "); its own buffers are, and those of a CMA heap (the kernel option cma=64M makes one)")));
    case Answer::no:
        return with_plan_command(
            std::move(error).remedy("the size is right, and the device takes scattered memory (established "
                                    "with two trial buffers), so it cannot reach or map what this allocator "
                                    "gives: addresses beyond its range, or an exporter that the kernel "
                                    "cannot map for it"));
    case Answer::unknown:
        break;
    }
    const FixedText words(
        error.remedy(),
        ", and which of these could not be found out (it takes /dev/udmabuf, and memory of another exporter "
        "than udmabuf)");
    Error unknown = with_plan_command(std::move(error).remedy(words));
    return found.why_unknown ? std::move(unknown).because(*found.why_unknown) : std::move(unknown);
}

} // namespace hwalloc::v4l2
