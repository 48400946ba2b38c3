// Random sequences of every operation, beside the model of the contract (model.h). After each step the object
// and the model must agree on everything that can be seen; a failure prints the seed, which repeats it:
//   HWALLOC_SEED=n HWALLOC_STEPS=n contract_tests --gtest_filter='*Model*'
#include <array>
#include <cstdlib>
#include <list>
#include <random>

#include "hooked.h"
#include "hwalloc/block.h"
#include "model.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

#ifdef __SANITIZE_THREAD__
constexpr std::uint64_t usual_runs = 6; // slow there, and one thread's sequences show it nothing
#else
constexpr std::uint64_t usual_runs = 40;
#endif

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct LiveMap {
    MapInfo info;
    ModelMap model;
};

// A memory, and what the model thinks of it. It stays listed as long as the model says that it is alive.
struct LiveMemory {
    Memory* object;
    std::vector<MemoryRef> handles;
    ModelMemory model;
    std::vector<LockFlags> locks;
};

class Player {
public:
    Player(const Subject& subject, std::uint64_t seed) : subject_(subject), random_(seed) {}
    ~Player() { drain(); }
    Player(const Player&) = delete;
    Player& operator=(const Player&) = delete;

    void step() {
        if (memories_.empty() || (memories_.size() < 6 && below(12) == 0))
            return alloc();
        LiveMemory& memory = any_memory();
        switch (below(17)) {
        case 0:
        case 1:
        case 2:
            return map(memory);
        case 3:
        case 4:
            return unmap();
        case 5:
        case 6:
            return share(memory);
        case 7:
            return ref(memory);
        case 8:
        case 9:
            return release(memory);
        case 10:
            return resize(memory);
        case 11:
            return copy(memory);
        case 12:
            return lock(memory);
        case 13:
            return unlock(memory);
        case 14:
            return write_bytes();
        case 15:
            return is_span(memory, any_memory());
        default:
            return read_bytes(memory);
        }
    }

    // Everything that can be seen of everything that is alive.
    void compare() {
        for (LiveMemory& memory : memories_) {
            const ModelMemory& model = memory.model;
            const Memory& object = *memory.object;
            ASSERT_EQ(object.ref_count(), static_cast<unsigned>(model.handles));
            ASSERT_EQ(object.is_writable(), model.holders() < 2);
            ASSERT_EQ(object.offset(), model.offset);
            ASSERT_EQ(object.size(), model.size);
            ASSERT_EQ(object.maxsize(), model.maxsize);
            ASSERT_EQ(object.flags(), model.flags);
            ASSERT_EQ(object.is_share(), !model.is_root());
            if (object.is_share()) {
                ASSERT_EQ(object.parent(), &object.block().root());
            }
            // Every map still points at the same bytes of the region.
            for (const LiveMap& map : maps_) {
                if (map.model.memory == &model) {
                    ASSERT_EQ(map.info.memory, memory.object);
                    ASSERT_EQ(map.info.size, map.model.size);
                    ASSERT_EQ(map.info.maxsize, model.maxsize - map.model.offset);
                    expect_bytes(map);
                }
            }
        }
    }

    // Gives everything back, in random order.
    void drain() {
        while (!maps_.empty())
            unmap();
        for (LiveMemory& memory : memories_)
            while (!memory.locks.empty())
                unlock_one(memory, memory.locks.size() - 1);
        for (LiveMemory& memory : memories_) {
            memory.handles.clear();
            memory.model.handles = 0;
        }
        sweep();
        EXPECT_TRUE(memories_.empty()) << "the model keeps memory alive that nothing holds";
    }

private:
    std::size_t below(std::size_t limit) { return random_() % limit; }
    LiveMemory& any_memory() {
        return *std::next(memories_.begin(), static_cast<long>(below(memories_.size())));
    }
    template<class T>
    static void agree(const Result<T>& result, const Verdict& verdict, const char* what) {
        if (verdict) {
            ASSERT_TRUE(refused(result, *verdict)) << what;
        } else {
            ASSERT_TRUE(ok(result)) << what;
        }
    }

