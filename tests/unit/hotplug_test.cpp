// Devices that come and go: which names the registry has meanwhile, what is told, and what an application
// still holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "hwalloc/capabilities.h"
#include "hwalloc/dma_buf.h"
#include "tests/unit/fake_cards.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A machine without udev: tests/lab/hotplug_test.py has the real one.
class Hotplug : public ::testing::Test {
protected:
    Hotplug() {
        fake.node_status.st_mode = S_IFCHR | 0660;
        fake.cards[0] = {.link = "../../bus/pci/drivers/virtio_gpu", .path = "pci-0000:00:01.0", .node = 1};
        fake.cards[1] = {.link = "../../bus/pci/drivers/bochs-drm", .path = "pci-0000:00:02.0", .node = 2};
    }
    DeviceMonitor::Callbacks noting() {
        return {
            .added = [this](std::string_view name, Allocator& allocator) { note("+", name, allocator); },
            .removed = [this](std::string_view name, Allocator& allocator) { note("-", name, allocator); }};
    }
    void note(const char* sign, std::string_view name, Allocator& allocator) {
        EXPECT_EQ(registry.find(name), *sign == '+' ? &allocator : nullptr) << "told after the change";
        told.push_back(sign + std::string(name));
    }
    DeviceMonitor monitor() {
        auto opened = registry.monitor(noting());
        EXPECT_TRUE(opened);
        return std::move(*opened);
    }
    std::string alias(const char* name) {
        Allocator* found = registry.find(name);
        return found ? std::string(found->name()) : "nothing";
    }
    // Those that this test has opened.
    int fds_of(std::string_view target) {
        int found = 0;
        for (const int fd : open_fds()) {
            char link[64] = {};
            found +=
                !before.contains(fd) &&
                ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link, sizeof(link) - 1) > 0 &&
                std::string_view(link).starts_with(target);
        }
        return found;
    }
    std::vector<std::string> told_now() { return std::exchange(told, {}); }
    std::size_t items() { return registry.inventory(InventoryScan::quick)->size(); }

    const std::set<int> before = open_fds();
    FakeCards fake;
    Registry& registry = fresh_registry();
    std::vector<std::string> told;
};

TEST_F(Hotplug, WithoutUdevItListsAndSaysWhy) {
    kernel.stat = [](const char* path, struct stat* status) {
        return std::string_view(path) == "/run/udev/control" ? -ENOENT : real_kernel().stat(path, status);
    };
    auto devices = registry.monitor({});
    ASSERT_TRUE(devices);
    EXPECT_EQ(devices->source(), DeviceSource::listing);
    EXPECT_EQ(devices->fd(), -1);
    ASSERT_NE(devices->why_listing(), nullptr);
    EXPECT_EQ(devices->why_listing()->kind(), ErrorKind::unavailable);
    EXPECT_THAT(devices->why_listing()->message(),
                AllOf(HasSubstr("/run/udev/control"), HasSubstr("ENOENT")));
    fake.cards[2] = {};
    EXPECT_EQ(registry.find("drm-dumb/card2"), nullptr) << "nothing changes by itself";
    EXPECT_TRUE(devices->dispatch()) << "without anybody to be told";
    EXPECT_NE(registry.find("drm-dumb/card2"), nullptr);
}

