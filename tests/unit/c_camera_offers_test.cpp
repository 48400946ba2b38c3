// What cameras offer and where their picture comes from, through the C interface: the same as in C++. The lab
// has vivid.
#include <gmock/gmock.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include "hwalloc/hwalloc.h"
#include "hwalloc/v4l2_controls.h"
#include "hwalloc/v4l2_inputs.h"
#include "tests/unit/fake_source.h"

namespace hwalloc {
namespace {

using namespace testing;

class CCameraOffers : public CameraTest {
protected:
    CCameraOffers() { EXPECT_EQ(hwalloc_camera_open("/dev/video7", &camera, place()), 0); }
    ~CCameraOffers() override {
        hwalloc_camera_close(camera);
        hwalloc_error_free(error);
    }
    hwalloc_error** place() {
        hwalloc_error_free(std::exchange(error, nullptr));
        return &error;
    }
    hwalloc_camera* camera = nullptr;
    hwalloc_error* error = nullptr;
};

TEST_F(CCameraOffers, CamerasAreListedWithWhatIsKnown) {
    hwalloc_camera_list* list = nullptr;
    ASSERT_EQ(hwalloc_camera_list_new(&list, place()), 0) << hwalloc_error_message(error);
    const auto known = v4l2::list_cameras().value();
    ASSERT_EQ(hwalloc_camera_list_size(list), known.size());
    hwalloc_camera_entry entry{};
    entry.struct_size = sizeof entry;
    for (std::size_t i = 0; i < known.size(); ++i) {
        ASSERT_EQ(hwalloc_camera_list_get(list, i, &entry, place()), 0);
        EXPECT_EQ(entry.path, known[i].path);
        EXPECT_EQ(entry.card, known[i].card);
        EXPECT_EQ(entry.why != nullptr, known[i].why.has_value());
        EXPECT_EQ(entry.imports, static_cast<uint32_t>(known[i].imports));
    }
    EXPECT_EQ(hwalloc_camera_list_get(list, known.size(), &entry, place()), -EINVAL);
    EXPECT_EQ(hwalloc_camera_list_get(list, 0, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_camera_list_get(nullptr, 0, &entry, place()), -EINVAL);
    EXPECT_EQ(hwalloc_camera_list_new(nullptr, place()), -EINVAL);
    hwalloc_camera_list_free(list);
}

TEST_F(CCameraOffers, FormatsHaveTheirSizes) {
    hwalloc_format_list* list = nullptr;
    ASSERT_EQ(hwalloc_camera_formats(camera, &list, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_format_list_size(list), 1u);
    hwalloc_format_entry entry{};
    entry.struct_size = sizeof entry;
    ASSERT_EQ(hwalloc_format_list_get(list, 0, &entry, place()), 0);
    EXPECT_EQ(entry.pixel_format, V4L2_PIX_FMT_YUYV);
    ASSERT_EQ(entry.size_count, 1u);
    EXPECT_EQ(entry.sizes[0].max_width, 64u);
    EXPECT_EQ(entry.sizes[0].min_height, 48u);
    EXPECT_EQ(hwalloc_format_list_get(list, 1, &entry, place()), -EINVAL);
    hwalloc_format_list_free(list);
    EXPECT_EQ(hwalloc_camera_formats(nullptr, &list, place()), -EINVAL);
    std::size_t count = 99;
    EXPECT_EQ(hwalloc_camera_rates(camera, V4L2_PIX_FMT_YUYV, 64, 48, nullptr, 1, &count, place()), -EINVAL);
    ASSERT_EQ(hwalloc_camera_rates(camera, V4L2_PIX_FMT_YUYV, 64, 48, nullptr, 0, &count, place()), 0);
    EXPECT_EQ(count, 0u) << "the driver tells none";
    fake.more = [](unsigned long request, void* argument) {
        auto& interval = *static_cast<v4l2_frmivalenum*>(argument);
        if (request != VIDIOC_ENUM_FRAMEINTERVALS || interval.index > 2)
            return request == VIDIOC_ENUM_FRAMEINTERVALS ? -EINVAL : -ENOTTY;
        interval.type = V4L2_FRMIVAL_TYPE_DISCRETE;
        interval.discrete = {1, 30u >> interval.index};
        return 0;
    };
    hwalloc_rate_range rates[2]{};
    ASSERT_EQ(hwalloc_camera_rates(camera, V4L2_PIX_FMT_YUYV, 64, 48, rates, 2, &count, place()), 0);
    EXPECT_EQ(count, 3u) << "how many there are, whatever there was a place for";
    EXPECT_EQ(rates[1].min_frames, 15u);
    EXPECT_EQ(rates[1].max_seconds, 1u);
    EXPECT_STREQ(hwalloc_field_name(HWALLOC_FIELD_PROGRESSIVE), "progressive");
    EXPECT_STREQ(hwalloc_field_name(99), "unknown");
}

TEST_F(CCameraOffers, ControlsHaveTheirItems) {
    fake.more = [](unsigned long request, void* argument) {
        static char text[8] = "abc";
        if (request == VIDIOC_QUERY_EXT_CTRL) {
            auto& query = *static_cast<v4l2_query_ext_ctrl*>(argument);
            const bool next = query.id & V4L2_CTRL_FLAG_NEXT_CTRL;
            const __u32 after = query.id & ~(V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND);
            if (next ? after >= V4L2_CID_USER_BASE + 0x1002
                     : after != V4L2_CID_POWER_LINE_FREQUENCY && after != V4L2_CID_USER_BASE + 0x1002)
                return -EINVAL;
            query.id = next && after < V4L2_CID_POWER_LINE_FREQUENCY ? V4L2_CID_POWER_LINE_FREQUENCY
                       : next                                        ? V4L2_CID_USER_BASE + 0x1002
                                                                     : after;
            const bool menu = query.id == V4L2_CID_POWER_LINE_FREQUENCY;
            std::strcpy(query.name, menu ? "Power Line Frequency" : "Words");
            query.type = menu ? V4L2_CTRL_TYPE_MENU : V4L2_CTRL_TYPE_STRING;
            query.minimum = menu ? 0 : 2;
            query.maximum = menu ? 1 : 6;
            query.step = 1;
            query.elem_size = 7;
            query.flags = menu ? __u32{V4L2_CTRL_FLAG_GRABBED} : __u32{V4L2_CTRL_FLAG_HAS_PAYLOAD};
            return 0;
        }
        if (request == VIDIOC_QUERYMENU) {
            auto& item = *static_cast<v4l2_querymenu*>(argument);
            std::strcpy(reinterpret_cast<char*>(item.name), item.index ? "50 Hz" : "Disabled");
            return 0;
        }
        if (request == VIDIOC_G_EXT_CTRLS || request == VIDIOC_S_EXT_CTRLS) {
            auto& control = *static_cast<v4l2_ext_controls*>(argument)->controls;
            if (request == VIDIOC_G_EXT_CTRLS)
                std::strcpy(control.string, text);
            else
                std::strcpy(text, control.string);
            return 0;
        }
        return -ENOTTY;
    };
    hwalloc_control_list* list = nullptr;
    ASSERT_EQ(hwalloc_camera_controls(camera, &list, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_control_list_size(list), 2u);
    hwalloc_control_entry entry{};
    entry.struct_size = sizeof entry;
    ASSERT_EQ(hwalloc_control_list_get(list, 0, &entry, place()), 0);
    EXPECT_STREQ(entry.name, "Power Line Frequency");
    EXPECT_EQ(entry.id, uint32_t{V4L2_CID_POWER_LINE_FREQUENCY});
    EXPECT_EQ(entry.type, uint32_t{HWALLOC_CONTROL_MENU});
    EXPECT_EQ(entry.flags, uint32_t{HWALLOC_CONTROL_LOCKED});
    ASSERT_EQ(entry.item_count, 2u);
    EXPECT_STREQ(entry.items[1].name, "50 Hz");
    EXPECT_EQ(entry.items[1].value, 1);
    ASSERT_EQ(hwalloc_control_list_get(list, 1, &entry, place()), 0);
    EXPECT_EQ(entry.type, uint32_t{HWALLOC_CONTROL_TEXT});
    EXPECT_EQ(entry.max, 6);
    hwalloc_control_list_free(list);
    ASSERT_EQ(hwalloc_camera_find_control(camera, "words", &list, place()), 0)
        << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_control_list_size(list), 1u);
    hwalloc_control_list_free(list);
    EXPECT_EQ(hwalloc_camera_find_control(camera, "none such", &list, place()), -EOPNOTSUPP);
    EXPECT_EQ(hwalloc_camera_find_control(camera, nullptr, &list, place()), -EINVAL);
    char text[3] = {};
    std::size_t length = 0;
    ASSERT_EQ(hwalloc_camera_set_text_control(camera, "words", "xyz", place()), 0)
        << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_camera_get_text_control(camera, "words", text, sizeof text, &length, place()), 0);
    EXPECT_STREQ(text, "xy");
    EXPECT_EQ(length, 3u);
    EXPECT_EQ(hwalloc_camera_set_text_control(camera, "words", "x", place()), -EINVAL) << "too short";
    EXPECT_EQ(hwalloc_camera_set_text_control(camera, "words", nullptr, place()), -EINVAL);
}

TEST_F(CCameraOffers, RectanglesAreReadAndSet) {
    fake.has_selections = true;
    fake.crop = {8, 4, 48, 40};
    hwalloc_rectangle rectangle{};
    ASSERT_EQ(hwalloc_camera_get_selection(camera, HWALLOC_SELECTION_CROP, &rectangle, place()), 0);
    EXPECT_EQ(rectangle.left, 8);
    EXPECT_EQ(rectangle.height, 40u);
    rectangle = {.left = 0, .top = 0, .width = 32, .height = 24};
    hwalloc_rectangle now{};
    ASSERT_EQ(hwalloc_camera_set_selection(camera, HWALLOC_SELECTION_COMPOSE, &rectangle, &now, place()), 0);
    EXPECT_EQ(now.width, 32u);
    EXPECT_EQ(hwalloc_camera_set_selection(camera, HWALLOC_SELECTION_NATIVE_SIZE, &rectangle, &now, place()),
              -EINVAL);
    EXPECT_EQ(hwalloc_camera_get_selection(camera, 0x10000, &rectangle, place()), -EINVAL)
        << "not the crop of 16 bits";
    EXPECT_EQ(hwalloc_camera_get_selection(camera, 77, &rectangle, place()), -EINVAL);
    EXPECT_EQ(hwalloc_camera_get_selection(nullptr, 0, &rectangle, place()), -EINVAL);
    EXPECT_EQ(hwalloc_camera_set_selection(camera, 0, nullptr, nullptr, place()), -EINVAL);
}

TEST_F(CCameraOffers, AnAnalogInputHasStandards) {
    FakeSource source(fake);
    hwalloc_input_list* list = nullptr;
    ASSERT_EQ(hwalloc_camera_inputs(camera, &list, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_input_list_size(list), 2u);
    hwalloc_input input{};
    input.struct_size = sizeof input;
    ASSERT_EQ(hwalloc_input_list_get(list, 0, &input, place()), 0);
    EXPECT_STREQ(input.name, "Television");
    EXPECT_EQ(input.flags, uint32_t{HWALLOC_INPUT_HAS_STANDARDS});
    EXPECT_EQ(input.standards, uint64_t{V4L2_STD_PAL | V4L2_STD_NTSC});
    EXPECT_EQ(hwalloc_input_list_get(list, 2, &input, place()), -EINVAL);
    hwalloc_input_list_free(list);
    uint32_t index = 99;
    ASSERT_EQ(hwalloc_camera_get_input(camera, &index, place()), 0);
    EXPECT_EQ(index, 0u);
    EXPECT_EQ(hwalloc_camera_check_signal(camera, place()), 0) << hwalloc_error_message(error);
    hwalloc_standard_list* standards = nullptr;
    ASSERT_EQ(hwalloc_camera_standards(camera, &standards, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_standard_list_size(standards), 2u);
    hwalloc_video_standard standard{};
    standard.struct_size = sizeof standard;
    ASSERT_EQ(hwalloc_standard_list_get(standards, 1, &standard, place()), 0);
    EXPECT_STREQ(standard.name, "NTSC");
    EXPECT_EQ(standard.rate_frames, 30000u);
    EXPECT_EQ(standard.lines, 525u);
    hwalloc_standard_list_free(standards);
    uint64_t bits = 0;
    ASSERT_EQ(hwalloc_camera_set_standard(camera, V4L2_STD_NTSC, place()), 0);
    ASSERT_EQ(hwalloc_camera_get_standard(camera, &bits, place()), 0);
    EXPECT_EQ(bits, uint64_t{V4L2_STD_NTSC});
    ASSERT_EQ(hwalloc_camera_detect_standard(camera, &bits, place()), 0);
    EXPECT_EQ(bits, uint64_t{V4L2_STD_PAL});
    EXPECT_EQ(hwalloc_camera_get_standard(camera, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_camera_set_input(camera, 7, place()), -EINVAL);
}

TEST_F(CCameraOffers, ADigitalInputHasTimings) {
    FakeSource source(fake);
    ASSERT_EQ(hwalloc_camera_set_input(camera, 1, place()), 0) << hwalloc_error_message(error);
    int changed = 99;
    ASSERT_EQ(hwalloc_camera_source_changed(camera, &changed, place()), 0);
    EXPECT_EQ(changed, 0);
    source.tell(V4L2_EVENT_SOURCE_CHANGE, 1);
    ASSERT_EQ(hwalloc_camera_source_changed(camera, &changed, place()), 0);
    EXPECT_EQ(changed, 1);
    hwalloc_timings_list* list = nullptr;
    ASSERT_EQ(hwalloc_camera_timings(camera, &list, place()), 0) << hwalloc_error_message(error);
    ASSERT_EQ(hwalloc_timings_list_size(list), 1u);
    hwalloc_dv_timings timings{};
    timings.struct_size = sizeof timings;
    ASSERT_EQ(hwalloc_timings_list_get(list, 0, &timings, place()), 0);
    EXPECT_EQ(timings.width, 1920u);
    hwalloc_timings_list_free(list);
    ASSERT_EQ(hwalloc_camera_detect_timings(camera, &timings, place()), 0);
    EXPECT_EQ(timings.height, 720u);
    EXPECT_EQ(timings.cea861_vic, 4u);
    EXPECT_DOUBLE_EQ(hwalloc_dv_timings_rate(&timings), 60);
    char text[64];
    EXPECT_EQ(hwalloc_dv_timings_text(&timings, text, 21), 42u) << "as much as there is a place for";
    EXPECT_STREQ(text, "1280x720 progressive");
    timings.pixel_clock /= 2;
    ASSERT_EQ(hwalloc_camera_set_timings(camera, &timings, place()), 0) << hwalloc_error_message(error);
    hwalloc_dv_timings now{};
    now.struct_size = sizeof now;
    ASSERT_EQ(hwalloc_camera_get_timings(camera, &now, place()), 0);
    // Where size_t has 32 bits there is a hole behind the first member.
    const auto members = [](const hwalloc_dv_timings& of) {
        return std::string_view(reinterpret_cast<const char*>(&of), sizeof of)
            .substr(offsetof(hwalloc_dv_timings, pixel_clock));
    };
    EXPECT_EQ(members(now), members(timings)) << "every member goes there and back";
    timings.hdmi_vic = 256;
    EXPECT_EQ(hwalloc_camera_set_timings(camera, &timings, place()), -EINVAL);
    EXPECT_EQ(hwalloc_camera_set_timings(camera, nullptr, place()), -EINVAL);
    EXPECT_EQ(hwalloc_dv_timings_rate(nullptr), 0);
    EXPECT_EQ(hwalloc_dv_timings_text(nullptr, text, sizeof text), 0u);
}

} // namespace
} // namespace hwalloc
