// Steps about alloc() and its parameters, and about handles.
#include <unistd.h>

#include <vector>

#include "tools/check/steps.h"

namespace hwalloc::tools::checks {
namespace {

constexpr auto zero_flags = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded;

// The whole region of mapped memory, prefix and slack included.
std::span<std::uint8_t> region(const Mapping& mapping) {
    const std::size_t offset = mapping.info().memory->offset();
    return {mapping.data() - offset, offset + mapping.info().maxsize};
}

// Leaves used memory behind in whatever place the allocator takes the next from.
void soil(const Subject& subject, std::size_t size, AllocationParams params) {
    params.flags = MemoryFlags::none;
    std::vector<MemoryRef> used;
    for (int i = 0; i < 8; ++i) {
        used.push_back(subject.make(size, params));
        auto mapping = must("WRITE map", used.back()->map(MapFlags::write));
        for (std::uint8_t& byte : region(mapping))
            byte = 0xff;
        must("unmap", mapping.unmap());
    }
}

} // namespace

std::string alloc_sizes(const Subject& subject) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{100}, std::size_t{4096}, std::size_t{65537}, std::size_t{614400}}) {
        if (size > subject.properties.max_size)
            continue;
        auto memory = subject.make(size, {});
        const auto what = [&](const char* part) { return fmt::format("alloc({}): {}", size, part); };
        equal(what("size"), size, memory->size());
        equal(what("offset"), 0u, memory->offset());
        holds(what("maxsize holds the size"), memory->maxsize() >= size);
        equal(what("ref_count"), 1u, memory->ref_count());
        equal(what("is a share"), false, memory->is_share());
        equal(what("is writable"), true, memory->is_writable());
        holds(what("allocator is the one asked"), &memory->allocator() == subject.allocator);
        equal(what("is_type(mem_type)"), true, memory->is_type(subject.allocator->mem_type()));
    }
    return {};
}

std::string alloc_zero_size(const Subject& subject) {
    auto memory = subject.allocator->alloc(0);
    if (!memory) {
        refused("alloc(0)", memory, {ErrorKind::invalid, ErrorKind::unsupported});
        throw Unsupported(memory.error().message());
    }
    equal("size", 0u, (*memory)->size());
    if (subject.claims.map) {
        auto mapping = must("READ map of 0 bytes", (*memory)->map(MapFlags::read));
        equal("mapped size", 0u, mapping.size());
    }
    return {};
}

std::string alloc_alignment(const Subject& subject) {
    std::size_t highest = 0;
    for (const std::size_t mask : {0u, 1u, 7u, 15u, 63u, 255u, 4095u, 65535u, 1048575u}) {
        const std::size_t surely = subject.properties.granule > 64 ? subject.properties.granule - 1 : 63;
        AllocationParams params;
        params.align = mask;
        auto made = subject.allocator->alloc(1000, params);
        const std::string what = fmt::format("align {}", mask);
        if (!made && mask > surely) {
            refused(what, made, {ErrorKind::unsupported});
            continue;
        }
        auto memory = must(what, std::move(made));
        const std::size_t promised = memory->align();
        holds(fmt::format("{}: the memory says it has it, or more; found {}", what, promised),
              (promised & mask) == mask && promised >= default_align);
        if (subject.claims.map) {
            auto mapping = must("READ map", memory->map(MapFlags::read));
            const auto address = reinterpret_cast<std::uintptr_t>(mapping.data()) - memory->offset();
            equal(what + ": address of the region's first byte, modulo the alignment", 0u,
                  address & promised);
        }
        highest = mask;
    }
    return fmt::format("up to {} bytes", highest + 1);
}

