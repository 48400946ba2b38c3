// Several threads at once: every function of Memory but resize, the registry, and who destroys what. Run
// under ThreadSanitizer, which sees what the assertions cannot; the work is bounded, so that it is soon done
// there too.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <random>
#include <thread>

#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

constexpr std::size_t thread_count = 4;

// Runs `work(thread number)` in every thread at once.
template<class Work>
void together(Work&& work) {
    std::barrier start(static_cast<std::ptrdiff_t>(thread_count));
    std::vector<std::thread> threads;
    for (std::size_t number = 0; number < thread_count; ++number)
        threads.emplace_back([&, number] {
            start.arrive_and_wait();
            work(number);
        });
    for (std::thread& thread : threads)
        thread.join();
}

class Threads : public ContractTest {};

TEST_P(Threads, MapLockShareAndReferToOneMemory) {
    auto memory = make(thread_count * 8);
    ASSERT_TRUE(memory);
    std::atomic<int> surprises{0};
    const auto expected = [&](const auto& result) { // what a race may be told
        if (!result && result.error().kind() != ErrorKind::conflict)
            surprises.fetch_add(1);
        return result.has_value();
    };
    together([&](std::size_t number) {
        std::minstd_rand random(static_cast<unsigned>(number) + 1);
        for (int i = 0; i < 250; ++i)
            switch (random() % 8) {
            case 0:
            case 1:
                expected(memory->map(MapFlags::read));
                break;
            case 2:
            case 3:
                expected(memory->map(random() % 2 ? MapFlags::write : MapFlags::readwrite));
                break;
            case 4:
                if (auto view = memory->share(1, 2); expected(view)) {
                    surprises += (*view)->offset() != memory->offset() + 1;
                    if (auto nested = (*view)->share(); expected(nested))
                        surprises += (*nested)->parent() != memory.get();
                }
                break;
            case 5:
                if (auto handle = memory->ref(); expected(handle))
                    expected(memory->map(MapFlags::read | MapFlags::ref_memory));
                break;
            case 6: {
                const auto flags = static_cast<LockFlags>(1 + random() % 7);
                if (expected(memory->lock(flags)) && !memory->unlock(flags))
                    surprises.fetch_add(1);
                break;
            }
            default:
                (void)memory->is_writable();
                if (random() % 8 == 0)
                    expected(memory->copy(0, whole, Allocator::find("sysmem")));
            }
    });
    EXPECT_EQ(surprises, 0);
    EXPECT_EQ(memory->ref_count(), 1u);
    EXPECT_TRUE(idle(*memory));
}

// READ and WRITE keep each other out. (Under a READWRITE, whoever holds it, both are let in: so none is
// here.)
TEST_P(Threads, ReadersSeeNoWriterAtWork) {
    auto memory = make(thread_count * 8);
    ASSERT_TRUE(memory);
    if (auto mapping = memory->map(MapFlags::write); mapping)
        std::fill(mapping->data(), mapping->data() + mapping->size(), std::uint8_t{0});
    std::atomic<int> torn{0}, read{0}, written{0};
    // Whoever is in the way ends its map, so this ends too.
    const auto map_when_free = [&](MapFlags access) {
        for (;; std::this_thread::yield())
            if (auto mapping = memory->map(access); mapping || mapping.error().kind() != ErrorKind::conflict)
                return mapping;
    };
    together([&](std::size_t number) {
        std::minstd_rand random(static_cast<unsigned>(number) + 1);
        for (int i = 0; i < 250; ++i)
            if (random() % 2) {
                auto mapping = map_when_free(MapFlags::read);
                if (!mapping)
                    continue;
                ++read;
                int differing = 0;
                for (std::size_t at = 0; at < mapping->size(); ++at)
                    differing += mapping->data()[at] != mapping->data()[at / 8 * 8];
                torn += differing;
            } else if (auto mapping = map_when_free(MapFlags::write); mapping) {
                ++written;
                // Writers may be several: each has its own part. A loop, because ThreadSanitizer sees no
                // memset that the compiler writes out.
                volatile std::uint8_t* mine = mapping->data() + number * 8;
                for (std::size_t at = 0; at < 8; ++at)
                    mine[at] = static_cast<std::uint8_t>(i);
            }
    });
    EXPECT_EQ(torn, 0) << "a reader was let in beside a writer";
    EXPECT_EQ(read + written, static_cast<int>(thread_count) * 250);
    EXPECT_GT(read, 0);
    EXPECT_GT(written, 0);
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Threads, AllocateAndFreeEachOthersMemory) {
    if (!self().claims.alloc)
        return;
    std::array<std::atomic<Memory*>, 3> slots{};
    std::atomic<int> failures{0};
    const std::size_t fds = open_fds();
    const std::size_t rounds =
        self().claims.export_dmabuf || self().claims.export_memfd ? 20 : 100; // dear ones
    together([&](std::size_t number) {
        for (std::size_t i = 0; i < rounds; ++i) {
            auto memory = allocator().alloc(64 + number * 100);
            if (!memory) {
                failures.fetch_add(1);
                continue;
            }
            if (auto mapping = (*memory)->map(MapFlags::write))
                std::memset(mapping->data(), static_cast<int>(i), mapping->size());
            Memory* const given = memory->detach();
            const auto taken = MemoryRef::adopt(slots[i % slots.size()].exchange(given));
            if (taken) {
                auto mapping = taken->map(MapFlags::read);
                failures += !mapping || mapping->data()[0] != mapping->data()[mapping->size() - 1];
            }
        }
    });
    for (auto& slot : slots)
        MemoryRef::adopt(slot.exchange(nullptr)).reset();
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(open_fds(), fds);
}

