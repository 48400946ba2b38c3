// Steps about mapping and locking.
#include "tools/check/steps.h"

namespace hwalloc::tools::checks {
namespace {

constexpr std::string_view mode_name(MapFlags mode) {
    return mode == MapFlags::read ? "READ" : mode == MapFlags::write ? "WRITE" : "READWRITE";
}

constexpr MapFlags modes[] = {MapFlags::read, MapFlags::write, MapFlags::readwrite};

} // namespace

std::string map_bytes(const Subject& subject) {
    constexpr std::size_t size = 10007;
    auto memory = subject.make(size);
    auto writing = must("WRITE map", memory->map(MapFlags::write));
    holds("data of a map is not null", writing.data() != nullptr);
    equal("size of a map", size, writing.size());
    equal("maxsize of a map", memory->maxsize() - memory->offset(), writing.info().maxsize);
    holds("a map names its memory", writing.info().memory == memory.get());
    fill(writing.bytes(), 1);
    must("unmap after WRITE", writing.unmap());
    read_pattern("READ map after a WRITE map", *memory, 1);

    auto both = must("READWRITE map", memory->map(MapFlags::readwrite));
    expect_pattern("READWRITE map after a WRITE map", both.bytes(), 1);
    fill(both.bytes(), 2);
    must("unmap after READWRITE", both.unmap());
    read_pattern("READ map after a READWRITE map", *memory, 2);

    // A WRITE map does not wipe what it does not write.
    auto part = must("WRITE map", memory->map(MapFlags::write));
    for (std::size_t i = 0; i < size / 2; ++i)
        part.data()[i] = pattern(i, 3);
    must("unmap after WRITE", part.unmap());
    auto reading = must("READ map", memory->map(MapFlags::read));
    expect_pattern("the half that was written", reading.bytes().first(size / 2), 3);
    expect_pattern("the half that was not", reading.bytes().subspan(size / 2), 2, size / 2);
    return {};
}

std::string map_nesting(const Subject& subject) {
    auto memory = subject.make(1000);
    // Rows: mapped already. Columns: asked for. READ, WRITE, READWRITE.
    constexpr bool allowed[3][3] = {{true, false, false}, {false, true, false}, {true, true, true}};
    for (std::size_t outer = 0; outer < 3; ++outer) {
        auto held = must(mode_name(modes[outer]), memory->map(modes[outer]));
        for (std::size_t inner = 0; inner < 3; ++inner) {
            const std::string what =
                fmt::format("{} map under a {} map", mode_name(modes[inner]), mode_name(modes[outer]));
            auto nested = memory->map(modes[inner]);
            if (!allowed[outer][inner]) {
                refused(what, nested, {ErrorKind::conflict});
                continue;
            }
            auto mapping = must(what, std::move(nested));
            holds(what + ": shows the same address", mapping.data() == held.data());
            must(what + ": unmap", mapping.unmap());
        }
        held.data()[0] = static_cast<std::uint8_t>(modes[outer] == MapFlags::read ? held.data()[0] : 1);
        must("unmap", held.unmap());
    }
    return {};
}

std::string map_unmap_order(const Subject& subject) {
    auto memory = subject.make(1000);
    write_pattern(*memory, 5);
    auto outer = must("READWRITE map", memory->map(MapFlags::readwrite));
    auto inner = must("READ map under it", memory->map(MapFlags::read));
    must("unmap of the READWRITE map first", outer.unmap());
    expect_pattern("the READ map that is left", inner.bytes(), 5);
    refused("WRITE map while the READ map is left", memory->map(MapFlags::write), {ErrorKind::conflict});
    must("unmap of the READ map", inner.unmap());
    auto first = must("WRITE map", memory->map(MapFlags::write));
    auto second = must("second WRITE map", memory->map(MapFlags::write));
    must("unmap of the first", first.unmap());
    second.data()[0] = pattern(0, 5);
    must("unmap of the second", second.unmap());
    must("share when nothing is mapped", memory->share());
    read_pattern("after all maps ended", *memory, 5);
    return {};
}

std::string map_keeps_alive(const Subject& subject) {
    auto memory = subject.make(5000);
    write_pattern(*memory, 6);
    auto mapping = must("READ map", memory->map(MapFlags::read));
    memory.reset();
    // Whatever reuses the storage of memory that is gone by mistake would show in it.
    for (unsigned i = 0; i < 4; ++i)
        write_pattern(*subject.make(5000), 100 + i);
    expect_pattern("a map whose memory has no handle left", mapping.bytes(), 6);
    must("unmap", mapping.unmap());

    memory = subject.make(5000);
    write_pattern(*memory, 7);
    auto view = must("share", memory->share(1000));
    mapping = must("READ map of a share", view->map(MapFlags::read));
    view.reset();
    memory.reset();
    for (unsigned i = 0; i < 4; ++i)
        write_pattern(*subject.make(5000), 100 + i);
    expect_pattern("a map of a share, when share and root have no handle left", mapping.bytes(), 7, 1000);
    return {};
}

std::string map_refusals(const Subject& subject) {
    auto memory = subject.make(1000);
    auto other = subject.make(1000);
    refused("map with no access asked for", memory->map(MapFlags::none), {ErrorKind::invalid});
    refused("map with an unknown flag", memory->map(MapFlags::read | static_cast<MapFlags>(4)),
            {ErrorKind::invalid});
    MapInfo info;
    must("READ map", memory->map(info, MapFlags::read));
    refused("unmap of a map of other memory", other->unmap(info), {ErrorKind::invalid});
    refused("WRITE map after that: it is mapped still", memory->map(MapFlags::write), {ErrorKind::conflict});
    must("unmap", memory->unmap(info));
    refused("a second unmap", memory->unmap(info), {ErrorKind::invalid});
    MapInfo failed;
    refused("map with no access asked for", memory->map(failed, MapFlags::none), {ErrorKind::invalid});
    holds("a failed map leaves nothing in the MapInfo", !failed.memory && !failed.data && !failed.size);
    must("WRITE map when all is done", must("WRITE map", memory->map(MapFlags::write)).unmap());
    return {};
}

std::string locks(const Subject& subject) {
    auto memory = subject.make(100);
    constexpr auto r = LockFlags::read, w = LockFlags::write, rw = LockFlags::readwrite,
                   x = LockFlags::exclusive;
    const auto take = [&](std::string_view what, LockFlags flags) { must(what, memory->lock(flags)); };
    const auto deny = [&](std::string_view what, LockFlags flags) {
        refused(what, memory->lock(flags), {ErrorKind::conflict});
    };
    const auto give = [&](LockFlags flags) { must("unlock", memory->unlock(flags)); };

    take("WRITE|EXCLUSIVE", w | x);
    deny("EXCLUSIVE under WRITE|EXCLUSIVE", x);
    deny("READ under WRITE", r);
    take("WRITE under WRITE|EXCLUSIVE", w);
    give(w);
    give(w | x);
    take("READ|EXCLUSIVE", r | x);
    take("READ|EXCLUSIVE twice", r | x);
    holds("not writable with two EXCLUSIVE locks", !memory->is_writable());
    deny("WRITE with two EXCLUSIVE locks", w);
    give(r | x);
    holds("writable with one EXCLUSIVE lock", memory->is_writable());
    give(r | x);
    take("READWRITE|EXCLUSIVE", rw | x);
    take("READ under READWRITE|EXCLUSIVE", r);
    deny("READ|EXCLUSIVE under READWRITE|EXCLUSIVE", r | x);
    deny("EXCLUSIVE under READWRITE|EXCLUSIVE", x);
    take("WRITE under READWRITE|EXCLUSIVE", w);
    give(w);
    give(r);
    give(rw | x);
    refused("unlock of what is not locked", memory->unlock(r), {ErrorKind::conflict, ErrorKind::invalid});
    refused("lock with no flags", memory->lock(LockFlags::none), {ErrorKind::invalid});
    refused("lock with unknown flags", memory->lock(static_cast<LockFlags>(64)), {ErrorKind::invalid});
    return {};
}

} // namespace hwalloc::tools::checks
