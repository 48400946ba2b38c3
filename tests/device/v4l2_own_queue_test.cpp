// vivid's own buffers as the bound memory: exported, filled again and again, and alive when the queue has
// let them go.
#include <gmock/gmock.h>
#include <linux/videodev2.h>

#include <algorithm>

#include "hwalloc/v4l2_own_buffers.h"
#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::StartsWith;

class V4l2OwnQueueDevice : public ::testing::Test {
protected:
    void SetUp() override {
        NEEDS_DEVICE(camera_node);
        auto opened = v4l2::Camera::open(camera_node);
        ASSERT_TRUE(opened) << opened.error().message();
        camera.emplace(std::move(*opened));
        const auto format =
            camera->negotiate({.pixel_format = V4L2_PIX_FMT_YUYV, .width = 320, .height = 180});
        ASSERT_TRUE(format) << format.error().message();
        size = format->layout.memory_sizes[0];
    }
    static void fill(Memory& memory, std::uint8_t value) {
        const auto mapping = memory.map(MapFlags::write).value();
        std::ranges::fill(mapping.bytes(), value);
    }
    static bool is_filled_with(Memory& memory, std::uint8_t value) {
        const auto mapping = memory.map(MapFlags::read).value();
        return std::ranges::all_of(mapping.bytes(), [&](std::uint8_t byte) { return byte == value; });
    }
    std::optional<v4l2::Camera> camera;
    std::uint64_t size = 0;
};

TEST_F(V4l2OwnQueueDevice, TheDriverWritesWhereEverybodyReads) {
    EXPECT_FALSE(v4l2::has_only_own_buffers(*camera)) << "vivid imports";
    const auto bound = v4l2::bind_own(*camera, 3);
    ASSERT_TRUE(bound) << bound.error().message();
    ASSERT_EQ(camera->bound(), *bound);
    std::vector<std::uint64_t> inodes;
    for (std::uint32_t i = 0; i < *bound; ++i) {
        Memory& memory = *camera->memory(i);
        EXPECT_EQ(&memory.allocator(), allocator("v4l2/video0"));
        EXPECT_GE(memory.size(), size);
        const int fd = borrow_fd(memory, FdKind::dmabuf).value().fd;
        EXPECT_THAT(fdinfo(fd, "exp_name"), StartsWith("videobuf2_"));
        inodes.push_back(inode_of(fd));
    }
    std::ranges::sort(inodes);
    EXPECT_EQ(std::ranges::unique(inodes).begin(), inodes.end()) << "a dma-buf each";
    ASSERT_TRUE(camera->start());
    for (int i = 0; i < 12; ++i) {
        const auto frame = camera->dequeue(10'000);
        ASSERT_TRUE(frame) << frame.error().message();
        EXPECT_EQ(frame->bytes_used, size);
        Memory& memory = *camera->memory(frame->index);
        EXPECT_FALSE(is_filled_with(memory, 0x5a)) << "frame " << i << " was written to this memory";
        fill(memory, 0x5a);
        ASSERT_TRUE(camera->queue(frame->index));
    }
    EXPECT_EQ(camera->copies(), 0u);
}

TEST_F(V4l2OwnQueueDevice, MemoryIsWhatItWasWhenTheQueueIsGone) {
    ASSERT_TRUE(v4l2::bind_own(*camera, 2));
    auto kept = camera->memory(0)->ref().value();
    const auto before = fds_of("/dmabuf:").size();
    ASSERT_TRUE(camera->unbind());
    EXPECT_EQ(fds_of("/dmabuf:").size(), before - 1) << "the other is closed";
    fill(*kept, 0x11);
    ASSERT_TRUE(v4l2::bind_own(*camera, 2)) << "while one of the last is alive";
    ASSERT_TRUE(camera->start());
    ASSERT_TRUE(camera->dequeue(10'000));
    ASSERT_TRUE(camera->close());
    EXPECT_TRUE(is_filled_with(*kept, 0x11)) << "nobody writes to it any more";
}

TEST_F(V4l2OwnQueueDevice, ThreeFormatsInTurnAndAnImportAfterwards) {
    for (const auto& [width, height] : {std::pair{320u, 180u}, {640u, 360u}, {320u, 180u}}) {
        const auto format =
            camera->negotiate({.pixel_format = V4L2_PIX_FMT_YUYV, .width = width, .height = height});
        ASSERT_TRUE(format) << format.error().message();
        ASSERT_TRUE(v4l2::bind_own(*camera, 2));
        ASSERT_TRUE(camera->start());
        EXPECT_TRUE(camera->dequeue(10'000));
        ASSERT_TRUE(camera->unbind());
    }
    NEEDS_DEVICE("/dev/dma_heap/system");
    const auto memory = allocator("dma-heap/system")->alloc(size).value(),
               other = allocator("dma-heap/system")->alloc(size).value();
    ASSERT_TRUE(camera->bind({memory, other}));
    ASSERT_TRUE(camera->start());
    EXPECT_TRUE(camera->dequeue(10'000));
}

} // namespace
} // namespace hwalloc
