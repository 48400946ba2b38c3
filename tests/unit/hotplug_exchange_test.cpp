// A device that was exchanged between two looks, that is open although its node has gone, or that is idle:
// what is believed of it, and which files are closed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/hotplug_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

} // namespace
} // namespace hwalloc
