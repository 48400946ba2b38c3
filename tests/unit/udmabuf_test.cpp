// "udmabuf": the memfd it is made of, its limit, what a failure tells.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "allocators/registry/registry.h"
#include "hwalloc/allocator.h"
#include "hwalloc/dma_buf.h"
#include "tests/unit/fake_devices.h"
#include "tests/unit/fault_loop.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* limit_file = "/sys/module/udmabuf/parameters/size_limit_mb";

class Udmabuf : public ::testing::Test {
protected:
    Udmabuf() {
        fake.files[limit_file] = "64\n";
        auto found = registry.resolve("udmabuf");
        EXPECT_TRUE(found) << found.error().message();
        allocator = found ? *found : nullptr;
    }
    FakeDevices fake;
    Registry& registry = fresh_registry();
    Allocator* allocator = nullptr;
};

TEST_F(Udmabuf, IsADmaBufOverASealedMemfdThatIsNotKept) {
    { ASSERT_TRUE(allocator->alloc(1)); } // the node is open from here on
    const auto before = open_fds();
    auto memory = allocator->alloc(page_size() + 1);
    ASSERT_TRUE(memory) << memory.error().message();
    EXPECT_TRUE((*memory)->is_type("udmabuf"));
    EXPECT_EQ(open_fds().size(), before.size() + 1) << "the buffer alone";
    EXPECT_EQ(fake.last_memfd_seals & (F_SEAL_SHRINK | F_SEAL_WRITE), F_SEAL_SHRINK);
    EXPECT_EQ(fake.last_udmabuf_request.flags, static_cast<unsigned>(UDMABUF_FLAGS_CLOEXEC));
    EXPECT_EQ(fake.last_udmabuf_request.size, 2 * page_size());
    EXPECT_TRUE(borrow_fd(**memory, FdKind::dmabuf));
    EXPECT_FALSE(borrow_fd(**memory, FdKind::memfd));
    // The CPU's view is the buffer's, so SYNC is issued; START comes first.
    EXPECT_TRUE((*memory)->map(MapFlags::write));
    EXPECT_THAT(fake.buffers.syncs, ElementsAre(start_w, end_w));
}

TEST_F(Udmabuf, MoreThanTheDriversLimitIsRefusedEarlyInWords) {
    // The limit is asked for again before it refuses: root may have changed it.
    fake.files[limit_file] = "1\n";
    fake.udmabuf_limit = 1 << 20;
    auto memory = allocator->alloc((std::size_t{1} << 30) + 1);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::limit);
    EXPECT_EQ(memory.error().size_held(), 1u << 20);
    EXPECT_THAT(memory.error().message(), HasSubstr("size_limit_mb"));
    EXPECT_EQ(fake.last_udmabuf_request.size, 0u) << "refused before the driver is asked";
    EXPECT_EQ(allocator->extension<Describes>()->properties().max_size, 1u << 20);

    EXPECT_TRUE(allocator->alloc(1 << 20)) << "exactly the limit";
    fake.files[limit_file] = "2\n";
    fake.udmabuf_limit = 2 << 20;
    EXPECT_TRUE(allocator->alloc((1 << 20) + 1)) << "raised since";
    EXPECT_EQ(allocator->extension<Describes>()->properties().max_size, 2u << 20);

    // A driver without the parameter has the kernel's default.
    fake.files[limit_file] = "!2";
    EXPECT_FALSE(allocator->alloc((std::size_t{64} << 20) + 1));
    EXPECT_EQ(allocator->extension<Describes>()->properties().max_size, 64u << 20);
}

TEST_F(Udmabuf, WhatTheMachineHasNotIsRefusedBeforeTheKernelKillsForIt) {
    fake.files["/proc/meminfo"] = "MemTotal: 1048576 kB\nMemAvailable: 65536 kB\n";
    auto memory = allocator->alloc((48 << 20) + 1);
    ASSERT_FALSE(memory);
    EXPECT_EQ(memory.error().kind(), ErrorKind::exhausted);
    EXPECT_THAT(memory.error().message(), HasSubstr("not that much memory free"));
    EXPECT_EQ(fake.last_udmabuf_request.size, 0u) << "refused before the driver is asked";
    EXPECT_TRUE(allocator->alloc(48 << 20));
}

TEST_F(Udmabuf, IsOpenedForReadingWhichIsAllThatTheDriverWants) {
    ASSERT_TRUE(allocator->alloc(1));
    int flags = -1;
    for (const auto& [path, with] : fake.opened)
        if (path == "/dev/udmabuf")
            flags = with;
    EXPECT_EQ(flags & O_ACCMODE, O_RDONLY);
    // So whoever may read it needs no more.
    fake.node_errors["/dev/udmabuf"] = EACCES;
    fake.node_status.st_mode = S_IFCHR | 0664;
    EXPECT_THAT(allocator->extension<Describes>()->available().error().message(), Not(HasSubstr("usermod")));
}

