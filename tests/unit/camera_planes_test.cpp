// Images in several memories: each plane of NM12 in a dma-buf of its own.
#include <gmock/gmock.h>

#include "hwalloc/dma_buf.h"
#include "hwalloc/participant.h"
#include "hwalloc/plan.h"
#include "tests/unit/broken_images.h"
#include "tests/unit/v4l2_participant_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t luma = std::size_t{64} * 48, chroma = luma / 2;
constexpr v4l2::FormatRequest nm12{.pixel_format = V4L2_PIX_FMT_NV12M, .width = 64, .height = 48};
constexpr ImageSpec nv12{.fourcc = nv12_drm, .width = 64, .height = 48};

class CameraPlanesTest : public V4l2Participant {
protected:
    CameraPlanesTest() { fake.multi_planar = true; }

    v4l2::Camera with_planes() {
        auto camera = open();
        EXPECT_TRUE(camera.negotiate(nm12));
        return camera;
    }
    // Of so many buffers.
    static std::vector<MemoryRef> planes(std::size_t count, std::size_t second = chroma) {
        std::vector<MemoryRef> made;
        for (std::size_t i = 0; i < 2 * count; ++i)
            made.push_back(import_dmabuf(FakeDmaBufs::make(i % 2 ? second : luma).get()).value());
        return made;
    }
    static int fd_of(const MemoryRef& memory) { return borrow_fd(memory, FdKind::dmabuf)->fd; }
    static Image image(const ImageLayout& layout) {
        auto memories = planes(1, static_cast<std::size_t>(layout.memory_sizes[1]));
        Image made{.memory = std::move(memories[0]), .layout = layout};
        made.memory_at(1) = std::move(memories[1]);
        return made;
    }
};

TEST_F(CameraPlanesTest, TheLayoutTellsTheMemoryOfEachPlane) {
    auto camera = open();
    const auto format = camera.negotiate(nm12);
    ASSERT_TRUE(format) << format.error().message();
    EXPECT_EQ(format->pixel_format, std::uint32_t{V4L2_PIX_FMT_NV12M});
    auto expected = with_memory_per_plane(linear(nv12_drm));
    expected.matrix = format->layout.matrix;
    expected.range = format->layout.range;
    EXPECT_EQ(format->layout, expected);
    EXPECT_EQ(camera.current_format().value().layout, expected);
    // Rows of the driver's own length, and more bytes than they take.
    fake.chroma_stride = 128;
    fake.extra_bytes = 10;
    const ImageLayout wider = camera.negotiate(nm12).value().layout;
    EXPECT_EQ(wider.planes[1], (ImagePlane{1, 0, 128, 128 * 24}));
    EXPECT_THAT(wider.memory_sizes, ElementsAre(luma + 10, 128 * 24 + 10, 0, 0));
    fake.chroma_stride = 32;
    EXPECT_THAT(camera.negotiate(nm12).error().message(),
                AllOf(HasSubstr("does not fit together"), HasSubstr("3082 + 778 bytes")));
    // What nothing is known of lies in as many memories all the same.
    fake.chroma_stride = 0;
    fake.answered_format = fourcc('X', '1', '2', '3');
    fake.memories = 3;
    const ImageLayout unknown = camera.negotiate(nm12).value().layout;
    EXPECT_EQ(unknown.fourcc, 0u);
    EXPECT_EQ(unknown.memory_count, 3u);
    EXPECT_EQ(unknown.planes[2].memory, 2u);
}

TEST_F(CameraPlanesTest, ABufferIsAllItsMemoriesInOneCall) {
    auto camera = with_planes();
    const auto bound = planes(3);
    ASSERT_TRUE(camera.bind(bound));
    EXPECT_EQ(camera.bound(), 3u);
    std::vector<int> fds;
    for (std::uint32_t i = 0; i < 6; ++i) {
        fds.push_back(fd_of(bound[i]));
        EXPECT_EQ(camera.memory(i / 2, i % 2), bound[i].get());
    }
    EXPECT_EQ(camera.memory(0, 2), nullptr);
    EXPECT_EQ(camera.memory(3), nullptr);
    EXPECT_EQ(fake.all_planes, fds);
    EXPECT_THAT(fake.lengths, ElementsAre(luma, chroma, luma, chroma, luma, chroma));
    ASSERT_TRUE(camera.start());
    fake.calls = 0;
    const auto frame = camera.dequeue(1000);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->part(0).offset, 30u);
    EXPECT_EQ(frame->part(0).bytes_used, 70u);
    EXPECT_EQ(frame->part(1).offset, 30u);
    EXPECT_EQ(frame->part(1).bytes_used, 60u);
    ASSERT_TRUE(camera.queue(frame->index));
    EXPECT_EQ(fake.calls, 3) << "poll, DQBUF and QBUF, as for one memory";
}

