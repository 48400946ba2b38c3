// Cameras whose driver imports nothing and exports what it allocates: its own buffers are the bound memory,
// and nothing is copied.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "backends/v4l2/camera_buffers.h"
#include "hwalloc/participant.h"
#include "hwalloc/plan.h"
#include "hwalloc/v4l2_own_buffers.h"
#include "tests/unit/fake_devices.h"
#include "tests/unit/plan_fixture.h"
#include "tests/unit/v4l2_participant_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CameraOwnQueueTest : public V4l2Participant {
protected:
    // Whatever another test of this process made of the name.
    CameraOwnQueueTest() {
        imports(false);
        if (!Allocator::resolve(name))
            registered_ =
                Allocator::register_allocator(name, v4l2::detail::camera_buffers("/dev/video7")).has_value();
    }
    ~CameraOwnQueueTest() override {
        forget_plans();
        made.reset();
        if (registered_)
            (void)Allocator::unregister(name);
    }
    void imports(bool does) {
        fake.refuses_dma_buf = !does;
        fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS |
                            (does ? V4L2_BUF_CAP_SUPPORTS_DMABUF : 0u);
    }
    static ino_t inode_of(const Memory& memory) {
        struct stat status {};
        EXPECT_EQ(::fstat(borrow_fd(memory, FdKind::dmabuf).value().fd, &status), 0);
        return status.st_ino;
    }
    static std::vector<std::uint32_t> indices(const std::deque<std::pair<std::uint32_t, int>>& queued) {
        std::vector<std::uint32_t> all;
        for (const auto& [index, descriptor] : queued)
            all.push_back(index);
        return all;
    }
    static std::size_t whole_pages(std::uint64_t bytes) {
        return (static_cast<std::size_t>(bytes) + page_size() - 1) / page_size() * page_size();
    }
    static constexpr const char* name = "v4l2/video7";
    PlanRef made;

private:
    bool registered_ = false;
};

TEST_F(CameraOwnQueueTest, EachFrameIsInTheBufferThatTheDriverMadeAndGoesBackToIt) {
    for (const bool multi_planar : {false, true})
        for (const bool importing : {false, true}) {
            fake.multi_planar = multi_planar;
            imports(importing);
            fake.exported.clear();
            auto camera = ready();
            if (importing) {
                ASSERT_TRUE(camera.reserve(2)) << "which is given up";
            }
            ASSERT_EQ(v4l2::bind_own(camera, 3).value(), 3u);
            ASSERT_EQ(fake.exported.size(), 3u);
            EXPECT_EQ(fake.exported_flags, O_RDWR | O_CLOEXEC);
            ASSERT_EQ(camera.bound(), 3u);
            for (std::uint32_t i = 0; i < 3; ++i) {
                Memory& memory = *camera.memory(i);
                EXPECT_EQ(inode_of(memory), fake.exported[i]);
                EXPECT_TRUE(memory.is_type("v4l2"));
                EXPECT_EQ(memory.size(), whole_pages(image_bytes)) << "all that the driver exported";
                EXPECT_TRUE(memory.map(MapFlags::readwrite));
            }
            EXPECT_THAT(indices(fake.queued), ElementsAre(0, 1, 2));
            ASSERT_TRUE(camera.start());
            for (std::uint32_t i = 0; i < 7; ++i) {
                const auto frame = camera.dequeue(1000);
                ASSERT_TRUE(frame) << frame.error().message();
                EXPECT_EQ(frame->index, i % 3);
                EXPECT_EQ(fake.queued.size(), 2u);
                const int before = fake.calls;
                ASSERT_TRUE(camera.queue(frame->index));
                EXPECT_EQ(fake.calls, before + 1);
            }
            EXPECT_FALSE(camera.copies_frames());
            EXPECT_EQ(camera.copies(), 0u);
            ASSERT_TRUE(camera.stop());
            ASSERT_TRUE(camera.start()) << "again";
            EXPECT_THAT(indices(fake.queued), ElementsAre(0, 1, 2));
            EXPECT_TRUE(camera.unbind());
            EXPECT_EQ(fake.reserved, 0u);
            imports(true);
            EXPECT_TRUE(camera.bind(memories(2))) << "memory of another is imported again";
        }
}

