// Code of others that the library calls: hooks, and what runs when memory goes. Each uses the library itself,
// and waits for another thread that does: no lock of the library may be held meanwhile.
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <thread>
#include <vector>

#include "hooked.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

constexpr std::chrono::seconds far_too_long{60};

template<class T>
bool done_or_conflict(const Result<T>& result) {
    return result || result.error().kind() == ErrorKind::conflict;
}

// Everything that a program does with memory.
void use_memory(Allocator& allocator, const AllocationParams& params = {}) {
    auto memory = allocator.alloc(64, params);
    ASSERT_TRUE(ok(memory));
    int gone = 0;
    EXPECT_TRUE((*memory)->block().set_user_data(&gone, [](void* count) { ++*static_cast<int*>(count); }));
    {
        auto mapping = (*memory)->map(MapFlags::readwrite);
        EXPECT_TRUE(ok(mapping));
    }
    {
        auto one = (*memory)->share(0, 32), other = (*memory)->share(32, 32);
        EXPECT_TRUE(ok(one) && ok(other));
        EXPECT_TRUE(Memory::is_span(**one, **other));
        auto mapping = (*other)->map_read();
        EXPECT_TRUE(ok(mapping));
    }
    EXPECT_TRUE(ok((*memory)->copy()));
    EXPECT_TRUE(ok((*memory)->lock(LockFlags::exclusive)));
    EXPECT_TRUE(ok((*memory)->unlock(LockFlags::exclusive)));
    EXPECT_TRUE(ok(allocator.free(std::move(*memory))));
    EXPECT_EQ(gone, 1);
}

// What is called by the library: notes where, and does there what a program may do anywhere.
class Foreign {
public:
    Foreign() = default;
    ~Foreign() { wait(); }
    Foreign(const Foreign&) = delete;
    Foreign& operator=(const Foreign&) = delete;

    // The allocator whose hooks call this, and as many memories of it as meet every lock that several share.
    void use_also(Allocator& allocator) {
        quiet_ = true;
        own_ = &allocator;
        for (int count = 0; count < 64; ++count) {
            auto made = allocator.alloc(16);
            ASSERT_TRUE(ok(made));
            others_.push_back(std::move(*made));
        }
        quiet_ = false;
    }

    void release() {
        wait();
        quiet_ = true;
        own_ = nullptr;
        others_.clear();
        quiet_ = stuck_.load();
    }

    // `same`: the memory that is worked on, which others may read meanwhile; null where that has gone.
    void called(const char* place, Memory* same = nullptr) {
        if (quiet_.exchange(true)) // what this does runs hooks as well
            return;
        places_.insert(place);
        std::promise<void> used;
        auto waiting = used.get_future();
        threads_.emplace_back([this, same, used = std::move(used)]() mutable {
            use_library(same);
            used.set_value();
        });
        if (waiting.wait_for(far_too_long) != std::future_status::ready) {
            stuck_ = true; // from now on nothing is called; this thread would wait for itself
            ADD_FAILURE() << place << ": another thread waits for a lock that is held here";
            return;
        }
        use_library(same);
        quiet_ = false;
    }

    // Those that were called since this was asked.
    std::set<std::string> places() {
        wait();
        return std::exchange(places_, {});
    }

private:
    void wait() {
        for (std::thread& thread : threads_)
            thread.join();
        threads_.clear();
    }
    void use_library(Memory* same) {
        Allocator* sysmem = Allocator::find("sysmem");
        ASSERT_NE(sysmem, nullptr);
        EXPECT_TRUE(ok(Allocator::resolve("memfd")));
        EXPECT_FALSE(Allocator::resolve("foreign-code/nobody"));
        EXPECT_TRUE(ok(inventory(InventoryScan::quick)));
        EXPECT_TRUE(ok(Allocator::register_allocator("foreign-code/name", AllocatorRef(sysmem))));
        EXPECT_TRUE(ok(Allocator::unregister("foreign-code/name")));
        use_memory(*sysmem);
        if (own_)
            use_memory(*own_);
        for (MemoryRef& other : others_)
            EXPECT_TRUE(ok(other->map(MapFlags::readwrite)));
        const auto with_same = [&](auto use) { // which may have gone when the call was not waited for
            if (same && !stuck_)
                use();
        };
        with_same(
            [&] { EXPECT_TRUE(done_or_conflict(same->map_read())) << "while it is mapped for writing"; });
        with_same([&] { EXPECT_TRUE(done_or_conflict(same->share())); });
        with_same([&] { EXPECT_TRUE(ok(same->ref())); });
        with_same([&] { EXPECT_TRUE(ok(same->copy())); });
    }

