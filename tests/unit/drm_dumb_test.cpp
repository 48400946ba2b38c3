// "drm-dumb/cardN": which cards are found, what they are asked for, how their buffers are mapped and
// imported, and what a failure tells.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hwalloc/capabilities.h"
#include "hwalloc/dma_buf.h"
#include "hwalloc/image.h"
#include "tests/unit/fake_cards.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DrmDumb : public ::testing::Test {
protected:
    DrmDumb() {
        fake.node_status.st_mode = S_IFCHR | 0660;
        fake.cards[0] = {};
    }
    Allocator* card(const std::string& name = "card0") {
        auto found = registry.resolve("drm-dumb/" + name);
        EXPECT_TRUE(found) << found.error().message();
        return found ? *found : nullptr;
    }
    // The descriptors of cards that this test has opened: registered allocators keep theirs for ever.
    std::vector<int> card_fds() {
        std::vector<int> found;
        for (const int fd : open_fds()) {
            char link[64] = {};
            if (::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), link, sizeof(link) - 1) > 0 &&
                std::string(link).starts_with("/memfd:fake card") && !before_.contains(fd))
                found.push_back(fd);
        }
        return found;
    }
    static Result<MemoryRef> import(Allocator* allocator, int fd, std::size_t offset = 0,
                                    std::size_t size = whole) {
        return allocator->extension<ImportsDmaBuf>()->import_dmabuf(fd, offset, size, MemoryFlags::none);
    }
    const std::set<int> before_ = open_fds();
    FakeCards fake;
    Registry& registry = fresh_registry();
};

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

// ---- importing

TEST_F(DrmDumb, AnImportIsCountedAndOneOwnersEndKeepsTheOthersHandle) {
    Allocator* allocator = card();
    const UniqueFd foreign = FakeDmaBufs::make(2 * page_size());
    auto first = import(allocator, foreign.get());
    ASSERT_TRUE(first) << first.error().message();
    auto second = import(allocator, foreign.get(), page_size(), 100);
    ASSERT_TRUE(second);
    EXPECT_EQ((*first)->size(), 2 * page_size());
    EXPECT_EQ((*second)->offset(), page_size());
    ASSERT_EQ(card_fds().size(), 1u);
    EXPECT_EQ(fake.handles(), 1u);
    first->reset();
    EXPECT_TRUE(fake.has_handle(card_fds()[0], 1));
    auto mapping = (*second)->map(MapFlags::write);
    EXPECT_TRUE(mapping) << mapping.error().message();
    EXPECT_TRUE(mapping->unmap());
    second->reset();
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDumb, ItsOwnBufferComesBackAsTheSameHandle) {
    Allocator* allocator = card();
    auto memory = allocator->alloc(100);
    ASSERT_TRUE(memory);
    auto fd = export_fd(**memory, FdKind::dmabuf);
    ASSERT_TRUE(fd);
    auto back = import(allocator, fd->get());
    ASSERT_TRUE(back) << back.error().message();
    EXPECT_EQ(fake.handles(), 1u);
    memory->reset();
    EXPECT_EQ(fake.handles(), 1u) << "one handle with two owners";
    back->reset();
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDumb, ARefusedImportSaysWhatItCanBe) {
    Allocator* allocator = card();
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    const auto before = open_fds();
    for (const int refusal : {EINVAL, ENODEV, ENOSYS, EOPNOTSUPP}) {
        fake.cards[0].import_error = refusal;
        auto memory = import(allocator, foreign.get());
        ASSERT_FALSE(memory);
        EXPECT_EQ(memory.error().kind(), ErrorKind::incompatible) << refusal;
        EXPECT_EQ(memory.error().code(), refusal);
        EXPECT_EQ(memory.error().size_wanted(), page_size());
        EXPECT_THAT(memory.error().message(),
                    AllOf(HasSubstr("/dev/dri/card0 (fake-drm): PRIME_FD_TO_HANDLE"), HasSubstr("contiguous"),
                          HasSubstr("drm-dumb/card0")));
    }
    fake.cards[0].import_error = ENOMEM;
    EXPECT_EQ(import(allocator, foreign.get()).error().kind(), ErrorKind::exhausted);
    // The same errno is the end of the card when it answers nothing else either.
    fake.cards[0].import_error = fake.cards[0].version_error = ENODEV;
    EXPECT_EQ(import(allocator, foreign.get()).error().kind(), ErrorKind::device_lost);
    EXPECT_EQ(fake.handles(), 0u);
    EXPECT_EQ(open_fds(), before);
}

