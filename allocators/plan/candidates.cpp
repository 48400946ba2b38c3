// Which memory is worth a try, and in which order.
#include <algorithm>

#include "allocators/plan/planner.h"
#include "hwalloc/inventory.h"

namespace hwalloc::planning {
namespace {

// Memory that a device owns costs less than this, and is left to that device.
constexpr int first_cost_of_common_memory = 20;
// Added to the cost of memory that a CPU reads and that is uncached, or may be, so that it comes after all
// that is cached.
constexpr int cost_of_slow_reads = 100, cost_of_unknown_reads = 60;

bool is_brought_by_a_participant(const OwnAllocators& own, const Allocator* allocator) {
    return std::any_of(own.begin(), own.end(), [&](const std::vector<AllocatorRef>& some) {
        return std::any_of(some.begin(), some.end(),
                           [&](const AllocatorRef& one) { return one.get() == allocator; });
    });
}

class List {
public:
    explicit List(const Constraints& constraints) : constraints_(constraints) {}

    bool has(const Allocator* allocator) const {
        return std::any_of(found_.begin(), found_.end(),
                           [&](const Entry& entry) { return entry.candidate.allocator.get() == allocator; });
    }
    // Lists an allocator that can be tried; a preferred one that cannot is listed with the reason.
    void add(std::string name, AllocatorRef allocator, bool preferred) {
        if (has(allocator.get()))
            return;
        auto* describes = allocator->extension<Describes>();
        PlanCandidate candidate{
            .name = std::move(name), .allocator = std::move(allocator), .preferred = preferred};
        const Describes::Claims claims = describes ? describes->claims() : Describes::Claims{};
        const bool gives = !describes || claims.alloc;
        const bool shares = !constraints_.needs_dma_buf || !describes || claims.export_dmabuf;
        if (!preferred && !(describes && gives && shares))
            return;
        if (describes)
            candidate.properties = describes->properties();
        if (!gives)
            candidate.why = Error(ErrorKind::unsupported, "this allocator imports memory and makes none");
        else if (!shares)
            candidate.why = Error(ErrorKind::unsupported,
                                  "its memory has no dma-buf, and so cannot be shared with a device");
        int cost = candidate.properties.cost;
        if (constraints_.prefers_cached && candidate.properties.cached != Answer::yes)
            cost += candidate.properties.cached == Answer::no ? cost_of_slow_reads : cost_of_unknown_reads;
        insert(std::move(candidate), preferred ? 0 : cost);
    }
    // Lists a name that no allocator has.
    void add_missing(std::string name, Error why, bool preferred) {
        PlanCandidate candidate{.name = std::move(name), .preferred = preferred, .why = std::move(why)};
        candidate.properties.cost = preferred ? 0 : first_cost_of_common_memory;
        insert(std::move(candidate), preferred ? 0 : 1'000);
    }
    std::vector<PlanCandidate> take() {
        std::vector<PlanCandidate> candidates;
        for (Entry& entry : found_)
            candidates.push_back(std::move(entry.candidate));
        return candidates;
    }

private:
    struct Entry {
        PlanCandidate candidate;
        int cost;
    };
    // Behind those of equal cost: preferences and the registry have an order.
    void insert(PlanCandidate candidate, int cost) {
        const auto dearer =
            std::find_if(found_.begin(), found_.end(), [&](const Entry& one) { return one.cost > cost; });
        found_.insert(dearer, {std::move(candidate), cost});
    }

    const Constraints& constraints_;
    std::vector<Entry> found_;
};

} // namespace

std::vector<PlanCandidate> list_candidates(const PlanRequest& request, const Constraints& constraints,
                                           std::span<const std::string_view> preferred,
                                           const OwnAllocators& own) {
    List list(constraints);
    for (const std::string_view name : preferred) {
        auto allocator = Allocator::resolve(name);
        if (allocator)
            list.add(std::string((*allocator)->name()), AllocatorRef(*allocator), true);
        else
            list.add_missing(std::string(name), std::move(allocator).error(), true);
    }
    if (request.policy == PlanPolicy::strict && !preferred.empty())
        return list.take();
    for (std::size_t i = 0; i < own.size(); ++i)
        for (const AllocatorRef& allocator : own[i]) {
            std::string name(allocator->name());
            if (name.empty())
                name = "own memory of " + std::string(request.participants[i]->name());
            list.add(std::move(name), allocator, false);
        }
    auto items = inventory(InventoryScan::quick);
    if (!items)
        return list.take();
    for (InventoryItem& item : *items) {
        // What is missing altogether is told in a complete table, unless a family has what works.
        if (!item.allocator) {
            if (request.complete && item.why && item.backend != "application" && item.name != item.family)
                list.add_missing(std::move(item.name), std::move(*item.why), false);
            continue;
        }
        auto* describes = item.allocator->extension<Describes>();
        if (describes && (describes->properties().cost >= first_cost_of_common_memory ||
                          is_brought_by_a_participant(own, item.allocator)))
            list.add(std::move(item.name), AllocatorRef(item.allocator), false);
    }
    return list.take();
}

} // namespace hwalloc::planning