    void add(MemoryRef handle, ModelMemory model) {
        LiveMemory& live = memories_.emplace_back();
        live.object = handle.get();
        live.handles.push_back(std::move(handle));
        live.model = std::move(model);
    }
    // A fresh root and its model.
    LiveMemory& add_root(MemoryRef handle, MemoryFlags flags) {
        ModelMemory model;
        model.storage = std::make_shared<ModelStorage>();
        model.offset = handle->offset();
        model.size = handle->size();
        model.maxsize = handle->maxsize();
        model.flags = flags;
        model.storage->bytes.resize(model.maxsize);
        model.storage->known.resize(model.maxsize);
        add(std::move(handle), std::move(model));
        memories_.back().model.storage->root = &memories_.back().model;
        return memories_.back();
    }

    void alloc() {
        constexpr std::array choices{MemoryFlags::none,
                                     MemoryFlags::none,
                                     MemoryFlags::none,
                                     MemoryFlags::none,
                                     MemoryFlags::readonly,
                                     MemoryFlags::no_share,
                                     MemoryFlags::zero_prefixed,
                                     MemoryFlags::zero_padded,
                                     MemoryFlags::not_mappable,
                                     MemoryFlags::custom_base,
                                     MemoryFlags::zero_prefixed | MemoryFlags::zero_padded};
        AllocationParams params;
        params.prefix = below(3) ? 0 : below(40);
        params.padding = below(3) ? 0 : below(40);
        params.flags = choices[below(choices.size())];
        const std::size_t size = below(8) ? 1 + below(200) : 1 + below(9000);
        auto made = subject_.allocator->alloc(size, params);
        ASSERT_TRUE(ok(made));
        LiveMemory& live = add_root(std::move(*made), params.flags);
        ASSERT_EQ(live.model.size, size);
        ASSERT_EQ(live.model.offset, params.prefix);
        ModelStorage& storage = *live.model.storage;
        for (std::size_t i = 0; i < storage.known.size(); ++i)
            storage.known[i] = (has(params.flags, MemoryFlags::zero_prefixed) && i < params.prefix) ||
                               (has(params.flags, MemoryFlags::zero_padded) && i >= params.prefix + size);
    }

    void map(LiveMemory& memory) {
        const auto mode = static_cast<std::uint32_t>(below(16) ? 1 + below(3) : 0);
        const bool holds = below(4) == 0;
        LiveMap live{.info = {},
                     .model = {&memory.model, mode, holds, memory.model.offset, memory.model.size}};
        Verdict verdict = memory.model.map(mode);
        // Where the hooks are ours, some fail: the map is refused with their answer, and nothing else
        // changes.
        const bool fails = subject_.family == "contract-app" && below(6) == 0;
        registered_script().failing = fails ? bit(Hook::map) | bit(Hook::map_full) : 0;
        if (fails && !verdict)
            verdict = ErrorKind::device_lost;
        const auto flags = static_cast<MapFlags>(mode) | (holds ? MapFlags::ref_memory : MapFlags::none);
        const auto mapped = memory.object->map(live.info, flags);
        registered_script().failing = 0;
        agree(mapped, verdict, "map");
        if (verdict) {
            ASSERT_EQ(live.info.memory, nullptr);
            return;
        }
        ++memory.model.count_of(mode);
        memory.model.handles += holds;
        maps_.push_back(live);
    }

    void unmap() {
        if (maps_.empty())
            return;
        const auto at = std::next(maps_.begin(), static_cast<long>(below(maps_.size())));
        LiveMap live = *at;
        maps_.erase(at);
        ASSERT_TRUE(ok(live.info.memory->unmap(live.info)));
        --live.model.memory->count_of(live.model.mode);
        live.model.memory->handles -= live.model.holds_handle;
        sweep();
    }