TEST_F(Hotplug, ANameGoesAndComesWithItsDevice) {
    auto devices = monitor();
    EXPECT_THAT(told, IsEmpty()) << "what is there already is no news";
    Allocator* const card = registry.find("drm-dumb/card1");
    ASSERT_NE(card, nullptr);
    auto memory = card->alloc(5000);
    ASSERT_TRUE(memory);
    auto mapping = (*memory)->map(MapFlags::readwrite);
    ASSERT_TRUE(mapping);
    mapping->data()[0] = 7;

    const FakeCard gone = fake.cards[1];
    fake.cards.erase(1);
    EXPECT_EQ(registry.find("drm-dumb/card1"), card) << "nothing changes but in dispatch()";
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told_now(), ElementsAre("-drm-dumb/card1"));
    for (const char* name : {"drm-dumb/card1", "drm-dumb/bochs-drm", "drm-dumb/bochs", "/dev/dri/card1",
                             "drm-dumb/by-path/pci-0000:00:02.0"}) {
        EXPECT_EQ(registry.find(name), nullptr) << name;
        auto resolved = registry.resolve(name);
        ASSERT_FALSE(resolved) << name;
        EXPECT_EQ(resolved.error().kind(), ErrorKind::device_lost) << name;
        EXPECT_THAT(resolved.error().message(), AllOf(HasSubstr("drm-dumb/card1"), HasSubstr("unplugged")));
    }
    auto more = card->alloc(5000);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().kind(), ErrorKind::device_lost);
    EXPECT_EQ(card->extension<Describes>()->available().error().kind(), ErrorKind::device_lost);
    EXPECT_EQ((*memory)->copy(0, whole).error().kind(), ErrorKind::device_lost);
    EXPECT_EQ(mapping->data()[0], 7) << "what is mapped stays";
    EXPECT_TRUE(mapping->unmap());
    EXPECT_TRUE((*memory)->share());
    memory->reset();
    EXPECT_EQ(open_fds(), before) << "nothing of a device that has gone is kept";
    const auto listed = registry.inventory(InventoryScan::quick);
    for (const InventoryItem& item : *listed)
        if (item.name == "drm-dumb/card1") {
            EXPECT_EQ(item.allocator, nullptr);
            EXPECT_EQ(item.why->kind(), ErrorKind::device_lost);
            EXPECT_THAT(item.aliases, IsEmpty());
        }

    fake.cards[1] = gone;
    fake.cards[1].node = 20;
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told_now(), ElementsAre("+drm-dumb/card1"));
    EXPECT_EQ(registry.find("drm-dumb/card1"), card) << "the same object";
    EXPECT_EQ(registry.find("drm-dumb/bochs-drm"), card);
    EXPECT_TRUE(card->alloc(5000));
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told, IsEmpty());
}

TEST_F(Hotplug, OtherNamesFollowTheDevices) {
    auto devices = monitor();
    fake.cards[2] = {.link = "../../bus/pci/drivers/bochs-drm", .path = "pci-0000:00:03.0", .node = 3};
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(alias("drm-dumb"), "drm-dumb/card0");
    EXPECT_EQ(alias("drm-dumb/bochs-drm"), "drm-dumb/card1");
    // The card with the best names goes; another bus address gets its number.
    fake.cards.erase(1);
    fake.cards[0] = {.link = "../../bus/pci/drivers/bochs-drm", .path = "pci-0000:00:02.0", .node = 4};
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(alias("drm-dumb/bochs-drm"), "drm-dumb/card0");
    EXPECT_EQ(alias("drm-dumb/by-path/pci-0000:00:02.0"), "drm-dumb/card0");
    EXPECT_EQ(alias("drm-dumb/by-path/pci-0000:00:03.0"), "drm-dumb/card2");
    EXPECT_EQ(alias("drm-dumb/virtio_gpu"), "nothing");
    EXPECT_EQ(alias("drm-dumb/by-path/pci-0000:00:01.0"), "nothing");
    fake.cards.erase(0);
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(alias("drm-dumb"), "drm-dumb/card2");
    EXPECT_EQ(alias("drm-dumb/bochs"), "drm-dumb/card2");
    fake.cards.clear();
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(alias("drm-dumb"), "nothing");
    EXPECT_THAT(registry.resolve("drm-dumb").error().message(), HasSubstr("vgem"))
        << "no card at all: that is explained, not the last one's end";
}

TEST_F(Hotplug, ADeviceThatWasExchangedIsToldAsBoth) {
    auto devices = registry.monitor(
        {.added = [&](std::string_view name, Allocator&) { told.push_back("+" + std::string(name)); },
         .removed = [&](std::string_view name, Allocator&) { told.push_back("-" + std::string(name)); }});
    ASSERT_TRUE(devices);
    Allocator* const card = registry.find("drm-dumb/card1");
    ASSERT_TRUE(card->alloc(100));
    const std::size_t opened = fake.opened.size();
    fake.cards[1].node = 20; // went and came between two looks, and udev told so
    const Removal removed[] = {{"/dev/dri/card1", 7}};
    (void)registry.rescan(removed);
    EXPECT_EQ(registry.find("drm-dumb/card1"), card);
    EXPECT_EQ(open_fds(), before) << "the old card's file is closed";
    ASSERT_TRUE(devices->dispatch());
    EXPECT_THAT(told_now(), ElementsAre("-drm-dumb/card1", "+drm-dumb/card1"));
    EXPECT_TRUE(card->alloc(100));
    EXPECT_EQ(fake.opened.size(), opened + 1);
    // Without an event the node tells: another inode.
    fake.cards[1].node = 21;
    ASSERT_TRUE(devices->dispatch());
    EXPECT_EQ(open_fds(), before);
}

