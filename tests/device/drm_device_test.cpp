// Graphics cards of the running kernel: three drivers in the lab, each with rules of its own.
#include <drm.h>
#include <gmock/gmock.h>

#include "hwalloc/drm.h"
#include "hwalloc/image.h"
#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;
using drm::Device;

constexpr std::uint32_t xrgb = fourcc('X', 'R', '2', '4');

struct Card {
    const char* driver;
    bool imports; // memory of others
    bool screens;
    bool shows_memory; // its buffers to other devices
};
void PrintTo(const Card& card, std::ostream* out) {
    *out << card.driver;
}

class DrmCard : public ::testing::TestWithParam<Card> {
protected:
    void SetUp() override {
        auto opened = Device::open(GetParam().driver);
        if (!opened && in_lab())
            FAIL() << opened.error().message() << ", and this is the lab";
        if (!opened)
            GTEST_SKIP() << "no card of " << GetParam().driver << " here: " << opened.error().message();
        device.emplace(*opened);
        maker = allocator(("drm-dumb/" + std::string(GetParam().driver)).c_str());
        ASSERT_NE(maker, nullptr);
    }
    // The kernel gives the lowest number that is free: 1 when no handle is left.
    static std::uint32_t next_handle(int fd) {
        drm_mode_create_dumb request{};
        request.width = request.height = 16;
        request.bpp = 32;
        EXPECT_EQ(::ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &request), 0) << std::strerror(errno);
        EXPECT_EQ(close_handle(fd, request.handle), 0);
        return request.handle;
    }
    static int close_handle(int fd, std::uint32_t handle) {
        drm_gem_close request{};
        request.handle = handle;
        return ::ioctl(fd, DRM_IOCTL_GEM_CLOSE, &request) == 0 ? 0 : errno;
    }
    static bool is_open(int fd, std::uint32_t handle) {
        drm_prime_handle request{};
        request.handle = handle;
        request.flags = DRM_CLOEXEC;
        if (::ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &request) != 0)
            return false;
        ::close(request.fd);
        return true;
    }
    // debugfs has a directory for each card's number; empty without rights on it.
    std::string debug_file(const std::string& name) const {
        const std::string& node = device->node();
        return text_of("/sys/kernel/debug/dri/" + node.substr(node.find_last_not_of("0123456789") + 1) + "/" +
                       name);
    }

    std::optional<Device> device;
    Allocator* maker = nullptr;
};