TEST_F(DrmDumb, NonsenseIsRefusedBeforeTheCardIsAsked) {
    Allocator* allocator = card();
    const UniqueFd memfd(::memfd_create("no dma-buf", MFD_CLOEXEC));
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    EXPECT_EQ(import(allocator, -1).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(import(allocator, memfd.get()).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(import(allocator, foreign.get(), 8, page_size()).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(fake.imports, 0);
    const UniqueFd read_only = FakeDmaBufs::reopened(foreign, O_RDONLY);
    auto memory = import(allocator, read_only.get());
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE(has((*memory)->flags(), MemoryFlags::readonly));
}

// ---- images

class DrmDumbImages : public DrmDumb {
protected:
    Result<Image> image(std::uint32_t code, std::uint32_t width, std::uint32_t height,
                        std::span<const std::uint64_t> modifiers = {}) {
        return alloc_image(*card(),
                           {.fourcc = code, .width = width, .height = height, .modifiers = modifiers});
    }
    static constexpr std::uint32_t xrgb = fourcc('X', 'R', '2', '4'), rgb = fourcc('R', 'G', '2', '4'),
                                   nv12 = fourcc('N', 'V', '1', '2'), yu12 = fourcc('Y', 'U', '1', '2'),
                                   yuyv = fourcc('Y', 'U', 'Y', 'V');
};

TEST_F(DrmDumbImages, ThePitchIsTheDrivers) {
    fake.cards[0].pitch_mask = 255;
    auto made = image(xrgb, 641, 3);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(fake.asked.back().width, 641u);
    EXPECT_EQ(fake.asked.back().height, 3u);
    EXPECT_EQ(fake.asked.back().bpp, 32u);
    EXPECT_EQ(made->layout.planes[0].stride, 2816u);
    EXPECT_EQ(made->memory->size(), 2816u * 3);
    EXPECT_EQ(made->memory->maxsize(), 3 * page_size()) << "images report their real size";
    EXPECT_EQ(made->layout.modifier, 0u);
    made = image(rgb, 10, 2);
    ASSERT_TRUE(made);
    EXPECT_EQ(fake.asked.back().bpp, 24u);
    made = image(yuyv, 640, 2);
    ASSERT_TRUE(made);
    EXPECT_EQ(fake.asked.back().bpp, 16u);
    EXPECT_EQ(fake.asked.back().width, 640u);
    made = image(yuyv, 641, 2);
    ASSERT_TRUE(made);
    EXPECT_GE(made->layout.planes[0].stride, 1284u);
}

TEST_F(DrmDumbImages, PlanesLieBehindEachOtherAtAnyPitch) {
    for (const std::uint32_t mask : {0u, 7u, 255u})
        for (const std::uint32_t depth : {8u, 32u})
            for (const std::uint32_t code : {nv12, yu12})
                for (const std::uint32_t width : {1u, 33u, 640u, 641u}) {
                    fake.cards[0].pitch_mask = mask;
                    fake.cards[0].depths = {depth};
                    auto made = image(code, width, 5);
                    ASSERT_TRUE(made) << made.error().message();
                    const ImageLayout& layout = made->layout;
                    EXPECT_EQ(layout.planes[0].stride, (fake.asked.back().width * depth / 8 + mask) & ~mask);
                    EXPECT_GE(layout.planes[1].stride, code == nv12 ? (width + 1) / 2 * 2 : (width + 1) / 2);
                    const ImagePlane& last = layout.planes[layout.plane_count - 1];
                    EXPECT_LE(last.offset + last.size, made->memory->size());
                    EXPECT_EQ(made->memory->size(), layout.memory_sizes[0]);
                }
}

TEST_F(DrmDumbImages, WhatACardCannotLayOutIsRefused) {
    const std::uint64_t tiled[] = {0x0100000000000001, 0x0100000000000002};
    auto made = image(xrgb, 8, 8, tiled);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().kind(), ErrorKind::unsupported);
    const std::uint64_t either[] = {0x0100000000000001, 0};
    EXPECT_TRUE(image(xrgb, 8, 8, either));
    EXPECT_EQ(image(fourcc('?', '?', '?', '?'), 8, 8).error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(image(xrgb, 0, 8).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(image(xrgb, 0xffffffff, 8).error().kind(), ErrorKind::limit);
    EXPECT_EQ(image(nv12, 65536, 65536).error().kind(), ErrorKind::limit);
    fake.cards[0].depths = {};
    made = image(nv12, 8, 8);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message(), AllOf(HasSubstr("of 8 bits"), HasSubstr("of 32 bits")));
    EXPECT_EQ(fake.handles(), 0u);
}

// ---- faults

// Every call of allocation, map, unmap, import and image fails in turn.
TEST_F(DrmDumb, NothingIsLeftWhenACallFails) {
    Allocator* allocator = card();
    { ASSERT_TRUE(allocator->alloc(100)); }
    const UniqueFd foreign = FakeDmaBufs::make(page_size());
    const auto before = open_fds();
    KernelWatch watch;
    std::vector<std::string> failures;
    for (int n = 1;; ++n) {
        ASSERT_LT(n, 60);
        watch.fail_call(n, ENOMEM);
        bool all = false;
        Error error(ErrorKind::invalid, "");
        {
            auto memory = allocator->alloc(100);
            if (!memory) {
                error = memory.error();
            } else if (auto mapping = (*memory)->map(MapFlags::write); !mapping) {
                error = mapping.error();
            } else if (auto ended = mapping->unmap(); !ended) {
                error = ended.error();
            } else if (auto other = import(allocator, foreign.get()); !other) {
                error = other.error();
            } else if (auto image = alloc_image(*allocator, {fourcc('N', 'V', '1', '2'), 64, 64}); !image) {
                error = image.error();
            } else {
                all = true;
            }
        }
        // A handle whose GEM_CLOSE fails stays: there is nothing else to be done about it.
        const bool closing = all && watch.failed_name == "ioctl" && fake.handles() > 0;
        if (closing)
            for (const int fd : card_fds())
                for (std::uint32_t handle = 1; handle < 9; ++handle)
                    fake.close_handle(fd, handle);
        EXPECT_EQ(open_fds(), before) << watch.failed_name;
        EXPECT_TRUE(watch.mappings.empty()) << watch.failed_name;
        EXPECT_EQ(fake.handles(), 0u) << watch.failed_name << " " << n;
        if (!watch.reached())
            break;
        failures.push_back(watch.failed_name);
        if (!all) {
            EXPECT_EQ(error.code(), ENOMEM) << watch.failed_name;
        }
    }
    EXPECT_THAT(failures,
                ElementsAre("ioctl", "ioctl", "fstat", "ioctl", "mmap", "ioctl", "ioctl", // alloc, map
                            "fcntl", "fstatfs", "fstat", "lseek", "fcntl", "ioctl",       // import
                            "ioctl", "ioctl", "fstat", "ioctl",                           // image
                            "ioctl", "ioctl", "ioctl"))                                   // GEM_CLOSE
        << "CREATE, HANDLE_TO_FD, fstat, SET_NAME (ignored), mmap, START, END; ...";
}

TEST_F(DrmDumb, OpeningThatFailsLeavesNothing) {
    Allocator* allocator = card();
    const auto before = open_fds();
    KernelWatch watch;
    for (int n = 1; n < 5; ++n) {
        watch.fail_call(n, EMFILE);
        auto memory = allocator->alloc(100);
        if (watch.failed_name == "ioctl" && n == 2) {
            EXPECT_TRUE(memory) << "DROP_MASTER is a courtesy";
            break;
        }
        EXPECT_FALSE(memory);
        EXPECT_EQ(open_fds(), before) << watch.failed_name;
    }
}

} // namespace
} // namespace hwalloc