    void share(LiveMemory& memory) {
        if (memories_.size() > 40)
            return;
        const std::size_t from = below(memory.model.size + 3);
        const std::size_t length = below(3) ? whole : below(memory.model.size + 3);
        const Verdict verdict = memory.model.share(from, length);
        auto view = memory.object->share(from, length);
        agree(view, verdict, "share");
        if (verdict)
            return;
        ++memory.model.storage->root->shares;
        ModelMemory model = memory.model.shared(from, length);
        add(std::move(*view), std::move(model));
    }

    void ref(LiveMemory& memory) {
        auto handle = memory.object->ref();
        ASSERT_TRUE(ok(handle));
        memory.handles.push_back(std::move(*handle));
        ++memory.model.handles;
    }

    void release(LiveMemory& memory) {
        if (memory.handles.empty())
            return;
        memory.handles.pop_back();
        --memory.model.handles;
        sweep();
    }

    void resize(LiveMemory& memory) {
        const auto reach = static_cast<long long>(memory.model.maxsize) + 4;
        const long long delta = static_cast<long long>(below(static_cast<std::size_t>(2 * reach))) - reach;
        const long long small = static_cast<long long>(below(9)) - 4;
        const long long chosen = below(3) ? small : delta;
        const std::size_t length = below(2) ? memory.model.size : below(memory.model.maxsize + 3);
        const Verdict verdict = memory.model.resize(chosen, length);
        agree(memory.object->resize(static_cast<std::ptrdiff_t>(chosen), length), verdict, "resize");
        if (!verdict)
            memory.model.resized(chosen, length);
    }

    void copy(LiveMemory& memory) {
        if (memories_.size() > 40 || memory.model.size == 0)
            return; // size 0 is not every backend's
        const std::size_t from = below(memory.model.size);
        const std::size_t length = below(2) ? whole : 1 + below(memory.model.size + 2);
        const Verdict verdict = memory.model.copy(from, length);
        auto made = memory.object->copy(from, length);
        agree(made, verdict, "copy");
        if (verdict)
            return;
        const ModelMemory source = memory.model;
        LiveMemory& live = add_root(std::move(*made), MemoryFlags::none);
        ASSERT_EQ(live.model.offset, 0u);
        ASSERT_EQ(live.model.size, length == whole ? source.size - from : length);
        for (std::size_t i = 0; i < live.model.size; ++i) {
            live.model.storage->bytes[i] = source.storage->bytes[source.offset + from + i];
            live.model.storage->known[i] = source.storage->known[source.offset + from + i];
        }
    }

    void lock(LiveMemory& memory) {
        const auto bits = static_cast<std::uint32_t>(below(8));
        const Verdict verdict = memory.model.lock(bits & 3, bits & 4);
        agree(memory.object->lock(static_cast<LockFlags>(bits)), verdict, "lock");
        if (verdict)
            return;
        if (bits & 3)
            ++memory.model.count_of(bits & 3);
        memory.model.exclusive += (bits & 4) != 0;
        memory.locks.push_back(static_cast<LockFlags>(bits));
    }

    void unlock(LiveMemory& memory) {
        if (!memory.locks.empty()) {
            unlock_one(memory, below(memory.locks.size()));
            return sweep();
        }
        const auto bits = static_cast<std::uint32_t>(1 + below(7));
        const bool there =
            (!(bits & 3) || memory.model.count_of(bits & 3)) && (!(bits & 4) || memory.model.holders());
        if (!there) { // taking back what a map or share holds would be the caller's own mistake
            ASSERT_TRUE(refused(memory.object->unlock(static_cast<LockFlags>(bits)), ErrorKind::conflict));
        }
    }
    void unlock_one(LiveMemory& memory, std::size_t which) {
        const LockFlags flags = memory.locks[which];
        const auto bits = static_cast<std::uint32_t>(flags);
        ASSERT_TRUE(ok(memory.object->unlock(flags)));
        memory.locks.erase(memory.locks.begin() + static_cast<long>(which));
        if (bits & 3)
            --memory.model.count_of(bits & 3);
        memory.model.exclusive -= (bits & 4) != 0;
    }