TEST_F(Udmabuf, ANodeThatIsTakenSaysSo) {
    fake.node_errors["/dev/udmabuf"] = EBUSY;
    const auto available = allocator->extension<Describes>()->available();
    ASSERT_FALSE(available);
    EXPECT_EQ(available.error().kind(), ErrorKind::busy);
    EXPECT_THAT(available.error().remedy(), HasSubstr("fuser -v /dev/udmabuf"));
}

TEST_F(Udmabuf, SaysWhatItIs) {
    const Properties properties = allocator->extension<Describes>()->properties();
    EXPECT_EQ(properties.contiguous, Answer::no);
    EXPECT_EQ(properties.sync, SyncQuality::exporter_only);
    EXPECT_EQ(properties.cost, 30);
}

TEST_F(Udmabuf, ANodeOfAGroupTellsToJoinIt) {
    fake.node_errors["/dev/udmabuf"] = EACCES;
    fake.node_status.st_mode = S_IFCHR | 0660;
    fake.node_status.st_gid = 107;
    fake.files["/proc/self/status"] =
        "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t44 \n";
    fake.files["/etc/passwd"] = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
    fake.files["/etc/group"] = "root:x:0:\nkvm:x:107:\nvideo:x:44:alice\n";
    auto available = allocator->extension<Describes>()->available();
    ASSERT_FALSE(available);
    EXPECT_THAT(available.error().message(),
                AllOf(HasSubstr("belongs to root:kvm, mode 0660"), HasSubstr("usermod -aG kvm alice")));
    EXPECT_EQ(available.error().mend(), "sudo usermod -aG kvm alice");

    // A user who was added to the group after logging in needs a new login, and need not be added again.
    fake.files["/etc/group"] = "root:x:0:\nkvm:x:107:bob,alice\nvideo:x:44:alice\n";
    available = allocator->extension<Describes>()->available();
    EXPECT_THAT(available.error().message(), AllOf(HasSubstr("log in again"), Not(HasSubstr("usermod"))));
    EXPECT_EQ(available.error().mend(), "newgrp kvm");
    fake.files["/etc/group"] = "root:x:0:\nkvm:x:107:bob,malice,alicex\nalice:x:44:alice\n";
    available = allocator->extension<Describes>()->available();
    EXPECT_EQ(available.error().mend(), "sudo usermod -aG kvm alice") << "parts of a name are another name";

    // A name that a shell would take apart is told, and stands in no line for a shell.
    fake.files["/etc/group"] = "root:x:0:\nk;reboot:x:107:\n";
    available = allocator->extension<Describes>()->available();
    EXPECT_THAT(available.error().message(), HasSubstr("usermod -aG k;reboot alice"));
    EXPECT_EQ(available.error().mend(), "");

    // Names that nobody knows are numbers, and without /proc the story is shorter, not wrong.
    fake.files["/etc/passwd"] = "!2";
    fake.files["/etc/group"] = "!2";
    available = allocator->extension<Describes>()->available();
    EXPECT_THAT(available.error().message(),
                AllOf(HasSubstr("belongs to 0:107, mode 0660"), HasSubstr("1000 (user 1000)")));
    EXPECT_EQ(available.error().mend(), "") << "usermod takes no numbers";
    fake.files["/proc/self/status"] = "!2";
    available = allocator->extension<Describes>()->available();
    EXPECT_THAT(available.error().message(), AllOf(HasSubstr("belongs to 0:107"), HasSubstr("udev rule")));

    // Root that is refused: it is not the mode.
    fake.files["/proc/self/status"] = "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \n";
    fake.node_errors["/dev/udmabuf"] = EPERM;
    available = allocator->extension<Describes>()->available();
    EXPECT_THAT(available.error().message(), HasSubstr("container"));
}

TEST_F(Udmabuf, NothingIsLeftWhenACallFails) {
    { ASSERT_TRUE(allocator->alloc(100)); }
    EXPECT_THAT(fail_each_call(ENOMEM, [&] { return alloc_and_map(*allocator); }),
                ElementsAre("memfd_create", "ftruncate", "fcntl", "ioctl", "fstat", "ioctl", "mmap", "ioctl",
                            "ioctl"))
        << "..., CREATE, fstat, SET_NAME (ignored), mmap, START, END";
}

} // namespace
} // namespace hwalloc
