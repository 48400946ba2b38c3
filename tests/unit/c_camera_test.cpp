// Cameras and plans through the C interface: what it hands on, both ways. The lab has the program that
// captures (examples/capture.c).
#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>

#include "hwalloc/hwalloc.h"
#include "hwalloc/plan.h"
#include "tests/unit/fake_camera.h"
#include "tests/unit/fake_devices.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class CCamera : public CameraTest {
protected:
    ~CCamera() override {
        hwalloc_camera_close(camera);
        hwalloc_error_free(error);
        forget_plans();
    }
    hwalloc_error** place() {
        hwalloc_error_free(std::exchange(error, nullptr));
        return &error;
    }
    void negotiated() {
        ASSERT_EQ(hwalloc_camera_open("/dev/video7", &camera, place()), 0) << hwalloc_error_message(error);
        format.struct_size = sizeof format;
        format.pixel_format = V4L2_PIX_FMT_YUYV;
        format.width = 64;
        format.height = 48;
        format.field = HWALLOC_FIELD_PROGRESSIVE;
        ASSERT_EQ(hwalloc_camera_negotiate(camera, &format, place()), 0) << hwalloc_error_message(error);
    }
    hwalloc_camera* camera = nullptr;
    hwalloc_capture_format format{};
    hwalloc_error* error = nullptr;
};