std::string alloc_window(const Subject& subject) {
    struct Case {
        std::size_t size, prefix, padding, align;
    };
    for (const Case& one :
         {Case{100, 0, 0, 7}, Case{100, 10, 3, 7}, Case{100, 10, 3, 0}, Case{100, 64, 0, 63},
          Case{4096, 0, 0, 7}, Case{4096, 16, 16, 7}, Case{10000, 4096, 100, 15}}) {
        AllocationParams params;
        params.prefix = one.prefix;
        params.padding = one.padding;
        params.align = one.align;
        const std::string what = fmt::format("size {}, prefix {}, padding {}, align {}", one.size, one.prefix,
                                             one.padding, one.align);
        auto memory = subject.make(one.size, params);
        equal(what + ": offset", one.prefix, memory->offset());
        equal(what + ": size", one.size, memory->size());
        // The rule of hwalloc/block.h, Geometry::of.
        const std::size_t want = one.prefix + one.size + one.padding;
        const std::size_t generous = want + std::max(one.align, default_align);
        const std::size_t granule = subject.properties.granule;
        const std::size_t whole_granules = granule > 1 ? (want + granule - 1) / granule * granule : generous;
        if (subject.describes)
            equal(what + ": maxsize", std::min(generous, whole_granules), memory->maxsize());
        else
            holds(fmt::format("{}: maxsize of {} holds all {}", what, memory->maxsize(), want),
                  memory->maxsize() >= want);
    }
    return {};
}

std::string alloc_zeroing(const Subject& subject) {
    struct Case {
        std::size_t size, prefix, padding;
        MemoryFlags flags;
    };
    for (const Case& one :
         {Case{100, 24, 40, zero_flags}, Case{5000, 1000, 3000, zero_flags},
          Case{100, 24, 40, MemoryFlags::zero_prefixed}, Case{100, 24, 40, MemoryFlags::zero_padded}}) {
        AllocationParams params;
        params.flags = one.flags;
        params.prefix = one.prefix;
        params.padding = one.padding;
        soil(subject, one.size, params);
        std::vector<MemoryRef> held;
        for (int i = 0; i < 8; ++i) {
            auto& memory = *held.emplace_back(subject.make(one.size, params));
            equal("flags", flags_text(one.flags), flags_text(memory.flags() & zero_flags));
            auto mapping = must("READ map", memory.map(MapFlags::read));
            const auto all = region(mapping);
            if (has(one.flags, MemoryFlags::zero_prefixed))
                expect_all("ZERO_PREFIXED, before the window", all.first(memory.offset()), 0);
            if (has(one.flags, MemoryFlags::zero_padded))
                expect_all("ZERO_PADDED, behind the window", all.subspan(memory.offset() + memory.size()), 0);
        }
    }
    return {};
}

std::string alloc_fresh_zero(const Subject& subject) {
    if (!subject.claims.export_dmabuf && !subject.claims.export_memfd)
        throw Unsupported("the memory cannot leave the process, and may show what the process had in it");
    for (const std::size_t size : {std::size_t{100}, std::size_t{100000}}) {
        soil(subject, size, {});
        std::vector<MemoryRef> held;
        for (int i = 0; i < 8; ++i) {
            auto& memory = *held.emplace_back(subject.make(size, {}));
            auto mapping = must("READ map", memory.map(MapFlags::read));
            expect_all(fmt::format("fresh memory of {} bytes", size), region(mapping), 0);
        }
    }
    return {};
}

std::string alloc_flags(const Subject& subject) {
    AllocationParams params;
    params.flags = MemoryFlags::readonly;
    auto memory = subject.make(100, params);
    holds("READONLY is kept", has(memory->flags(), MemoryFlags::readonly));
    refused("WRITE map of READONLY memory", memory->map(MapFlags::write), {write_refusal(subject)});
    refused("READWRITE map of READONLY memory", memory->map(MapFlags::readwrite), {write_refusal(subject)});
    refused("WRITE lock of READONLY memory", memory->lock(LockFlags::write), {ErrorKind::conflict});
    if (subject.claims.map)
        must("READ map of READONLY memory",
             must("READ map of READONLY memory", memory->map(MapFlags::read)).unmap());

    params.flags = MemoryFlags::no_share;
    memory = subject.make(100, params);
    holds("NO_SHARE is kept", has(memory->flags(), MemoryFlags::no_share));
    refused("share of NO_SHARE memory", memory->share(), {ErrorKind::unsupported});

    params.flags = MemoryFlags::not_mappable;
    memory = subject.make(100, params);
    holds("NOT_MAPPABLE is kept", has(memory->flags(), MemoryFlags::not_mappable));
    refused("READ map of NOT_MAPPABLE memory", memory->map(MapFlags::read), {ErrorKind::unsupported});
    return {};
}