TEST_F(Hotplug, TheDefaultIsTheBuiltInOneAgainWhenItsDeviceGoes) {
    auto devices = monitor();
    Allocator* const card = registry.find("drm-dumb/card1");
    ASSERT_TRUE(registry.set_default(AllocatorRef(card)));
    fake.cards.erase(0);
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(registry.default_allocator(), card) << "another device's end is no reason";
    fake.cards.erase(1);
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(registry.default_allocator()->name(), "sysmem");
    fake.cards[1] = {};
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(registry.default_allocator()->name(), "sysmem") << "the application decides anew";
}

TEST_F(Hotplug, AnExchangedDeviceIsTheDefaultNoMore) {
    auto devices = monitor();
    Allocator* const card = registry.find("drm-dumb/card1");
    ASSERT_TRUE(registry.set_default(AllocatorRef(card)));
    const Removal other[] = {{"/dev/dri/card0", 6}};
    (void)registry.rescan(other);
    EXPECT_EQ(registry.default_allocator(), card) << "another device's exchange is no reason";
    const Removal removed[] = {{"/dev/dri/card1", 7}};
    (void)registry.rescan(removed);
    EXPECT_EQ(registry.find("drm-dumb/card1"), card) << "a card is there";
    EXPECT_EQ(registry.default_allocator()->name(), "sysmem") << "but not the one that was chosen";
}

TEST_F(Hotplug, WhatTheApplicationDecidedStays) {
    auto devices = monitor();
    Allocator* const card0 = registry.find("drm-dumb/card0");
    Allocator* const card1 = registry.find("drm-dumb/card1");
    ASSERT_TRUE(registry.remove("drm-dumb/card0"));
    ASSERT_TRUE(registry.remove("drm-dumb/bochs"));
    ASSERT_TRUE(registry.add_by_application("drm-dumb/card1", AllocatorRef(registry.find("memfd"))));
    ASSERT_TRUE(registry.add_by_application("mine", AllocatorRef(card1)));
    ASSERT_TRUE(devices.dispatch());
    const auto cards = fake.cards;
    for (int i = 0; i < 3; ++i) {
        fake.cards.clear();
        ASSERT_TRUE(devices.dispatch());
        EXPECT_EQ(registry.find("/dev/dri/card0"), nullptr) << "no stale name";
        EXPECT_EQ(registry.find("drm-dumb/bochs-drm"), nullptr);
        EXPECT_EQ(alias("drm-dumb/card1"), "memfd");
        EXPECT_EQ(registry.find("mine"), card1);
        fake.cards = cards;
        ASSERT_TRUE(devices.dispatch());
        EXPECT_EQ(registry.find("drm-dumb/card0"), nullptr) << "taken out";
        EXPECT_EQ(registry.find("drm-dumb/bochs"), nullptr) << "taken out";
        EXPECT_EQ(registry.find("drm-dumb/bochs-drm"), card1);
        EXPECT_EQ(registry.find("drm-dumb/virtio_gpu"), card0);
        EXPECT_EQ(alias("drm-dumb/card1"), "memfd");
    }
    EXPECT_THAT(told, IsEmpty());
    // A name that is registered while its device is away is the application's, too.
    fake.cards[2] = {};
    ASSERT_TRUE(devices.dispatch());
    fake.cards.erase(2);
    ASSERT_TRUE(devices.dispatch());
    ASSERT_TRUE(registry.add_by_application("drm-dumb/card2", AllocatorRef(card0)));
    fake.cards[2] = {};
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(registry.find("drm-dumb/card2"), card0);
    EXPECT_THAT(told_now(), ElementsAre("+drm-dumb/card2", "-drm-dumb/card2"));
}

TEST_F(Hotplug, ADirectoryThatCannotBeReadSaysNothing) {
    auto devices = monitor();
    for (const int error : {EMFILE, EACCES, ENOMEM}) {
        fake.listing_error = error;
        ASSERT_TRUE(devices.dispatch());
        EXPECT_EQ(alias("drm-dumb/bochs-drm"), "drm-dumb/card1");
        EXPECT_FALSE(registry.resolve("drm-dumb/card7"));
        EXPECT_EQ(alias("drm-dumb"), "drm-dumb/card0");
    }
    EXPECT_THAT(told, IsEmpty());
}

