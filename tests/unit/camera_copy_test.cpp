// Cameras whose driver imports nothing: who allows a copy gets each frame in the bound memory, counted, and
// nobody else gets one.
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "hwalloc/participant.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// The fake with buffers of its own that can be mapped: bytes of its open file, one behind the other.
class CameraCopyTest : public CameraTest {
protected:
    static constexpr std::size_t apart = 1u << 16, own = 2; // as v4l2loopback: two, whatever was asked for
    static inline int (*rest)(int fd, unsigned long request, void* argument) = nullptr;

    CameraCopyTest() {
        fake.refuses_dma_buf = true;
        fake.create_bufs = fake.expbuf = -ENOTTY;
        rest = fake.buffers.other;
        fake.buffers.other = [](int fd, unsigned long request, void* argument) {
            if (request == VIDIOC_REQBUFS) {
                auto& r = *static_cast<v4l2_requestbuffers*>(argument);
                r.count = std::min<std::uint32_t>(r.count, own);
            }
            if (request != VIDIOC_QUERYBUF)
                return rest(fd, request, argument);
            auto& b = *static_cast<v4l2_buffer*>(argument);
            EXPECT_EQ(b.memory, __u32{V4L2_MEMORY_MMAP});
            EXPECT_LT(b.index, own);
            EXPECT_EQ(::ftruncate(fd, own * apart), 0);
            const auto offset = static_cast<__u32>(b.index * apart);
            if (FakeCamera::active->multi_planar) {
                b.m.planes[0].length = FakeCamera::active->image;
                b.m.planes[0].m.mem_offset = offset;
                b.m.planes[1].length = FakeCamera::active->more_planes[0].sizeimage;
                b.m.planes[1].m.mem_offset = offset + apart / 2;
            } else {
                b.length = FakeCamera::active->image;
                b.m.offset = offset;
            }
            return 0;
        };
    }
    v4l2::Camera allowing() {
        auto camera = ready();
        camera.allow_copies(true);
        return camera;
    }
    // The driver's next frame is of bytes of this value.
    void draw(const v4l2::Camera& camera, int value) {
        ASSERT_FALSE(fake.queued.empty());
        const std::vector<char> bytes(image_bytes, static_cast<char>(value));
        ASSERT_EQ(::pwrite(camera.fd(), bytes.data(), bytes.size(),
                           static_cast<off_t>(fake.queued.front().first * apart)),
                  static_cast<ssize_t>(bytes.size()));
    }
    static std::vector<MemoryRef> of_sysmem(std::size_t count, std::size_t size = image_bytes) {
        std::vector<MemoryRef> made;
        for (std::size_t i = 0; i < count; ++i)
            made.push_back(Allocator::resolve("sysmem").value()->alloc(size).value());
        return made;
    }
};

TEST_F(CameraCopyTest, EachMemoryOfAnImageIsCopied) {
    fake.multi_planar = true;
    auto camera = open();
    ASSERT_TRUE(camera.negotiate({.pixel_format = V4L2_PIX_FMT_NV12M, .width = 64, .height = 48}));
    camera.allow_copies(true);
    auto bound = of_sysmem(3, std::size_t{64} * 48);
    bound.pop_back();
    ASSERT_TRUE(camera.bind(bound));
    EXPECT_EQ(camera.bound(), 1u);
    ASSERT_TRUE(camera.start());
    const std::vector<char> luma(100, 1), chroma(100, 2);
    const auto at = static_cast<off_t>(fake.queued.front().first * apart);
    ASSERT_EQ(::pwrite(camera.fd(), luma.data(), luma.size(), at), 100);
    ASSERT_EQ(::pwrite(camera.fd(), chroma.data(), chroma.size(), at + static_cast<off_t>(apart / 2)), 100);
    const auto frame = camera.dequeue(1000);
    ASSERT_TRUE(frame) << frame.error().message();
    for (std::uint32_t which = 0; which < 2; ++which) {
        const auto seen = camera.map(*frame, which);
        ASSERT_TRUE(seen) << seen.error().message();
        EXPECT_EQ(seen->bytes.size(), which == 0 ? 70u : 60u);
        EXPECT_THAT(seen->bytes, Each(which + 1));
    }
    EXPECT_EQ(camera.copies(), 1u);
}

TEST_F(CameraCopyTest, WithoutLeaveNothingIsCopiedAndTheWayOutIsNamed) {
    for (const bool create_bufs : {false, true}) {
        fake.create_bufs = create_bufs ? 0 : -ENOTTY;
        fake.capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
        auto camera = ready();
        for (const Error& error : {camera.reserve(2).error(), camera.bind(memories(2)).error(),
                                   camera.bind(of_sysmem(2)).error()}) {
            EXPECT_EQ(error.kind(), ErrorKind::unsupported) << error.message();
            EXPECT_FALSE(camera.copies_frames());
        }
        EXPECT_THAT(
            camera.reserve(2).error().message(),
            AllOf(HasSubstr("cannot import"), HasSubstr("--allow-copy"), HasSubstr("allow_copies()")));
        EXPECT_EQ(fake.reserved, 0u);
    }
    const auto listed = v4l2::list_cameras().value();
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0].imports, Answer::no);
    EXPECT_FALSE(listed[0].why);
}

