// What vivid, and whatever takes video here, make of memory that a plan tries on them.
#include <gmock/gmock.h>
#include <linux/videodev2.h>

#include <filesystem>

#include "hwalloc/v4l2.h"
#include "tests/device/device.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::HasSubstr;

std::vector<std::string> outputs() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/dev"))
        if (entry.path().filename().string().starts_with("video") &&
            v4l2::output_participant(entry.path().string()))
            found.push_back(entry.path().string());
    return found;
}

// The format of an output that it has without being asked for another.
ImageSpec image_of(const std::string& node) {
    const UniqueFd fd(::open(node.c_str(), O_RDWR | O_CLOEXEC));
    for (const auto type : {V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE}) {
        v4l2_format format{};
        format.type = type;
        if (::ioctl(fd.get(), VIDIOC_G_FMT, &format) == 0)
            return type == V4L2_BUF_TYPE_VIDEO_OUTPUT
                       ? ImageSpec{v4l2::drm_of_pixel_format(format.fmt.pix.pixelformat),
                                   format.fmt.pix.width, format.fmt.pix.height}
                       : ImageSpec{v4l2::drm_of_pixel_format(format.fmt.pix_mp.pixelformat),
                                   format.fmt.pix_mp.width, format.fmt.pix_mp.height};
    }
    return {};
}

// Asked, settled, and given memory of the system heap, as pixels and as bytes.
void takes_a_heap_buffer(Participant& participant, const ImageSpec& image) {
    SCOPED_TRACE(std::string(participant.name()));
    const auto needs = participant.ask(image);
    ASSERT_TRUE(needs) << needs.error().message();
    EXPECT_GT(needs->min_size, 0u);
    auto layout = linear_layout(image.fourcc, image.width, image.height, needs->pitch_min).value();
    auto settled = participant.settle(layout);
    ASSERT_TRUE(settled) << settled.error().message();
    EXPECT_GE(settled->memory_sizes[0], needs->min_size);
    EXPECT_EQ(participant.settle(*settled).value(), *settled);
    ImageLayout bytes{.plane_count = 1, .memory_count = 1};
    auto enough = participant.settle(bytes);
    ASSERT_TRUE(enough) << enough.error().message();
    EXPECT_EQ(enough->memory_sizes[0], participant.ask({.size = 1}).value().min_size);

    (void)allocator("dma-heap/system")->alloc(1); // opens the heap, which stays open
    for (const ImageLayout& one : {*settled, *enough}) {
        const auto before = open_fds();
        auto memory = allocator("dma-heap/system")->alloc(one.memory_sizes[0]).value();
        const auto taken = participant.attempt(*memory, one);
        ASSERT_TRUE(taken) << taken.error().message();
        EXPECT_STREQ(taken->use, "V4L2 buffer");
        memory = allocator("dma-heap/system")->alloc(one.memory_sizes[0] / 2).value();
        const auto small = participant.attempt(*memory, one);
        ASSERT_FALSE(small);
        EXPECT_EQ(small.error().kind(), ErrorKind::incompatible);
        memory.reset();
        EXPECT_EQ(open_fds(), before);
        EXPECT_TRUE(fds_of("/dmabuf:").empty());
    }
}

class V4l2ParticipantDevice : public ::testing::Test {
protected:
    void SetUp() override {
        NEEDS_DEVICE("/dev/dma_heap/system");
        NEEDS_DEVICE(camera_node);
    }
};

TEST_F(V4l2ParticipantDevice, ACameraTakesHeapMemoryInAnyFormatAndKeepsItsOwn) {
    auto camera = v4l2::Camera::open(camera_node);
    ASSERT_TRUE(camera) << camera.error().message();
    const auto negotiated =
        camera->negotiate({.pixel_format = V4L2_PIX_FMT_YUYV, .width = 320, .height = 180, .rate = {15, 1}})
            .value();
    const auto participant = v4l2::capture_participant(*camera).value();
    for (const std::uint32_t format : {fourcc('Y', 'U', 'Y', 'V'), fourcc('N', 'V', '1', '2'),
                                       fourcc('X', 'R', '2', '4'), fourcc('Y', 'U', '1', '2')})
        takes_a_heap_buffer(*participant, {.fourcc = format, .width = 640, .height = 360});
    const auto after = camera->negotiate({}).value();
    EXPECT_EQ(after.layout, negotiated.layout) << "a trial leaves the format as it was";
    EXPECT_EQ(after.pixel_format, negotiated.pixel_format);
    EXPECT_EQ(after.rate.value(), negotiated.rate.value()) << "and the rate";
}