TEST_F(CCamera, CapturesIntoMemoryThatIsBound) {
    negotiated();
    EXPECT_EQ(format.stride, 128u);
    EXPECT_STREQ(hwalloc_camera_path(camera), "/dev/video7");
    EXPECT_STREQ(hwalloc_camera_card(camera), "a fake");
    EXPECT_GE(hwalloc_camera_fd(camera), 0);
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    ASSERT_EQ(hwalloc_camera_layout(camera, &layout, place()), 0);
    EXPECT_EQ(layout.memory_sizes[0], image_bytes);
    uint32_t granted = 0;
    ASSERT_EQ(hwalloc_camera_reserve(camera, 2, &granted, place()), 0);
    EXPECT_EQ(granted, 2u);
    const auto held = memories(2);
    hwalloc_memory* const handed[] = {reinterpret_cast<hwalloc_memory*>(held[0].get()),
                                      reinterpret_cast<hwalloc_memory*>(held[1].get())};
    ASSERT_EQ(hwalloc_camera_bind(camera, handed, 2, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(hwalloc_camera_bound(camera), 2u);
    EXPECT_EQ(hwalloc_camera_memory(camera, 1, 0), handed[1]);
    EXPECT_EQ(hwalloc_camera_memory(camera, 2, 0), nullptr);
    EXPECT_EQ(held[0]->ref_count(), 2u) << "the camera has handles of its own";
    ASSERT_EQ(hwalloc_camera_start(camera, place()), 0);
    hwalloc_frame frame{};
    EXPECT_EQ(hwalloc_camera_dequeue(camera, 1000, &frame, place()), -EINVAL) << "no size";
    frame.struct_size = sizeof frame;
    ASSERT_EQ(hwalloc_camera_dequeue(camera, 1000, &frame, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(frame.index, 0u);
    EXPECT_TRUE(frame.flags & HWALLOC_FRAME_MONOTONIC);
    EXPECT_FALSE(frame.flags & HWALLOC_FRAME_DAMAGED);
    EXPECT_EQ(frame.field, uint32_t{HWALLOC_FIELD_PROGRESSIVE});
    ASSERT_EQ(hwalloc_camera_queue(camera, frame.index, place()), 0);
    EXPECT_EQ(hwalloc_camera_queue(camera, frame.index, place()), -EINVAL);
    fake.polls.push_back(0);
    EXPECT_EQ(hwalloc_camera_dequeue(camera, 5, &frame, place()), -ETIMEDOUT);
    EXPECT_EQ(hwalloc_error_kind(error), uint32_t{HWALLOC_ERROR_BUSY});
    ASSERT_EQ(hwalloc_camera_stop(camera, place()), 0);
    ASSERT_EQ(hwalloc_camera_unbind(camera, place()), 0);
    EXPECT_EQ(held[0]->ref_count(), 1u);
}

TEST_F(CCamera, APlanTellsWhatToTakeAndWhy) {
    negotiated();
    hwalloc_participant* participants[2] = {};
    ASSERT_EQ(hwalloc_camera_participant(camera, &participants[0], place()), 0);
    ASSERT_EQ(hwalloc_cpu_participant(HWALLOC_MAP_READ, &participants[1], place()), 0);
    hwalloc_plan_request request{};
    request.struct_size = sizeof request;
    request.participants = participants;
    request.participant_count = 2;
    request.fourcc = fourcc('Y', 'U', 'Y', 'V');
    request.width = 64;
    request.height = 48;
    request.policy = HWALLOC_POLICY_PREFER;
    const char* const names[] = {"sysmem", "no-such-memory"};
    request.prefer = names;
    request.prefer_count = 2;
    request.complete = 1;
    hwalloc_plan* plan = nullptr;
    ASSERT_EQ(hwalloc_plan_new(&request, &plan, place()), 0) << hwalloc_error_message(error);
    EXPECT_THAT(hwalloc_plan_explain(plan), HasSubstr("sysmem"));
    ASSERT_GE(hwalloc_plan_candidates(plan), 2u);
    EXPECT_STREQ(hwalloc_plan_candidate_name(plan, 0), "sysmem");
    EXPECT_EQ(hwalloc_plan_candidate_allocator(plan, 0), hwalloc_find("sysmem"));
    EXPECT_EQ(hwalloc_plan_candidate_verdict(plan, 0), uint32_t{HWALLOC_UNTESTED})
        << "it has no dma-buf to try";
    hwalloc_error* why = hwalloc_plan_cell_why(plan, 0, SIZE_MAX);
    EXPECT_THAT(hwalloc_error_message(why), HasSubstr("dma-buf"));
    EXPECT_NE(why, nullptr);
    hwalloc_error_free(why);
    why = hwalloc_plan_cell_why(plan, 1, SIZE_MAX);
    EXPECT_THAT(hwalloc_error_message(why), HasSubstr("no-such-memory"));
    EXPECT_NE(why, nullptr);
    hwalloc_error_free(why);
    EXPECT_THAT(hwalloc_plan_participant_name(plan, 0), HasSubstr("camera /dev/video7"));
    EXPECT_THAT(hwalloc_plan_participant_name(plan, 1), HasSubstr("CPU"));
    EXPECT_EQ(hwalloc_plan_participant_name(plan, 2), nullptr);
    EXPECT_EQ(hwalloc_plan_participant_needs_contiguous(plan, 2), uint32_t{HWALLOC_UNKNOWN});
    EXPECT_EQ(hwalloc_plan_participant_only_own(plan, 0), 0);
    hwalloc_constraints needs{};
    needs.struct_size = sizeof needs;
    ASSERT_EQ(hwalloc_plan_constraints(plan, 0, &needs, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(needs.min_size, image_bytes);
    EXPECT_TRUE(needs.needs & HWALLOC_NEEDS_DMA_BUF);
    EXPECT_EQ(needs.pitch_align, 1u);
    ASSERT_EQ(hwalloc_plan_constraints(plan, 1, &needs, place()), 0) << hwalloc_error_message(error);
    EXPECT_TRUE(needs.needs & HWALLOC_THROUGH_CPU_CACHES) << "the CPU";
    ASSERT_EQ(hwalloc_plan_constraints(plan, SIZE_MAX, &needs, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(needs.min_size, image_bytes);
    EXPECT_EQ(hwalloc_plan_constraints(plan, 2, &needs, place()), -EINVAL);
    EXPECT_EQ(hwalloc_plan_constraints(plan, 0, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_plan_cell_verdict(plan, 99, 0), uint32_t{HWALLOC_REFUSED});
    EXPECT_STREQ(hwalloc_plan_cell_once(plan, 99, 0), "");
    EXPECT_EQ(hwalloc_plan_candidate_name(plan, 99), nullptr);
    hwalloc_plan *from = plan, *to = plan;
    size_t first = 1;
    ASSERT_EQ(hwalloc_plan_copy(plan, &first, &from, &to, place()), 0);
    EXPECT_EQ(first, 0u);
    EXPECT_EQ(from, nullptr);
    EXPECT_EQ(to, nullptr);
    hwalloc_plan_free(plan);
    // The CPU alone takes the memory of any machine.
    request.participants = &participants[1];
    request.participant_count = 1;
    ASSERT_EQ(hwalloc_plan_new(&request, &plan, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_plan_ranking(plan, 0), 0u) << hwalloc_plan_explain(plan);
    EXPECT_EQ(hwalloc_plan_error(plan), nullptr);
    EXPECT_EQ(hwalloc_plan_cell_verdict(plan, 0, 0), uint32_t{HWALLOC_ACCEPTED});
    EXPECT_EQ(hwalloc_plan_cell_why(plan, 0, 0), nullptr);
    EXPECT_STRNE(hwalloc_plan_cell_use(plan, 0, 0), "");
    hwalloc_plan_buffers* buffers = nullptr;
    ASSERT_EQ(hwalloc_plan_allocate(plan, 2, 0, &buffers, place()), 0) << hwalloc_error_message(error);
    EXPECT_EQ(hwalloc_plan_buffers_candidate(buffers), 0u);
    size_t count = 0;
    hwalloc_memory* const* all = hwalloc_plan_buffers_memories(buffers, &count);
    ASSERT_EQ(count, 2u);
    EXPECT_EQ(hwalloc_memory_allocator(all[1]), hwalloc_find("sysmem"));
    EXPECT_GE(hwalloc_memory_size(all[1]), image_bytes);
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    ASSERT_EQ(hwalloc_plan_buffers_layout(buffers, &layout, place()), 0);
    EXPECT_EQ(layout.planes[0].stride, 128u);
    hwalloc_plan_buffers_free(buffers);
    EXPECT_EQ(hwalloc_plan_allocate_from(plan, 99, 1, &buffers, place()), -EINVAL);
    // More than there are addresses, and more than there are numbers of bytes.
    EXPECT_EQ(hwalloc_plan_allocate(plan, SIZE_MAX / 2, 0, &buffers, place()), -ENOMEM);
    EXPECT_EQ(hwalloc_plan_allocate(plan, SIZE_MAX, 0, &buffers, place()), -ENOMEM);
    hwalloc_plan_free(plan);
    for (hwalloc_participant* one : participants)
        hwalloc_participant_free(one);
}

TEST_F(CCamera, NothingWhereSomethingIsNeededIsRefused) {
    negotiated();
    hwalloc_error** const e = nullptr;
    hwalloc_camera* other = nullptr;
    hwalloc_participant* participant = nullptr;
    hwalloc_plan* plan = nullptr;
    hwalloc_plan_buffers* buffers = nullptr;
    hwalloc_plan_request request{};
    hwalloc_frame frame{};
    frame.struct_size = sizeof frame;
    hwalloc_image_layout layout{};
    layout.struct_size = sizeof layout;
    uint32_t number = 0;
    int64_t value = 0;
    hwalloc_memory* const none[] = {nullptr};
    const int answers[] = {
        hwalloc_camera_open(nullptr, &other, e),
        hwalloc_camera_open("/dev/video7", nullptr, e),
        hwalloc_camera_adopt(-1, &other, e),
        hwalloc_camera_negotiate(nullptr, &format, e),
        hwalloc_camera_negotiate(camera, nullptr, e),
        hwalloc_camera_current_format(camera, nullptr, e),
        hwalloc_camera_layout(nullptr, &layout, e),
        hwalloc_camera_layout(camera, nullptr, e),
        hwalloc_camera_reserve(camera, 2, nullptr, e),
        hwalloc_camera_reserve(nullptr, 2, &number, e),
        hwalloc_camera_bind(camera, nullptr, 1, e),
        hwalloc_camera_bind(camera, none, 1, e),
        hwalloc_camera_bind(nullptr, none, 0, e),
        hwalloc_camera_bind_own(nullptr, 1, &number, e),
        hwalloc_camera_unbind(nullptr, e),
        hwalloc_camera_start(nullptr, e),
        hwalloc_camera_start(camera, e),
        hwalloc_camera_stop(nullptr, e),
        hwalloc_camera_dequeue(nullptr, 0, &frame, e),
        hwalloc_camera_dequeue(camera, 0, nullptr, e),
        hwalloc_camera_dequeue(camera, 0, &frame, e),
        hwalloc_camera_queue(nullptr, 0, e),
        hwalloc_camera_get_control(camera, nullptr, &value, e),
        hwalloc_camera_get_control(camera, "gain", nullptr, e),
        hwalloc_camera_set_control(nullptr, "gain", 1, nullptr, e),
        hwalloc_camera_participant(nullptr, &participant, e),
        hwalloc_camera_participant(camera, nullptr, e),
        hwalloc_camera_needs_contiguous_memory(camera, nullptr, e),
        hwalloc_participant_of(nullptr, &participant, e),
        hwalloc_cpu_participant(0, &participant, e),
        hwalloc_cpu_participant(HWALLOC_MAP_READ, nullptr, e),
        hwalloc_output_participant(nullptr, 0, &participant, e),
        hwalloc_plan_new(nullptr, &plan, e),
        hwalloc_plan_new(&request, &plan, e),
        hwalloc_plan_allocate(nullptr, 1, 0, &buffers, e),
        hwalloc_plan_allocate_from(nullptr, 0, 1, &buffers, e),
        hwalloc_plan_candidate_layout(nullptr, 0, &layout, e),
        hwalloc_plan_buffers_layout(nullptr, &layout, e),
    };
    for (std::size_t i = 0; i < std::size(answers); ++i)
        EXPECT_EQ(answers[i], -EINVAL) << "call " << i;
    request.struct_size = sizeof request;
    EXPECT_EQ(hwalloc_plan_new(&request, &plan, place()), -EINVAL) << "no participants";
    request.participant_count = 1;
    EXPECT_EQ(hwalloc_plan_new(&request, &plan, place()), -EINVAL) << "no list of them";
    EXPECT_EQ(hwalloc_camera_open("/dev/video-nowhere", &other, place()), -ENOENT);
    EXPECT_STREQ(hwalloc_camera_path(nullptr), "");
    EXPECT_EQ(hwalloc_camera_fd(nullptr), -1);
    EXPECT_EQ(hwalloc_camera_bound(nullptr) + hwalloc_camera_min_buffers(nullptr), 0u);
    EXPECT_EQ(hwalloc_plan_explain(nullptr), nullptr);
    EXPECT_EQ(hwalloc_plan_ranking(nullptr, 0), SIZE_MAX);
    EXPECT_EQ(hwalloc_plan_buffers_memories(nullptr, nullptr), nullptr);
    hwalloc_camera_allow_copies(nullptr, 1);
    hwalloc_camera_close(nullptr);
    hwalloc_participant_free(nullptr);
    hwalloc_plan_free(nullptr);
    hwalloc_plan_buffers_free(nullptr);
}

} // namespace
} // namespace hwalloc
