#include "tools/capture/buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <optional>

#include "hwalloc/machine_memory.h"
#include "hwalloc/plan.h"
#include "tools/capture/refused_memory.h"
#include "tools/output.h"

namespace hwalloc::tools {
namespace {

std::string kind_of(const FrameSource& source) {
    const Memory& memory = *source.memory(0, 0);
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

// Of the source's own making, so the source first.
Result<void> bind_own(FrameSource& source, FrameConsumer* consumer, std::uint32_t count) {
    if (auto made = source.bind_own(count); !made)
        return std::move(made).error();
    if (!consumer)
        return {};
    auto taken = [&]() -> Result<void> {
        std::vector<MemoryRef> memories;
        for (std::uint32_t i = 0; i < source.bound(); ++i)
            for (Memory* memory : source.memories(i)) {
                if (!memory)
                    break;
                auto handle = memory->ref();
                if (!handle)
                    return std::move(handle).error();
                memories.push_back(*std::move(handle));
            }
        return consumer->bind(memories);
    }();
    if (!taken)
        (void)source.unbind();
    return taken;
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

// Why a candidate is not the choice; null where it may be.
const Error* why_not(const PlanCandidate& candidate) {
    if (candidate.why)
        return &*candidate.why;
    for (const Verdict verdict : {Verdict::refused, Verdict::untested})
        for (const PlanCell& cell : candidate.cells)
            if (cell.verdict == verdict && cell.why)
                return &*cell.why;
    return nullptr;
}

// Why what stands before the chosen candidate was passed over, which is all where none is chosen in the end;
// and names that a user prefers and nothing has, wherever they stand. `failed`: those whose reasons are known
// already.
void tell_refusals(const Plan& plan, std::optional<std::size_t> chosen,
                   const std::vector<std::string>& failed, std::vector<Error>& refusals) {
    for (std::size_t i = 0; i < plan.candidates().size(); ++i) {
        const PlanCandidate& candidate = plan.candidates()[i];
        const bool asked_in_vain = candidate.preferred && !candidate.allocator;
        const bool passed_over = !chosen || i < *chosen || asked_in_vain;
        if (!passed_over || std::find(failed.begin(), failed.end(), candidate.name) != failed.end())
            continue;
        if (const Error* why = why_not(candidate))
            refusals.push_back(named(candidate.name, *why));
    }
}

// All buffers together, since most memory is given page by page as it is first used, and then there is no
// refusal.
Result<void> check_room(Allocator& allocator, std::uint64_t size, std::uint32_t count) {
    auto* describes = allocator.extension<Describes>();
    const Properties properties = describes ? describes->properties() : Properties{};
    if (properties.device_local == Answer::yes || properties.contiguous == Answer::yes)
        return {};
    return check_machine_has(size > UINT64_MAX / count ? UINT64_MAX : size * count);
}

// What each memory of a buffer must have, in bytes.
using Sizes = std::array<std::uint64_t, ImageLayout::max_planes>;

ImageSpec spec_of(const Sizes& sizes) {
    ImageSpec bytes{.size = sizes[0]};
    std::copy(sizes.begin() + 1, sizes.end(), bytes.more_sizes.begin());
    return bytes;
}

std::uint64_t sum_of(const Sizes& sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
}

// "4 buffers of 614400 bytes"; of several memories "4 buffers of 460800 bytes in 2 memories".
std::string in_words(std::uint32_t count, const Sizes& sizes) {
    const std::uint32_t memories = spec_of(sizes).memory_count();
    return fmt::format("{} of {}{}", counted(count, "buffer"), counted(sum_of(sizes), "byte"),
                       memories > 1 ? fmt::format(" in {} memories", memories) : std::string());
}

// By a plan. The memory that all took once may still be refused, or run out, when all of it is bound; then
// everything else is tried. `own`: see only_own_buffers().
Result<Buffers> bind_planned(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                             const Sizes& sizes, std::uint32_t count, const std::string& own) {
    auto participants = participants_of(source, consumer, read_by_cpu);
    if (!participants)
        return std::move(participants).error();
    std::vector<std::string> failed;
    std::vector<Error> refusals;
    ErrorKind last = ErrorKind::exhausted;
    if (const auto& preferred = preferred_allocators(); preferred.why)
        refusals.push_back(*preferred.why);
    for (const bool complete : {false, true}) {
        // Bytes: the format is negotiated already.
        auto made = plan({.participants = *participants, .image = spec_of(sizes), .complete = complete});
        if (!made)
            return std::move(made).error();
        const Plan& all = **made;
        if (!all.choice() && failed.empty())
            return Error(*all.error())
                .doing(fmt::format("choosing an allocator for {}: none works", in_words(count, sizes)))
                .on(source.info().path);
        for (const std::size_t index : all.ranking()) {
            const std::string& name = all.candidates()[index].name;
            if (std::find(failed.begin(), failed.end(), name) != failed.end())
                continue;
            auto bound = [&]() -> Result<void> {
                if (name == own)
                    return bind_own(source, consumer, count);
                auto buffers = all.allocate_from(index, count);
                return buffers ? bind_all(source, consumer, buffers->memories) : std::move(buffers).error();
            }();
            if (bound) {
                tell_refusals(all, index, failed, refusals);
                return Buffers{name, kind_of(source), name == own, std::move(refusals)};
            }
            failed.push_back(name);
            refusals.push_back(named(name, bound.error()));
            last = bound.error().kind();
        }
        if (complete)
            tell_refusals(all, std::nullopt, failed, refusals);
    }
    Error error =
        Error(last, "choosing an allocator")
            .doing(fmt::format("choosing an allocator for {}: what was taken once cannot be had or bound "
                               "for all buffers",
                               in_words(count, sizes)))
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
    Sizes sizes = format.layout.memory_sizes;
    for (std::uint32_t i = 0; consumer && i < format.layout.memory_count; ++i)
        sizes[i] = std::max(sizes[i], consumer->memory_size(i));
    const auto refused = [&](const Error& error) {
        return refused_for_all(error, plan_command(source, consumer, read_by_cpu, format));
    };
    if (const std::string own = source.only_own_buffers(); !own.empty()) {
        if (name == "auto")
            return bind_planned(source, consumer, read_by_cpu, sizes, count, own);
        if (const Allocator* named = Allocator::find(name); named && named->name() == own) {
            if (auto bound = bind_own(source, consumer, count); !bound)
                return refused(bound.error());
            return Buffers{own, kind_of(source), true, {}};
        }
    }
    auto granted = source.reserve(count);
    if (!granted)
        return std::move(granted).error();
    if (name == "auto")
        return bind_planned(source, consumer, read_by_cpu, sizes, *granted, {});
    auto allocator = Allocator::resolve(name);
    if (!allocator)
        return std::move(allocator).error();
    const std::uint64_t largest = *std::max_element(sizes.begin(), sizes.end());
    if (largest > std::size_t{PTRDIFF_MAX})
        return Error(ErrorKind::limit, "a 32-bit process can have no buffer of 2 GiB or more")
            .wanted(largest);
    if (source.needs_dma_buf() && !claims_dma_buf(**allocator))
        return refused(cannot_be_shared(name, source.info()));
    if (auto enough = check_room(**allocator, sum_of(sizes), *granted); !enough)
        return Error(enough.error())
            .doing(fmt::format("allocating {} from {}", in_words(*granted, sizes), (*allocator)->name()))
            .remedy("the machine has not that much memory free: capture with fewer or smaller buffers, or "
                    "end what "
                    "takes it");
    std::vector<MemoryRef> memories;
    const std::uint32_t each = format.layout.memory_count;
    for (std::uint32_t i = 0; i < *granted * each; ++i) {
        auto memory = (*allocator)->alloc(static_cast<std::size_t>(sizes[i % each]));
        if (!memory)
            return std::move(memory).error();
        memories.push_back(std::move(*memory));
    }
    if (auto bound = bind_all(source, consumer, memories); !bound)
        return refused(bound.error());
    return Buffers{std::string((*allocator)->name()), kind_of(source), false, {}};
}

} // namespace hwalloc::tools