    // Writes through a map that is for writing.
    void write_bytes() {
        if (maps_.empty())
            return;
        LiveMap& live = *std::next(maps_.begin(), static_cast<long>(below(maps_.size())));
        if (!(live.model.mode & 2) || live.model.size == 0)
            return;
        const std::size_t from = below(live.model.size), length = 1 + below(live.model.size - from);
        ModelStorage& storage = *live.model.memory->storage;
        for (std::size_t i = from; i < from + length; ++i) {
            const auto byte = static_cast<std::uint8_t>(random_());
            live.info.data[i] = byte;
            storage.bytes[live.model.offset + i] = byte;
            storage.known[live.model.offset + i] = true;
        }
    }
    void expect_bytes(const LiveMap& live) {
        if (!(live.model.mode & 1))
            return; // not for reading
        const ModelStorage& storage = *live.model.memory->storage;
        for (std::size_t i = 0; i < live.model.size; ++i)
            if (storage.known[live.model.offset + i] &&
                storage.bytes[live.model.offset + i] != live.info.data[i])
                FAIL() << "byte " << i << " of " << live.model.size << " differs";
    }
    void read_bytes(LiveMemory& memory) {
        if (memory.model.map(1))
            return;
        LiveMap live{.info = {}, .model = {&memory.model, 1, false, memory.model.offset, memory.model.size}};
        ASSERT_TRUE(ok(memory.object->map(live.info, MapFlags::read)));
        expect_bytes(live);
        ASSERT_TRUE(ok(memory.object->unmap(live.info)));
    }

    void is_span(LiveMemory& a, LiveMemory& b) {
        const ModelMemory& root = *a.model.storage->root;
        const bool expected = a.model.storage == b.model.storage && !a.model.is_root() &&
                              !b.model.is_root() && a.model.offset + a.model.size == b.model.offset &&
                              a.model.offset >= root.offset;
        std::size_t offset = 777777;
        ASSERT_EQ(Memory::is_span(*a.object, *b.object, &offset), expected);
        ASSERT_EQ(offset, expected ? a.model.offset - root.offset : 777777);
    }

    // Forgets what nothing holds any more; a share that goes lets go of its root.
    void sweep() {
        for (bool again = true; again;) {
            again = false;
            for (auto at = memories_.begin(); at != memories_.end();) {
                if (at->model.alive()) {
                    ++at;
                    continue;
                }
                if (!at->model.is_root())
                    --at->model.storage->root->shares;
                at = memories_.erase(at);
                again = true;
            }
        }
    }

    const Subject& subject_;
    std::mt19937_64 random_;
    std::list<LiveMemory> memories_; // a list: the model's objects point at each other
    std::list<LiveMap> maps_;
};

class Model : public ContractTest {};

TEST_P(Model, AgreesWithRandomSequences) {
    const std::uint64_t steps = from_environment("HWALLOC_STEPS", 400);
    const std::uint64_t first = from_environment("HWALLOC_SEED", 1);
    const std::uint64_t runs = std::getenv("HWALLOC_SEED") ? 1 : from_environment("HWALLOC_RUNS", usual_runs);
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
        std::uint64_t step = 0;
        {
            Player player(self(), seed);
            for (; step < steps && !HasFatalFailure(); ++step) {
                player.step();
                if (!HasFatalFailure())
                    player.compare();
            }
        }
        if (HasFailure()) {
            ADD_FAILURE() << "repeat with HWALLOC_SEED=" << seed << " HWALLOC_STEPS=" << step << " on "
                          << GetParam();
            return;
        }
    }
}

HWALLOC_OVER_ALLOCATING(Model);

} // namespace
} // namespace hwalloc::contract