TEST_P(DrmCard, IsFoundByItsNamesAndOpenedOnce) {
    EXPECT_EQ(device->driver(), GetParam().driver);
    EXPECT_EQ(Allocator::find(device->node()), maker);
    EXPECT_EQ(maker->name(), "drm-dumb/" + device->node().substr(9));
    EXPECT_TRUE(maker->extension<Describes>()->available());
    const std::size_t before = fds_of(device->node()).size();
    for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(maker->alloc(100));
    const auto fds = fds_of(device->node());
    EXPECT_LE(fds.size(), before + 1);
    for (const int fd : fds)
        EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

TEST_P(DrmCard, LeavesTheScreensToWhoeverWantsThem) {
    auto memory = maker->alloc(100);
    ASSERT_TRUE(memory);
    const UniqueFd compositor(::open(device->node().c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(compositor);
    if (::geteuid() == 0) {
        EXPECT_EQ(::ioctl(compositor.get(), DRM_IOCTL_SET_MASTER, nullptr), 0) << std::strerror(errno);
    } else {
        EXPECT_EQ(::ioctl(compositor.get(), DRM_IOCTL_DROP_MASTER, nullptr), 0) << std::strerror(errno);
    }
}

TEST_P(DrmCard, AnotherOpenFileIsToldFromADuplicate) {
    const UniqueFd fd(::open(device->node().c_str(), O_RDWR | O_CLOEXEC));
    const UniqueFd twin(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    const auto given = [](int number) { return Device::wrap(number, drm::HandlesOn::given_file); };
    auto one = given(fd.get()), two = given(twin.get()), own = given(device->fd());
    ASSERT_TRUE(one && two && own);
    EXPECT_EQ(one->fd(), two->fd());
    EXPECT_EQ(own->fd(), device->fd());
    EXPECT_NE(one->fd(), own->fd());
    // By kcmp alone, as kernels before 6.10 must.
    const KernelOverride restore;
    kernel.fcntl = [](int descriptor, int command, long argument) {
        return command == 1027 ? -EINVAL : real_kernel().fcntl(descriptor, command, argument);
    };
    EXPECT_EQ(given(twin.get())->fd(), one->fd());
    EXPECT_EQ(given(own->fd())->fd(), own->fd());
}

// As programs with GBM and mode setting are: a buffer of their own on the file that is DRM master, which is
// handed over as a dma-buf, by "dmabuf".
class ApplicationOnCard : public DrmCard {
protected:
    void SetUp() override {
        DrmCard::SetUp();
        if (!device)
            return;
        master = UniqueFd(::open(device->node().c_str(), O_RDWR | O_CLOEXEC));
        ASSERT_TRUE(master);
        drm_mode_create_dumb dumb{};
        dumb.width = dumb.height = 64;
        dumb.bpp = 32;
        ASSERT_EQ(::ioctl(master.get(), DRM_IOCTL_MODE_CREATE_DUMB, &dumb), 0) << std::strerror(errno);
        handle = dumb.handle;
        drm_prime_handle exported{};
        exported.handle = handle;
        exported.flags = DRM_CLOEXEC | DRM_RDWR;
        ASSERT_EQ(::ioctl(master.get(), DRM_IOCTL_PRIME_HANDLE_TO_FD, &exported), 0) << std::strerror(errno);
        const UniqueFd dma_buf(exported.fd);
        auto imported = import_dmabuf(dma_buf.get());
        ASSERT_TRUE(imported) << imported.error().message();
        memory = std::move(*imported);
        layout = *linear_layout(xrgb, 64, 64, dumb.pitch);
    }
    // What the library's handles and framebuffers come and go on leaves the application's handle as it is.
    void show_and_forget(Device& wrapped) {
        for (int i = 0; i < 3; ++i) {
            auto of_memory = wrapped.gem_handle(*memory);
            ASSERT_TRUE(of_memory) << of_memory.error().message();
            auto framebuffer = wrapped.framebuffer(*memory, layout);
            EXPECT_EQ(framebuffer.has_value(), GetParam().screens);
        }
        EXPECT_TRUE(is_open(master.get(), handle));
    }

    UniqueFd master;
    std::uint32_t handle = 0;
    MemoryRef memory;
    ImageLayout layout;
};

TEST_P(ApplicationOnCard, KeepsItsGemHandleWhateverIsShown) {
    auto wrapped = Device::wrap(master.get());
    ASSERT_TRUE(wrapped) << wrapped.error().message();
    show_and_forget(*wrapped);
    EXPECT_EQ(close_handle(master.get(), handle), 0) << "it was there to be closed";
}

TEST_P(ApplicationOnCard, KeepsItsGemHandleOnItsOwnFileWhenItIsAdopted) {
    auto wrapped = Device::wrap(master.get(), drm::HandlesOn::given_file);
    ASSERT_TRUE(wrapped) << wrapped.error().message();
    auto adopted = wrapped->adopt_handle(handle);
    ASSERT_TRUE(adopted) << adopted.error().message();
    show_and_forget(*wrapped);
    EXPECT_EQ(adopted->release(), handle);
    EXPECT_EQ(close_handle(master.get(), handle), 0);
}

// A framebuffer of the library's file is shown by the application's, which is master: SETCRTC and an atomic
// commit look framebuffers up for the card, not for the file.
TEST_P(ApplicationOnCard, FindsTheFramebufferOnItsOwnFile) {
    if (!GetParam().screens)
        return;
    auto wrapped = Device::wrap(master.get());
    ASSERT_TRUE(wrapped);
    auto framebuffer = wrapped->framebuffer(*memory, layout);
    ASSERT_TRUE(framebuffer) << framebuffer.error().message();
    drm_mode_fb_cmd found{};
    found.fb_id = framebuffer->id();
    EXPECT_EQ(::ioctl(master.get(), DRM_IOCTL_MODE_GETFB, &found), 0) << std::strerror(errno);
    EXPECT_EQ(found.width, 64u);
    if (found.handle && found.handle != handle)
        close_handle(master.get(), found.handle);
}

// Where opening the node is refused, the master's lease is a file of its own all the same.
TEST_P(ApplicationOnCard, LeasesItsCardWhereTheNodeMayNotBeOpened) {
    if (!GetParam().screens)
        return; // no mode setting, no leases
    if (::ioctl(master.get(), DRM_IOCTL_SET_MASTER, nullptr) != 0)
        GTEST_SKIP() << "another program is DRM master of " << device->node() << ": " << std::strerror(errno);
    const KernelOverride restore;
    kernel.open = [](const char* path, int flags) {
        return std::string_view(path).starts_with("/proc/self/fd/") ? -EACCES
                                                                    : real_kernel().open(path, flags);
    };
    auto wrapped = Device::wrap(master.get());
    ASSERT_TRUE(wrapped) << wrapped.error().message();
    show_and_forget(*wrapped);
    EXPECT_EQ(::ioctl(master.get(), DRM_IOCTL_DROP_MASTER, nullptr), 0) << std::strerror(errno);
    show_and_forget(*wrapped);
}

TEST_P(DrmCard, AHandleIsOpenUntilItsLastOwnerIsGone) {
    auto memory = maker->alloc(100000);
    ASSERT_TRUE(memory);
    auto first = device->gem_handle(**memory), second = device->gem_handle(**memory);
    ASSERT_TRUE(first && second) << first.error().message();
    const std::uint32_t handle = first->value();
    EXPECT_EQ(handle, second->value());
    first->reset();
    EXPECT_TRUE(is_open(device->fd(), handle));
    memory->reset();
    EXPECT_TRUE(is_open(device->fd(), handle)) << "the handle keeps the buffer";
    second->reset();
    EXPECT_FALSE(is_open(device->fd(), handle));
}

TEST_P(DrmCard, TakesTheMemoryThatItTakes) {
    for (const char* name : {"dma-heap/system", "udmabuf", "drm-dumb/virtio_gpu", "drm-dumb/vgem"}) {
        Allocator* other = allocator(name);
        if (other == maker)
            continue;
        auto memory = other->alloc(100000);
        ASSERT_TRUE(memory) << memory.error().message();
        auto handle = device->gem_handle(**memory);
        EXPECT_EQ(handle.has_value(), GetParam().imports) << name;
        if (!handle) {
            EXPECT_EQ(handle.error().kind(), ErrorKind::incompatible) << handle.error().message();
        }
        auto fd = export_fd(**memory, FdKind::dmabuf);
        ASSERT_TRUE(fd);
        auto imported =
            maker->extension<ImportsDmaBuf>()->import_dmabuf(fd->get(), 0, whole, MemoryFlags::none);
        ASSERT_EQ(imported.has_value(), GetParam().imports) << name;
        if (imported) {
            auto writing = (*imported)->map(MapFlags::write);
            ASSERT_TRUE(writing) << writing.error().message();
            writing->data()[5000] = 50;
            EXPECT_TRUE(writing->unmap());
            auto reading = (*memory)->map(MapFlags::read);
            ASSERT_TRUE(reading);
            EXPECT_EQ(reading->data()[5000], 50);
        }
    }
    EXPECT_EQ(next_handle(device->fd()), 1u);
}

TEST_P(DrmCard, ShowsItsMemoryToWhomItShows) {
    auto memory = maker->alloc(100000);
    ASSERT_TRUE(memory);
    Device vgem = *Device::open("vgem");
    auto handle = vgem.gem_handle(**memory);
    EXPECT_EQ(handle.has_value(), GetParam().shows_memory) << (handle ? "taken" : handle.error().message());
}

TEST_P(DrmCard, MappedByTheCardItIsTheSameBytes) {
    const KernelOverride restore;
    static int refused;
    refused = 0;
    kernel.mmap = [](std::size_t length, int protection, int flags, int fd, off_t offset, void** address) {
        if (offset == 0 && ++refused)
            return -EINVAL; // the dma-buf; a card's own offsets begin far above
        return real_kernel().mmap(length, protection, flags, fd, offset, address);
    };
    auto memory = maker->alloc(100000);
    ASSERT_TRUE(memory);
    const int fd = borrow_fd(**memory, FdKind::dmabuf)->fd;
    auto mapping = (*memory)->map(MapFlags::readwrite);
    ASSERT_TRUE(mapping) << mapping.error().message();
    EXPECT_EQ(refused, 1);
    void* other = ::mmap(nullptr, 100000, PROT_READ, MAP_SHARED, fd, 0);
    ASSERT_NE(other, MAP_FAILED) << std::strerror(errno);
    for (std::size_t i = 0; i < 100000; ++i)
        mapping->data()[i] = static_cast<std::uint8_t>(i * 7);
    for (std::size_t i = 0; i < 100000; ++i)
        ASSERT_EQ(static_cast<const std::uint8_t*>(other)[i], static_cast<std::uint8_t>(i * 7)) << i;
    ::munmap(other, 100000);
    EXPECT_TRUE(mapping->unmap());
    const std::string node = device->node();
    EXPECT_GT(count_in(text_of("/proc/self/maps"), node), 0u);
    memory->reset();
    EXPECT_EQ(count_in(text_of("/proc/self/maps"), node), 0u);
}

TEST_P(DrmCard, LaysImagesOutAndShowsThemWhereItHasScreens) {
    const auto framebuffers = [&] { return count_in(debug_file("framebuffer"), "framebuffer["); };
    auto image = alloc_image(*maker, {.fourcc = xrgb, .width = 1920, .height = 1080});
    ASSERT_TRUE(image) << image.error().message();
    EXPECT_GE(image->layout.planes[0].stride, 1920u * 4);
    EXPECT_GE(image->memory->size(), 1920u * 4 * 1080);
    const std::size_t before = framebuffers();
    {
        auto shown = device->framebuffer(*image->memory, image->layout);
        EXPECT_EQ(shown.has_value(), GetParam().screens) << (shown ? "made" : shown.error().message());
        if (!shown) {
            EXPECT_EQ(shown.error().kind(), ErrorKind::unsupported);
            return;
        }
        if (in_lab() && ::geteuid() == 0) {
            EXPECT_EQ(framebuffers(), before + 1);
            EXPECT_GT(count_in(debug_file("framebuffer"), "framebuffer[" + std::to_string(shown->id()) + "]"),
                      0u);
        }
        image->memory.reset();
        EXPECT_TRUE(is_open(device->fd(), shown->handle().value()));
    }
    EXPECT_EQ(framebuffers(), before);
    EXPECT_EQ(next_handle(device->fd()), 1u);

    auto layout = *linear_layout(fourcc('Y', 'U', '1', '6'), 64, 64);
    auto memory = maker->alloc(100000);
    ASSERT_TRUE(memory);
    auto refused = device->framebuffer(**memory, layout);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::incompatible) << refused.error().message();
}

TEST_P(DrmCard, NothingIsLeftAfterManyOfThem) {
    auto own = device->dumb_allocator();
    ASSERT_TRUE(own);
    const auto cycle = [&](int i) {
        auto memory = (*own)->alloc(static_cast<std::size_t>(i % 7 + 1) * 50000);
        ASSERT_TRUE(memory) << memory.error().message();
        auto mapping = (*memory)->map(MapFlags::write);
        ASSERT_TRUE(mapping);
        auto view = (*own)->alloc(100);
        auto fd = export_fd(**memory, FdKind::dmabuf);
        auto back = (*own)->extension<ImportsDmaBuf>()->import_dmabuf(fd->get(), 0, whole, MemoryFlags::none);
        ASSERT_TRUE(back) << back.error().message();
        auto image = alloc_image(**own, {.fourcc = xrgb, .width = 64, .height = 64});
        ASSERT_TRUE(image);
        auto handle = device->gem_handle(*image->memory);
        EXPECT_TRUE(handle);
        if (GetParam().screens) {
            auto framebuffer = device->framebuffer(*image->memory, image->layout);
            EXPECT_TRUE(framebuffer);
        }
    };
    cycle(0);
    const auto before = open_fds();
    const std::size_t framebuffers = count_in(debug_file("framebuffer"), "framebuffer[");
    const std::size_t mappings = count_in(text_of("/proc/self/maps"), "/dmabuf:");
    for (int i = 0; i < 500; ++i)
        cycle(i);
    EXPECT_EQ(open_fds(), before);
    EXPECT_EQ(count_in(text_of("/proc/self/maps"), "/dmabuf:"), mappings);
    EXPECT_EQ(count_in(debug_file("framebuffer"), "framebuffer["), framebuffers);
    EXPECT_EQ(next_handle(device->fd()), 1u) << "a handle is left open";
    if (const std::string kernels = text_of("/sys/kernel/debug/dma_buf/bufinfo"); !kernels.empty()) {
        EXPECT_EQ(count_in(kernels, "hwalloc:"), 0u) << kernels;
    } else {
        EXPECT_FALSE(in_lab() && ::geteuid() == 0) << "the lab has debugfs";
    }
}

const auto cards = ::testing::Values(Card{"virtio_gpu", false, true, true},
                                     Card{"bochs-drm", false, true, false}, Card{"vgem", true, false, true});
std::string name_of(const ::testing::TestParamInfo<Card>& instance) {
    std::string name = instance.param.driver;
    for (char& letter : name)
        if (!std::isalnum(static_cast<unsigned char>(letter)))
            letter = '_';
    return name;
}
INSTANTIATE_TEST_SUITE_P(Real, DrmCard, cards, name_of);
INSTANTIATE_TEST_SUITE_P(Real, ApplicationOnCard, cards, name_of);

} // namespace
} // namespace hwalloc
