// Devices that come and go: which names the registry has meanwhile, and what an application still holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "hwalloc/capabilities.h"
#include "hwalloc/dma_buf.h"
#include "tests/unit/hotplug_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
        fake.listing_errors["/dev/dri"] = error;
        ASSERT_TRUE(devices.dispatch());
        EXPECT_EQ(alias("drm-dumb/bochs-drm"), "drm-dumb/card1");
        EXPECT_FALSE(registry.resolve("drm-dumb/card7"));
        EXPECT_EQ(alias("drm-dumb"), "drm-dumb/card0");
    }
    EXPECT_THAT(told, IsEmpty());
}

// Where the names come from: connectors, the device below that of virtio's bus, and udev's links.
TEST_F(Hotplug, ADirectoryOfLinksThatCannotBeReadTakesNoNameAway) {
    fake.cards[0].link = "../../bus/pci/drivers/i915";
    fake.cards[0].connectors = {};
    fake.cards[1].link = "../../bus/pci/drivers/virtio-pci";
    fake.cards[1].below = {"virtio0"};
    fake.cards[1].below_link = "../../bus/virtio/drivers/virtio_gpu";
    auto devices = monitor();
    for (const char* directory : {"/sys/class/drm", "/sys/class/drm/card1/device", "/dev/dri/by-path"})
        for (const int error : {EMFILE, EACCES, EIO}) {
            SCOPED_TRACE(std::string(directory) + ": " + std::to_string(error));
            fake.listing_errors = {{directory, error}};
            ASSERT_TRUE(devices.dispatch());
            EXPECT_EQ(alias("drm-dumb"), "drm-dumb/card1") << "the first that has screens";
            EXPECT_EQ(alias("drm-dumb/virtio_gpu"), "drm-dumb/card1");
            EXPECT_EQ(alias("drm-dumb/by-path/pci-0000:00:02.0"), "drm-dumb/card1");
        }
    EXPECT_THAT(told, IsEmpty());
    fake.listing_errors = {};
    fake.cards.erase(1);
    ASSERT_TRUE(devices.dispatch());
    EXPECT_EQ(alias("drm-dumb"), "drm-dumb/card0");
}

TEST_F(Hotplug, ACardIsNotChosenWhileItCannotBeSeenWhichHasScreens) {
    fake.cards[0].connectors = {};
    fake.listing_errors["/sys/class/drm"] = EMFILE;
    auto refused = registry.resolve("drm-dumb");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("/sys/class/drm"));
    fake.listing_errors = {};
    EXPECT_EQ((*registry.resolve("drm-dumb"))->name(), "drm-dumb/card1");
}

// As where /sys is for root alone.
TEST_F(Hotplug, WithoutTheRightToReadOfCardsTheyAreThereByTheirNodes) {
    fake.listing_errors = {{"/sys/class/drm", EACCES}, {"/dev/dri/by-path", EACCES}};
    EXPECT_TRUE(registry.resolve("drm-dumb"));
    EXPECT_EQ(alias("/dev/dri/card1"), "drm-dumb/card1");
    fake.cards[2] = {};
    (void)registry.rescan();
    EXPECT_EQ(alias("/dev/dri/card2"), "drm-dumb/card2");
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

} // namespace
} // namespace hwalloc