TEST_F(CameraOwnQueueTest, EachMemoryOfAnImageIsExported) {
    fake.multi_planar = true;
    auto camera = open();
    ASSERT_TRUE(camera.negotiate({.pixel_format = V4L2_PIX_FMT_NV12M, .width = 64, .height = 48}));
    ASSERT_EQ(v4l2::bind_own(camera, 2).value(), 2u);
    ASSERT_EQ(fake.exported.size(), 4u);
    for (std::uint32_t i = 0; i < 4; ++i) {
        const Memory& memory = *camera.memory(i / 2, i % 2);
        EXPECT_EQ(inode_of(memory), fake.exported[i]);
        EXPECT_EQ(memory.size(), whole_pages(camera.format()->layout.memory_sizes[i % 2]));
    }
    ASSERT_TRUE(camera.start());
    const auto frame = camera.dequeue(1000);
    ASSERT_TRUE(frame) << frame.error().message();
    EXPECT_EQ(camera.map(*frame, 1).value().bytes.size(), 60u);
    EXPECT_TRUE(camera.queue(frame->index));
    EXPECT_TRUE(camera.unbind());
    // A trial takes both, or none.
    const auto participant = capture(camera);
    const ImageLayout layout = with_memory_per_plane(linear(nv12_drm));
    const auto image = alloc_layout(*participant->own_allocators().at(0).get(), layout);
    ASSERT_TRUE(image) << image.error().message();
    fake.exported.clear();
    EXPECT_TRUE(participant->attempt_image(*image));
    EXPECT_EQ(fake.exported.size(), 2u);
}

TEST_F(CameraOwnQueueTest, MemoryOutlivesTheCameraAndTheNextIsNew) {
    MemoryRef kept;
    ino_t inode = 0;
    {
        auto camera = ready();
        ASSERT_TRUE(v4l2::bind_own(camera, 1));
        kept = camera.memory(0)->ref().value();
        inode = inode_of(*kept);
        ASSERT_TRUE(camera.unbind());
        ASSERT_TRUE(v4l2::bind_own(camera, 1));
        EXPECT_NE(inode_of(*camera.memory(0)), inode);
    }
    EXPECT_EQ(fake.reserved, 0u);
    const auto mapping = kept->map(MapFlags::readwrite);
    ASSERT_TRUE(mapping) << mapping.error().message();
    EXPECT_EQ(mapping->bytes().size(), whole_pages(image_bytes));
}

TEST_F(CameraOwnQueueTest, AsManyAsTheDriverMakesAndItsAllocatorIsBusyMeanwhile) {
    auto* allocator = fresh_registry().resolve("v4l2/video7").value();
    fake.least_buffers = 4;
    auto camera = ready();
    EXPECT_EQ(v4l2::bind_own(camera, 2).value(), 4u);
    EXPECT_EQ(camera.bound(), 4u);
    EXPECT_EQ(v4l2::bind_own(camera, 2).error().kind(), ErrorKind::invalid) << "bound already";
    EXPECT_EQ(allocator->alloc(100).error().kind(), ErrorKind::busy);
    EXPECT_EQ(fake.queued.size(), 4u);
    EXPECT_TRUE(camera.close());
    EXPECT_FALSE(v4l2::has_only_own_buffers(camera)) << "closed";
    EXPECT_EQ(v4l2::bind_own(camera, 2).error().kind(), ErrorKind::invalid);
}

TEST_F(CameraOwnQueueTest, WhatTheDriverCannotDoIsToldAndNothingIsReserved) {
    const auto refused = [&](ErrorKind kind, const char* words) {
        auto camera = ready();
        const auto bound = v4l2::bind_own(camera, 2);
        ASSERT_FALSE(bound) << words;
        EXPECT_EQ(bound.error().kind(), kind) << bound.error().message();
        EXPECT_THAT(bound.error().message(), AllOf(HasSubstr(words), HasSubstr("driver's own")));
        EXPECT_EQ(camera.bound(), 0u);
        EXPECT_EQ(fake.reserved, 0u);
    };
    {
        auto camera = open();
        EXPECT_EQ(v4l2::bind_own(camera, 2).error().kind(), ErrorKind::invalid) << "no format";
        ASSERT_TRUE(camera.negotiate(yuyv()));
        EXPECT_EQ(v4l2::bind_own(camera, 0).error().kind(), ErrorKind::invalid);
    }
    fake.expbuf = -ENOTTY;
    refused(ErrorKind::unsupported, "exports no dma-bufs");
    fake.expbuf = 0;
    fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
    refused(ErrorKind::unsupported, "let go of");
    fake.capabilities |= V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
    fake.reqbufs = -ENOMEM;
    refused(ErrorKind::exhausted, "no memory for this");
    fake.reqbufs = 0;
    auto camera = ready();
    fake.image -= 1;
    const Error small = v4l2::bind_own(camera, 2).error();
    EXPECT_EQ(small.kind(), ErrorKind::incompatible);
    EXPECT_THAT(small.message(), HasSubstr("smaller than an image"));
    EXPECT_EQ(fake.reserved, 0u);
}