TEST_F(CameraCopyTest, EachFrameIsInTheBoundMemoryAndTheDriverHasItsBufferBack) {
    for (const bool multi_planar : {false, true})
        for (const bool dma_bufs : {false, true}) {
            fake.multi_planar = multi_planar;
            auto camera = allowing();
            EXPECT_EQ(camera.reserve(3).value(), 3u) << "whatever the driver has";
            EXPECT_TRUE(camera.copies_frames());
            ASSERT_TRUE(camera.bind(dma_bufs ? memories(3) : of_sysmem(3)));
            ASSERT_TRUE(camera.start());
            std::vector<std::uint32_t> held;
            for (int value = 1; value <= 9; ++value) {
                draw(camera, value);
                const auto frame = camera.dequeue(1000);
                ASSERT_TRUE(frame) << frame.error().message();
                EXPECT_EQ(fake.queued.size(), own);
                EXPECT_EQ(camera.copies(), static_cast<unsigned>(value));
                const auto mapped = camera.map(*frame);
                ASSERT_TRUE(mapped) << mapped.error().message();
                EXPECT_EQ(mapped->bytes.size(), multi_planar ? 70u : 100u);
                EXPECT_THAT(mapped->bytes, Each(value));
                held.push_back(frame->index);
                if (held.size() < 3)
                    continue;
                EXPECT_THAT(held, UnorderedElementsAre(0, 1, 2));
                EXPECT_EQ(camera.dequeue(0).error().kind(), ErrorKind::invalid) << "all are held";
                held.pop_back(); // which is mapped, and stays
                for (const std::uint32_t index : held)
                    ASSERT_TRUE(camera.queue(index));
                held = {frame->index};
            }
            ASSERT_TRUE(camera.stop());
            EXPECT_TRUE(camera.start()) << "again";
            EXPECT_TRUE(camera.unbind());
            EXPECT_EQ(fake.reserved, 0u);
            EXPECT_FALSE(camera.copies_frames());
        }
}

TEST_F(CameraCopyTest, ADriverThatImportsCopiesNothing) {
    fake.refuses_dma_buf = false;
    auto camera = allowing();
    ASSERT_TRUE(camera.bind(memories(2)));
    EXPECT_FALSE(camera.copies_frames());
    ASSERT_TRUE(camera.start());
    ASSERT_TRUE(camera.dequeue(1000));
    EXPECT_EQ(camera.copies(), 0u);
    EXPECT_EQ(v4l2::list_cameras().value()[0].imports, Answer::unknown);
    ASSERT_TRUE(camera.unbind());
    EXPECT_EQ(camera.bind(of_sysmem(2)).error().kind(), ErrorKind::unsupported);
}

TEST_F(CameraCopyTest, WhatCannotBeCopiedIntoIsRefusedAndNothingIsReserved) {
    auto camera = allowing();
    const auto refused = [&](const std::vector<MemoryRef>& given, ErrorKind kind) {
        const Error error = camera.bind(given).error();
        EXPECT_EQ(error.kind(), kind) << error.message();
        EXPECT_EQ(camera.bound(), 0u);
        EXPECT_EQ(fake.reserved, 0u);
    };
    refused(of_sysmem(2, image_bytes - 1), ErrorKind::incompatible);
    auto twice = of_sysmem(1);
    twice.push_back(twice[0]->ref().value());
    refused(twice, ErrorKind::invalid);
    std::vector<MemoryRef> none(2);
    refused(none, ErrorKind::invalid);
    auto large = of_sysmem(1, 2 * image_bytes);
    std::vector<MemoryRef> shares;
    shares.push_back(large[0]->share(0, image_bytes).value());
    EXPECT_FALSE(camera.bind(shares)) << "it is read-only";
    EXPECT_EQ(fake.reserved, 0u);
    EXPECT_TRUE(camera.bind(of_sysmem(2)));
}

TEST_F(CameraCopyTest, AFrameThatCannotBeCopiedIsLostAndTheStreamGoesOn) {
    auto camera = allowing();
    ASSERT_TRUE(camera.bind(of_sysmem(1)));
    ASSERT_TRUE(camera.start());
    {
        const auto mapping = camera.memory(0)->map(MapFlags::read);
        ASSERT_TRUE(mapping);
        EXPECT_EQ(camera.dequeue(1000).error().kind(), ErrorKind::conflict);
        EXPECT_EQ(fake.queued.size(), 1u);
    }
    draw(camera, 5);
    const auto frame = camera.dequeue(1000);
    ASSERT_TRUE(frame) << frame.error().message();
    EXPECT_THAT(camera.map(*frame)->bytes, Each(5));
    EXPECT_EQ(camera.dequeue(0).error().kind(), ErrorKind::invalid)
        << "the application holds the only memory";
    EXPECT_EQ(camera.copies(), 1u);
}

