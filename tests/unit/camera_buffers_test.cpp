// "v4l2/videoN": how a buffer of the camera's own is made, what is left when that fails, and whose open file
// it goes through.
#include <gmock/gmock.h>

#include <algorithm>
#include <tuple>

#include "allocators/registry/registry.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/participant.h"
#include "tests/unit/fake_camera.h"
#include "tests/unit/fake_devices.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CameraBuffersTest : public CameraTest {
protected:
    CameraBuffersTest() {
        auto found = registry.resolve("v4l2/video7");
        EXPECT_TRUE(found) << found.error().message();
        allocator = found ? *found : nullptr;
    }
    Registry& registry = fresh_registry();
    Allocator* allocator = nullptr;
};

TEST_F(CameraBuffersTest, AreExportedForReadingAndWritingAndForgottenByTheQueue) {
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        fake.own_made.clear();
        const auto before = open_fds();
        auto memory = allocator->alloc(100);
        ASSERT_TRUE(memory) << memory.error().message();
        EXPECT_TRUE((*memory)->is_type("v4l2"));
        EXPECT_EQ((*memory)->size(), 100u);
        EXPECT_EQ(open_fds().size(), before.size() + 1) << "the buffer alone";
        EXPECT_EQ(fake.exported_flags, O_RDWR | O_CLOEXEC);
        EXPECT_EQ(fake.reserved, 0u);
        EXPECT_TRUE(borrow_fd(**memory, FdKind::dmabuf));
        // Less than an image is refused by drivers; more is made.
        ASSERT_TRUE(allocator->alloc(fake.image + 1));
        EXPECT_THAT(fake.own_made, ElementsAre(fake.image, 2 * page_size()));
    }
    EXPECT_EQ(registry.find("/dev/video7"), allocator);
}

// properties() opens no camera: it tells what a plan, or whoever allocates, has met.
TEST_F(CameraBuffersTest, TheirKindIsToldWhileTheCameraIsOpen) {
    auto* describes = allocator->extension<Describes>();
    for (const auto& [exporter, contiguous, cached, sync] :
         {std::tuple{"videobuf2_vmalloc", Answer::no, Answer::yes, SyncQuality::fence_only},
          std::tuple{"videobuf2_dma_sg", Answer::no, Answer::yes, SyncQuality::exporter_only},
          std::tuple{"videobuf2_dma_contig", Answer::unknown, sees_cpu_caches(0), SyncQuality::exporter_only},
          std::tuple{"another", Answer::unknown, Answer::unknown, SyncQuality::exporter_only}}) {
        SCOPED_TRACE(exporter);
        fake.exporter = exporter;
        {
            auto camera = open();
            EXPECT_EQ(describes->properties().cached, Answer::unknown);
            ASSERT_TRUE(allocator->alloc(1));
            EXPECT_EQ(describes->properties().contiguous, contiguous);
            EXPECT_EQ(describes->properties().cached, cached);
            EXPECT_EQ(describes->properties().sync, sync);
        }
        EXPECT_EQ(describes->properties().cached, Answer::unknown) << "another camera may be there next";
    }
}

TEST_F(CameraBuffersTest, GoThroughTheOpenFileThatHoldsTheQueueWhoeverElseOpensTheNode) {
    auto first = ready();
    ASSERT_TRUE(first.reserve(3));
    ASSERT_TRUE(v4l2::list_cameras());
    auto second = open();
    { auto third = open(); }
    auto own = allocator->alloc(image_bytes);
    ASSERT_TRUE(own) << own.error().message();
    EXPECT_EQ(fake.reserved, 3u) << "what the first one had reserved is reserved again";
    ASSERT_TRUE(first.bind(memories(3)));
    // Busy through the program's own doing, and told so.
    const auto bound = allocator->alloc(image_bytes).error();
    EXPECT_EQ(bound.kind(), ErrorKind::busy);
    EXPECT_THAT(bound.message(), HasSubstr("bound memory"));
    for (const auto& error : {second.negotiate(yuyv()).error(), [&] {
                                  EXPECT_TRUE(first.unbind());
                                  EXPECT_TRUE(first.reserve(2));
                                  return second.negotiate(yuyv()).error();
                              }()}) {
        EXPECT_EQ(error.kind(), ErrorKind::busy);
        EXPECT_THAT(error.message(), HasSubstr("this program itself"));
    }
    // The last one that is open takes over.
    EXPECT_TRUE(first.close());
    ASSERT_TRUE(second.negotiate(yuyv()));
    ASSERT_TRUE(second.reserve(2));
    EXPECT_TRUE(allocator->alloc(image_bytes));
    EXPECT_EQ(fake.reserved, 2u);
}