TEST_F(CameraOwnQueueTest, EveryCallThatFailsLeavesNothing) {
    auto camera = ready();
    (void)v4l2::bind_own(camera, 2); // scans for the allocator
    (void)camera.unbind();
    const auto before = open_fds();
    int failures = 0;
    for (int n = 1;; ++n) {
        fake.calls = 0;
        fake.fails_at = n;
        const auto bound = v4l2::bind_own(camera, 2);
        const bool over = fake.calls < n;
        fake.fails_at = 0;
        if (!bound) {
            ++failures;
            EXPECT_EQ(camera.bound(), 0u) << n;
            EXPECT_EQ(fake.reserved, 0u) << n;
            EXPECT_EQ(open_fds(), before) << n;
            EXPECT_TRUE(v4l2::bind_own(camera, 2)) << n;
        }
        EXPECT_TRUE(camera.unbind());
        if (over)
            break;
        ASSERT_LT(n, 60);
    }
    EXPECT_GE(failures, 6);
}

TEST_F(CameraOwnQueueTest, WhereMemoryOfAnotherIsGivenBothWaysOutAreNamed) {
    auto camera = ready();
    for (const Error& error : {camera.reserve(2).error(), camera.bind(memories(2)).error()}) {
        EXPECT_EQ(error.kind(), ErrorKind::unsupported);
        EXPECT_THAT(error.message(), AllOf(HasSubstr("cannot import"), HasSubstr("bind_own()"),
                                           HasSubstr("--allow-copy"), HasSubstr("allow_copies()")));
    }
    EXPECT_TRUE(v4l2::has_only_own_buffers(camera));
    const auto listed = v4l2::list_cameras().value();
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0].imports, Answer::no);
    EXPECT_EQ(listed[0].exports, Answer::unknown);
    fake.expbuf = -ENOTTY;
    EXPECT_EQ(v4l2::list_cameras().value()[0].exports, Answer::no);
    EXPECT_FALSE(v4l2::has_only_own_buffers(camera)) << "it exports none";
    fake.expbuf = 0;
    imports(true);
    EXPECT_FALSE(v4l2::has_only_own_buffers(camera)) << "it imports";
}

// Others may want more than an image of a buffer: what bind_own() will bind is what counts, not the memory
// that stands for it in a plan, which its allocator makes of any size.
TEST_F(CameraOwnQueueTest, ATrialTakesWhatTheBoundBuffersWillHaveAndNoMore) {
    auto camera = ready();
    const auto participant = capture(camera);
    ImageLayout layout = linear();
    const auto attempt_in = [&](std::uint64_t size) {
        layout.memory_sizes[0] = size;
        const auto image = alloc_layout(*participant->own_allocators().at(0).get(), layout);
        EXPECT_TRUE(image) << image.error().message();
        return participant->attempt_image(*image);
    };
    const std::uint64_t most = whole_pages(image_bytes);
    ASSERT_GT(most, image_bytes);
    EXPECT_TRUE(attempt_in(image_bytes));
    EXPECT_TRUE(attempt_in(most));
    ASSERT_TRUE(v4l2::bind_own(camera, 1));
    EXPECT_EQ(camera.memory(0)->size(), most);
    ASSERT_TRUE(camera.unbind());
    const auto refused = attempt_in(most + 1);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(refused.error().size_wanted(), most + 1);
    EXPECT_EQ(refused.error().size_held(), most);
    EXPECT_THAT(refused.error().message(), HasSubstr("ask for a larger image"));
    EXPECT_EQ(fake.reserved, 0u);
}