TEST_F(CameraPlanesTest, EachPartOfAFrameIsMapped) {
    auto camera = with_planes();
    ASSERT_TRUE(camera.bind(planes(2)));
    ASSERT_TRUE(camera.start());
    auto held = camera.take(1000).value();
    EXPECT_EQ(held.memory(1), camera.memory(held->index, 1));
    EXPECT_EQ(held.memory(2), nullptr);
    {
        const auto part = held.map(1);
        ASSERT_TRUE(part);
        EXPECT_EQ(part->mapping.size(), chroma);
        EXPECT_EQ(part->bytes.size(), 60u);
        EXPECT_EQ(held.queue().error().kind(), ErrorKind::conflict) << "a further memory is mapped";
    }
    EXPECT_EQ(held.map(2).error().kind(), ErrorKind::invalid);
    EXPECT_TRUE(held.queue());
    EXPECT_EQ(held.memory(1), nullptr);
}

TEST_F(CameraPlanesTest, MemoriesThatMakeNoBuffersAreRefused) {
    auto camera = with_planes();
    const auto refused = [&](std::vector<MemoryRef> memories, ErrorKind kind, const char* words) {
        const auto error = camera.bind(memories).error();
        EXPECT_EQ(error.kind(), kind);
        EXPECT_THAT(error.message(), HasSubstr(words));
        EXPECT_EQ(camera.bound(), 0u);
        EXPECT_EQ(fake.reserved, 0u);
    };
    auto uneven = planes(2);
    uneven.pop_back();
    refused(std::move(uneven), ErrorKind::invalid, "a buffer of this format has 2 of them");
    refused(planes(1, chroma - 1), ErrorKind::incompatible, "binding buffer 1 of 1, memory 2");
    auto twice = planes(2);
    twice[3] = import_dmabuf(fd_of(twice[0])).value();
    refused(std::move(twice), ErrorKind::invalid, "buffer 2 of 2, memory 2: this dma-buf has an index");
    fake.qbuf = [](int, std::uint32_t) { return -EFAULT; };
    fake.udmabuf_open = -ENOENT;
    refused(planes(1), ErrorKind::incompatible, "VIDIOC_QBUF");
    fake.qbuf = nullptr;
    EXPECT_TRUE(camera.bind(planes(1)));
}

TEST_F(CameraPlanesTest, WhatTheCpuFillsIsBracketedInEachMemory) {
    constexpr bool needed = devices_see_cpu_caches != Answer::yes;
    fake.pixel_format = V4L2_PIX_FMT_NV12M;
    fake.exporter = "videobuf2_vmalloc";
    auto camera = with_planes();
    ASSERT_TRUE(camera.bind(planes(1)));
    ASSERT_TRUE(camera.start());
    ASSERT_TRUE(camera.dequeue(1000));
    EXPECT_EQ(fake.buffers.syncs, needed ? (std::vector<std::uint64_t>{start_w, start_w, end_w, end_w})
                                         : std::vector<std::uint64_t>());
    ASSERT_TRUE(camera.unbind());
    // What was begun is ended where the second is refused.
    fake.buffers.syncs.clear();
    fake.buffers.sync_results = {0, -EIO};
    EXPECT_EQ(bool(camera.bind(planes(1))), !needed);
    EXPECT_EQ(fake.buffers.syncs,
              needed ? (std::vector<std::uint64_t>{start_w, end_w}) : std::vector<std::uint64_t>());
}

