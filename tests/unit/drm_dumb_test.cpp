// "drm-dumb/cardN": which cards are found, what they are asked for, how their buffers are mapped, and what a
// failure tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hwalloc/image.h"
#include "tests/unit/drm_dumb_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- finding

TEST_F(DrmDumb, EveryCardIsListedByNodeAndDriverAndNoneIsOpened) {
    fake.cards[0] = {.link = "", .device = "../../../vgem", .connectors = {}};
    fake.cards[2] = {.link = "../../../bus/pci/drivers/virtio-pci",
                     .below = {"drm", "virtio0"},
                     .below_link = "../../../../bus/virtio/drivers/virtio_gpu"};
    fake.cards[10] = {.link = "../../bus/platform/drivers/vc4-drm"};
    fake.cards[3] = {.link = "../../bus/faux/drivers/faux_driver", .device = "../../vkms"};
    ASSERT_TRUE(registry.resolve("drm-dumb"));
    const std::pair<const char*, const char*> same[] = {
        {"drm-dumb/vgem", "drm-dumb/card0"}, {"drm-dumb/virtio_gpu", "drm-dumb/card2"},
        {"drm-dumb/vkms", "drm-dumb/card3"}, {"drm-dumb/vc4-drm", "drm-dumb/card10"},
        {"drm-dumb/vc4", "drm-dumb/card10"}, {"/dev/dri/card2", "drm-dumb/card2"},
    };
    for (const auto& [alias, name] : same) {
        ASSERT_NE(registry.find(alias), nullptr) << alias;
        EXPECT_EQ(registry.find(alias)->name(), name);
    }
    EXPECT_EQ(registry.find("drm-dumb")->name(), "drm-dumb/card2") << "the first that can show something";
    EXPECT_EQ(registry.find("drm-dumb/renderD128"), nullptr);
    EXPECT_TRUE(fake.opened.empty());
}

TEST_F(DrmDumb, ADriversNameIsThatOfItsFirstCard) {
    fake.cards[9] = {};
    fake.cards[10] = {};
    ASSERT_TRUE(registry.resolve("drm-dumb/card10"));
    EXPECT_EQ(registry.find("drm-dumb/fake-drm")->name(), "drm-dumb/card0");
    EXPECT_EQ(registry.find("drm-dumb/fake")->name(), "drm-dumb/card0");
}

TEST_F(DrmDumb, MissingCardsAreExplained) {
    fake.cards.clear();
    fake.there = false;
    auto missing = registry.resolve("drm-dumb/card0");
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().kind(), ErrorKind::unavailable);
    EXPECT_THAT(missing.error().message(), AllOf(HasSubstr("/dev/dri"), HasSubstr("vgem")));
    // One that comes later is found.
    fake.there = true;
    fake.cards[5] = {};
    EXPECT_TRUE(registry.resolve("drm-dumb/card5"));
    missing = registry.resolve("drm-dumb/nonesuch");
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message(), HasSubstr("drm-dumb/card5"));
}

// ---- bytes

TEST_F(DrmDumb, BytesAreAskedForInRowsThatNoDriverChanges) {
    Allocator* allocator = card();
    fake.cards[0].pitch_mask = 255;
    for (int i = 0; i < 3; ++i) {
        auto memory = allocator->alloc(3 * page_size() + 1);
        ASSERT_TRUE(memory) << memory.error().message();
        EXPECT_TRUE((*memory)->is_type("drm-dumb"));
        EXPECT_EQ((*memory)->maxsize(), 3 * page_size() + 8);
        auto mapping = (*memory)->map(MapFlags::readwrite);
        ASSERT_TRUE(mapping) << mapping.error().message();
        mapping->data()[3 * page_size()] = 1;
        EXPECT_TRUE(mapping->unmap());
    }
    EXPECT_EQ(fake.asked.size(), 3u);
    EXPECT_EQ(fake.asked[0].width, 1024u);
    EXPECT_EQ(fake.asked[0].height, 4 * page_size() / 4096);
    EXPECT_EQ(fake.asked[0].bpp, 32u);
    EXPECT_EQ(fake.asked[0].flags, 0u);
    EXPECT_THAT(fake.opened, ElementsAre("/dev/dri/card0")) << "once, and kept";
    EXPECT_EQ(fake.masters_dropped, 1) << "nobody else could set a mode";
    EXPECT_EQ(fake.imports, 0);
    EXPECT_EQ(fake.handles(), 0u);
    EXPECT_THAT(fake.buffers.syncs, ElementsAre(start_rw, end_rw, start_rw, end_rw, start_rw, end_rw));
    EXPECT_THAT(fake.buffers.names, Each("hwalloc:" + std::to_string(3 * page_size() + 1)));
}