TEST_P(Threads, CountersNeverExceedTheirLimits) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    for (auto [mode, most] :
         {std::pair{MapFlags::read, 8192}, {MapFlags::write, 1023}, {MapFlags::readwrite, 1023}}) {
        constexpr int room = 40; // locks take up the rest, so that the race is at the limit at once
        for (int i = 0; i < most - room; ++i)
            ASSERT_TRUE(ok(memory->lock(static_cast<LockFlags>(mode))));
        std::atomic<int> held{0}, surprises{0};
        std::barrier everybody(static_cast<std::ptrdiff_t>(thread_count));
        together([&](std::size_t) {
            std::vector<MapInfo> maps;
            for (int i = 0; i < room; ++i) {
                MapInfo info;
                if (auto mapped = memory->map(info, mode)) {
                    maps.push_back(info);
                    held.fetch_add(1);
                } else if (mapped.error().kind() != ErrorKind::limit) {
                    surprises.fetch_add(1);
                }
            }
            everybody.arrive_and_wait();
            for (MapInfo& info : maps)
                surprises += !memory->unmap(info);
        });
        EXPECT_EQ(surprises, 0);
        EXPECT_LE(held, room);
        EXPECT_GE(held, room - static_cast<int>(thread_count))
            << "racing for the last ones may fail all who race";
        for (int i = 0; i < most - room; ++i)
            ASSERT_TRUE(ok(memory->unlock(static_cast<LockFlags>(mode))));
        EXPECT_EQ(memory->ref_count(), 1u);
        EXPECT_TRUE(idle(*memory));
    }
}

HWALLOC_OVER_MAPPING(Threads);

// Each thread holds the memory in its own way; whoever lets go last destroys it, and nobody else.
TEST(ThreadsLifetime, TheLastToLetGoDestroysOnce) {
    constexpr int rounds = 150;
    Script script;
    {
        const AllocatorRef owner = make_hooked(script, bit(do_alloc) | bit(do_free) | bit(map) | bit(unmap));
        std::array<MemoryRef, thread_count> handles;
        std::array<Mapping, thread_count> mappings;
        Memory* locked = nullptr;
        std::atomic<int> failures{0};
        std::barrier step(static_cast<std::ptrdiff_t>(thread_count));
        together([&](std::size_t number) {
            for (int round = 0; round < rounds; ++round) {
                if (number == 0) {
                    auto memory = owner->alloc(64);
                    failures += !memory;
                    fill(**memory, static_cast<std::uint8_t>(round));
                    handles[1] = std::move(*(*memory)->share(8));
                    mappings[2] = std::move(*(*memory)->map(MapFlags::read));
                    failures += !(*memory)->lock(LockFlags::read);
                    locked = memory->get();
                    handles[0] = std::move(*memory);
                }
                step.arrive_and_wait();
                // From here on nobody knows who is last.
                switch (number) {
                case 0:
                    handles[0].reset();
                    break;
                case 1:
                    if (auto mapping = handles[1]->map(MapFlags::read | MapFlags::ref_memory)) {
                        handles[1].reset();
                        failures += mapping->data()[0] != static_cast<std::uint8_t>(round + 8);
                    }
                    break;
                case 2:
                    failures += mappings[2].data()[63] != static_cast<std::uint8_t>(round + 63);
                    mappings[2] = {};
                    break;
                default:
                    failures += !locked->unlock(LockFlags::read);
                }
                step.arrive_and_wait();
                if (number == 0)
                    failures += script.blocks.load() != 0 || script.count(do_free) != round + 1;
            }
        });
        EXPECT_EQ(failures, 0);
        EXPECT_EQ(script.destroyed, 0);
    }
    EXPECT_EQ(script.mapped, 0);
    EXPECT_EQ(script.destroyed, 1);
}