TEST_F(CameraPlanesTest, ContiguityIsFoundOutWithATwinInEachPlace) {
    auto camera = with_planes();
    fake.qbuf = [](int fd, std::uint32_t) { return FakeCamera::trial_of(fd) == 0 ? -EFAULT : 0; };
    EXPECT_EQ(camera.needs_contiguous_memory().value(), Answer::yes);
    const auto& all = fake.all_planes;
    EXPECT_THAT(all, ElementsAre(all[0], all[0])) << "the twin that was taken, twice";
}

TEST_F(CameraPlanesTest, ACameraWithoutTheFormatInOneMemoryAsksForSeveral) {
    auto camera = open();
    const auto participant = capture(camera);
    EXPECT_FALSE(participant->ask(nv12).value().memory_per_plane) << "one does";
    auto apart = nv12;
    apart.memory_per_plane = true;
    EXPECT_TRUE(participant->ask(apart).value().memory_per_plane);
    fake.has_nv12 = false;
    const auto needs = participant->ask(nv12);
    ASSERT_TRUE(needs) << needs.error().message();
    EXPECT_TRUE(needs->memory_per_plane);
    EXPECT_EQ(needs->min_size, luma);
    const ImageLayout layout = with_memory_per_plane(linear(nv12_drm));
    EXPECT_EQ(participant->settle(layout).value(), layout);
    EXPECT_EQ(participant->settle(linear(nv12_drm)).error().kind(), ErrorKind::incompatible);
    // YUYV has no second plane, and raw numbers no other form.
    apart.fourcc = yuyv_drm;
    EXPECT_FALSE(participant->ask(apart).value().memory_per_plane);
    apart.fourcc = fourcc('N', 'V', '2', '4');
    EXPECT_THAT(participant->ask(apart).error().message(), HasSubstr("all planes in one memory only"));
}

TEST_F(CameraPlanesTest, ATrialTakesAllMemoriesOfAnImage) {
    auto camera = open();
    const auto participant = capture(camera);
    const auto one = image(with_memory_per_plane(linear(nv12_drm)));
    const auto taken = participant->attempt_image(one);
    ASSERT_TRUE(taken) << taken.error().message();
    EXPECT_THAT(fake.all_planes, ElementsAre(fd_of(one.memory_at(0)), fd_of(one.memory_at(1))));
    auto small = with_memory_per_plane(linear(nv12_drm));
    small.memory_sizes[1] -= 1;
    EXPECT_EQ(participant->attempt_image(image(small)).error().kind(), ErrorKind::incompatible);
    auto other = with_memory_per_plane(linear(nv12_drm));
    other.planes[1].stride = 128;
    EXPECT_EQ(participant->attempt_image(image(other)).error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(participant->attempt(*one.memory, one.layout).error().kind(), ErrorKind::incompatible);
    EXPECT_EQ(fake.reserved, 0u);
}

TEST_F(CameraPlanesTest, AnImageThatIsNotWholeIsRefusedByCamerasAndOutputs) {
    auto camera = open();
    const auto memory = memories(1, luma);
    for (const ParticipantRef& one : {capture(camera), output()})
        for (const Image& broken : broken_images(*memory[0], with_memory_per_plane(linear(nv12_drm))))
            EXPECT_EQ(one->attempt_image(broken).error().kind(), ErrorKind::invalid);
    EXPECT_THAT(fake.all_planes, ::testing::IsEmpty());
}

TEST_F(CameraPlanesTest, BytesAreAskedForAsTheFormatHasThem) {
    auto camera = with_planes();
    const auto participant = capture(camera);
    EXPECT_THAT(participant->ask({.size = 1}).error().message(), HasSubstr("lies in 2 memories"));
    EXPECT_EQ(participant->ask({.size = 1, .more_sizes = {1}}).value().min_size, luma);
    ImageLayout layout{.plane_count = 2, .memory_count = 2};
    layout.memory_sizes = {1, 4 * luma};
    EXPECT_THAT(participant->settle(layout).value().memory_sizes, ElementsAre(luma, 4 * luma, 0, 0));
    layout.memory_count = 1;
    EXPECT_EQ(participant->settle(layout).error().kind(), ErrorKind::incompatible);
}

} // namespace
} // namespace hwalloc
