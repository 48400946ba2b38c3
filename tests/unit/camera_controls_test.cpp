// Controls on a device whose every answer is made up; vivid and a webcam have real ones in the lab.
#include <gmock/gmock.h>

#include <cstring>
#include <map>

#include "hwalloc/v4l2_controls.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using v4l2::ControlType;

struct FakeControl {
    const char* name;
    __u32 type;
    std::int64_t min, max, step, value;
    __u32 flags = 0;
    std::string text{};
};

class CameraControls : public CameraTest {
protected:
    CameraControls() {
        has_lists = true;
        answer = 0;
        all = {
            {V4L2_CID_BRIGHTNESS, {"Brightness", V4L2_CTRL_TYPE_INTEGER, -10, 10, 5, 0}},
            {V4L2_CID_HFLIP, {"Mirror", V4L2_CTRL_TYPE_BOOLEAN, 0, 1, 1, 0}},
            {V4L2_CID_POWER_LINE_FREQUENCY,
             {"Power Line Frequency", V4L2_CTRL_TYPE_MENU, 0, 3, 1, 1, V4L2_CTRL_FLAG_GRABBED}},
            {V4L2_CID_DO_WHITE_BALANCE, {"Do White Balance", V4L2_CTRL_TYPE_BUTTON, 0, 0, 0, 0}},
            {V4L2_CID_MPEG_CLASS, {"A headline", V4L2_CTRL_TYPE_CTRL_CLASS, 0, 0, 0, 0}},
            {V4L2_CID_GAIN, {"Gone", V4L2_CTRL_TYPE_INTEGER, 0, 9, 1, 0, V4L2_CTRL_FLAG_DISABLED}},
            {V4L2_CID_EXPOSURE_ABSOLUTE,
             {"Exposure Time, Absolute", V4L2_CTRL_TYPE_INTEGER, 3, 2047, 1, 250, V4L2_CTRL_FLAG_INACTIVE}},
            {V4L2_CID_USER_BASE + 0x1000, {"Bits", V4L2_CTRL_TYPE_BITMASK, 0, -1, 0, 5}},
            {V4L2_CID_USER_BASE + 0x1001,
             {"Large", V4L2_CTRL_TYPE_INTEGER64, -(1ll << 40), 1ll << 40, 1, 1ll << 33}},
            {V4L2_CID_USER_BASE + 0x1002,
             {"Words", V4L2_CTRL_TYPE_STRING, 2, 6, 1, 0, V4L2_CTRL_FLAG_HAS_PAYLOAD, "abc"}},
            {V4L2_CID_USER_BASE + 0x1003, {"Speeds", V4L2_CTRL_TYPE_INTEGER_MENU, 1, 2, 1, 1}},
            {V4L2_CID_USER_BASE + 0x1004,
             {"Temperature", V4L2_CTRL_TYPE_INTEGER, 0, 100, 1, 40, V4L2_CTRL_FLAG_READ_ONLY}},
            {V4L2_CID_USER_BASE + 0x1005,
             {"Table", V4L2_CTRL_TYPE_U8, 0, 255, 1, 0, V4L2_CTRL_FLAG_HAS_PAYLOAD}},
        };
        fake.more = ioctl;
    }

    static inline std::map<__u32, FakeControl> all;
    static inline bool has_lists; // QUERY_EXT_CTRL and its like; else the calls before these
    static inline int answer;     // of reading and setting