    std::atomic<bool> quiet_{false}, stuck_{false};
    Allocator* own_ = nullptr;
    std::vector<MemoryRef> others_;
    std::set<std::string> places_;
    std::vector<std::thread> threads_;
};

class ForeignBlock final : public Block {
public:
    ForeignBlock(Allocator& allocator, const Geometry& geometry, Foreign& foreign)
        : Block(allocator, geometry), foreign_(foreign), bytes_(geometry.storage) {}

private:
    ~ForeignBlock() override { foreign_.called("the end of a Block"); }
    Result<std::uint8_t*> mem_map_full(Memory& view, MapInfo&, std::size_t) noexcept override {
        foreign_.called("mem_map_full", &view);
        return bytes_.data();
    }
    Result<void> mem_unmap_full(Memory& view, MapInfo&) noexcept override {
        foreign_.called("mem_unmap_full", &view);
        return {};
    }
    Result<void> mem_share(Memory&) noexcept override {
        foreign_.called("mem_share", &root());
        return {};
    }
    Result<MemoryRef> mem_copy(Memory& view, std::size_t offset, std::size_t size,
                               Allocator* target) noexcept override {
        foreign_.called("mem_copy", &view);
        return default_copy(view, offset, size, target);
    }
    bool mem_is_span(const Memory& a, const Memory& b, std::size_t* offset) noexcept override {
        foreign_.called("mem_is_span", &root());
        return Block::mem_is_span(a, b, offset);
    }
    void* do_extension(std::string_view) noexcept override {
        foreign_.called("do_extension of a Block", &root());
        return nullptr;
    }

    Foreign& foreign_;
    std::vector<std::uint8_t> bytes_;
};

class ForeignAllocator final : public Allocator {
public:
    explicit ForeignAllocator(Foreign& foreign) noexcept : Allocator("foreign-code"), foreign_(foreign) {}

private:
    ~ForeignAllocator() override { foreign_.called("the end of an Allocator"); }
    RawResult do_make(std::size_t size, const AllocationParams& params) noexcept override {
        foreign_.called("do_make");
        return Allocator::do_make(size, params);
    }
    Result<Block*> do_alloc(std::size_t size, const AllocationParams& params) noexcept override {
        foreign_.called("do_alloc");
        auto geometry = Geometry::of(size, params, 0);
        if (!geometry)
            return std::move(geometry).error();
        return static_cast<Block*>(new ForeignBlock(*this, *geometry, foreign_));
    }
    void do_free(Block* block) noexcept override {
        foreign_.called("do_free");
        destroy(block);
    }

    Foreign& foreign_;
};

using Places = std::set<std::string>;

class ForeignCode : public testing::Test {
protected:
    ForeignCode() { foreign.use_also(*owner); }
    ~ForeignCode() override { foreign.release(); }
    MemoryRef make() {
        auto memory = owner->alloc(32);
        EXPECT_TRUE(ok(memory));
        foreign.places();
        return memory ? std::move(*memory) : MemoryRef();
    }

    Foreign foreign;
    AllocatorRef owner = AllocatorRef::adopt(new ForeignAllocator(foreign));
};

TEST_F(ForeignCode, AllocatesUnderNoLock) {
    auto memory = owner->alloc(32);
    ASSERT_TRUE(ok(memory));
    EXPECT_EQ(foreign.places(), (Places{"do_make", "do_alloc"}));
    EXPECT_EQ((*memory)->block().extension<HasFd>(), nullptr);
    EXPECT_EQ(foreign.places(), Places{"do_extension of a Block"});
}

TEST_F(ForeignCode, MapsUnderNoLock) {
    const MemoryRef memory = make();
    ASSERT_TRUE(memory);
    auto view = memory->share(8, 8);
    ASSERT_TRUE(ok(view));
    EXPECT_EQ(foreign.places(), Places{"mem_share"});
    for (Memory* mapped : {memory.get(), view->get()})
        for (MapFlags flags : {MapFlags::read, MapFlags::read | MapFlags::ref_memory, MapFlags::readwrite}) {
            if (mapped != memory.get() && has(flags, MapFlags::write))
                continue; // a share is READONLY
            auto mapping = mapped->map(flags);
            ASSERT_TRUE(ok(mapping));
            EXPECT_EQ(foreign.places(), Places{"mem_map_full"});
            EXPECT_TRUE(ok(mapping->unmap()));
            EXPECT_EQ(foreign.places(), Places{"mem_unmap_full"});
        }
    MapInfo info;
    ASSERT_TRUE(ok(memory->block().begin_cpu_access(*memory, info, MapFlags::read)));
    EXPECT_EQ(foreign.places(), Places{"mem_map_full"});
    EXPECT_TRUE(ok(memory->block().end_cpu_access(*memory, info)));
    EXPECT_EQ(foreign.places(), Places{"mem_unmap_full"});
    EXPECT_TRUE(idle(*memory));
}