TEST_F(CameraBuffersTest, ACameraThatClosesLeavesTheOlderOneShared) {
    auto first = ready();
    { auto second = open(); }
    const auto before = open_fds();
    ASSERT_TRUE(first.reserve(2));
    auto own = allocator->alloc(image_bytes);
    ASSERT_TRUE(own) << own.error().message();
    EXPECT_EQ(open_fds().size(), before.size() + 1) << "the buffer alone";
}

TEST_F(CameraBuffersTest, GoThroughTheOpenFileOfTheApplication) {
    auto camera = ready();
    const auto before = open_fds();
    ASSERT_TRUE(camera.reserve(3));
    std::vector<MemoryRef> own;
    for (int i = 0; i < 3; ++i) {
        auto memory = allocator->alloc(camera.format()->layout.memory_sizes[0]);
        ASSERT_TRUE(memory) << memory.error().message();
        own.push_back(*std::move(memory));
    }
    EXPECT_EQ(open_fds().size(), before.size() + 3) << "no second open file";
    EXPECT_EQ(fake.reserved, 3u) << "what the camera had reserved is reserved again";
    ASSERT_TRUE(camera.bind(own));
    // Its queue is taken now.
    auto more = allocator->alloc(100);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().kind(), ErrorKind::busy);
    EXPECT_THAT(more.error().message(), HasSubstr("unbind()"));
    EXPECT_EQ(fake.queued.size(), 3u);
    ASSERT_TRUE(camera.unbind());
    EXPECT_TRUE(allocator->alloc(100));
}

TEST_F(CameraBuffersTest, ComeFromADriverWithoutSingleBuffersAsAQueueOfOne) {
    fake.create_bufs = -ENOTTY;
    for (int i = 0; i < 2; ++i) {
        auto memory = allocator->alloc(100);
        ASSERT_TRUE(memory) << memory.error().message();
        EXPECT_TRUE(borrow_fd(**memory, FdKind::dmabuf));
        EXPECT_EQ(fake.reserved, 0u);
    }
    auto large = allocator->alloc(fake.image + 2 * page_size());
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(large.error().message(), HasSubstr("of its format's size only"));
}

TEST_F(CameraBuffersTest, AreUnavailableWhereTheDriverExportsNone) {
    auto& describes = *allocator->extension<Describes>();
    EXPECT_TRUE(describes.available());
    fake.create_bufs = fake.expbuf = -ENOTTY; // v4l2loopback
    const auto available = describes.available();
    ASSERT_FALSE(available);
    EXPECT_EQ(available.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(available.error().message(), HasSubstr("exports no dma-bufs"));
}

TEST_F(CameraBuffersTest, WhatTheDriverCannotDoIsToldInWords) {
    const auto refusal = [&](ErrorKind kind, const char* words) {
        auto memory = allocator->alloc(100);
        ASSERT_FALSE(memory) << words;
        EXPECT_EQ(memory.error().kind(), kind) << memory.error().message();
        EXPECT_THAT(memory.error().message(), HasSubstr(words));
        EXPECT_EQ(fake.reserved, 0u);
    };
    fake.capabilities = V4L2_BUF_CAP_SUPPORTS_DMABUF;
    refusal(ErrorKind::unsupported, "let go of");
    fake.capabilities |= V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
    fake.expbuf = -ENOTTY;
    refusal(ErrorKind::unsupported, "exports no dma-bufs");
    fake.expbuf = 0;
    fake.create_bufs = -EBUSY;
    refusal(ErrorKind::busy, "another program");
    fake.create_bufs = 0;
    fake.multi_planar = true;
    fake.memories = 5;
    refusal(ErrorKind::unsupported, "lies in 5 memories");
    EXPECT_EQ(
        allocator->alloc(static_cast<std::size_t>(std::min<std::uint64_t>(SIZE_MAX, std::uint64_t{5} << 30)))
            .error()
            .kind(),
        ErrorKind::limit);
}

TEST_F(CameraBuffersTest, NothingIsLeftWhenACallFails) {
    auto camera = ready();
    ASSERT_TRUE(camera.reserve(2));
    const auto before = open_fds();
    int failures = 0;
    for (int call = 1;; ++call) {
        fake.calls = 0;
        fake.fails_at = call;
        auto memory = allocator->alloc(100);
        const bool over = fake.calls < call;
        fake.fails_at = 0;
        if (memory)
            memory->reset();
        else
            ++failures;
        EXPECT_EQ(open_fds(), before) << call;
        EXPECT_NE(fake.kind, __u32{V4L2_MEMORY_MMAP}) << call;
        if (over)
            break;
        ASSERT_TRUE(camera.reserve(2));
    }
    EXPECT_GE(failures, 4);
}

} // namespace
} // namespace hwalloc
