// hwalloc/drm.h: the library's own open files of cards, the GEM handles counted on each, and framebuffers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "backends/drm/cards.h"
#include "hwalloc/capabilities.h"
#include "tests/unit/broken_images.h"
#include "tests/unit/drm_device_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t tiled = 0x0100000000000001;

// ---- opening

TEST_F(DrmDevice, OpensByNodeAndByDriver) {
    fake.cards[1] = {.driver = "own-name", .link = "../../drivers/other-drm"};
    for (const char* which : {"card1", "/dev/dri/card1", "other-drm", "other", "own-name"}) {
        auto device = Device::open(which);
        ASSERT_TRUE(device) << which << ": " << device.error().message();
        EXPECT_EQ(device->node(), "/dev/dri/card1") << which;
        EXPECT_EQ(device->driver(), "own-name");
        EXPECT_GE(device->fd(), 0);
    }
    EXPECT_GT(fake.masters_dropped, 0);
}

TEST_F(DrmDevice, WhatCannotBeOpenedIsExplained) {
    auto device = Device::open("card7");
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().kind(), ErrorKind::unavailable);
    EXPECT_THAT(device.error().message(), HasSubstr("/dev/dri/card7"));
    device = Device::open("nonesuch");
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().kind(), ErrorKind::unavailable);
    EXPECT_THAT(device.error().message(), AllOf(HasSubstr("nonesuch"), HasSubstr("card0 (fake-drm)")));
    EXPECT_EQ(Device::open("/dev/dri/by-path").error().kind(), ErrorKind::invalid);
    EXPECT_FALSE(Device::open(""));
    fake.node_errors["/dev/dri/card0"] = EACCES;
    EXPECT_EQ(Device::open("card0").error().kind(), ErrorKind::permission);
    device = Device::open("nonesuch");
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().causes().size(), 1u) << "what could not be asked is told";
    fake.listing_errors["/dev/dri"] = EMFILE;
    device = Device::open("fake-drm");
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().code(), EMFILE) << "it is not known that there is no card";
}

