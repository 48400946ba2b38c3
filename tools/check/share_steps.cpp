// Steps about parts of memory: shares, windows, copies, spans, wrapped memory.
#include <limits>
#include <vector>

#include "tools/check/steps.h"

namespace hwalloc::tools::checks {
namespace {

// A copy of the pattern where the memory can be mapped; nothing to compare where it cannot.
void write_if_mapped(const Subject& subject, Memory& memory, unsigned seed) {
    if (subject.claims.map)
        write_pattern(memory, seed);
}
void read_if_mapped(const Subject& subject, std::string_view what, Memory& memory, unsigned seed,
                    std::size_t first) {
    if (subject.claims.map)
        read_pattern(what, memory, seed, first);
}

} // namespace

std::string share_window(const Subject& subject) {
    auto root = subject.make(1000);
    write_if_mapped(subject, *root, 11);
    auto child = must("share(100, 200)", root->share(100, 200));
    equal("share(100, 200): size", 200u, child->size());
    equal("share(100, 200): offset in the region", root->offset() + 100, child->offset());
    equal("share(100, 200): maxsize", root->maxsize(), child->maxsize());
    holds("parent of a share is its root", child->parent() == root.get());
    equal("ref_count of a share", 1u, child->ref_count());
    equal("ref_count of the root is not changed", 1u, root->ref_count());
    read_if_mapped(subject, "bytes of share(100, 200)", *child, 11, 100);

    auto grandchild = must("share(50, 20) of a share", child->share(50, 20));
    holds("parent of a share's share is the root", grandchild->parent() == root.get());
    equal("offset of a share's share", root->offset() + 150, grandchild->offset());
    read_if_mapped(subject, "bytes of a share's share", *grandchild, 11, 150);

    auto rest = must("share(900)", root->share(900));
    equal("share(900): size to the end of the window", 100u, rest->size());
    read_if_mapped(subject, "bytes of share(900)", *rest, 11, 900);
    equal("share(1000, 0): size", 0u, must("share(1000, 0)", root->share(1000, 0))->size());

    root.reset();
    child.reset();
    if (subject.claims.map)
        for (unsigned i = 0; i < 4; ++i)
            write_pattern(*subject.make(1000), 100 + i);
    read_if_mapped(subject, "bytes of a share whose root has no handle left", *grandchild, 11, 150);
    read_if_mapped(subject, "bytes of the other share", *rest, 11, 900);
    return {};
}

std::string share_bounds(const Subject& subject) {
    const std::size_t huge = std::numeric_limits<std::size_t>::max() - 1;
    auto root = subject.make(1000);
    auto child = must("share(100, 200)", root->share(100, 200));
    const auto deny = [](std::string_view what, Memory& memory, std::size_t offset, std::size_t size) {
        refused(fmt::format("{}.share({}, {})", what, offset, size), memory.share(offset, size),
                {ErrorKind::invalid});
    };
    deny("memory", *root, 1001, whole);
    deny("memory", *root, 0, 1001);
    deny("memory", *root, 500, 501);
    deny("memory", *root, huge, 1);
    deny("memory", *root, 2, huge);
    deny("memory", *root, 0, huge);
    deny("share", *child, 0, 201);
    deny("share", *child, 201, whole);
    deny("share", *child, huge, 4);
    equal("size after refusals", 1000u, root->size());
    child.reset();
    holds("refused shares leave nothing behind", root->is_writable());
    must("share(0, 1000)", root->share(0, 1000));
    return {};
}

std::string share_readonly(const Subject& subject) {
    auto root = subject.make(1000);
    auto child = must("share", root->share(0, 500));
    auto grandchild = must("share of a share", child->share(0, 100));
    for (Memory* view : {child.get(), grandchild.get()}) {
        holds(fmt::format("a share is READONLY; found flags {}", flags_text(view->flags())),
              has(view->flags(), MemoryFlags::readonly));
        refused("WRITE map of a share", view->map(MapFlags::write), {write_refusal(subject)});
        refused("READWRITE map of a share", view->map(MapFlags::readwrite), {write_refusal(subject)});
        refused("WRITE lock of a share", view->lock(LockFlags::write), {ErrorKind::conflict});
    }
    return {};
}

std::string share_exclusion(const Subject& subject) {
    auto root = subject.make(1000);
    must("WRITE lock", root->lock(LockFlags::write));
    refused("share of memory that is locked for writing", root->share(), {ErrorKind::conflict});
    must("unlock", root->unlock(LockFlags::write));
    auto first = must("share", root->share(0, 100));
    holds("writable with one share", root->is_writable());
    must("WRITE lock with one share", root->lock(LockFlags::write));
    refused("share of a share whose root is locked for writing", first->share(), {ErrorKind::conflict});
    must("unlock", root->unlock(LockFlags::write));
    must("READ lock", root->lock(LockFlags::read));
    auto second = must("share of memory that is locked for reading", root->share(100, 100));
    must("unlock", root->unlock(LockFlags::read));
    holds("not writable with two shares", !root->is_writable());
    refused("resize with two shares", root->resize(0, 10), {ErrorKind::conflict});
    refused("WRITE lock with two shares", root->lock(LockFlags::write), {ErrorKind::conflict});
    if (subject.claims.map) {
        refused("WRITE map with two shares", root->map(MapFlags::write), {ErrorKind::conflict});
        must("READ map with two shares", must("READ map with two shares", root->map(MapFlags::read)).unmap());
    }
    second.reset();
    holds("writable when one of the two is gone", root->is_writable());
    if (subject.claims.map) {
        auto writing = must("WRITE map with one share", root->map(MapFlags::write));
        refused("share of memory that is mapped for writing", root->share(), {ErrorKind::conflict});
    }
    return {};
}

std::string resize_window(const Subject& subject) {
    const auto huge = std::numeric_limits<std::size_t>::max();
    MemoryRef memory;
    if (subject.claims.alloc) {
        AllocationParams params;
        params.prefix = params.padding = 16;
        params.flags = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded;
        memory = subject.make(100, params);
    } else {
        memory = subject.make(100);
    }
    // Measured from where the memory says it is: where it should be is another step's.
    const std::size_t start = memory->offset();
    const std::size_t room = memory->maxsize() - start;
    const MemoryFlags flags = memory->flags();
    write_if_mapped(subject, *memory, 13);
    const auto expect = [&](std::string_view what, std::size_t offset, std::size_t size) {
        equal(fmt::format("offset after {}", what), offset, memory->offset());
        equal(fmt::format("size after {}", what), size, memory->size());
    };
    const auto deny = [&](std::ptrdiff_t delta, std::size_t size) {
        refused(fmt::format("resize({}, {})", delta, size), memory->resize(delta, size),
                {ErrorKind::invalid});
        expect("a refused resize", start, 100);
    };
    deny(0, room + 1);
    deny(1, room);
    deny(1, huge);
    deny(-static_cast<std::ptrdiff_t>(start) - 1, 10);
    deny(std::numeric_limits<std::ptrdiff_t>::min(), 10);
    deny(std::numeric_limits<std::ptrdiff_t>::max(), 10);
    equal("flags after refusals", flags_text(flags), flags_text(memory->flags()));

    must("resize(0, all there is)", memory->resize(0, room));
    expect("resize(0, all there is)", start, room);
    equal("flags after growing", flags_text(flags), flags_text(memory->flags()));
    must("resize(10, 20)", memory->resize(10, 20));
    expect("resize(10, 20)", start + 10, 20);
    holds("ZERO_PREFIXED goes when the start moves up", !has(memory->flags(), MemoryFlags::zero_prefixed));
    holds("ZERO_PADDED goes when the end moves down", !has(memory->flags(), MemoryFlags::zero_padded));
    read_if_mapped(subject, "bytes of the moved window", *memory, 13, 10);
    if (subject.claims.map) {
        auto mapping = must("READ map", memory->map(MapFlags::read));
        equal("mapped size", 20u, mapping.size());
        must("resize while mapped", memory->resize(5, 5));
        equal("an existing map keeps its size", 20u, mapping.size());
        must("unmap", mapping.unmap());
        must("resize(-5, 20)", memory->resize(-5, 20));
    }
    must("resize(-10, 100)", memory->resize(-10, 100));
    expect("resize(-10, 100)", start, 100);
    read_if_mapped(subject, "bytes after moving back", *memory, 13, 0);
    return {};
}

std::string copy_memory(const Subject& subject) {
    auto source = subject.make(1000);
    write_pattern(*source, 17);
    if (!subject.claims.alloc)
        refused("copy by an allocator that cannot allocate", source->copy(), {ErrorKind::unsupported});
    Allocator* const target = subject.claims.alloc ? nullptr : subject.another;
    if (!subject.claims.alloc && !target)
        return {};
    auto view = must("share(100, 500)", source->share(100, 500));
    for (Memory* from : {source.get(), view.get()}) {
        const std::size_t first = from == view.get() ? 100 : 0;
        auto copy = must("copy", from->copy(0, whole, target));
        equal("size of a copy", from->size(), copy->size());
        equal("offset of a copy", 0u, copy->offset());
        equal("a copy is a share", false, copy->is_share());
        equal("READONLY of a copy", false, has(copy->flags(), MemoryFlags::readonly));
        if (!target)
            holds("a copy comes from the memory's own allocator", &copy->allocator() == subject.allocator);
        read_pattern("bytes of a copy", *copy, 17, first);
        write_pattern(*copy, 18);
        read_pattern("the source after its copy was written", *from, 17, first);
    }
    auto part = must("copy(200, 50)", source->copy(200, 50, target));
    equal("size of copy(200, 50)", 50u, part->size());
    read_pattern("bytes of copy(200, 50)", *part, 17, 200);
    equal("size of copy(1000)", 0u, must("copy(1000)", source->copy(1000, whole, target))->size());
    refused("copy(0, 1001)", source->copy(0, 1001, target), {ErrorKind::invalid});
    refused("copy(1001)", source->copy(1001, whole, target), {ErrorKind::invalid});
    if (subject.another) {
        auto elsewhere = must("copy to another allocator", source->copy(0, whole, subject.another));
        holds("that copy is the other allocator's", &elsewhere->allocator() == subject.another);
    }
    return {};
}

std::string is_span(const Subject& subject) {
    auto root = subject.make(100);
    auto other = subject.make(100);
    write_if_mapped(subject, *root, 19);
    auto left = must("share(10, 40)", root->share(10, 40));
    auto right = must("share(50, 30)", root->share(50, 30));
    auto apart = must("share(81, 5)", root->share(81, 5));
    auto elsewhere = must("share of other memory", other->share(50, 30));
    std::size_t offset = 12345;
    equal("right before left", false, Memory::is_span(*right, *left, &offset));
    equal("a gap between", false, Memory::is_span(*right, *apart, &offset));
    equal("overlapping", false, Memory::is_span(*left, *left, &offset));
    equal("root and share", false, Memory::is_span(*root, *right, &offset));
    equal("share and root", false, Memory::is_span(*left, *root, &offset));
    equal("shares of different memory", false, Memory::is_span(*left, *elsewhere, &offset));
    equal("offset when the answer is no", 12345u, offset);
    equal("left before right", true, Memory::is_span(*left, *right, &offset));
    equal("offset of the pair in the root", 10u, offset);
    equal("left before right, offset not asked for", true, Memory::is_span(*left, *right));
    auto both = must("share of the pair", root->share(offset, left->size() + right->size()));
    read_if_mapped(subject, "bytes of the pair", *both, 19, 10);
    return {};
}

std::string wrap_memory(const Subject& subject) {
    if (!subject.allocator->extension<WrapsHostMemory>())
        throw Unsupported("the allocator has no interface for wrapping the caller's bytes");
    std::vector<std::uint8_t> bytes(256);
    fill(bytes, 23);
    int notified = 0;
    auto memory = must("new_wrapped", new_wrapped(MemoryFlags::none, bytes.data(), 256, 16, 200, &notified,
                                                  [](void* count) { ++*static_cast<int*>(count); }));
    equal("offset", 16u, memory->offset());
    equal("size", 200u, memory->size());
    equal("maxsize", 256u, memory->maxsize());
    auto mapping = must("READ map", memory->map(MapFlags::read));
    holds("wrapped bytes are not copied", mapping.data() == bytes.data() + 16);
    must("unmap", mapping.unmap());
    auto view = must("share", memory->share(100));
    memory.reset();
    equal("notify calls while a share lives", 0, notified);
    read_pattern("bytes of the share", *view, 23, 116);
    view.reset();
    equal("notify calls at the end", 1, notified);
    refused("wrapping null", new_wrapped(MemoryFlags::none, nullptr, 256, 0, 200), {ErrorKind::invalid});
    refused("a window outside", new_wrapped(MemoryFlags::none, bytes.data(), 256, 100, 200),
            {ErrorKind::invalid});
    return {};
}

} // namespace hwalloc::tools::checks