TEST_F(ForeignCode, CopiesAndComparesUnderNoLock) {
    const MemoryRef memory = make();
    ASSERT_TRUE(memory);
    auto one = memory->share(0, 8), other = memory->share(8, 8);
    ASSERT_TRUE(ok(one) && ok(other));
    foreign.places();
    EXPECT_TRUE(Memory::is_span(**one, **other));
    EXPECT_EQ(foreign.places(), Places{"mem_is_span"});
    EXPECT_TRUE(ok(memory->copy()));
    EXPECT_TRUE(foreign.places().contains("mem_copy"));
    EXPECT_TRUE(ok(memory->copy(0, whole, Allocator::find("memfd"))));
    EXPECT_TRUE(foreign.places().contains("mem_copy"));
    EXPECT_TRUE(idle(*memory));
}

// Whichever is the last: a handle, a share or a map.
TEST_F(ForeignCode, ReleasesMemoryUnderNoLock) {
    const Notify notify = [](void* self) { static_cast<Foreign*>(self)->called("user data"); };
    const Places all{"user data", "do_free", "the end of a Block"};
    const auto fresh = [&] {
        MemoryRef memory = make();
        EXPECT_TRUE(memory && memory->block().set_user_data(&foreign, notify));
        return memory;
    };
    MemoryRef memory = fresh();
    ASSERT_TRUE(memory);
    memory.reset();
    EXPECT_EQ(foreign.places(), all);

    memory = fresh();
    ASSERT_TRUE(memory);
    EXPECT_TRUE(ok(owner->free(std::move(memory))));
    EXPECT_EQ(foreign.places(), all);

    memory = fresh();
    ASSERT_TRUE(memory);
    auto view = memory->share();
    ASSERT_TRUE(ok(view));
    memory.reset();
    foreign.places();
    view->reset();
    EXPECT_EQ(foreign.places(), all);

    memory = fresh();
    ASSERT_TRUE(memory);
    auto mapping = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(mapping));
    memory.reset();
    foreign.places();
    EXPECT_TRUE(ok(mapping->unmap()));
    EXPECT_EQ(foreign.places(), (Places{"mem_unmap_full", "user data", "do_free", "the end of a Block"}));
}

TEST_F(ForeignCode, AnAllocatorEndsUnderNoLock) {
    MemoryRef memory = make();
    ASSERT_TRUE(memory);
    foreign.release();
    owner = {};
    foreign.places();
    memory.reset();
    EXPECT_EQ(foreign.places(), (Places{"do_free", "the end of a Block", "the end of an Allocator"}));
}

TEST_F(ForeignCode, WrappedBytesAreGivenBackUnderNoLock) {
    std::array<std::uint8_t, 64> bytes{};
    const Notify notify = [](void* self) { static_cast<Foreign*>(self)->called("notify"); };
    auto memory = new_wrapped(MemoryFlags::none, bytes.data(), bytes.size(), 0, 64, &foreign, notify);
    ASSERT_TRUE(ok(memory));
    auto view = (*memory)->share(8, 8);
    ASSERT_TRUE(ok(view));
    memory->reset();
    EXPECT_EQ(foreign.places(), Places{});
    view->reset();
    EXPECT_EQ(foreign.places(), Places{"notify"});
}

// The user data of memory that the library's backends make.
class ForeignUserData : public ContractTest {};

TEST_P(ForeignUserData, GoesUnderNoLock) {
    Foreign foreign;
    const Notify notify = [](void* self) { static_cast<Foreign*>(self)->called("user data"); };
    for (int again = 0; again < 2; ++again) {
        MemoryRef memory = make(100);
        ASSERT_TRUE(memory);
        ASSERT_TRUE(memory->block().set_user_data(&foreign, notify));
        auto mapping = memory->map(MapFlags::readwrite);
        ASSERT_TRUE(ok(mapping));
        memory.reset();
        EXPECT_EQ(foreign.places(), Places{});
        EXPECT_TRUE(ok(mapping->unmap()));
        EXPECT_EQ(foreign.places(), Places{"user data"});
    }
}

HWALLOC_OVER_ALLOCATING(ForeignUserData);

} // namespace
} // namespace hwalloc::contract
