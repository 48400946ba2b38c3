// The hooks of Gst.Allocator, by name: every set of them overridden, and which one the core then calls.
// Missing ones get the core's rule; failing ones leave nothing behind.
#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

// Which of the hooks of a pair is called: the full one first, then the plain one, else the core's rule.
int chosen(unsigned hooks, Hook full, Hook plain) {
    return (hooks & bit(full)) ? static_cast<int>(full) : (hooks & bit(plain)) ? static_cast<int>(plain) : -1;
}

// Every set of the nine hooks; `test` gets the set, its script, and fresh memory of 32 bytes.
template<class Test>
void over_every_set(Test&& test) {
    for (unsigned hooks = 0; hooks <= all_hooks; ++hooks) {
        SCOPED_TRACE(testing::Message() << "hooks overridden: " << hooks);
        Script script;
        {
            const AllocatorRef owner = make_hooked(script, hooks);
            auto memory = owner->alloc(32);
            EXPECT_EQ(script.count(do_alloc), (hooks & bit(do_alloc)) ? 1 : 0);
            if (!(hooks & bit(do_alloc))) {
                EXPECT_TRUE(refused(memory, ErrorKind::unsupported));
            } else {
                ASSERT_TRUE(ok(memory));
                test(hooks, script, *memory);
                EXPECT_TRUE(idle(**memory));
                const int freed = script.count(do_free);
                memory->reset();
                EXPECT_EQ(script.count(do_free) - freed, (hooks & bit(do_free)) ? 1 : 0);
            }
        }
        EXPECT_EQ(script.blocks, 0);
        EXPECT_EQ(script.destroyed, 1);
        if (testing::Test::HasFailure())
            return; // one set is enough to read about
    }
}

TEST(Hooks, MapAndUnmapChooseTheirHookIndependently) {
    over_every_set([](unsigned hooks, Script& script, MemoryRef& memory) {
        const int mapper = chosen(hooks, map_full, map), unmapper = chosen(hooks, unmap_full, unmap);
        auto view = memory->share(8, 8);
        ASSERT_TRUE(ok(view));
        for (Memory* mapped : {memory.get(), view->get()}) {
            script.forget_calls();
            MapInfo info;
            const auto flags = MapFlags::read | MapFlags::custom_base;
            const auto result = mapped->map(info, flags);
            if (mapper < 0) {
                EXPECT_TRUE(refused(result, ErrorKind::unsupported));
                EXPECT_EQ(info.memory, nullptr);
            } else {
                ASSERT_TRUE(ok(result));
                EXPECT_EQ(script.last_flags, flags) << "custom bits reach the hook";
                EXPECT_EQ(script.last_maxsize, mapped->maxsize());
                EXPECT_EQ(info.user_data[0] != nullptr, mapper == map_full);
                ASSERT_TRUE(ok(mapped->unmap(info)));
                EXPECT_EQ(info.user_data[0], nullptr);
            }
            for (Hook hook : {map, map_full, unmap, unmap_full}) {
                const bool called =
                    mapper >= 0 && (static_cast<int>(hook) == mapper || static_cast<int>(hook) == unmapper);
                EXPECT_EQ(script.count(hook), called ? 1 : 0) << "hook " << hook;
            }
        }
    });
}

TEST(Hooks, ShareCopyAndIsSpanAreHonoured) {
    over_every_set([](unsigned hooks, Script& script, MemoryRef& memory) {
        const bool mappable = chosen(hooks, map_full, map) >= 0;
        if (mappable)
            fill(*memory, 1);
        script.forget_calls();
        auto a = memory->share(0, 8), b = memory->share(8, 8);
        ASSERT_TRUE(ok(a) && ok(b));
        EXPECT_EQ(script.count(share), (hooks & bit(share)) ? 2 : 0);
        EXPECT_EQ(has((*a)->flags(), MemoryFlags::custom_base), (hooks & bit(share)) != 0);
        std::size_t offset = 777;
        EXPECT_TRUE(Memory::is_span(**a, **b, &offset));
        EXPECT_EQ(offset, (hooks & bit(is_span)) ? 1000u : 0u);
        EXPECT_FALSE(Memory::is_span(*memory, **b)) << "the core's own checks come first";
        EXPECT_EQ(script.count(is_span), (hooks & bit(is_span)) ? 1 : 0);

        script.forget_calls();
        EXPECT_TRUE(refused(memory->copy(33), ErrorKind::invalid));
        EXPECT_EQ(script.count(copy), 0) << "no hook sees bad arguments";
        auto copied = (*b)->copy(2, 4);
        EXPECT_EQ(script.count(copy), (hooks & bit(copy)) ? 1 : 0);
        if (!(hooks & bit(copy)) && !mappable) {
            EXPECT_TRUE(refused(copied, ErrorKind::unsupported));
            EXPECT_EQ(script.count(do_alloc), 0);
        } else {
            ASSERT_TRUE(ok(copied));
            EXPECT_EQ((*copied)->size(), 4u);
            EXPECT_EQ(script.count(do_alloc), 1);
            EXPECT_FALSE((*copied)->is_share());
            if (mappable) {
                EXPECT_EQ(contents(**copied), counting(4, 11));
            }
        }
    });
}

