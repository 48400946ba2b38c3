// hwalloc/drm.h on an application's open file of a card: whose GEM handles are closed, and whose are not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "hwalloc/capabilities.h"
#include "hwalloc/plan.h"
#include "tests/unit/drm_device_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using drm::HandlesOn;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The application: its open file of the card, and a handle of its own for the buffer that it hands over.
class DrmWrap : public DrmDevice {
protected:
    std::uint32_t own_handle() {
        return fake.import_handle(master.get(), borrow_fd(*foreign, FdKind::dmabuf)->fd);
    }
    bool has_own() { return fake.has_handle(master.get(), own); }
    static Result<Device> wrap(int fd) { return Device::wrap(fd); }
    static Result<Device> given(int fd) { return Device::wrap(fd, HandlesOn::given_file); }
    // What a child of fork() finds; 0: all is as it should be.
    template<class Check>
    static int in_child(Check&& check) {
        const pid_t child = ::fork();
        if (child == 0)
            ::_exit(check());
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

    UniqueFd master = fake.open_card(0);
    std::uint32_t own = own_handle();
};

// ---- the application's handles

TEST_F(DrmWrap, TheApplicationsHandleOutlivesFramebuffersOfItsBuffer) {
    Device device = *wrap(master.get());
    for (int i = 0; i < 2; ++i) {
        auto framebuffer = device.framebuffer(*foreign, picture());
        ASSERT_TRUE(framebuffer) << framebuffer.error().message();
        EXPECT_EQ(fake.shown.count(framebuffer->id()), 1u);
    }
    EXPECT_TRUE(fake.shown.empty());
    EXPECT_TRUE(has_own());
}

TEST_F(DrmWrap, TheApplicationsHandleOutlivesGemHandlesImportsAndPlans) {
    Device device = *wrap(master.get());
    EXPECT_TRUE(device.gem_handle(*foreign));
    EXPECT_TRUE(has_own()) << "gem_handle()";
    {
        auto allocator = device.dumb_allocator();
        ASSERT_TRUE(allocator);
        const int fd = borrow_fd(*foreign, FdKind::dmabuf)->fd;
        auto import =
            (*allocator)->extension<ImportsDmaBuf>()->import_dmabuf(fd, 0, whole, MemoryFlags::none);
        ASSERT_TRUE(import) << import.error().message();
        EXPECT_TRUE((*import)->map(MapFlags::read));
    }
    EXPECT_TRUE(has_own()) << "import_dmabuf()";
    for (const auto use : {drm::CardUse::import, drm::CardUse::framebuffer}) {
        auto card = drm::participant(device, use);
        ASSERT_TRUE(card);
        auto recipe = (*card)->attempt(*foreign, picture());
        EXPECT_TRUE(recipe) << recipe.error().message();
        EXPECT_TRUE(has_own()) << "a trial of a plan";
    }
}

TEST_F(DrmWrap, ADumbBufferOfTheApplicationsIsItsOwnStill) {
    auto given_device = given(master.get());
    auto allocator = given_device->dumb_allocator();
    ASSERT_TRUE(allocator);
    auto dumb = (*allocator)->alloc(64 * 64 * 4);
    ASSERT_TRUE(dumb);
    const std::uint32_t handle = given_device->gem_handle(**dumb)->value();
    auto framebuffer = wrap(master.get())->framebuffer(**dumb, picture());
    ASSERT_TRUE(framebuffer) << framebuffer.error().message();
    framebuffer->reset();
    EXPECT_TRUE(fake.has_handle(master.get(), handle));
}

// ---- the library's own file

TEST_F(DrmWrap, ThePrivateFileIsNoMasterAndClosesWithTheDevice) {
    const auto before = open_fds();
    {
        auto one = wrap(master.get()), two = wrap(master.get());
        ASSERT_TRUE(one && two);
        for (const Device* device : {&*one, &*two}) {
            EXPECT_TRUE(fake.dropped_master(device->fd()));
            EXPECT_EQ(device->node(), "/dev/dri/card0");
            EXPECT_EQ(device->driver(), "fake-drm");
        }
        auto handle = one->gem_handle(*foreign);
        ASSERT_TRUE(handle);
        EXPECT_TRUE(fake.has_handle(one->fd(), handle->value()));
    }
    EXPECT_FALSE(fake.dropped_master(master.get())) << "it is the application's to say";
    EXPECT_EQ(open_fds(), before);
    EXPECT_TRUE(has_own());
}

TEST_F(DrmWrap, AMasterThatMayNotOpenTheNodeMakesALease) {
    fake.reopen_error = EACCES;
    auto device = wrap(master.get());
    ASSERT_TRUE(device) << device.error().message();
    EXPECT_EQ(fake.leases, 1);
    EXPECT_TRUE(device->framebuffer(*foreign, picture()));
    EXPECT_TRUE(has_own());
}

TEST_F(DrmWrap, WhereThereIsNoPrivateFileItSaysSoAndTakesNoOther) {
    fake.lease_error = EACCES;
    for (const auto& [error, kind] :
         {std::pair{EACCES, ErrorKind::permission}, {ENOENT, ErrorKind::unavailable}}) {
        fake.reopen_error = error;
        auto device = wrap(master.get());
        ASSERT_FALSE(device);
        EXPECT_EQ(device.error().kind(), kind);
        EXPECT_THAT(device.error().message(),
                    AllOf(HasSubstr("/dev/dri/card0"), HasSubstr("HandlesOn::given_file"),
                          HasSubstr("adopt_handle()"), HasSubstr("MODE_CREATE_LEASE")));
    }
    fake.reopen_error = EMFILE;
    EXPECT_EQ(wrap(master.get()).error().kind(), ErrorKind::exhausted);
    EXPECT_EQ(fake.leases, 0);
}

// ---- the application's file

TEST_F(DrmWrap, OnTheGivenFileAnAdoptedHandleIsTheApplicationsToClose) {
    Device device = *given(master.get());
    auto adopted = device.adopt_handle(own);
    ASSERT_TRUE(adopted) << adopted.error().message();
    EXPECT_EQ(adopted->value(), own);
    auto framebuffer = device.framebuffer(*foreign, picture());
    ASSERT_TRUE(framebuffer);
    EXPECT_EQ(framebuffer->handle().value(), own);
    framebuffer->reset();
    EXPECT_TRUE(has_own());

    auto other = device.gem_handle(*foreign);
    ASSERT_TRUE(other);
    EXPECT_EQ(adopted->release(), own);
    EXPECT_FALSE(*adopted);
    other->reset();
    EXPECT_TRUE(has_own()) << "whoever released it closes it";
    EXPECT_EQ(fake.close_handle(master.get(), own), 0);

    // The number is used again, for a handle that nobody gave back.
    auto fresh = device.gem_handle(*foreign);
    ASSERT_TRUE(fresh);
    EXPECT_EQ(fresh->value(), own);
    fresh->reset();
    EXPECT_FALSE(has_own());
    EXPECT_EQ(device.adopt_handle(own).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(device.adopt_handle(0).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(drm::GemHandle().release(), 0u);
}

TEST_F(DrmWrap, AdoptingWithTooManyOpenFilesDoesNotDenyTheHandle) {
    Device device = *given(master.get());
    fake.cards.at(0).export_error = EMFILE;
    const auto refused = device.adopt_handle(own);
    fake.cards.at(0).export_error = 0;
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::exhausted);
    EXPECT_THAT(refused.error().message(), HasSubstr("ulimit -n"));
    EXPECT_TRUE(device.adopt_handle(own));
}

TEST_F(DrmWrap, AnAdoptedHandleThatIsResetIsClosedByItsLastOwner) {
    Device device = *given(master.get());
    auto adopted = device.adopt_handle(own);
    auto other = device.gem_handle(*foreign);
    ASSERT_TRUE(adopted && other);
    adopted->reset();
    EXPECT_TRUE(has_own());
    other->reset();
    EXPECT_FALSE(has_own());
}

TEST_F(DrmWrap, AGivenFileIsOneHoweverItIsGiven) {
    const UniqueFd fd = fake.open_card(0);
    const UniqueFd twin(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
    const UniqueFd other = fake.open_card(0);
    for (const bool duplicates : {true, false}) {
        fake.tells_duplicates = duplicates;
        auto one = given(fd.get()), two = given(twin.get()), three = given(other.get());
        ASSERT_TRUE(one && two && three);
        EXPECT_EQ(one->fd(), two->fd());
        EXPECT_NE(one->fd(), three->fd());
        EXPECT_NE(one->fd(), fd.get()) << "the application may close its own";
        EXPECT_EQ(one->node(), "/dev/dri/card0");
        auto handle = one->gem_handle(*foreign), again = two->gem_handle(*foreign);
        ASSERT_TRUE(handle && again);
        EXPECT_EQ(handle->value(), again->value());
        EXPECT_EQ(fake.handles(), 2u) << "one beside the application's on its other file";
        handle->reset();
        EXPECT_TRUE(fake.has_handle(fd.get(), again->value())) << "the second user's handle lives";
        again->reset();
        EXPECT_EQ(fake.handles(), 1u);
        EXPECT_EQ(fake.masters_dropped, 0) << "it is the application's to say";
    }
    // The library's own file, given back.
    fake.tells_duplicates = true;
    const Device device = opened();
    auto back = given(device.fd());
    ASSERT_TRUE(back);
    EXPECT_EQ(back->fd(), device.fd());
}

TEST_F(DrmWrap, ADescriptorMayBeClosedAfterwards) {
    UniqueFd fd = fake.open_card(0);
    auto device = wrap(fd.get());
    ASSERT_TRUE(device);
    const int number = fd.get();
    fd.reset();
    const UniqueFd unlucky(::memfd_create("somebody else's", MFD_CLOEXEC));
    EXPECT_EQ(unlucky.get(), number);
    auto handle = device->gem_handle(*foreign);
    EXPECT_TRUE(handle) << handle.error().message();
}

TEST_F(DrmWrap, WhereFilesCannotBeToldApartOnlyTheCertainIsDone) {
    fake.cards[7] = fake.cards[8] = {}; // which no allocator of another test has open
    fake.tells_duplicates = fake.compares_files = false;
    const UniqueFd fd = fake.open_card(7), other = fake.open_card(7), elsewhere = fake.open_card(8);
    auto one = given(fd.get());
    ASSERT_TRUE(one) << "there is no other file of this card";
    EXPECT_TRUE(given(elsewhere.get())) << "another card is another file";
    auto two = given(other.get());
    ASSERT_FALSE(two);
    EXPECT_EQ(two.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(two.error().message(), HasSubstr("kcmp"));
    one = Device::open("card7");
    EXPECT_TRUE(one) << "a new file is nobody else's";
}

TEST_F(DrmWrap, WhatIsNoCardIsRefused) {
    const auto before = open_fds();
    const UniqueFd memfd(::memfd_create("no card", MFD_CLOEXEC));
    EXPECT_EQ(Device::wrap(-1).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(Device::wrap(memfd.get()).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(open_fds().size(), before.size() + 1);
}

// ---- fork

class DrmWrapFork : public DrmWrap {
protected:
    void SetUp() override {
#ifdef __SANITIZE_THREAD__
        GTEST_SKIP() << "fork holds every lock of the library at once, and ThreadSanitizer bears 63 of them";
#endif
    }
};

// The child has its parent's open files, and no right to what is on them.
TEST_F(DrmWrapFork, AChildClosesNothingOfItsParents) {
    Device device = opened();
    auto handle = device.gem_handle(*foreign);
    auto framebuffer = device.framebuffer(*foreign, picture());
    ASSERT_TRUE(handle && framebuffer);
    EXPECT_EQ(in_child([&] {
                  framebuffer->reset();
                  handle->reset();
                  if (fake.shown.empty())
                      return 1;
                  if (!fake.has_handle(device.fd(), 1))
                      return 2;
                  auto refused = device.gem_handle(*foreign);
                  if (refused || refused.error().kind() != ErrorKind::invalid)
                      return 3;
                  auto allocator = device.dumb_allocator();
                  return allocator && !(*allocator)->alloc(100) ? 0 : 4;
              }),
              0);
    EXPECT_FALSE(fake.shown.empty());
}

TEST_F(DrmWrapFork, AnAllocatorByNameOpensTheCardAnewInAChild) {
    Registry& registry = fresh_registry();
    auto allocator = registry.resolve("drm-dumb/card0");
    ASSERT_TRUE(allocator) << allocator.error().message();
    auto memory = (*allocator)->alloc(100);
    ASSERT_TRUE(memory);
    const std::size_t before = fake.opened.size();
    EXPECT_EQ(in_child([&] {
                  if (!(*allocator)->alloc(100))
                      return 1;
                  return fake.opened.size() == before + 1 ? 0 : 2;
              }),
              0);
    EXPECT_TRUE((*allocator)->alloc(100));
    EXPECT_EQ(fake.opened.size(), before) << "the parent keeps its own";
}

} // namespace
} // namespace hwalloc