TEST_F(DrmDumb, LargeBuffersHaveLongerRowsAndTheLargestIsTold) {
    Allocator* allocator = card();
    fake.cards[0].create_error = ENOSPC;
    EXPECT_FALSE(allocator->alloc((std::size_t{64} << 20) + 1));
    EXPECT_EQ(fake.asked.back().width, 2048u);
    EXPECT_EQ(fake.asked.back().height, (std::uint64_t{64} << 20) / 8192 + 1);
    const std::size_t most = allocator->extension<Describes>()->properties().max_size;
    EXPECT_FALSE(allocator->alloc(most));
    EXPECT_LE(std::uint64_t{fake.asked.back().width} * 4 * fake.asked.back().height, 0xffffffffu);
    const std::size_t before = fake.asked.size();
    auto memory = allocator->alloc(most + 1);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::limit);
    EXPECT_EQ(memory.error().size_held(), most);
    EXPECT_EQ(fake.asked.size(), before) << "the card is not asked";
}

TEST_F(DrmDumb, TheOtherDepthIsTriedAndBothAreTold) {
    Allocator* allocator = card();
    fake.cards[0].depths = {8};
    auto memory = allocator->alloc(5000);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_EQ(fake.asked.back().bpp, 8u);
    EXPECT_EQ(fake.asked.back().width, 4096u);
    fake.cards[0].depths = {16};
    memory = allocator->alloc(5000);
    ASSERT_FALSE(memory);
    EXPECT_THAT(memory.error().message(),
                AllOf(HasSubstr("/dev/dri/card0 (fake-drm)"), HasSubstr("MODE_CREATE_DUMB"),
                      HasSubstr("EINVAL"), HasSubstr("pixels of 32 bits"), HasSubstr("pixels of 8 bits")));
    // A full card is not asked again in another way.
    fake.cards[0].create_error = ENOMEM;
    const std::size_t before = fake.asked.size();
    memory = allocator->alloc(5000);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(fake.asked.size(), before + 1);
}

TEST_F(DrmDumb, ABufferThatIsTooSmallIsRefused) {
    fake.cards[0].lacks = 1;
    auto memory = card()->alloc(5000);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(memory.error().size_wanted(), memory.error().size_held() + 1);
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDumb, WhatTheCardCannotDoShowsInAvailableToo) {
    Allocator* allocator = card();
    auto* describes = allocator->extension<Describes>();
    EXPECT_TRUE(describes->available());
    EXPECT_TRUE(card_fds().empty()) << "only looked at";
    fake.cards[0].create_error = ENOSYS;
    auto why = describes->available();
    ASSERT_FALSE(why);
    EXPECT_EQ(why.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(why.error().message(),
                AllOf(HasSubstr("/dev/dri/card0 (fake-drm)"), HasSubstr("MODE_CREATE_DUMB"),
                      HasSubstr("ENOSYS"), HasSubstr("udmabuf")));
    EXPECT_EQ(allocator->alloc(100).error().message().find("making a dumb buffer"), 0u);
    fake.cards[0].create_error = EACCES;
    EXPECT_THAT(describes->available().error().message(), HasSubstr("render node"));
    fake.cards[0].create_error = 0;
    fake.cards[0].export_error = ENOSYS;
    why = describes->available();
    ASSERT_FALSE(why);
    EXPECT_THAT(why.error().message(), HasSubstr("shares no buffers"));
    EXPECT_EQ(fake.handles(), 0u);
    fake.cards[0].export_error = EMFILE;
    EXPECT_EQ(allocator->alloc(100).error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDumb, ANodeThatMayNotBeOpenedTellsWhoseItIs) {
    fake.node_errors["/dev/dri/card0"] = EACCES;
    auto memory = card()->alloc(100);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::permission);
    EXPECT_THAT(memory.error().message(), AllOf(HasSubstr("/dev/dri/card0 belongs to"), HasSubstr("0660")));
    EXPECT_EQ(card()->extension<Describes>()->available().error().message(), memory.error().message());
    fake.node_errors.clear();
    EXPECT_TRUE(card()->alloc(100));
}

TEST_F(DrmDumb, ACardThatIsGoneIsLostAndItsReturnIsNoticed) {
    Allocator* allocator = card();
    ASSERT_TRUE(allocator->alloc(100));
    fake.cards[0].create_error = ENODEV;
    fake.cards[0].version_error = ENODEV;
    auto memory = allocator->alloc(100);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::device_lost);
    fake.node_errors["/dev/dri/card0"] = ENOENT;
    EXPECT_EQ(allocator->alloc(100).error().kind(), ErrorKind::device_lost);
    fake.node_errors.clear();
    fake.cards[0] = {};
    EXPECT_TRUE(allocator->alloc(100));
    EXPECT_EQ(card_fds().size(), 1u) << "the old file is closed";
}

