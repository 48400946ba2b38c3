// Why a device refused a buffer, and whether it demands contiguous memory: established by trial, never
// guessed.
//
// EFAULT of QBUF has several causes: the dma-buf is shorter than the plane; a driver that copies by CPU
// cannot map the exporter's memory; a driver without an IOMMU needs one run of addresses; addresses out of
// its reach. Twins (common/twins.h) tell the third from the others. Who refuses both may just be unable to
// map udmabufs (a driver that copies by CPU, on a kernel where udmabuf has no vmap): then it counts only if
// the memory in question, which it refused too, came from another exporter.
#include <cerrno>

#include "backends/v4l2/session.h"
#include "common/addressable.h"
#include "common/twins.h"

namespace hwalloc::v4l2 {

void detail::Session::ask_twins() noexcept {
    asked_contiguous = true;
    contiguous = Answer::unknown;
    twins_refused = 0;
    why_unknown.reset();
    const auto unknown = [&](Error why) { why_unknown = std::move(why); };

    const auto bytes = addressable(image_size());
    if (!bytes)
        return unknown(bytes.error());
    const auto twins = make_twins(*bytes);
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

Error detail::Session::explain_refusal(int answer, std::string_view doing, std::uint64_t held,
                                       std::string_view exporter) noexcept {
    Error error = import_refused(answer, doing, image_size(), held);
    if (error.kind() != ErrorKind::incompatible)
        return error;
    if (answer != -EFAULT || held < image_size())
        return with_plan_command(std::move(error));
    if (!asked_contiguous)
        ask_twins();
    const bool two_exporters_refused = twins_refused == 2 && !exporter.empty() && exporter != "udmabuf";
    switch (two_exporters_refused ? Answer::yes : contiguous) {
    case Answer::yes:
        return with_plan_command(std::move(error).remedy(FixedText(
            "the size is right, and the device needs physically contiguous memory, which this is not "
            "(established: of two trial buffers over the same pages in two orders, which cannot both be "
            "contiguous, it refused ",
            twins_refused == 2 ? "both" : "one",
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
    return why_unknown ? std::move(unknown).because(*why_unknown) : std::move(unknown);
}

} // namespace hwalloc::v4l2
