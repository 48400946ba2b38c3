#include "tools/capture/buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "hwalloc/inventory.h"
#include "hwalloc/plan.h"
#include "tools/output.h"

namespace hwalloc::tools {
namespace {

std::string kind_of(const Memory& memory) {
    if (borrow_fd(memory, FdKind::dmabuf))
        return "dmabuf";
    return borrow_fd(memory, FdKind::memfd) ? "memfd" : "system";
}

// The consumer first: its refusal leaves the camera as it is.
Result<void> bind_all(FrameSource& source, FrameConsumer* consumer, std::span<const MemoryRef> memories) {
    if (consumer)
        if (auto bound = consumer->bind(memories); !bound)
            return bound;
    auto bound = source.bind(memories);
    if (!bound && consumer)
        consumer->unbind();
    return bound;
}

bool claims_dma_buf(Allocator& allocator) {
    auto* describes = allocator.extension<Describes>();
    return !describes || describes->claims().export_dmabuf;
}

Error cannot_be_shared(const std::string& name, const v4l2::DeviceInfo& device) {
    std::vector<Error> unusable;
    std::vector<std::string> names;
    if (auto items = inventory())
        for (const InventoryItem& item : *items) {
            if (item.why)
                unusable.push_back(*item.why);
            else if (item.allocator && claims_dma_buf(*item.allocator))
                names.push_back(item.name);
        }
    Error error =
        Error(ErrorKind::unsupported, "binding memory")
            .doing(fmt::format(
                "filling memory of {}, which has no dma-buf and so cannot be shared with a camera,", name))
            .on(device.path)
            .remedy(names.empty()
                        ? std::string("no allocator here can be used that exports dma-bufs")
                        : fmt::format("these allocators export dma-bufs: {}", fmt::join(names, ", ")));
    for (Error& why : unusable)
        error = std::move(error).because(std::move(why));
    return error;
}

// Whoever uses the memory, in the order in which they see a frame.
Result<std::vector<ParticipantRef>> participants_of(FrameSource& source, FrameConsumer* consumer,
                                                    bool read_by_cpu) {
    std::vector<ParticipantRef> all;
    auto fills = source.participant();
    if (!fills)
        return std::move(fills).error();
    all.push_back(std::move(*fills));
    if (consumer) {
        auto uses = consumer->participant();
        if (!uses)
            return std::move(uses).error();
        all.push_back(std::move(*uses));
    }
    if (read_by_cpu) {
        auto reads = cpu_participant(MapFlags::read);
        if (!reads)
            return std::move(reads).error();
        all.push_back(std::move(*reads));
    }
    return all;
}

Error named(const std::string& name, const Error& error) {
    return Error(error).doing(fmt::format("{}: {}", name, error.operation()));
}

// Why what stands before the chosen candidate was passed over.
void tell_refusals(const Plan& plan, std::size_t chosen, std::vector<Error>& refusals) {
    for (std::size_t i = 0; i < chosen; ++i) {
        const PlanCandidate& candidate = plan.candidates()[i];
        if (candidate.why)
            refusals.push_back(named(candidate.name, *candidate.why));
        else
            for (const PlanCell& cell : candidate.cells)
                if (cell.verdict == Verdict::refused && cell.why) {
                    refusals.push_back(named(candidate.name, *cell.why));
                    break;
                }
    }
}

// By a plan. The memory that all took once may still be refused, or run out, when all of it is bound; then
// everything else is tried.
Result<Buffers> bind_planned(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                             std::uint64_t size, std::uint32_t count) {
    auto participants = participants_of(source, consumer, read_by_cpu);
    if (!participants)
        return std::move(participants).error();
    std::vector<std::string> failed;
    std::vector<Error> refusals;
    for (const bool complete : {false, true}) {
        // Bytes: the format is negotiated already.
        auto made = plan({.participants = *participants, .image = {.size = size}, .complete = complete});
        if (!made)
            return std::move(made).error();
        const Plan& all = **made;
        if (!all.choice() && failed.empty())
            return Error(*all.error())
                .doing(fmt::format("choosing an allocator for {} of {}: none works", counted(count, "buffer"),
                                   counted(size, "byte")))
                .on(source.info().path);
        for (const std::size_t index : all.ranking()) {
            const std::string& name = all.candidates()[index].name;
            if (std::find(failed.begin(), failed.end(), name) != failed.end())
                continue;
            auto buffers = all.allocate_from(index, count);
            auto bound = buffers ? bind_all(source, consumer, buffers->memories)
                                 : Result<void>(std::move(buffers).error());
            if (bound) {
                tell_refusals(all, index, refusals);
                return Buffers{name, kind_of(*source.memory(0)), std::move(refusals)};
            }
            failed.push_back(name);
            refusals.push_back(named(name, bound.error()));
        }
    }
    Error error =
        Error(refusals.front().kind(), "choosing an allocator")
            .doing(fmt::format("choosing an allocator for {} of {}: what was taken once cannot be "
                               "had or bound for all buffers",
                               counted(count, "buffer"), counted(size, "byte")))
            .on(source.info().path)
            .remedy("what was tried, and what each needs, follows; fewer or smaller buffers may do");
    for (Error& refusal : refusals)
        error = std::move(error).because(std::move(refusal));
    return error;
}

} // namespace

Result<Buffers> bind_buffers(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                             const v4l2::CaptureFormat& format, const std::string& name,
                             std::uint32_t count) {
    const std::uint64_t size =
        std::max(format.layout.memory_sizes[0], consumer ? consumer->memory_size() : std::uint64_t{0});
    auto granted = source.reserve(count);
    if (!granted)
        return std::move(granted).error();
    if (name == "auto")
        return bind_planned(source, consumer, read_by_cpu, size, *granted);
    auto allocator = Allocator::resolve(name);
    if (!allocator)
        return std::move(allocator).error();
    if (source.needs_dma_buf() && !claims_dma_buf(**allocator))
        return cannot_be_shared(name, source.info());
    std::vector<MemoryRef> memories;
    for (std::uint32_t i = 0; i < *granted; ++i) {
        auto memory = (*allocator)->alloc(size);
        if (!memory)
            return std::move(memory).error();
        memories.push_back(std::move(*memory));
    }
    if (auto bound = bind_all(source, consumer, memories); !bound)
        return std::move(bound).error();
    return Buffers{std::string((*allocator)->name()), kind_of(*source.memory(0)), {}};
}

} // namespace hwalloc::tools