TEST_F(DrmDumb, AnotherCardUnderTheNodeIsTakenAtOnce) {
    Allocator* allocator = card();
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    std::uint64_t node = fake.cards[0].node;
    ASSERT_TRUE(allocator->alloc(100));
    fake.cards[0].node = ++node;
    EXPECT_TRUE(allocator->alloc(100)) << "no allocation fails because of an open file";
    fake.cards[0].node = ++node;
    EXPECT_TRUE(import(allocator, foreign.get()));
    fake.cards[0].node = ++node;
    EXPECT_TRUE(alloc_image(*allocator, {fourcc('X', 'R', '2', '4'), 8, 8}));
    EXPECT_EQ(card_fds().size(), 1u) << "the old files are closed";
    EXPECT_EQ(fake.opened.size(), 4u);
}

TEST_F(DrmDumb, ADriverThatLeavesOldBytesIsCleanedUpAfter) {
    fake.cards[0].driver = "radeon";
    auto memory = card()->alloc(5000);
    ASSERT_TRUE(memory) << memory.error().message();
    auto mapping = (*memory)->map(MapFlags::read);
    ASSERT_TRUE(mapping);
    EXPECT_THAT(mapping->bytes(), Each(0));
    EXPECT_THAT(fake.buffers.syncs, ElementsAre(start_w, end_w, start_r));
}

// ---- mapping

TEST_F(DrmDumb, WhereTheDmaBufCannotBeMappedTheCardMapsAndSyncStays) {
    fake.cards[0].maps_dma_bufs = false;
    Allocator* allocator = card();
    KernelWatch watch;
    {
        auto other = allocator->alloc(100); // so that the handle is not the first
        auto memory = allocator->alloc(5000);
        ASSERT_TRUE(memory);
        for (int i = 0; i < 2; ++i) {
            auto mapping = (*memory)->map(MapFlags::write);
            ASSERT_TRUE(mapping) << mapping.error().message();
            mapping->data()[4999] = 7;
        }
        EXPECT_EQ(fake.last_map_offset, std::uint64_t{2} << 32);
        EXPECT_EQ(watch.mappings.size(), 1u) << "once for life";
        EXPECT_THAT(fake.buffers.syncs, ElementsAre(start_w, end_w, start_w, end_w));
        // Whoever imports the buffer in this process has the mapping too.
        auto again = import_dmabuf(borrow_fd(**memory, FdKind::dmabuf)->fd);
        ASSERT_TRUE(again);
        auto mapping = (*again)->map(MapFlags::read);
        ASSERT_TRUE(mapping) << mapping.error().message();
        EXPECT_EQ(mapping->data()[4999], 7);
    }
    EXPECT_TRUE(watch.mappings.empty());
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDumb, ABufferThatCannotBeMappedAtAllTellsBothWays) {
    fake.cards[0].maps_dma_bufs = fake.cards[0].maps_dumb = false;
    auto memory = card()->alloc(5000);
    ASSERT_TRUE(memory);
    auto mapping = (*memory)->map(MapFlags::read);
    ASSERT_FALSE(mapping);
    EXPECT_THAT(mapping.error().message(), AllOf(HasSubstr("mapping a dma-buf"), HasSubstr("MODE_MAP_DUMB")));
    EXPECT_THAT(fake.buffers.syncs, IsEmpty());
}

} // namespace
} // namespace hwalloc