    v4l2::Camera camera = open();

private:
    static FakeControl* find(__u32& id, __u32 next) {
        auto found = id & next
                         ? all.upper_bound(id & ~(V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND))
                         : all.find(id);
        if (found == all.end())
            return nullptr;
        id = found->first;
        return &found->second;
    }
    static int ioctl(unsigned long request, void* argument) {
        switch (request) {
        case VIDIOC_QUERY_EXT_CTRL: {
            auto& query = *static_cast<v4l2_query_ext_ctrl*>(argument);
            const FakeControl* control = has_lists ? find(query.id, V4L2_CTRL_FLAG_NEXT_CTRL) : nullptr;
            if (!control)
                return has_lists ? -EINVAL : -ENOTTY;
            std::strcpy(query.name, control->name);
            query.type = control->type;
            query.minimum = control->min;
            query.maximum = control->max;
            query.step = static_cast<__u64>(control->step);
            query.flags = control->flags;
            query.elem_size = 7;
            return 0;
        }
        case VIDIOC_QUERYCTRL: {
            auto& query = *static_cast<v4l2_queryctrl*>(argument);
            const FakeControl* control = find(query.id, V4L2_CTRL_FLAG_NEXT_CTRL);
            if (!control)
                return -EINVAL;
            std::strcpy(reinterpret_cast<char*>(query.name), control->name);
            query.type = control->type;
            query.minimum = static_cast<__s32>(control->min);
            query.maximum = static_cast<__s32>(control->max);
            query.step = static_cast<__s32>(control->step);
            query.flags = control->flags;
            return 0;
        }
        case VIDIOC_QUERYMENU: {
            auto& item = *static_cast<v4l2_querymenu*>(argument);
            if (item.id == V4L2_CID_USER_BASE + 0x1003) {
                item.value = 1000 * item.index;
                return 0;
            }
            if (item.index == 2) // a gap
                return -EINVAL;
            std::strcpy(reinterpret_cast<char*>(item.name), item.index ? "50 Hz" : "Disabled");
            return 0;
        }
        case VIDIOC_G_EXT_CTRLS:
        case VIDIOC_S_EXT_CTRLS: {
            auto& list = *static_cast<v4l2_ext_controls*>(argument);
            EXPECT_EQ(list.count, 1u);
            if (!has_lists || answer < 0)
                return has_lists ? answer : -ENOTTY;
            v4l2_ext_control& value = *list.controls;
            FakeControl& control = all.at(value.id);
            const bool set = request == VIDIOC_S_EXT_CTRLS;
            if (control.type == V4L2_CTRL_TYPE_STRING) {
                if (set)
                    control.text = value.string;
                else
                    std::memcpy(value.string, control.text.c_str(), control.text.size() + 1);
            } else if (control.type == V4L2_CTRL_TYPE_INTEGER64) {
                if (set)
                    control.value = value.value64;
                value.value64 = control.value;
            } else if (set) {
                control.value = control.step > 1 ? value.value / control.step * control.step : value.value;
                value.value = static_cast<__s32>(control.value);
            } else {
                value.value = static_cast<__s32>(control.value);
            }
            return 0;
        }
        case VIDIOC_G_CTRL:
        case VIDIOC_S_CTRL: {
            auto& value = *static_cast<v4l2_control*>(argument);
            if (request == VIDIOC_S_CTRL)
                all.at(value.id).value = value.value;
            value.value = static_cast<__s32>(all.at(value.id).value);
            return 0;
        }
        default:
            return -ENOTTY;
        }
    }
};

TEST_F(CameraControls, AreListedWithAllThatIsKnownOfThem) {
    for (const bool lists : {true, false}) {
        has_lists = lists;
        const auto controls = v4l2::list_controls(camera).value();
        ASSERT_EQ(controls.size(), all.size() - 2) << "without headlines and what is switched off";
        const auto named = [&](std::string_view name) -> const v4l2::Control& {
            return *std::find_if(controls.begin(), controls.end(),
                                 [&](const v4l2::Control& control) { return control.name == name; });
        };
        EXPECT_EQ(named("Brightness").min, -10);
        EXPECT_EQ(named("Brightness").step, 5);
        EXPECT_EQ(named("Mirror").type, ControlType::boolean);
        EXPECT_EQ(named("Do White Balance").type, ControlType::button);
        EXPECT_EQ(named("Words").type, ControlType::text);
        EXPECT_EQ(named("Table").type, ControlType::other);
        EXPECT_TRUE(named("Exposure Time, Absolute").inactive);
        EXPECT_TRUE(named("Temperature").read_only);
        const auto& menu = named("Power Line Frequency");
        EXPECT_TRUE(menu.locked);
        ASSERT_EQ(menu.items.size(), 3u) << "without the gap";
        EXPECT_EQ(menu.items[1].name, "50 Hz");
        EXPECT_EQ(menu.items[2].value, 3);
        EXPECT_EQ(named("Speeds").items.back().name, "2000");
        if (lists) {
            EXPECT_EQ(named("Bits").max, 0xffffffff);
        }
    }
    all.clear();
    EXPECT_TRUE(v4l2::list_controls(camera).value().empty());
}

TEST_F(CameraControls, AreFoundByEveryNameThatTheyHave) {
    for (const char* name : {"Exposure Time, Absolute", "exposure_time_absolute", "EXPOSURE TIME ABSOLUTE",
                             "exposure", "0x9a0902", "10094850"})
        EXPECT_EQ(v4l2::find_control(camera, name).value().id, std::uint32_t{V4L2_CID_EXPOSURE_ABSOLUTE})
            << name;
    EXPECT_EQ(v4l2::find_control(camera, "flip_horizontal").value().name, "Mirror");
    for (const char* name : {"focus", "", "_", "gain", "0x9a0999", "A headline"}) {
        const auto error = v4l2::find_control(camera, name).error();
        EXPECT_EQ(error.kind(), ErrorKind::unsupported) << name;
        if (std::string_view(name) == "focus") {
            EXPECT_THAT(error.message(),
                        AllOf(HasSubstr("no control focus"), HasSubstr("power_line_frequency, ")));
        }
    }
    EXPECT_EQ(v4l2::get_control(camera, V4L2_CID_GAIN).error().kind(), ErrorKind::unsupported)
        << "switched off";
    all.clear();
    EXPECT_THAT(v4l2::find_control(camera, "gain").error().message(), HasSubstr("has no controls"));
}