TEST_F(DrmDevice, WhatWasMovedFromAnswersEmptyAndRefuses) {
    Device from = opened();
    const Device to = std::move(from);
    EXPECT_GE(to.fd(), 0);
    EXPECT_EQ(from.fd(), -1);
    EXPECT_EQ(from.driver(), "");
    EXPECT_EQ(from.node(), "");
    EXPECT_EQ(from.gem_handle(*foreign).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(from.adopt_handle(1).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(from.framebuffer(*foreign, ImageLayout()).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(from.dumb_allocator().error().kind(), ErrorKind::invalid);
    EXPECT_EQ(drm::participant(from, drm::CardUse::framebuffer).error().kind(), ErrorKind::invalid);
    const Device copy = from;
    EXPECT_EQ(copy.fd(), -1);
}

// ---- handles

TEST_F(DrmDevice, HandlesOfDifferentFilesAreDifferentHandles) {
    Device one = opened(), two = opened();
    auto here = one.gem_handle(*foreign), there = two.gem_handle(*foreign);
    ASSERT_TRUE(here && there);
    EXPECT_EQ(fake.handles(), 2u);
    here->reset();
    EXPECT_TRUE(fake.has_handle(two.fd(), there->value()));
    // A handle keeps its file.
    const int fd = two.fd();
    two = one;
    EXPECT_TRUE(fake.has_handle(fd, there->value()));
    *there = drm::GemHandle();
    EXPECT_EQ(fake.handles(), 0u);
    EXPECT_FALSE(open_fds().contains(fd));
}

TEST_F(DrmDevice, MemoryOfTheFileItselfIsNotImported) {
    Device device = opened();
    auto allocator = device.dumb_allocator();
    ASSERT_TRUE(allocator);
    EXPECT_EQ((*allocator)->name(), "");
    auto memory = (*allocator)->alloc(5000);
    ASSERT_TRUE(memory) << memory.error().message();
    auto view = (*memory)->share(100, 200);
    ASSERT_TRUE(view);
    auto handle = device.gem_handle(**memory), of_view = device.gem_handle(**view);
    ASSERT_TRUE(handle && of_view);
    EXPECT_EQ(handle->value(), of_view->value()) << "a share is a view of the same buffer";
    EXPECT_EQ(fake.imports, 0);
    Device other = opened();
    auto elsewhere = other.gem_handle(**memory);
    ASSERT_TRUE(elsewhere);
    EXPECT_EQ(fake.imports, 1);
    view->reset();
    memory->reset();
    EXPECT_TRUE(fake.has_handle(device.fd(), handle->value())) << "the memory is gone, the handle is not";
    handle->reset();
    of_view->reset();
    elsewhere->reset();
    EXPECT_EQ(fake.handles(), 0u);
    // The allocator holds the file, too.
    const int fd = device.fd();
    device = other;
    EXPECT_TRUE((*allocator)->alloc(100));
    EXPECT_TRUE(open_fds().contains(fd));
    *allocator = AllocatorRef();
    EXPECT_FALSE(open_fds().contains(fd));
}

TEST_F(DrmDevice, MemoryThatIsNoDmaBufIsRefused) {
    auto memory = alloc(100);
    ASSERT_TRUE(memory);
    auto handle = opened().gem_handle(**memory);
    ASSERT_FALSE(handle);
    EXPECT_EQ(handle.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(handle.error().message(), HasSubstr("/dev/dri/card0"));
    EXPECT_EQ(opened().framebuffer(**memory, picture(2, 2)).error().kind(), ErrorKind::unsupported);
}

// The kernel calls the buffers of all cards "drm".
TEST_F(DrmDevice, ARefusalTellsWhoseMemoryItIs) {
    fake.cards[1] = {.driver = "other-drm"};
    auto allocator = opened("card1").dumb_allocator();
    ASSERT_TRUE(allocator);
    auto memory = (*allocator)->alloc(100);
    ASSERT_TRUE(memory) << memory.error().message();
    fake.cards[0].import_error = EINVAL;
    auto refused = opened().gem_handle(**memory);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("which other-drm (/dev/dri/card1) made"));
    auto framebuffer = opened().framebuffer(**memory, picture(4, 4));
    ASSERT_FALSE(framebuffer);
    EXPECT_THAT(framebuffer.error().message(), HasSubstr("which other-drm (/dev/dri/card1) made"));

    static decltype(kernel.open) open_else;
    open_else = kernel.open;
    kernel.open = [](const char* path, int flags) {
        if (!std::string_view(path).starts_with("/proc/self/fdinfo/"))
            return open_else(path, flags);
        const int fd = ::memfd_create("fdinfo", MFD_CLOEXEC);
        constexpr std::string_view text = "size:\t4096\nexp_name:\tdrm\n";
        EXPECT_EQ(::pwrite(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
        return fd;
    };
    refused = opened().gem_handle(*foreign);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("which a graphics card's driver made"));
}

// "docker run --device /dev/dri/card1:/dev/dri/card0", and the other way round: /sys is the machine's.
TEST_F(DrmDevice, CardsAreKnownByTheirNumbersWhateverTheirNodesAreCalled) {
    fake.cards[1] = {.driver = "other-drm", .link = "../../../bus/pci/drivers/other-drm", .connectors = {}};
    fake.cards[0].import_error = EINVAL;
    static decltype(kernel.stat) stat_else;
    static decltype(kernel.readlink) readlink_else;
    stat_else = kernel.stat;
    readlink_else = kernel.readlink;
    kernel.stat = [](const char* path, struct stat* status) {
        const std::string_view node = path;
        return stat_else(node == "/dev/dri/card0"   ? "/dev/dri/card1"
                         : node == "/dev/dri/card1" ? "/dev/dri/card0"
                                                    : path,
                         status);
    };
    kernel.readlink = [](const char* path, char* buffer, std::size_t size) -> ssize_t {
        const std::string_view link = path, number = "/sys/dev/char/226:";
        if (!link.starts_with(number))
            return readlink_else(path, buffer, size);
        const std::string target = "../../devices/drm/card" + std::string(link.substr(number.size()));
        return static_cast<ssize_t>(target.copy(buffer, size));
    };
    RefusedListing refused;
    const auto cards = drm::detail::list_cards(refused);
    ASSERT_EQ(cards.size(), 2u);
    EXPECT_EQ(cards[0].driver, "other-drm");
    EXPECT_FALSE(cards[0].has_screens);
    EXPECT_EQ(cards[1].driver, "fake-drm");
    EXPECT_TRUE(cards[1].has_screens);
    EXPECT_EQ(drm::detail::allocator_name_of(makedev(226, 0)), "drm-dumb/card1");
    EXPECT_EQ(drm::detail::allocator_name_of(makedev(226, 2)), "");
    EXPECT_THAT(opened("card0").gem_handle(*foreign).error().message(), HasSubstr("itself (drm-dumb/card1)"));
    class Own final : public Allocator {
    public:
        Own() : Allocator("drm-dumb") {}
    };
    const bool fresh =
        Allocator::register_allocator("drm-dumb/card1", AllocatorRef::adopt(new Own)).has_value();
    const auto importing = drm::participant(opened("card0"), drm::CardUse::import).value();
    EXPECT_EQ(importing->own_allocators().at(0).get(), Allocator::find("drm-dumb/card1"));
    if (fresh) {
        EXPECT_TRUE(Allocator::unregister("drm-dumb/card1"));
    }
}

// One thread's last close and another's import of the same buffer: what was given is open.
TEST_F(DrmDevice, AHandleThatWasGivenIsOpenWhateverOthersClose) {
    Device device = opened();
    std::atomic<int> dead{0};
    const auto work = [&] {
        for (int i = 0; i < 2000; ++i) {
            auto handle = device.gem_handle(*foreign);
            if (!handle || !fake.has_handle(device.fd(), handle->value()))
                ++dead;
        }
    };
    std::thread other(work);
    work();
    other.join();
    EXPECT_EQ(dead, 0);
    EXPECT_EQ(fake.handles(), 0u);
}

// ---- framebuffers

TEST_F(DrmDevice, AFramebufferKeepsItsMemoryAndIsRemoved) {
    Device device = opened();
    auto framebuffer = device.framebuffer(*foreign, picture());
    ASSERT_TRUE(framebuffer) << framebuffer.error().message();
    EXPECT_EQ(foreign->ref_count(), 2u);
    const drm_mode_fb_cmd2& asked = fake.framebuffers.back();
    EXPECT_EQ(asked.width, 64u);
    EXPECT_EQ(asked.height, 64u);
    EXPECT_EQ(asked.pixel_format, xrgb);
    EXPECT_EQ(asked.pitches[0], 256u);
    EXPECT_EQ(asked.handles[0], framebuffer->handle().value());
    EXPECT_EQ(asked.handles[1], 0u);
    EXPECT_EQ(asked.flags, 0u);
    EXPECT_THAT(fake.shown, ElementsAre(framebuffer->id()));
    drm::Framebuffer moved = std::move(*framebuffer);
    EXPECT_FALSE(*framebuffer);
    EXPECT_EQ(fake.shown.size(), 1u);
    auto second = device.framebuffer(*foreign, picture());
    ASSERT_TRUE(second);
    const std::uint32_t id = second->id();
    moved = std::move(*second);
    EXPECT_THAT(fake.shown, ElementsAre(id)) << "the first was removed";
    EXPECT_EQ(fake.handles(), 1u);
    moved.reset();
    EXPECT_TRUE(fake.shown.empty());
    EXPECT_EQ(fake.handles(), 0u);
    EXPECT_EQ(foreign->ref_count(), 1u);
}

TEST_F(DrmDevice, PlanesAreCountedFromTheWindow) {
    Device device = opened();
    auto view = foreign->share(page_size());
    ASSERT_TRUE(view);
    auto layout = *linear_layout(fourcc('N', 'V', '1', '2'), 64, 64, 128);
    auto framebuffer = device.framebuffer(**view, layout);
    ASSERT_TRUE(framebuffer) << framebuffer.error().message();
    const drm_mode_fb_cmd2& asked = fake.framebuffers.back();
    EXPECT_EQ(asked.offsets[0], page_size());
    EXPECT_EQ(asked.offsets[1], page_size() + 128 * 64);
    EXPECT_EQ(asked.pitches[1], 128u);
    EXPECT_EQ(asked.handles[0], asked.handles[1]);

    auto short_view = foreign->share(0, layout.memory_sizes[0] - 1);
    ASSERT_TRUE(short_view);
    const std::size_t before = fake.framebuffers.size();
    auto outside = device.framebuffer(**short_view, layout);
    ASSERT_FALSE(outside);
    EXPECT_EQ(outside.error().kind(), ErrorKind::invalid);
    EXPECT_EQ(outside.error().size_held(), layout.memory_sizes[0] - 1);
    layout.planes[1].offset = ~std::uint64_t{0};
    EXPECT_EQ(device.framebuffer(**view, layout).error().kind(), ErrorKind::invalid);
    layout.planes[1].memory = 1;
    EXPECT_EQ(device.framebuffer(**view, layout).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(device.framebuffer(**view, {}).error().kind(), ErrorKind::invalid);
    layout.plane_count = 5;
    EXPECT_EQ(device.framebuffer(**view, layout).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(fake.framebuffers.size(), before) << "the card is not asked";
    EXPECT_EQ(fake.handles(), 1u);
}

TEST_F(DrmDevice, EachPlaneCanHaveAMemoryOfItsOwn) {
    Device device = opened();
    const auto picture_in_two = [&] {
        Image image{.memory = make_foreign(4),
                    .layout = with_memory_per_plane(*linear_layout(fourcc('N', 'V', '1', '2'), 64, 64, 128))};
        image.memory_at(1) = make_foreign(1);
        return image;
    };
    Image image = picture_in_two();
    const auto second = image.memory_at(1)->share(0, image.layout.memory_sizes[1] - 1);
    {
        auto framebuffer = device.framebuffer(image);
        ASSERT_TRUE(framebuffer) << framebuffer.error().message();
        const drm_mode_fb_cmd2& asked = fake.framebuffers.back();
        EXPECT_NE(asked.handles[0], asked.handles[1]);
        for (std::uint32_t i = 0; i < 2; ++i) {
            EXPECT_EQ(asked.handles[i], framebuffer->handle(i).value());
            EXPECT_EQ(asked.offsets[i], 0u);
            EXPECT_EQ(asked.pitches[i], 128u);
        }
        EXPECT_EQ(fake.handles(), 2u);
        image.memory_at(1).reset();
        EXPECT_EQ(device.framebuffer(image).error().kind(), ErrorKind::invalid) << "it is missing";
        image.memory_at(1) = second.value()->ref().value();
        EXPECT_EQ(device.framebuffer(image).error().kind(), ErrorKind::invalid) << "it is too small";
    }
    EXPECT_EQ(fake.handles(), 0u);
    EXPECT_TRUE(fake.shown.empty());
    for (const auto use : {drm::CardUse::import, drm::CardUse::framebuffer}) {
        const auto used = drm::participant(device, use).value()->attempt_image(picture_in_two());
        EXPECT_TRUE(used) << used.error().message();
    }
}

TEST_F(DrmDevice, AnImageThatIsNotWholeIsRefused) {
    Device device = opened();
    for (const Image& broken : broken_images(*foreign, picture())) {
        EXPECT_EQ(device.framebuffer(broken).error().kind(), ErrorKind::invalid);
        for (const auto use : {drm::CardUse::import, drm::CardUse::framebuffer})
            EXPECT_EQ(drm::participant(device, use).value()->attempt_image(broken).error().kind(),
                      ErrorKind::invalid);
    }
    EXPECT_EQ(fake.handles(), 0u);
}

TEST_F(DrmDevice, ModifiersAreToldWhereTheyAreKnown) {
    auto layout = picture();
    layout.modifier = tiled;
    Device plain = opened();
    auto framebuffer = plain.framebuffer(*foreign, layout);
    ASSERT_FALSE(framebuffer);
    EXPECT_EQ(framebuffer.error().kind(), ErrorKind::unsupported);
    EXPECT_TRUE(fake.framebuffers.empty());
    fake.cards[0].modifiers = true;
    Device device = opened();
    framebuffer = device.framebuffer(*foreign, layout);
    ASSERT_TRUE(framebuffer) << framebuffer.error().message();
    EXPECT_EQ(fake.framebuffers.back().flags, unsigned{DRM_MODE_FB_MODIFIERS});
    EXPECT_EQ(fake.framebuffers.back().modifier[0], tiled);
    EXPECT_EQ(fake.framebuffers.back().modifier[1], 0u);
    layout.modifier = 0;
    EXPECT_TRUE(device.framebuffer(*foreign, layout));
    EXPECT_EQ(fake.framebuffers.back().flags, unsigned{DRM_MODE_FB_MODIFIERS});
    fake.cards[0].shows_linear_aloud = false;
    EXPECT_TRUE(device.framebuffer(*foreign, layout));
    EXPECT_EQ(fake.framebuffers.back().flags, 0u) << "linear is what no word means";
    layout.modifier = 0x00ffffffffffffff; // DRM_FORMAT_MOD_INVALID: whatever the driver thinks
    EXPECT_TRUE(device.framebuffer(*foreign, layout));
    EXPECT_EQ(fake.framebuffers.back().flags, 0u);
}

TEST_F(DrmDevice, ARefusedFramebufferSaysWhy) {
    const std::tuple<int, ErrorKind, const char*> refusals[] = {
        {EOPNOTSUPP, ErrorKind::unsupported, "no screens"},
        {EACCES, ErrorKind::permission, "primary node"},
        {ENOENT, ErrorKind::incompatible, "cannot show this format"},
        {EINVAL, ErrorKind::incompatible, "64x64 XR24 with a pitch of 256 bytes"},
    };
    Device device = opened();
    for (const auto& [error, kind, words] : refusals) {
        fake.cards[0].framebuffer_error = error;
        auto framebuffer = device.framebuffer(*foreign, picture());
        ASSERT_FALSE(framebuffer);
        EXPECT_EQ(framebuffer.error().kind(), kind);
        EXPECT_THAT(framebuffer.error().message(), AllOf(HasSubstr("/dev/dri/card0 (fake-drm)"),
                                                         HasSubstr("MODE_ADDFB2"), HasSubstr(words)));
    }
    EXPECT_EQ(fake.handles(), 0u);
    EXPECT_EQ(foreign->ref_count(), 1u);

    // The same errno when somebody closed a handle that was not theirs.
    fake.cards[0].framebuffer_error = 0;
    auto allocator = device.dumb_allocator();
    ASSERT_TRUE(allocator);
    auto memory = (*allocator)->alloc(64 * 64 * 4);
    ASSERT_TRUE(memory);
    EXPECT_EQ(fake.close_handle(device.fd(), device.gem_handle(**memory)->value()), 0);
    auto framebuffer = device.framebuffer(**memory, picture());
    ASSERT_FALSE(framebuffer);
    EXPECT_EQ(framebuffer.error().kind(), ErrorKind::invalid);
    EXPECT_THAT(framebuffer.error().message(), HasSubstr("another closed"));
}

// ---- faults

// Every call of opening, wrapping and showing fails in turn.
TEST_F(DrmDevice, NothingIsLeftWhenACallFails) {
    const UniqueFd fd = fake.open_card(0);
    const auto before = open_fds();
    fake.cards[0].modifiers = true;
    KernelWatch watch;
    int failures = 0;
    for (int n = 1;; ++n) {
        ASSERT_LT(n, 60);
        watch.fail_call(n, ENOMEM);
        bool all = false;
        {
            auto own = Device::open("card0");
            auto device = own ? Device::wrap(fd.get()) : own;
            if (device) {
                auto framebuffer = device->framebuffer(*foreign, picture());
                if (framebuffer) {
                    auto handle = own->gem_handle(*foreign);
                    all = handle.has_value();
                }
            }
        }
        if (all && watch.reached()) {
            // RMFB or GEM_CLOSE: there is nothing else to be done about it, and closing the file does the
            // same.
            fake.shown.clear();
        } else {
            EXPECT_TRUE(fake.shown.empty()) << watch.failed_name << " " << n;
            EXPECT_FALSE(fake.has_handle(fd.get(), 1)) << watch.failed_name << " " << n;
        }
        EXPECT_EQ(foreign->ref_count(), 1u);
        EXPECT_EQ(open_fds(), before) << watch.failed_name << " " << n;
        if (!watch.reached())
            break;
        ++failures;
    }
    EXPECT_GT(failures, 10);
}

} // namespace
} // namespace hwalloc
