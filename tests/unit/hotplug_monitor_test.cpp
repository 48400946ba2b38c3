// What a DeviceMonitor tells, to whom and when, and what its callbacks may do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "tests/unit/hotplug_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

// In a thread of its own, which the caller waits for. False: it waits for what the caller holds, and will go
// on when that is let go of.
bool done_elsewhere(std::vector<std::thread>& threads, std::function<void()> use) {
    std::promise<void> used;
    auto waiting = used.get_future();
    threads.emplace_back([use = std::move(use), used = std::move(used)]() mutable {
        use();
        used.set_value();
    });
    return waiting.wait_for(std::chrono::seconds(60)) == std::future_status::ready;
}

TEST_F(Hotplug, CallbacksMayUseTheLibrary) {
    int calls = 0;
    std::vector<std::thread> threads;
    auto other = monitor();
    // Both by the thread that dispatches and by another one that it waits for.
    const auto twice = [&](const std::function<void()>& use) {
        ++calls;
        if (done_elsewhere(threads, use))
            use();
        else
            ADD_FAILURE() << "a lock is held while a callback runs";
    };
    auto devices = registry.monitor({.added =
                                         [&](std::string_view name, Allocator& allocator) {
                                             twice([this, &other, &allocator, name = std::string(name)] {
                                                 EXPECT_EQ(*registry.resolve(name), &allocator);
                                                 EXPECT_TRUE(allocator.alloc(100));
                                                 EXPECT_FALSE(registry.resolve("no such name"));
                                                 EXPECT_TRUE(registry.inventory(InventoryScan::full));
                                                 EXPECT_TRUE(registry.set_default(AllocatorRef(&allocator)));
                                                 EXPECT_TRUE(registry.monitor({}));
                                                 EXPECT_TRUE(other.dispatch());
                                             });
                                         },
                                     .removed =
                                         [&](std::string_view name, Allocator& allocator) {
                                             twice([this, &other, &allocator, name = std::string(name)] {
                                                 EXPECT_FALSE(registry.resolve(name));
                                                 EXPECT_FALSE(allocator.alloc(100));
                                                 EXPECT_TRUE(other.dispatch());
                                             });
                                         }});
    ASSERT_TRUE(devices);
    fake.cards[5] = {};
    EXPECT_TRUE(devices->dispatch());
    fake.cards.erase(5);
    EXPECT_TRUE(devices->dispatch());
    EXPECT_EQ(calls, 2);
    for (std::thread& thread : threads)
        thread.join();
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