TEST(ThreadsLifetime, ACountedAllocatorGoesOnceWithItsLastMemory) {
    for (int round = 0; round < 20; ++round) {
        Script script;
        AllocatorRef owner = make_hooked(script, bit(do_alloc) | bit(do_free));
        std::array<AllocatorRef, thread_count> owners;
        owners.fill(owner);
        owner = {};
        together([&](std::size_t number) {
            std::array<MemoryRef, 3> kept;
            for (MemoryRef& memory : kept)
                if (auto made = owners[number]->alloc(16))
                    memory = std::move(*made);
            const AllocatorRef again(&kept[0]->allocator());
            owners[number] = {};
            (void)kept[1]->share();
        });
        ASSERT_EQ(script.blocks, 0);
        ASSERT_EQ(script.destroyed, 1);
    }
}

TEST(ThreadsRegistry, FindRegisterUnregisterAndSetDefault) {
    auto& script = *new Script; // registered allocators live for ever
    const unsigned working = bit(do_alloc) | bit(do_free) | bit(map) | bit(unmap);
    std::array<AllocatorRef, 6> pool;
    for (AllocatorRef& allocator : pool)
        allocator = make_hooked(script, working);
    const AllocatorRef original(Allocator::find());
    std::atomic<int> surprises{0};
    together([&](std::size_t number) {
        std::minstd_rand random(static_cast<unsigned>(number) + 1);
        const std::string own = "contract/thread-" + std::to_string(number);
        for (int i = 0; i < 300; ++i) {
            const std::string fresh = own + "/" + std::to_string(i % 50); // the table grows under the readers
            switch (random() % 8) {
            case 0:
                surprises += !Allocator::register_allocator("contract/raced", pool[random() % pool.size()]);
                break;
            case 1:
                (void)Allocator::unregister("contract/raced");
                break;
            case 2:
                surprises += !Allocator::register_allocator(fresh, pool[random() % pool.size()]);
                surprises += Allocator::find(fresh) == nullptr;
                surprises += !Allocator::unregister(fresh);
                surprises += Allocator::find(fresh) != nullptr;
                break;
            case 3:
                surprises += !Allocator::set_default(random() % 2 ? original : pool[random() % pool.size()]);
                break;
            case 4:
                if (auto memory = alloc(32); !memory || !(*memory)->copy())
                    surprises.fetch_add(1);
                break;
            case 5:
                surprises += Allocator::find("sysmem") != original.get();
                if (i % 50 == 0)
                    surprises += Allocator::resolve("contract/never").has_value();
                if (i % 50 == 1)
                    surprises += !inventory();
                break;
            default:
                if (Allocator* found = Allocator::find("contract/raced")) {
                    surprises += found->mem_type() != "contract-app" || found->name().empty();
                    surprises += !found->alloc(16);
                }
            }
        }
    });
    EXPECT_TRUE(ok(Allocator::set_default(original)));
    (void)Allocator::unregister("contract/raced");
    EXPECT_EQ(surprises, 0);
    EXPECT_EQ(script.blocks, 0);
    EXPECT_EQ(script.destroyed, 0);
}

} // namespace
} // namespace hwalloc::contract