TEST_F(CameraOwnQueueTest, APlanTakesAnOutputsOwnAndSaysHow) {
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 64, fake.height = 48, fake.stride = 128;
    for (const bool copies : {false, true}) {
        fake.can = V4L2_CAP_VIDEO_OUTPUT;
        const auto reads = v4l2::output_participant("/dev/video7", copies).value();
        made = plan({reads}, {.image = picture}).value();
        ASSERT_NE(made->choice(), nullptr) << made->error()->message();
        EXPECT_EQ(made->choice()->name, "own memory of output /dev/video7 (a fake)");
        EXPECT_EQ(made->choice()->verdict, Verdict::accepted);
        EXPECT_THAT(made->choice()->cells[0].recipe.once,
                    AllOf(HasSubstr("Output::bind_own()"), HasSubstr("Output::memory()")));
        EXPECT_EQ(fake.reserved, 0u);
        forget_plans();
    }
    fake.expbuf = -ENOTTY;
    EXPECT_TRUE(output()->own_allocators().empty()) << "it exports none";
    fake.expbuf = 0;
    imports(true);
    EXPECT_TRUE(output()->own_allocators().empty()) << "other memory does, with a plan that is remembered";
}

TEST_F(CameraOwnQueueTest, TheBuffersOfAnOutputOutliveIt) {
    fake.pixel_format = V4L2_PIX_FMT_YUYV, fake.width = 64, fake.height = 48, fake.stride = 128;
    auto reads = output();
    const AllocatorRef own = reads->own_allocators().at(0);
    const auto before = open_fds().size();
    const auto memory = own->alloc(image_bytes).value();
    EXPECT_EQ(open_fds().size(), before + 1) << "by the open file of the output";
    reads.reset();
    EXPECT_EQ(open_fds().size(), before) << "no memory keeps the output open";
    EXPECT_TRUE(memory->map(MapFlags::readwrite));
    EXPECT_TRUE(own->alloc(image_bytes)) << "a file of its own, then";
}

// By bytes and by pixels, with the format that the camera has and with another.
TEST_F(CameraOwnQueueTest, APlanTakesItsOwnAndSaysHow) {
    for (const bool copies : {false, true})
        for (const ImageSpec& image :
             {picture, ImageSpec{.size = 100}, ImageSpec{.fourcc = nv12_drm, .width = 32, .height = 16}}) {
            auto camera = ready();
            camera.allow_copies(copies);
            forget_plans();
            made = plan({capture(camera)}, {.image = image}).value();
            ASSERT_NE(made->choice(), nullptr) << made->error()->message();
            EXPECT_EQ(made->choice()->name, "v4l2/video7");
            EXPECT_EQ(made->choice()->verdict, Verdict::accepted);
            EXPECT_THAT(made->choice()->cells[0].recipe.once, HasSubstr("bind_own()"));
            EXPECT_EQ(fake.reserved, 0u);
            EXPECT_EQ(fake.pixel_format, __u32{V4L2_PIX_FMT_YUYV}) << "put back";
            // The rest is refused, or copied.
            const ImageLayout layout = image.pixels()
                                           ? linear_layout(image.fourcc, image.width, image.height).value()
                                           : bytes(image_bytes);
            const auto other = capture(camera)->attempt(*memories(1)[0], layout);
            EXPECT_EQ(other.has_value(), copies);
            if (!other) {
                EXPECT_THAT(other.error().message(), HasSubstr("cannot import"));
            }
            ASSERT_TRUE(camera.negotiate(yuyv()));
            ASSERT_TRUE(v4l2::bind_own(camera, 2));
        }
}

TEST_F(CameraOwnQueueTest, WhereAnotherRefusesItsOwnAPlanCopiesIfThatIsAllowed) {
    auto camera = ready();
    const auto picky = std::make_shared<FakeParticipant>("picky");
    picky->needs.needs_dma_buf = false;
    picky->trial = [](Memory& memory, const ImageLayout&) -> Result<Recipe> {
        if (memory.is_type("v4l2"))
            return Error(ErrorKind::incompatible, "not that");
        return Recipe{.use = "test"};
    };
    const auto chosen = [&]() -> const PlanCandidate* {
        forget_plans();
        made = plan({capture(camera), picky}, {.image = picture}).value();
        return made->choice();
    };
    EXPECT_EQ(chosen(), nullptr);
    camera.allow_copies(true);
    ASSERT_NE(chosen(), nullptr) << made->error()->message();
    EXPECT_NE(made->choice()->name, "v4l2/video7");
    EXPECT_THAT(made->choice()->cells[0].recipe.end, HasSubstr("Camera::copies()"));
    picky->trial = nullptr;
    ASSERT_NE(chosen(), nullptr);
    EXPECT_EQ(made->choice()->name, "v4l2/video7") << "nothing is copied where nothing has to be";
}

} // namespace
} // namespace hwalloc