TEST_F(CameraControls, AreSetWithinTheirRange) {
    struct Row {
        const char* name;
        std::int64_t wanted, made;
        const char* range; // null: it is set
    };
    const Row rows[] = {
        {"brightness", 7, 5, nullptr},
        {"brightness", 11, 0, "brightness takes -10 to 10 in steps of 5"},
        {"mirror", 1, 1, nullptr},
        {"mirror", 2, 0, "mirror takes 0 or 1"},
        {"power_line_frequency", 3, 3, nullptr},
        {"power_line_frequency", 2, 0, "takes 0 (Disabled), 1 (50 Hz), 3 (50 Hz)"},
        {"speeds", 2, 2, nullptr},
        {"speeds", 2000, 0, "takes 1 (1000), 2 (2000)"},
        {"bits", 0xf0000001, 0xf0000001, nullptr},
        {"bits", std::int64_t{1} << 32, 0, "takes bits of 0xffffffff"},
        {"large", std::int64_t{1} << 40, std::int64_t{1} << 40, nullptr},
        {"large", (std::int64_t{1} << 40) + 1, 0, "large takes "},
    };
    for (const Row& row : rows) {
        const auto made = v4l2::set_control(camera, row.name, row.wanted);
        if (!row.range) {
            ASSERT_TRUE(made) << row.name << made.error().message();
            EXPECT_EQ(*made, row.made) << row.name;
            EXPECT_EQ(v4l2::get_control(camera, row.name).value(), row.made) << row.name;
            continue;
        }
        ASSERT_FALSE(made) << row.name << row.wanted;
        EXPECT_EQ(made.error().kind(), ErrorKind::invalid) << row.name;
        EXPECT_THAT(made.error().message(),
                    AllOf(HasSubstr(row.range), HasSubstr(std::to_string(row.wanted))));
    }
    EXPECT_TRUE(v4l2::set_control(camera, "do_white_balance", 0)) << "a button";
    has_lists = false;
    EXPECT_EQ(v4l2::set_control(camera, "brightness", -10).value(), -10);
    EXPECT_EQ(v4l2::get_control(camera, "brightness").value(), -10);
}

TEST_F(CameraControls, WhatCannotBeReadOrSetSaysWhy) {
    for (const char* name : {"do_white_balance", "words", "table"})
        EXPECT_EQ(v4l2::get_control(camera, name).error().kind(), ErrorKind::invalid) << name;
    EXPECT_EQ(v4l2::set_control(camera, "words", 1).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(v4l2::set_control(camera, "temperature", 1).error().kind(), ErrorKind::permission);
    struct Row {
        int answer;
        ErrorKind kind;
        const char* words;
    };
    for (const Row& row : {Row{-EACCES, ErrorKind::permission, "set automatically"},
                           Row{-EBUSY, ErrorKind::busy, "stop() first"},
                           Row{-ERANGE, ErrorKind::invalid, "brightness takes -10 to 10"},
                           Row{-EINVAL, ErrorKind::invalid, "brightness takes -10 to 10"},
                           Row{-ENODEV, ErrorKind::device_lost, "gone"}}) {
        answer = row.answer;
        for (const Error& error : {v4l2::set_control(camera, "brightness", 5).error(),
                                   v4l2::get_control(camera, "brightness").error()}) {
            EXPECT_EQ(error.kind(), row.kind) << row.answer;
            EXPECT_THAT(error.message(), AllOf(HasSubstr(row.words), HasSubstr("/dev/video7")));
        }
    }
}

TEST_F(CameraControls, HaveTexts) {
    constexpr std::uint32_t words = V4L2_CID_USER_BASE + 0x1002;
    EXPECT_EQ(v4l2::get_text_control(camera, words).value(), "abc");
    ASSERT_TRUE(v4l2::set_text_control(camera, words, "longer"));
    EXPECT_EQ(v4l2::get_text_control(camera, words).value(), "longer");
    for (const std::string& wrong : {std::string("a"), std::string("too long"), std::string("a\0b", 3)})
        EXPECT_THAT(v4l2::set_text_control(camera, words, wrong).error().message(),
                    HasSubstr("words takes 2 to 6 characters"));
    EXPECT_EQ(v4l2::get_text_control(camera, V4L2_CID_BRIGHTNESS).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(v4l2::set_text_control(camera, V4L2_CID_BRIGHTNESS, "abc").error().kind(), ErrorKind::invalid);
}

TEST_F(CameraControls, AListWithoutAnEndEnds) {
    fake.more = [](unsigned long request, void* argument) {
        if (request == VIDIOC_QUERY_EXT_CTRL) {
            auto& query = *static_cast<v4l2_query_ext_ctrl*>(argument);
            query.id = V4L2_CID_BRIGHTNESS;
            query.type = V4L2_CTRL_TYPE_MENU;
            query.maximum = INT64_MAX;
        }
        return 0;
    };
    EXPECT_EQ(v4l2::list_controls(camera).value().size(), 1u);
}

} // namespace
} // namespace hwalloc
