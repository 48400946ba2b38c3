#include "tools/capture/buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "hwalloc/inventory.h"
#include "hwalloc/machine_memory.h"
#include "hwalloc/plan.h"
#include "tools/capture/format_options.h"
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

// Of the source's own making, so the source first.
Result<void> bind_own(FrameSource& source, FrameConsumer* consumer, std::uint32_t count) {
    if (auto made = source.bind_own(count); !made)
        return std::move(made).error();
    if (!consumer)
        return {};
    auto taken = [&]() -> Result<void> {
        std::vector<MemoryRef> memories;
        for (std::uint32_t i = 0; i < source.bound(); ++i) {
            auto handle = source.memory(i)->ref();
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

bool claims_dma_buf(Allocator& allocator) {
    auto* describes = allocator.extension<Describes>();
    return !describes || describes->claims().export_dmabuf;
}

// Whether it can be named in place of another: one that only imports makes no memory for a camera.
bool makes_dma_bufs(Allocator& allocator) {
    auto* describes = allocator.extension<Describes>();
    return claims_dma_buf(allocator) && (!describes || describes->claims().alloc);
}

// The command that finds what does for all who use the frames; empty for the test source, which is no device.
std::string plan_command(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                         const v4l2::CaptureFormat& format) {
    if (!source.needs_dma_buf())
        return {};
    std::string command = "hwalloc plan --camera " + source.info().path;
    if (consumer)
        if (auto uses = consumer->participant()) {
            constexpr std::string_view gpu = "GPU ";
            std::string_view name = (*uses)->name();
            name.remove_prefix(name.starts_with(gpu) ? gpu.size() : 0);
            command += fmt::format(" --gpu '{}'", name);
        }
    if (read_by_cpu)
        command += " --cpu read";
    std::string name = format_name(format.pixel_format);
    name.erase(name.find_last_not_of(' ') + 1);
    return fmt::format("{} --size {}x{} --format {}", command, format.layout.width, format.layout.height,
                       name);
}

// Memory of an allocator that was named, which somebody does not take. The library's own command, which knows
// of one device only, gives way.
Error refused_for_all(const Error& error, const std::string& command) {
    std::string_view remedy = error.remedy();
    remedy = remedy.substr(0, remedy.find("`hwalloc plan "));
    remedy = remedy.substr(0, remedy.find_last_not_of("; ") + 1);
    const char* gap = remedy.empty() ? "" : "; ";
    const std::string words =
        command.empty()
            ? fmt::format("{}{}leave --allocator out: capture then finds memory that does", remedy, gap)
            : fmt::format("{}{}leave --allocator out, or see which memory does for all: `{}`", remedy, gap,
                          command);
    return Error(error).remedy(words);
}

Error cannot_be_shared(const std::string& name, const v4l2::DeviceInfo& device) {
    std::vector<Error> unusable;
    std::vector<std::string> names;
    if (auto items = inventory())
        for (const InventoryItem& item : *items) {
            if (item.why && item.why->kind() != ErrorKind::unsupported)
                unusable.push_back(*item.why);
            else if (!item.why && item.allocator && makes_dma_bufs(*item.allocator))
                names.push_back(item.name);
        }
    Error error =
        Error(ErrorKind::unsupported, "binding memory")
            .doing(fmt::format(
                "filling memory of {}, which has no dma-buf and so cannot be shared with a camera,", name))
            .on(device.path)
            .remedy(names.empty()
                        ? std::string("no allocator here can be used that makes dma-bufs")
                        : fmt::format("these allocators make dma-bufs: {}", fmt::join(names, ", ")));
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

// By a plan. The memory that all took once may still be refused, or run out, when all of it is bound; then
// everything else is tried. `own`: see only_own_buffers().
Result<Buffers> bind_planned(FrameSource& source, FrameConsumer* consumer, bool read_by_cpu,
                             std::uint64_t size, std::uint32_t count, const std::string& own) {
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
            auto bound = [&]() -> Result<void> {
                if (name == own)
                    return bind_own(source, consumer, count);
                auto buffers = all.allocate_from(index, count);
                return buffers ? bind_all(source, consumer, buffers->memories) : std::move(buffers).error();
            }();
            if (bound) {
                tell_refusals(all, index, failed, refusals);
                return Buffers{name, kind_of(*source.memory(0)), name == own, std::move(refusals)};
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
    const auto refused = [&](const Error& error) {
        return refused_for_all(error, plan_command(source, consumer, read_by_cpu, format));
    };
    if (const std::string own = source.only_own_buffers(); !own.empty()) {
        if (name == "auto")
            return bind_planned(source, consumer, read_by_cpu, size, count, own);
        if (const Allocator* named = Allocator::find(name); named && named->name() == own) {
            if (auto bound = bind_own(source, consumer, count); !bound)
                return refused(bound.error());
            return Buffers{own, kind_of(*source.memory(0)), true, {}};
        }
    }
    auto granted = source.reserve(count);
    if (!granted)
        return std::move(granted).error();
    if (name == "auto")
        return bind_planned(source, consumer, read_by_cpu, size, *granted, {});
    auto allocator = Allocator::resolve(name);
    if (!allocator)
        return std::move(allocator).error();
    if (size > std::size_t{PTRDIFF_MAX})
        return Error(ErrorKind::limit, "a 32-bit process can have no buffer of 2 GiB or more").wanted(size);
    if (source.needs_dma_buf() && !claims_dma_buf(**allocator))
        return refused(cannot_be_shared(name, source.info()));
    if (auto enough = check_room(**allocator, size, *granted); !enough)
        return Error(enough.error())
            .doing(fmt::format("allocating {} of {} from {}", counted(*granted, "buffer"),
                               counted(size, "byte"), (*allocator)->name()))
            .remedy("the machine has not that much memory free: capture with fewer or smaller buffers, or "
                    "end what "
                    "takes it");
    std::vector<MemoryRef> memories;
    for (std::uint32_t i = 0; i < *granted; ++i) {
        auto memory = (*allocator)->alloc(static_cast<std::size_t>(size));
        if (!memory)
            return std::move(memory).error();
        memories.push_back(std::move(*memory));
    }
    if (auto bound = bind_all(source, consumer, memories); !bound)
        return refused(bound.error());
    return Buffers{std::string((*allocator)->name()), kind_of(*source.memory(0)), false, {}};
}

} // namespace hwalloc::tools