std::string alloc_bad_parameters(const Subject& subject) {
    const auto attempt = [&](std::string_view what, std::size_t size, const AllocationParams& params,
                             std::initializer_list<ErrorKind> kinds) {
        refused(what, subject.allocator->alloc(size, params), kinds);
    };
    const auto huge = static_cast<std::size_t>(-1);
    AllocationParams params;
    params.align = 5;
    attempt("align 5, which is no mask", 100, params, {ErrorKind::invalid});
    params = {};
    params.flags = static_cast<MemoryFlags>(0x200);
    attempt("flags 0x200, which mean nothing", 100, params, {ErrorKind::invalid});
    params = {};
    params.prefix = huge - 50;
    attempt("size 100 and a prefix near the largest number", 100, params, {ErrorKind::limit});
    params = {};
    params.padding = huge - 50;
    attempt("size 100 and a padding near the largest number", 100, params, {ErrorKind::limit});
    params.prefix = huge / 2 + 1;
    params.padding = huge / 2 + 1;
    attempt("prefix and padding that wrap to 0 together", 100, params, {ErrorKind::limit});
    attempt("the largest size there is", huge, {}, {ErrorKind::limit});
    params = {};
    params.align = huge;
    attempt("the largest align there is", 100, params, {});
    // Not where a driver would go on taking pages until the machine has none left.
    constexpr std::size_t absurd = std::size_t{1} << (sizeof(std::size_t) == 8 ? 60 : 31);
    if (!subject.claims.export_dmabuf || subject.properties.max_size < absurd)
        attempt(fmt::format("{} bytes", absurd), absurd, {}, {});
    (void)subject.make(100, {});
    return {};
}

std::string free_memory(const Subject& subject) {
    refused("free of no memory", subject.allocator->free(MemoryRef()), {ErrorKind::invalid});
    if (subject.another) {
        auto foreign = must("allocating from another allocator", subject.another->alloc(100));
        const MemoryRef& kept = foreign;
        refused("free of another allocator's memory", subject.allocator->free(std::move(foreign)),
                {ErrorKind::invalid});
        holds("refused memory stays with the caller", static_cast<bool>(kept));
        equal("its ref_count", 1u, kept->ref_count());
    }
    auto own = subject.make(100);
    const MemoryRef& handle = own;
    must("free", subject.allocator->free(std::move(own)));
    holds("freed memory is gone from its handle", !handle);
    return {};
}

std::string handles(const Subject& subject) {
    auto memory = subject.make(100);
    equal("ref_count of new memory", 1u, memory->ref_count());
    auto second = must("ref", memory->ref());
    holds("a second handle holds the same memory", second.get() == memory.get());
    equal("ref_count with two handles", 2u, memory->ref_count());
    memory.reset();
    equal("ref_count after one went", 1u, second->ref_count());
    if (subject.claims.map) {
        auto plain = must("READ map", second->map(MapFlags::read));
        equal("ref_count while mapped", 1u, second->ref_count());
        auto counted = must("READ map with REF_MEMORY", second->map(MapFlags::read | MapFlags::ref_memory));
        equal("ref_count while mapped with REF_MEMORY", 2u, second->ref_count());
        must("unmap", counted.unmap());
        equal("ref_count after that unmap", 1u, second->ref_count());
    }
    return {};
}

} // namespace hwalloc::tools::checks
