// What bindings to other languages and frameworks stand on: a map given up by its Mapping, a pointer of their
// own that goes with the storage, access without the memory's lock, a window set to an absolute place, and
// null and stale arguments that must do no harm.
#include <cstdlib>

#include "hooked.h"
#include "hwalloc/drm.h"
#include "hwalloc/inventory.h"
#include "hwalloc/plan.h"
#include "hwalloc/v4l2.h"
#include "support.h"

namespace hwalloc::contract {
namespace {

class Bindings : public ContractTest {};

TEST_P(Bindings, AMappingGivesItsMapUp) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    auto mapping = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(mapping));
    std::uint8_t* const data = mapping->data();
    MapInfo info = mapping->release();
    EXPECT_FALSE(*mapping);
    EXPECT_EQ(mapping->data(), nullptr);
    EXPECT_TRUE(ok(mapping->unmap())) << "nothing to do";
    EXPECT_EQ(info.memory, memory.get());
    EXPECT_EQ(info.data, data);
    EXPECT_TRUE(refused(memory->map(MapFlags::read), ErrorKind::conflict)) << "still mapped";
    EXPECT_TRUE(ok(memory->unmap(info)));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Bindings, AWindowIsSetToAnAbsolutePlace) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 0);
    const std::size_t begin = memory->offset(), maxsize = memory->maxsize();
    ASSERT_TRUE(ok(memory->set_window(begin + 4, 8)));
    EXPECT_EQ(memory->offset(), begin + 4);
    EXPECT_EQ(contents(*memory), counting(8, 4));
    ASSERT_TRUE(ok(memory->set_window(maxsize, 0)));
    for (auto [offset, size] : {std::pair{maxsize, std::size_t{1}}, {maxsize + 1, 0}, {1, whole}, {whole, 1}})
        EXPECT_TRUE(refused(memory->set_window(offset, size), ErrorKind::invalid));
    EXPECT_EQ(memory->offset(), maxsize) << "nothing has changed";
    ASSERT_TRUE(ok(memory->set_window(begin, 16)));
    auto one = memory->share();
    auto two = memory->share();
    EXPECT_TRUE(refused(memory->set_window(0, 1), ErrorKind::conflict));
}

TEST_P(Bindings, AnAccessWithoutTheLockGoesBesideEveryMap) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    Block& block = memory->block();
    auto writing = memory->map(MapFlags::write);
    ASSERT_TRUE(ok(writing));
    MapInfo info;
    ASSERT_TRUE(ok(block.begin_cpu_access(*memory, info, MapFlags::read)));
    EXPECT_EQ(info.size, 16u);
    EXPECT_EQ(info.data[5], 6);
    EXPECT_TRUE(refused(memory->unmap(info), ErrorKind::invalid)) << "it is no map";
    ASSERT_TRUE(ok(block.end_cpu_access(*memory, info)));
    EXPECT_EQ(info.data, nullptr);
    EXPECT_TRUE(refused(block.end_cpu_access(*memory, info), ErrorKind::invalid));
    EXPECT_TRUE(ok(writing->unmap()));
    for (MapFlags flags : {MapFlags::none, MapFlags::read | MapFlags::ref_memory})
        EXPECT_TRUE(refused(block.begin_cpu_access(*memory, info, flags), ErrorKind::invalid));
    auto view = memory->share(4, 4);
    ASSERT_TRUE(ok(view));
    EXPECT_TRUE(refused(block.begin_cpu_access(**view, info, MapFlags::write), ErrorKind::conflict));
    ASSERT_TRUE(ok(block.begin_cpu_access(**view, info, MapFlags::read)));
    EXPECT_EQ(info.data[0], 5);
    ASSERT_TRUE(ok(block.end_cpu_access(**view, info)));
    EXPECT_TRUE(idle(*memory));
}

