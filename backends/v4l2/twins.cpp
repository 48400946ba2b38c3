// Why a device refused a buffer, and whether it demands contiguous memory: established by trial, never
// guessed.
//
// EFAULT of QBUF has several causes: the dma-buf is shorter than the plane; a driver that copies by CPU
// cannot map the exporter's memory; a driver without an IOMMU needs one run of addresses; addresses out of
// its reach. Twins tell the third from the others: two udmabufs over the same pages, one with its halves
// swapped, cannot both be contiguous, so a device that takes both needs no contiguity, and one that takes one
// by luck and refuses the other does. Who refuses both may just be unable to map udmabufs (a driver that
// copies by CPU, on a kernel where udmabuf has no vmap): then it counts only if the memory in question, which
// it refused too, came from another exporter.
#include <cerrno>

#include "backends/v4l2/session.h"
#include "common/twins.h"

namespace hwalloc::v4l2 {

void detail::Session::ask_twins() noexcept {
    asked_contiguous = true;
    contiguous = Answer::unknown;
    twins_refused = 0;
    why_unknown.reset();
    const auto unknown = [&](Error why) { why_unknown = std::move(why); };

    const auto twins = make_twins(static_cast<std::size_t>(image_size()));
    if (!twins)
        return unknown(twins.error());
    for (const UniqueFd& twin : *twins) {
        std::uint32_t count = 1;
        if (const int answer = request_buffers(count); answer < 0)
            return unknown(refused(answer, "VIDIOC_REQBUFS", "trying a trial buffer"));
        reserved = count;
        const int answer = queue_dma_buf(0, twin.get(), image_size());
        (void)release_buffers();
        if (answer == -EFAULT)
            ++twins_refused;
        else if (answer < 0)
            return unknown(refused(answer, "VIDIOC_QBUF", "trying a trial buffer"));
    }
    contiguous = twins_refused == 1 ? Answer::yes : twins_refused == 0 ? Answer::no : Answer::unknown;
}

Result<Answer> Camera::needs_contiguous_memory(std::optional<Error>* why) noexcept {
    if (!session_ || !session_->format || !session_->slots.empty())
        return Error(ErrorKind::invalid, "asked after negotiate() with nothing bound");
    if (!session_->asked_contiguous) {
        const std::lock_guard guard(session_->node->queue);
        session_->ask_twins();
    }
    if (why)
        *why = session_->why_unknown;
    return session_->contiguous;
}

Error detail::Session::explain_refusal(int answer, std::string_view position, std::uint64_t dma_buf_size,
                                       std::string_view exporter) noexcept {
    const std::uint64_t wanted = image_size();
    const FixedText doing("importing buffer ", position);
    // What is known of the cause stands before what to do.
    const auto error = [&](std::string_view words) {
        return refused(ErrorKind::incompatible, answer, "VIDIOC_QBUF", doing)
            .wanted(wanted)
            .held(dma_buf_size)
            .remedy(words);
    };
    if (answer == -EINVAL)
        return error(
            "the kernel answers so when it cannot map the memory for the device (addresses out of its "
            "range, or an exporter that does not allow it), and when the memory is no dma-buf or too "
            "short; use another allocator");
    if (answer != -EFAULT)
        return refused(answer, "VIDIOC_QBUF", doing).wanted(wanted).held(dma_buf_size);
    if (dma_buf_size < wanted)
        return error("the dma-buf is shorter than an image");
    if (!asked_contiguous)
        ask_twins();
    const bool two_exporters_refused = twins_refused == 2 && !exporter.empty() && exporter != "udmabuf";
    switch (two_exporters_refused ? Answer::yes : contiguous) {
    case Answer::yes:
        return error(FixedText(
            "the size is right, and the device needs physically contiguous memory, which this is not "
            "(established: of two trial buffers over the same pages in two orders, which cannot both be "
            "contiguous, it refused ",
            twins_refused == 2 ? "both" : "one",
            "); use an allocator of contiguous memory: `hwalloc list` says which are (a CMA heap, such as "
            "dma-heap/reserved or dma-heap/default_cma_region, for which the kernel option cma=64M may be "
            "needed)"));
    case Answer::no:
        return error("the size is right, and the device takes scattered memory (established with two trial "
                     "buffers), so it cannot reach or map what this allocator gives: addresses beyond its "
                     "range, or an exporter that the kernel cannot map for it; use another allocator");
    case Answer::unknown:
        break;
    }
    Error unknown = error(
        "the size is right; the device may need memory that is physically contiguous, or within its "
        "address range, or that the kernel can map for it, and which of these could not be found out (it "
        "takes /dev/udmabuf, and memory of another exporter than udmabuf); try an allocator of contiguous "
        "memory (`hwalloc list`)");
    return why_unknown ? std::move(unknown).because(*why_unknown) : std::move(unknown);
}

} // namespace hwalloc::v4l2
