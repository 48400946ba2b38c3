// Outputs and cards through the C interface: what it hands on, both ways. The lab has vivid's output and real
// cards.
#include <gmock/gmock.h>

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "hwalloc/hwalloc.h"
#include "tests/unit/c_error.h"
#include "tests/unit/drm_device_fixture.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

hwalloc_memory* in_c(const MemoryRef& memory) {
    return reinterpret_cast<hwalloc_memory*>(memory.get());
}

class COutput : public testing::CError {
protected:
    COutput() { fake.can = V4L2_CAP_VIDEO_OUTPUT; }
    ~COutput() override { hwalloc_output_close(output); }
    static inline int (*rest)(int fd, unsigned long request, void* argument) = nullptr;
    FakeCamera fake;
    hwalloc_output* output = nullptr;
};

TEST_F(COutput, SendsWhatIsBound) {
    ASSERT_EQ(hwalloc_output_open("/dev/video7", &output, place()), 0) << hwalloc_error_message(error);
    EXPECT_STREQ(hwalloc_output_path(output), "/dev/video7");
    EXPECT_STREQ(hwalloc_output_card(output), "a fake");
    EXPECT_GE(hwalloc_output_fd(output), 0);
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    EXPECT_EQ(hwalloc_output_layout(output, &layout, place()), -EINVAL) << "none was negotiated";
    hwalloc_capture_format format{};
    format.struct_size = sizeof format;
    format.pixel_format = V4L2_PIX_FMT_YUYV;
    format.width = 64;
    format.height = 48;
    format.field = HWALLOC_FIELD_PROGRESSIVE;
    ASSERT_EQ(hwalloc_output_negotiate(output, &format, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(format.stride, 128u);
    ASSERT_EQ(hwalloc_output_layout(output, &layout, place()), 0);
    EXPECT_EQ(layout.memory_sizes[0], image_bytes);
    EXPECT_GE(hwalloc_output_min_buffers(output), 1u);
    const auto held = memories(2);
    hwalloc_memory* const handed[] = {in_c(held[0]), in_c(held[1])};
    ASSERT_EQ(hwalloc_output_bind(output, handed, 2, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(hwalloc_output_bound(output), 2u);
    EXPECT_EQ(hwalloc_output_memory(output, 1, 0), handed[1]);
    EXPECT_EQ(hwalloc_output_memory(output, 2, 0), nullptr);
    ASSERT_EQ(hwalloc_output_start(output, place()), 0);
    hwalloc_frame frame{};
    EXPECT_EQ(hwalloc_output_dequeue(output, 0, &frame, place()), -EINVAL) << "struct_size is not set";
    frame.struct_size = sizeof frame;
    EXPECT_EQ(hwalloc_output_dequeue(output, 0, &frame, place()), -EINVAL) << "nothing is queued";
    fake.used.clear();
    ASSERT_EQ(hwalloc_output_queue(output, 1, 0, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_output_queue(output, 0, 100, place()), 0) << hwalloc_error_message(error);
    EXPECT_THAT(fake.used, ::testing::ElementsAre(image_bytes, 100u));
    EXPECT_EQ(hwalloc_output_queue(output, 0, 0, place()), -EINVAL) << "the driver has it";
    ASSERT_EQ(hwalloc_output_dequeue(output, 1000, &frame, place()), 0);
    EXPECT_EQ(frame.index, 1u);
    ASSERT_EQ(hwalloc_output_stop(output, place()), 0);
    EXPECT_EQ(hwalloc_output_copies_frames(output), 0);
    EXPECT_EQ(hwalloc_output_copies(output), 0u);
    ASSERT_EQ(hwalloc_output_unbind(output, place()), 0);
    uint32_t bound = 0;
    ASSERT_EQ(hwalloc_output_bind_own(output, 2, &bound, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(bound, 2u);
    hwalloc_format_list* formats = nullptr;
    ASSERT_EQ(hwalloc_output_formats(output, &formats, place()), 0);
    EXPECT_EQ(hwalloc_format_list_size(formats), 1u);
    hwalloc_format_list_free(formats);
}

TEST_F(COutput, CopiesWhereThatIsAllowed) {
    fake.refuses_dma_buf = true;
    fake.create_bufs = fake.expbuf = -ENOTTY;
    rest = fake.buffers.other;
    fake.buffers.other = [](int fd, unsigned long request, void* argument) {
        if (request != VIDIOC_QUERYBUF)
            return rest(fd, request, argument);
        auto& buffer = *static_cast<v4l2_buffer*>(argument);
        EXPECT_EQ(::ftruncate(fd, 1 << 16), 0); // its buffers are bytes of its file
        buffer.length = image_bytes;
        buffer.m.offset = buffer.index * 8192;
        return 0;
    };
    ASSERT_EQ(hwalloc_output_open("/dev/video7", &output, place()), 0);
    hwalloc_capture_format format{};
    format.struct_size = sizeof format;
    format.pixel_format = V4L2_PIX_FMT_YUYV;
    format.width = 64;
    format.height = 48;
    format.field = HWALLOC_FIELD_PROGRESSIVE;
    ASSERT_EQ(hwalloc_output_negotiate(output, &format, place()), 0) << hwalloc_error_message(error);
    hwalloc_memory* memory = nullptr;
    ASSERT_EQ(hwalloc_alloc(nullptr, image_bytes, nullptr, &memory, place()), 0);
    EXPECT_EQ(hwalloc_output_bind(output, &memory, 1, place()), -EOPNOTSUPP);
    hwalloc_output_allow_copies(output, 1);
    ASSERT_EQ(hwalloc_output_bind(output, &memory, 1, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(hwalloc_output_copies_frames(output), 1);
    hwalloc_memory_unref(memory);
    ASSERT_EQ(hwalloc_output_start(output, place()), 0);
    ASSERT_EQ(hwalloc_output_queue(output, 0, 0, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(hwalloc_output_copies(output), 1u);
}

TEST_F(COutput, RefusesNothingInWords) {
    EXPECT_EQ(hwalloc_output_open("/dev/video7", nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_output_open(nullptr, &output, place()), -EINVAL);
    EXPECT_EQ(hwalloc_output_open("/dev/video8", &output, place()), -ENOENT);
    EXPECT_EQ(hwalloc_output_adopt(-1, &output, place()), -EINVAL);
    EXPECT_EQ(hwalloc_output_bind(nullptr, nullptr, 0, place()), -EINVAL);
    EXPECT_EQ(hwalloc_output_start(nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_output_fd(nullptr), -1);
    EXPECT_STREQ(hwalloc_output_path(nullptr), "");
    fake.can = V4L2_CAP_VIDEO_CAPTURE;
    EXPECT_EQ(hwalloc_output_open("/dev/video7", &output, place()), -EOPNOTSUPP);
    EXPECT_THAT(hwalloc_error_message(error), HasSubstr("/dev/video7"));
}

class CCard : public DrmDevice {
protected:
    CCard() { EXPECT_EQ(hwalloc_card_open("card0", &card, &error), 0) << hwalloc_error_message(error); }
    ~CCard() override {
        hwalloc_card_free(card);
        hwalloc_error_free(error);
    }
    hwalloc_error** place() {
        hwalloc_error_free(std::exchange(error, nullptr));
        return &error;
    }
    hwalloc_card* card = nullptr;
    hwalloc_error* error = nullptr;
};

TEST_F(CCard, HandlesAreCountedAsInCpp) {
    EXPECT_STREQ(hwalloc_card_node(card), "/dev/dri/card0");
    EXPECT_STREQ(hwalloc_card_driver(card), "fake-drm");
    EXPECT_GE(hwalloc_card_fd(card), 0);
    hwalloc_gem_handle *one = nullptr, *other = nullptr;
    ASSERT_EQ(hwalloc_card_gem_handle(card, in_c(foreign), &one, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_card_gem_handle(card, in_c(foreign), &other, place()), 0);
    const uint32_t value = hwalloc_gem_handle_value(one);
    EXPECT_NE(value, 0u);
    EXPECT_EQ(hwalloc_gem_handle_value(other), value);
    const std::size_t there = fake.handles();
    hwalloc_gem_handle_free(one);
    EXPECT_EQ(fake.handles(), there) << "the other owner has it";
    EXPECT_EQ(hwalloc_gem_handle_release(other), value);
    EXPECT_EQ(fake.handles(), there) << "it is the caller's, who closes it";
    ASSERT_EQ(hwalloc_card_adopt_handle(card, value, &one, place()), 0) << hwalloc_error_message(error);
    hwalloc_gem_handle_free(one);
    EXPECT_EQ(fake.handles(), there - 1);
    EXPECT_EQ(hwalloc_card_adopt_handle(card, 12345, &one, place()), -ENOENT);
}

TEST_F(CCard, PicturesBecomeFramebuffers) {
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    ASSERT_EQ(hwalloc_linear_layout(xrgb, 64, 64, 0, &layout, place()), 0);
    hwalloc_framebuffer* framebuffer = nullptr;
    ASSERT_EQ(hwalloc_card_framebuffer(card, in_c(foreign), &layout, &framebuffer, place()), 0)
        << hwalloc_error_message(error);
    EXPECT_NE(hwalloc_framebuffer_id(framebuffer), 0u);
    EXPECT_NE(hwalloc_framebuffer_handle(framebuffer, 0), 0u);
    EXPECT_EQ(hwalloc_framebuffer_handle(framebuffer, 1), 0u);
    EXPECT_EQ(hwalloc_framebuffer_handle(framebuffer, 4), 0u);
    hwalloc_framebuffer_free(framebuffer);
    hwalloc_allocator* dumb = nullptr;
    ASSERT_EQ(hwalloc_card_dumb_allocator(card, &dumb, place()), 0) << hwalloc_error_message(error);
    hwalloc_image* image = nullptr;
    ASSERT_EQ(hwalloc_alloc_image(dumb, xrgb, 64, 64, nullptr, 0, &image, place()), 0)
        << hwalloc_error_message(error);
    hwalloc_allocator_unref(dumb); // its memory keeps it
    ASSERT_EQ(hwalloc_card_image_framebuffer(card, image, &framebuffer, place()), 0)
        << hwalloc_error_message(error);
    EXPECT_NE(hwalloc_framebuffer_id(framebuffer), 0u);
    hwalloc_image_free(image); // which the framebuffer keeps
    hwalloc_framebuffer_free(framebuffer);
    layout.planes[0].offset = uint64_t{1} << 40;
    EXPECT_EQ(hwalloc_card_framebuffer(card, in_c(foreign), &layout, &framebuffer, place()), -EINVAL);
    EXPECT_EQ(hwalloc_card_framebuffer(card, in_c(foreign), nullptr, &framebuffer, place()), -EINVAL);
    EXPECT_EQ(hwalloc_card_framebuffer(card, nullptr, &layout, &framebuffer, place()), -EINVAL);
    EXPECT_EQ(hwalloc_card_image_framebuffer(card, nullptr, &framebuffer, place()), -EINVAL);
}

TEST_F(CCard, TakesPartInPlansAndWrapsWhatIsGiven) {
    hwalloc_participant* participant = nullptr;
    ASSERT_EQ(hwalloc_card_participant(card, HWALLOC_CARD_SHOWS, &participant, place()), 0)
        << hwalloc_error_message(error);
    hwalloc_participant_free(participant);
    EXPECT_EQ(hwalloc_card_participant(card, 2, &participant, place()), -EINVAL);
    hwalloc_card* other = nullptr;
    EXPECT_EQ(hwalloc_card_wrap(-1, HWALLOC_HANDLES_ON_OWN_FILE, &other, place()), -EBADF);
    EXPECT_EQ(hwalloc_card_wrap(hwalloc_card_fd(card), 2, &other, place()), -EINVAL);
    ASSERT_EQ(hwalloc_card_wrap(hwalloc_card_fd(card), HWALLOC_HANDLES_ON_GIVEN_FILE, &other, place()), 0)
        << hwalloc_error_message(error);
    EXPECT_STREQ(hwalloc_card_driver(other), "fake-drm");
    hwalloc_card_free(other);
    EXPECT_EQ(hwalloc_card_open("card7", &other, place()), -ENOENT);
    EXPECT_EQ(hwalloc_card_open(nullptr, &other, place()), -EINVAL);
    EXPECT_EQ(hwalloc_card_open("card0", nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_card_fd(nullptr), -1);
    EXPECT_EQ(hwalloc_gem_handle_value(nullptr), 0u);
    EXPECT_EQ(hwalloc_gem_handle_release(nullptr), 0u);
}

} // namespace
} // namespace hwalloc