TEST_F(CameraCopyTest, MemoryThatIsMappedIsNotGivenBackWhateverItIs) {
    for (const char* name : {"sysmem", "memfd"}) {
        auto camera = allowing();
        const auto memory = Allocator::resolve(name).value()->alloc(image_bytes).value();
        ASSERT_TRUE(camera.bind({memory}));
        ASSERT_TRUE(camera.start());
        auto frame = camera.take(1000).value();
        for (const MapFlags access : {MapFlags::read, MapFlags::write, MapFlags::readwrite}) {
            const auto mapping = frame.memory()->map(access).value();
            const Error error = camera.queue(frame->index).error();
            EXPECT_EQ(error.kind(), ErrorKind::conflict) << name;
            EXPECT_THAT(error.message(), HasSubstr("unmap"));
            EXPECT_EQ(frame.queue().error().kind(), ErrorKind::conflict) << name;
        }
        EXPECT_TRUE(frame.queue()) << name;
    }
}

TEST_F(CameraCopyTest, InPlansItTakesWhatTheCpuCanReachWhereCopiesAreAllowed) {
    for (const bool output : {false, true}) {
        fake.can = output ? V4L2_CAP_VIDEO_OUTPUT : V4L2_CAP_VIDEO_CAPTURE;
        std::vector<std::string> keys;
        for (const bool allowed : {false, true}) {
            std::optional<v4l2::Camera> camera;
            if (!output)
                camera = allowed ? allowing() : ready();
            const ParticipantRef queue = output ? v4l2::output_participant("/dev/video7", allowed).value()
                                                : v4l2::capture_participant(*camera).value();
            const auto asked = queue->ask({.size = 100});
            keys.emplace_back(queue->cache_key());
            EXPECT_EQ(asked.has_value(), allowed);
            if (!asked) {
                EXPECT_THAT(asked.error().message(),
                            AllOf(HasSubstr("cannot import"), HasSubstr("allow-copy")));
                continue;
            }
            EXPECT_FALSE(asked->needs_dma_buf);
            EXPECT_TRUE(asked->through_cpu_caches);
            EXPECT_TRUE(queue->own_allocators().empty());
            const auto memory = of_sysmem(2, fake.image);
            const ImageLayout layout = queue->settle(ImageLayout{.memory_sizes = {fake.image}}).value();
            const auto taken = queue->attempt(*memory[0], layout);
            ASSERT_TRUE(taken) << taken.error().message();
            EXPECT_THAT(taken->use, HasSubstr("cop"));
            EXPECT_EQ(queue->attempt(*of_sysmem(1, 10)[0], layout).error().kind(), ErrorKind::incompatible);
            EXPECT_EQ(fake.reserved, 0u);
        }
        if (!output) {
            EXPECT_NE(keys[0], keys[1]);
        }
    }
}

TEST_F(CameraCopyTest, LeaveEndsWithTheCamera) {
    auto keeps = v4l2::capture_participant(*std::make_unique<v4l2::Camera>(allowing())).value();
    auto camera = ready();
    EXPECT_EQ(camera.reserve(2).error().kind(), ErrorKind::unsupported);
}

TEST_F(CameraCopyTest, ADriverWithNoBuffersAtAllIsAskedForItsInput) {
    fake.reqbufs = -EINVAL;
    for (const bool says_so : {false, true}) {
        fake.refuses_dma_buf = says_so;
        auto camera = allowing();
        EXPECT_THAT(camera.reserve(2).error().message(), HasSubstr("input is set"));
    }
}

// They are all queued, however many copies the application holds.
TEST_F(CameraCopyTest, HeldCopiesAreNotMissingToADriverThatNeedsSomeToBegin) {
    fake.more = [](unsigned long request, void* argument) {
        if (request == VIDIOC_G_CTRL)
            static_cast<v4l2_control*>(argument)->value = 2;
        return request == VIDIOC_G_CTRL ? 0 : -ENOTTY;
    };
    auto camera = allowing();
    ASSERT_TRUE(camera.bind(of_sysmem(2)));
    ASSERT_TRUE(camera.start());
    ASSERT_TRUE(camera.dequeue(1000));
    ASSERT_TRUE(camera.stop());
    ASSERT_TRUE(camera.start());
    EXPECT_TRUE(camera.dequeue(-1));
}

TEST_F(CameraCopyTest, EveryCallThatFailsLeavesNothingReserved) {
    for (int n = 1;; ++n) {
        auto camera = allowing();
        fake.calls = 0;
        fake.fails_at = n;
        const auto bound = camera.bind(of_sysmem(2));
        const bool failed = fake.calls >= n;
        fake.fails_at = 0;
        EXPECT_LT(n, 40);
        if (!bound) {
            EXPECT_EQ(camera.bound(), 0u);
            EXPECT_EQ(fake.reserved, 0u) << n;
            EXPECT_TRUE(camera.bind(of_sysmem(2))) << n;
        }
        if (!failed)
            break;
    }
}

} // namespace
} // namespace hwalloc
