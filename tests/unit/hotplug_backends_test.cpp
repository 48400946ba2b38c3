// Backends whose devices come and go: heaps and udmabuf, and modules that tell no more than they must.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/fake_cards.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(HotplugHeaps, HeapsAndUdmabufComeAndGo) {
    FakeDevices fake;
    fake.node_status.st_ino = 1;
    fake.heaps = {"system", "reserved"};
    fake.udmabuf_there = false;
    Registry& registry = fresh_registry();
    auto devices = registry.monitor({});
    ASSERT_TRUE(devices);
    Allocator* const system = registry.find("dma-heap");
    ASSERT_NE(system, nullptr);
    EXPECT_EQ(system->name(), "dma-heap/system");
    fake.heaps = {"reserved"};
    fake.udmabuf_there = true;
    ASSERT_TRUE(devices->dispatch());
    EXPECT_EQ(registry.find("dma-heap/system"), nullptr);
    EXPECT_EQ(registry.find("dma-heap")->name(), "dma-heap/reserved") << "the best there is";
    Allocator* const udmabuf = registry.find("udmabuf");
    ASSERT_NE(udmabuf, nullptr);
    fake.heaps = {};
    fake.udmabuf_there = false;
    ASSERT_TRUE(devices->dispatch());
    EXPECT_EQ(registry.find("dma-heap"), nullptr);
    EXPECT_EQ(registry.find("udmabuf"), nullptr);
    EXPECT_THAT(registry.resolve("udmabuf").error().message(), HasSubstr("CONFIG_UDMABUF"));
    EXPECT_THAT(registry.resolve("dma-heap").error().message(), HasSubstr("CONFIG_DMABUF_HEAPS"));
    EXPECT_EQ(registry.resolve("dma-heap/system").error().kind(), ErrorKind::device_lost);
    fake.heaps = {"reserved", "system"};
    fake.udmabuf_there = true;
    ASSERT_TRUE(devices->dispatch());
    EXPECT_EQ(registry.find("dma-heap"), system);
    EXPECT_EQ(registry.find("udmabuf"), udmabuf);
    // Another node under the path: what was opened before is closed.
    ASSERT_TRUE(system->alloc(100));
    const std::size_t opened = fake.opened.size();
    ASSERT_TRUE(system->alloc(100));
    EXPECT_EQ(fake.opened.size(), opened);
    fake.node_status.st_ino = 2;
    ASSERT_TRUE(devices->dispatch());
    ASSERT_TRUE(system->alloc(100));
    EXPECT_EQ(fake.opened.size(), opened + 1);
}

// A backend that knows no more than still_here() and add()

class Plain final : public Allocator {
public:
    Plain() noexcept : Allocator("vulkan") { ++made; }
    static inline int made = 0;
};
bool plugged;
bool asks_first;
Result<void> discover(BackendHost& host) noexcept {
    if (!plugged || (asks_first && host.still_here("vulkan/7", {"vulkan/plain"})))
        return {};
    auto added = host.add("vulkan/7", AllocatorRef::adopt(new Plain), {"vulkan/plain"});
    EXPECT_TRUE(added || added.error().kind() == ErrorKind::conflict);
    return {};
}
const Backend plain = {.name = "plain", .families = "vulkan", .subsystems = nullptr, .discover = discover};

TEST(HotplugModules, ABackendThatSaysNothingOfANameHasLostIt) {
    const KernelOverride restore;
    kernel.dlopen = [](const char*, int, const char**) -> void* { return &plugged; };
    kernel.dlsym = [](void*, const char*) -> void* { return const_cast<Backend*>(&plain); };
    kernel.list_directory = [](const char*, bool (*)(const char*, void*), void*) { return -ENOENT; };
    for (const bool asks : {true, false}) {
        asks_first = asks;
        plugged = true;
        Plain::made = 0;
        Registry& registry = fresh_registry();
        auto found = registry.resolve("vulkan/7");
        ASSERT_TRUE(found) << found.error().message();
        for (int i = 0; i < 5; ++i) {
            plugged = false;
            (void)registry.rescan();
            EXPECT_EQ(registry.find("vulkan/7"), nullptr);
            EXPECT_EQ(registry.find("vulkan/plain"), nullptr);
            EXPECT_EQ(registry.resolve("vulkan/7").error().kind(), ErrorKind::device_lost);
            plugged = true;
            (void)registry.rescan();
            EXPECT_EQ(registry.find("vulkan/7"), *found) << "the object that it had";
            EXPECT_EQ(registry.find("vulkan/plain"), *found);
        }
        EXPECT_TRUE(!asks || Plain::made == 1);
    }
}

// A backend whose devices are of a subsystem that the library has never heard of.
Result<void> only_asks(BackendHost& host) noexcept {
    if (host.knows("vulkan/8"))
        return {};
    return host.add("vulkan/8", AllocatorRef::adopt(new Plain));
}
const Backend curious = {
    .name = "curious", .families = "vulkan", .subsystems = "drm strange  stranger", .discover = only_asks};

TEST(HotplugModules, AskingForANameSaysNothingOfIt) {
    const KernelOverride restore;
    kernel.dlopen = [](const char*, int, const char**) -> void* { return &plugged; };
    kernel.dlsym = [](void*, const char*) -> void* { return const_cast<Backend*>(&curious); };
    kernel.list_directory = [](const char*, bool (*)(const char*, void*), void*) { return -ENOENT; };
    Registry& registry = fresh_registry();
    ASSERT_TRUE(registry.set_default(AllocatorRef(*registry.resolve("vulkan/8"))));
    const std::uint64_t changes = registry.changes();
    (void)registry.rescan();
    EXPECT_EQ(registry.find("vulkan/8"), nullptr) << "it was not said to be there";
    EXPECT_EQ(registry.default_allocator()->name(), "sysmem");
    EXPECT_GT(registry.changes(), changes);
}

TEST(HotplugModules, AModulesSubsystemsAreListenedToOnceItIsLoaded) {
    const KernelOverride restore;
    kernel.dlopen = [](const char*, int, const char**) -> void* { return &plugged; };
    kernel.dlsym = [](void*, const char*) -> void* { return const_cast<Backend*>(&curious); };
    kernel.list_directory = [](const char*, bool (*)(const char*, void*), void*) { return -ENOENT; };
    Registry& registry = fresh_registry();
    (void)registry.find("sysmem");
    EXPECT_THAT(registry.subsystems(), UnorderedElementsAre("dma_heap", "drm", "misc", "video4linux"))
        << "those of the backends that are built in";
    ASSERT_TRUE(registry.resolve("vulkan/8"));
    EXPECT_THAT(registry.subsystems(),
                UnorderedElementsAre("dma_heap", "drm", "misc", "video4linux", "strange", "stranger"));
}

} // namespace
} // namespace hwalloc