TEST_F(V4l2ParticipantDevice, AStrideThatIsProposedIsTakenOrAnswered) {
    auto camera = v4l2::Camera::open(camera_node).value();
    const auto participant = v4l2::capture_participant(camera).value();
    const auto wider = linear_layout(fourcc('Y', 'U', 'Y', 'V'), 640, 360, 2048).value();
    const auto settled = participant->settle(wider);
    ASSERT_TRUE(settled) << settled.error().message();
    EXPECT_EQ(settled->planes[0].stride, 2048u) << "vivid takes any";
    auto memory = allocator("dma-heap/system")->alloc(settled->memory_sizes[0]).value();
    const auto taken = participant->attempt(*memory, *settled);
    EXPECT_TRUE(taken) << taken.error().message();
}

TEST_F(V4l2ParticipantDevice, ACameraBringsItsOwnBuffersAndIsBusyWhileItCaptures) {
    auto camera = v4l2::Camera::open(camera_node).value();
    const auto format =
        camera.negotiate({.pixel_format = V4L2_PIX_FMT_YUYV, .width = 320, .height = 180}).value();
    const auto participant = v4l2::capture_participant(camera).value();
    const auto brought = participant->own_allocators();
    ASSERT_EQ(brought.size(), 1u);
    EXPECT_EQ(brought[0].get(), allocator("v4l2/video0"));
    std::vector<MemoryRef> own;
    for (int i = 0; i < 2; ++i) {
        auto memory = brought[0].get()->alloc(format.layout.memory_sizes[0]);
        ASSERT_TRUE(memory) << memory.error().message();
        const auto taken = participant->attempt(**memory, format.layout);
        EXPECT_TRUE(taken) << taken.error().message();
        own.push_back(*std::move(memory));
    }
    auto other = allocator("dma-heap/system")->alloc(format.layout.memory_sizes[0]).value();
    ASSERT_TRUE(camera.bind(own));
    ASSERT_TRUE(camera.start());
    EXPECT_EQ(participant->attempt(*other, format.layout).error().kind(), ErrorKind::busy);
    EXPECT_TRUE(camera.dequeue(10'000)) << "the stream goes on";
    ASSERT_TRUE(camera.unbind());
    EXPECT_TRUE(participant->attempt(*other, format.layout));
}

TEST_F(V4l2ParticipantDevice, AnotherProgramsCameraIsBusy) {
    auto camera = v4l2::Camera::open(camera_node).value();
    auto other = v4l2::Camera::open(camera_node).value();
    ASSERT_TRUE(other.negotiate({.pixel_format = V4L2_PIX_FMT_YUYV, .width = 320, .height = 180}));
    ASSERT_TRUE(other.reserve(2));
    const auto participant = v4l2::capture_participant(camera).value();
    const auto layout =
        participant->settle(linear_layout(fourcc('Y', 'U', 'Y', 'V'), 640, 360).value()).value();
    auto memory = allocator("dma-heap/system")->alloc(layout.memory_sizes[0]).value();
    const auto refused = participant->attempt(*memory, layout);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::busy) << refused.error().message();
}

TEST_F(V4l2ParticipantDevice, AnOutputTakesHeapMemory) {
    auto nodes = outputs();
    if (nodes.empty() && in_lab()) {
        // The lab's vivid only captures until it is told otherwise.
        ASSERT_EQ(std::system("modprobe -r vivid && modprobe vivid n_devs=1 node_types=0x101 && "
                              "udevadm settle"),
                  0);
        nodes = outputs();
        ASSERT_FALSE(nodes.empty());
    }
    if (nodes.empty())
        GTEST_SKIP() << "no node takes video here";
    EXPECT_FALSE(v4l2::output_participant(camera_node)) << "it only captures";
    for (const std::string& node : nodes)
        takes_a_heap_buffer(**v4l2::output_participant(node), image_of(node));
}

} // namespace
} // namespace hwalloc
