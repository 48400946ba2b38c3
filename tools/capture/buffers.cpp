#include "tools/capture/buffers.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "hwalloc/inventory.h"
#include "tools/output.h"

namespace hwalloc::tools {
namespace {

std::string kind_of(const Memory& memory) {
    if (borrow_fd(memory, FdKind::dmabuf))
        return "dmabuf";
    return borrow_fd(memory, FdKind::memfd) ? "memfd" : "system";
}

// One allocator, the whole way. The memory that does not work is gone when this returns.
Result<void> try_allocator(FrameSource& source, FrameConsumer* consumer, Allocator& allocator,
                           std::uint64_t size, std::uint32_t count) {
    std::vector<MemoryRef> memories;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto memory = allocator.alloc(size);
        if (!memory)
            return std::move(memory).error();
        memories.push_back(std::move(*memory));
    }
    // The consumer first: its refusal leaves the camera as it is.
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

struct Candidate {
    std::string name;
    Allocator* allocator;
    int cost;
};

// Buffers of a camera's own are for that camera; another's would be in its way.
bool of_another_camera(const InventoryItem& item, const std::string& device) {
    std::error_code failed;
    const std::string node = std::filesystem::canonical(device, failed);
    return item.family == "v4l2" &&
           std::find(item.aliases.begin(), item.aliases.end(), node) == item.aliases.end();
}

// What could do, cheapest first; what could but for a reason goes to `unusable`.
Result<std::vector<Candidate>> candidates(bool dma_buf_only, const std::string& device,
                                          std::vector<Error>& unusable) {
    auto items = inventory();
    if (!items)
        return std::move(items).error();
    std::vector<Candidate> found;
    for (const InventoryItem& item : *items) {
        auto* describes = item.allocator ? item.allocator->extension<Describes>() : nullptr;
        if (describes && (!describes->claims().alloc || (dma_buf_only && !describes->claims().export_dmabuf)))
            continue;
        if (of_another_camera(item, device))
            continue;
        if (item.why)
            unusable.push_back(*item.why);
        else if (describes) {
            // (std::stable_sort uses what clang warns of in libstdc++ 12.)
            const int cost = describes->properties().cost;
            const auto dearer = std::find_if(found.begin(), found.end(),
                                             [&](const Candidate& one) { return one.cost > cost; });
            found.insert(dearer, {item.name, item.allocator, cost});
        }
    }
    return found;
}

// The most telling kind of several refusals: theirs, when they agree.
ErrorKind common_kind(const std::vector<Error>& refusals) {
    const bool same = !refusals.empty() && std::all_of(refusals.begin(), refusals.end(), [&](const Error& e) {
        return e.kind() == refusals.front().kind();
    });
    return same ? refusals.front().kind() : ErrorKind::incompatible;
}

Error cannot_be_shared(const std::string& name, const v4l2::DeviceInfo& device) {
    std::vector<Error> unusable;
    auto others = candidates(true, device.path, unusable);
    std::vector<std::string> names;
    if (others)
        for (const Candidate& candidate : *others)
            names.push_back(candidate.name);
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

} // namespace

Result<Buffers> bind_buffers(FrameSource& source, FrameConsumer* consumer, const v4l2::CaptureFormat& format,
                             const std::string& name, std::uint32_t count) {
    const std::uint64_t size =
        std::max(format.layout.memory_sizes[0], consumer ? consumer->memory_size() : std::uint64_t{0});
    auto granted = source.reserve(count);
    if (!granted)
        return std::move(granted).error();
    const auto done = [&](std::string used, std::vector<Error> passed_over) {
        return Buffers{std::move(used), kind_of(*source.memory(0)), std::move(passed_over)};
    };
    if (name != "auto") {
        auto allocator = Allocator::resolve(name);
        if (!allocator)
            return std::move(allocator).error();
        if (source.needs_dma_buf() && !claims_dma_buf(**allocator))
            return cannot_be_shared(name, source.info());
        if (auto bound = try_allocator(source, consumer, **allocator, size, *granted); !bound)
            return std::move(bound).error();
        return done(std::string((*allocator)->name()), {});
    }
    std::vector<Error> refusals;
    auto found = candidates(source.needs_dma_buf(), source.info().path, refusals);
    if (!found)
        return std::move(found).error();
    for (const Candidate& candidate : *found) {
        auto bound = try_allocator(source, consumer, *candidate.allocator, size, *granted);
        if (bound)
            return done(candidate.name, std::move(refusals));
        refusals.push_back(
            Error(bound.error()).doing(fmt::format("{}: {}", candidate.name, bound.error().operation())));
    }
    Error error = Error(common_kind(refusals), "choosing an allocator")
                      .doing(fmt::format("choosing an allocator for {} of {}: none works",
                                         counted(*granted, "buffer"), counted(size, "byte")))
                      .on(source.info().path)
                      .remedy("what was tried, and what each needs, follows");
    for (Error& refusal : refusals)
        error = std::move(error).because(std::move(refusal));
    return error;
}

} // namespace hwalloc::tools