TEST(Hooks, FailuresLeaveNothingBehind) {
    over_every_set([](unsigned hooks, Script& script, MemoryRef& memory) {
        const int mapper = chosen(hooks, map_full, map), unmapper = chosen(hooks, unmap_full, unmap);
        if (mapper >= 0) {
            for (auto way : {&Script::failing, &Script::empty}) {
                script.*way = 1u << mapper;
                for (MapFlags mode : {MapFlags::read, MapFlags::write, MapFlags::readwrite}) {
                    MapInfo info{.size = 3, .maxsize = 4, .user_data = {&info, &info, &info, &info}};
                    EXPECT_TRUE(
                        refused(memory->map(info, mode | MapFlags::ref_memory),
                                way == &Script::failing ? ErrorKind::device_lost : ErrorKind::unsupported));
                    EXPECT_TRUE(!info.memory && !info.data && !info.size && !info.maxsize &&
                                !info.user_data[0]);
                    EXPECT_EQ(memory->ref_count(), 1u);
                    EXPECT_TRUE(idle(*memory));
                }
                if (!(hooks & bit(copy))) {
                    EXPECT_FALSE(memory->copy());
                }
                script.*way = 0;
            }
            EXPECT_EQ(script.mapped, 0);
            if (unmapper >= 0) {
                script.failing = 1u << unmapper;
                MapInfo info;
                ASSERT_TRUE(ok(memory->map(info, MapFlags::write)));
                EXPECT_TRUE(refused(memory->unmap(info), ErrorKind::device_lost));
                EXPECT_EQ(info.memory, nullptr);
                EXPECT_TRUE(idle(*memory)) << "the map is gone all the same";
                script.failing = 0;
            }
        }
        if (hooks & bit(share)) {
            script.failing = bit(share);
            EXPECT_TRUE(refused(memory->share(), ErrorKind::device_lost));
            EXPECT_TRUE(idle(*memory));
        }
        if (hooks & bit(copy)) {
            script.failing = bit(copy);
            EXPECT_TRUE(refused(memory->copy(), ErrorKind::device_lost));
            script.failing = 0;
            script.empty = bit(copy);
            EXPECT_TRUE(refused(memory->copy(), ErrorKind::unsupported));
            script.empty = 0;
        }
        if (hooks & bit(is_span)) {
            auto a = memory->share(0, 8), b = memory->share(8, 8);
            script.failing = bit(is_span);
            std::size_t offset = 777;
            EXPECT_TRUE(!a || !b || !Memory::is_span(**a, **b, &offset));
            EXPECT_EQ(offset, 777u) << "a false answer writes nothing";
        }
        script.failing = bit(do_alloc);
        EXPECT_TRUE(refused(memory->allocator().alloc(32), ErrorKind::device_lost));
        script.failing = 0;
        script.empty = bit(do_alloc);
        EXPECT_TRUE(refused(memory->allocator().alloc(32), ErrorKind::unsupported));
        script.empty = 0;
        EXPECT_EQ(script.blocks, 1);
    });
}

TEST(Hooks, AreNotCalledForWhatTheCoreRefuses) {
    Script script;
    const AllocatorRef owner = make_hooked(script, all_hooks);
    auto memory = owner->alloc(32, {.flags = MemoryFlags::readonly | MemoryFlags::no_share});
    ASSERT_TRUE(ok(memory));
    auto hidden = owner->alloc(32, {.flags = MemoryFlags::not_mappable});
    ASSERT_TRUE(ok(hidden));
    script.forget_calls();
    EXPECT_FALSE((*memory)->map(MapFlags::write));
    EXPECT_FALSE((*memory)->map(MapFlags::none));
    EXPECT_FALSE((*hidden)->map(MapFlags::read));
    EXPECT_FALSE((*memory)->share());
    EXPECT_FALSE((*hidden)->share(33));
    EXPECT_FALSE((*memory)->copy(0, 33));
    EXPECT_FALSE(owner->alloc(32, {.align = 5}));
    EXPECT_FALSE(owner->alloc(32, {.flags = static_cast<MemoryFlags>(1)}));
    EXPECT_FALSE(owner->alloc(whole));
    for (unsigned hook = 0; hook < hook_count; ++hook)
        EXPECT_EQ(script.count(static_cast<Hook>(hook)), 0) << "hook " << hook;
}

TEST(Hooks, DoFreeRunsOncePerStorageWhoeverLetsGoLast) {
    Script script;
    const AllocatorRef owner = make_hooked(script, all_hooks);
    auto memory = owner->alloc(32);
    ASSERT_TRUE(ok(memory));
    auto view = (*memory)->share(0, 8);
    ASSERT_TRUE(ok(view));
    auto mapping = (*view)->map(MapFlags::read);
    ASSERT_TRUE(ok(mapping));
    memory->reset();
    view->reset();
    EXPECT_EQ(script.count(do_free), 0);
    ASSERT_TRUE(ok(mapping->unmap()));
    EXPECT_EQ(script.count(do_free), 1);
}

// A backend that makes its block, fails later, and destroys it again, as do_alloc may.
class Clumsy : public Allocator {
public:
    explicit Clumsy(Script& script) : Allocator("contract-app"), script_(script) {}
    ~Clumsy() override { script_.destroyed.fetch_add(1); }

private:
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        destroy(block_maker(0)(*this, *Geometry::of(size, params, 0), script_));
        return told_to_fail();
    }
    Script& script_;
};

TEST(Hooks, ABlockDestroyedInDoAllocReleasesItsAllocator) {
    Script script;
    {
        const auto owner = AllocatorRef::adopt(new Clumsy(script));
        EXPECT_TRUE(refused(owner->alloc(16), ErrorKind::device_lost));
        EXPECT_EQ(script.destroyed, 0);
    }
    EXPECT_EQ(script.blocks, 0);
    EXPECT_EQ(script.destroyed, 1);
}

} // namespace
} // namespace hwalloc::contract