TEST_P(Bindings, OnePointerGoesWithTheStorage) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    int destroyed = 0, others = 0;
    const Notify mine = [](void* data) { ++*static_cast<int*>(data); };
    const Notify theirs = [](void* data) { *static_cast<int*>(data) += 100; };
    Block& block = memory->block();
    EXPECT_EQ(block.user_data(mine), nullptr);
    EXPECT_FALSE(block.set_user_data(nullptr, mine));
    EXPECT_FALSE(block.set_user_data(&destroyed, nullptr));
    EXPECT_TRUE(block.set_user_data(&destroyed, mine));
    EXPECT_FALSE(block.set_user_data(&others, theirs)) << "taken";
    EXPECT_EQ(block.user_data(mine), &destroyed);
    EXPECT_EQ(block.user_data(theirs), nullptr) << "another owner's";
    EXPECT_EQ(block.user_data(nullptr), nullptr);
    auto view = memory->share();
    ASSERT_TRUE(ok(view));
    memory.reset();
    EXPECT_EQ(destroyed, 0);
    view->reset();
    EXPECT_EQ(destroyed, 1);
    EXPECT_EQ(others, 0);
}

// The handle of a REF_MEMORY map is the map's: its stale copy does not take the caller's.
TEST_P(Bindings, AStaleMapThatReferredToItsMemoryTakesNoHandle) {
    for (MapFlags mode : {MapFlags::read, MapFlags::write, MapFlags::readwrite}) {
        auto memory = make(16);
        ASSERT_TRUE(memory);
        MapInfo first;
        ASSERT_TRUE(ok(memory->map(first, mode | MapFlags::ref_memory)));
        EXPECT_EQ(memory->ref_count(), 2u);
        MapInfo stale = first;
        ASSERT_TRUE(ok(memory->unmap(first)));
        MapInfo other;
        ASSERT_TRUE(ok(memory->map(other, mode)));
        EXPECT_TRUE(ok(memory->unmap(stale))) << "cannot be told from the other map";
        EXPECT_EQ(memory->ref_count(), 1u) << "the caller's";
        EXPECT_TRUE(refused(memory->unmap(other), ErrorKind::invalid));
        EXPECT_TRUE(idle(*memory));
    }
}

TEST_P(Bindings, AnUnlockDoesNotTakeAShare) {
    auto memory = make(16);
    ASSERT_TRUE(memory);
    fill(*memory, 1);
    auto view = memory->share();
    ASSERT_TRUE(ok(view));
    EXPECT_TRUE(refused(memory->unlock(LockFlags::exclusive), ErrorKind::conflict));
    EXPECT_TRUE(refused(memory->unlock(LockFlags::exclusive | LockFlags::read), ErrorKind::conflict));
    ASSERT_TRUE(ok(memory->lock(LockFlags::exclusive)));
    EXPECT_FALSE(memory->is_writable());
    EXPECT_TRUE(ok(memory->unlock(LockFlags::exclusive)));
    EXPECT_TRUE(refused(memory->unlock(LockFlags::exclusive), ErrorKind::conflict));
    memory.reset();
    EXPECT_EQ(contents(**view), counting(16, 1)) << "the share kept the storage";
}

HWALLOC_OVER_MAPPING(Bindings);

TEST(NullNames, AreTheDefaultOrRefused) {
    const char* const unset = std::getenv("HWALLOC_CONTRACT_TEST_IS_NEVER_SET");
    ASSERT_EQ(unset, nullptr);
    EXPECT_EQ(Allocator::find(unset), Allocator::find());
    auto resolved = Allocator::resolve(unset);
    ASSERT_TRUE(ok(resolved));
    EXPECT_EQ(*resolved, Allocator::find());
    EXPECT_TRUE(refused(Allocator::unregister(unset), ErrorKind::invalid));
    EXPECT_TRUE(
        refused(Allocator::register_allocator(unset, AllocatorRef(Allocator::find())), ErrorKind::invalid));
    auto memory = alloc(16);
    ASSERT_TRUE(ok(memory));
    EXPECT_FALSE((*memory)->is_type(unset));
    EXPECT_TRUE((*memory)->is_type("sysmem"));
    EXPECT_TRUE(refused(participant_of(unset), ErrorKind::invalid));
    EXPECT_TRUE(refused(check_node(unset), ErrorKind::invalid));
    EXPECT_TRUE(refused(drm::Device::open(unset), ErrorKind::invalid));
    EXPECT_TRUE(refused(v4l2::Camera::open(unset), ErrorKind::invalid));
    EXPECT_TRUE(refused(v4l2::output_participant(unset), ErrorKind::invalid));
    EXPECT_TRUE(allocator_names(unset).empty());
}

} // namespace
} // namespace hwalloc::contract