// A process that shut itself in still has what it opened before.
TEST_F(Hotplug, ADeviceThatIsOpenAndAnswersIsThere) {
    auto devices = monitor();
    Allocator* const card = registry.find("drm-dumb/card1");
    ASSERT_TRUE(card->alloc(100));
    kernel.stat = [](const char*, struct stat*) { return -ENOENT; };
    fake.there = false;
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told_now(), ElementsAre("-drm-dumb/card0"));
    EXPECT_EQ(registry.find("drm-dumb/bochs-drm"), card);
    EXPECT_TRUE(card->alloc(100));
    fake.cards.erase(1); // until it answers no more
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told_now(), ElementsAre("-drm-dumb/card1"));
    EXPECT_EQ(open_fds(), before);
}

// Some drivers go on answering on an open file of a device that they have lost.
TEST_F(Hotplug, UdevsWordCountsMoreThanAnOpenFiles) {
    Allocator* const card = *registry.resolve("drm-dumb/card1");
    ASSERT_TRUE(card->alloc(100));
    kernel.stat = [](const char*, struct stat*) { return -ENOENT; };
    fake.there = false;
    (void)registry.rescan();
    EXPECT_EQ(registry.find("drm-dumb/card1"), card);
    const Removal removed[] = {{"/dev/dri/card1", 7}};
    (void)registry.rescan(removed);
    EXPECT_EQ(registry.find("drm-dumb/card1"), nullptr);
    EXPECT_EQ(open_fds(), before);
}

TEST_F(Hotplug, CallbacksMayUseTheLibrary) {
    int calls = 0;
    auto devices = registry.monitor({.added =
                                         [&](std::string_view name, Allocator& allocator) {
                                             ++calls;
                                             EXPECT_EQ(*registry.resolve(name), &allocator);
                                             EXPECT_TRUE(allocator.alloc(100));
                                             EXPECT_FALSE(registry.resolve("no such name"));
                                             EXPECT_TRUE(registry.inventory(InventoryScan::full));
                                             EXPECT_TRUE(registry.set_default(AllocatorRef(&allocator)));
                                         },
                                     .removed =
                                         [&](std::string_view name, Allocator& allocator) {
                                             ++calls;
                                             EXPECT_FALSE(registry.resolve(name));
                                             EXPECT_FALSE(allocator.alloc(100));
                                         }});
    ASSERT_TRUE(devices);
    fake.cards[5] = {};
    ASSERT_TRUE(devices->dispatch());
    fake.cards.erase(5);
    ASSERT_TRUE(devices->dispatch());
    EXPECT_EQ(calls, 2);
}

TEST_F(Hotplug, EveryMonitorIsToldWhoeverLooked) {
    auto devices = monitor();
    std::vector<std::string> others;
    auto other = registry.monitor(
        {.added = [&](std::string_view name, Allocator&) { others.emplace_back(name); }, .removed = {}});
    ASSERT_TRUE(other);
    fake.cards[7] = {};
    ASSERT_TRUE(registry.resolve("drm-dumb/card7")) << "an unknown name is a reason to look";
    fake.cards.erase(1);
    EXPECT_FALSE(registry.resolve("drm-dumb/card8"));
    EXPECT_EQ(registry.find("drm-dumb/card1"), nullptr);
    EXPECT_THAT(told, IsEmpty()) << "but only dispatch() calls back";
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told_now(), ElementsAre("-drm-dumb/card1", "+drm-dumb/card7"));
    ASSERT_TRUE(other->dispatch());
    EXPECT_THAT(others, ElementsAre("drm-dumb/card7"));
    auto moved = std::move(*other);
    ASSERT_TRUE(moved.dispatch());
    EXPECT_EQ(others.size(), 1u);
}

// Each monitor hears of a removal at its own time, the second maybe long after the device is back.
TEST_F(Hotplug, ARemovalCountsOnceWhoeverHearsOfIt) {
    auto devices = monitor();
    Allocator* const card = registry.find("drm-dumb/card1");
    const FakeCard there = fake.cards[1];
    const auto arrivals = [](const std::vector<Sighting>& seen, std::string_view name) {
        for (const Sighting& one : seen)
            if (one.name == name)
                return one.arrivals;
        return std::uint64_t{0};
    };
    const Removal removed[] = {{"/dev/dri/card1", 7}, {"/dev/dri/card2", 8}};
    fake.cards.erase(1);
    (void)registry.rescan(removed);
    ASSERT_TRUE(devices.dispatch());
    fake.cards[1] = there;
    fake.cards[2] = {.node = 3}; // it came, went and came between two looks
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told_now(), ElementsAre("-drm-dumb/card1", "+drm-dumb/card1", "+drm-dumb/card2"));
    ASSERT_TRUE(card->alloc(100));
    const std::uint64_t changes = registry.changes();
    const auto late = registry.rescan(removed);
    EXPECT_EQ(arrivals(late, "drm-dumb/card1"), 2u);
    EXPECT_EQ(arrivals(late, "drm-dumb/card2"), 1u);
    EXPECT_EQ(registry.changes(), changes) << "plans stay";
    EXPECT_EQ(fds_of("/memfd:fake card1"), 1) << "so does the card's file";
    ASSERT_TRUE(devices.dispatch());
    EXPECT_THAT(told, IsEmpty());
    const Removal again[] = {{"/dev/dri/card1", 9}};
    EXPECT_EQ(arrivals(registry.rescan(again), "drm-dumb/card1"), 3u) << "another one counts";
}

TEST_F(Hotplug, NothingGrows) {
    auto devices = monitor();
    Allocator* const card = registry.find("drm-dumb/card1");
    const std::size_t listed = items();
    const auto cards = fake.cards;
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(card->alloc(100));
        fake.cards.erase(1);
        ASSERT_TRUE(devices.dispatch());
        ASSERT_EQ(registry.find("drm-dumb/bochs"), nullptr);
        fake.cards = cards;
        fake.cards[1].node = 100 + static_cast<std::uint64_t>(i);
        ASSERT_TRUE(devices.dispatch());
        ASSERT_EQ(registry.find("drm-dumb/bochs"), card);
    }
    EXPECT_EQ(items(), listed);
    EXPECT_EQ(told.size(), 400u);
    EXPECT_EQ(open_fds(), before);
}

TEST_F(Hotplug, IdleDevicesAreClosedAndMemoryKeepsItsOwn) {
    Allocator* const card0 = *registry.resolve("drm-dumb/card0");
    Allocator* const card1 = *registry.resolve("drm-dumb/card1");
    ASSERT_TRUE(card0->alloc(100));
    auto memory = card1->alloc(100);
    ASSERT_TRUE(memory);
    registry.close_idle_devices();
    EXPECT_EQ(fds_of("/memfd:fake card0"), 0);
    EXPECT_EQ(fds_of("/memfd:fake card1"), 1) << "the memory's own";
    EXPECT_EQ(fake.handles(), 1u);
    EXPECT_EQ(registry.find("drm-dumb/card0"), card0) << "nothing has gone";
    EXPECT_TRUE((*memory)->map(MapFlags::write));
    EXPECT_TRUE(card0->alloc(100));
    registry.close_idle_devices();
    memory->reset();
    EXPECT_EQ(open_fds(), before);
}

// Whoever looks names up takes no lock, and never sees anything but the allocator or nothing.
TEST_F(Hotplug, NamesAreLookedUpMeanwhile) {
    auto devices = registry.monitor({});
    ASSERT_TRUE(devices);
    Allocator* const card = registry.find("drm-dumb/card1");
    std::atomic<bool> over{false};
    std::atomic<int> found{0}, missed{0};
    std::thread looking([&] {
        while (!over)
            for (const char* name : {"drm-dumb/card1", "drm-dumb/bochs", "/dev/dri/card1"}) {
                Allocator* one = registry.find(name);
                EXPECT_TRUE(!one || one == card);
                ++(one ? found : missed);
            }
    });
    const auto cards = fake.cards;
    for (int i = 0; i < 300 || !found || !missed; ++i) {
        fake.cards.erase(1);
        EXPECT_TRUE(devices->dispatch());
        fake.cards = cards;
        EXPECT_TRUE(devices->dispatch());
    }
    over = true;
    looking.join();
}

// ---- heaps and udmabuf

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

// ---- a backend that knows no more than still_here() and add()

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

TEST(HotplugMonitors, WhatWasMovedFromAnswersAndDoesNothing) {
    auto opened = fresh_registry().monitor({});
    ASSERT_TRUE(opened);
    DeviceMonitor moved = std::move(*opened);
    EXPECT_EQ(opened->fd(), -1);
    EXPECT_EQ(opened->source(), DeviceSource::listing);
    EXPECT_EQ(opened->why_listing(), nullptr);
    auto done = opened->dispatch();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), ErrorKind::invalid);
    EXPECT_TRUE(moved.dispatch());
}

} // namespace
} // namespace hwalloc
