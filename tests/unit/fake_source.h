// What a made-up camera is fed by: inputs with a signal, or without, on top of FakeCamera.
#pragma once

#include <cstring>
#include <deque>
#include <optional>
#include <vector>

#include "tests/unit/fake_camera.h"

namespace hwalloc::testing {

// Input 0 is a television's, with PAL and NTSC; input 1 is HDMI.
class FakeSource {
public:
    explicit FakeSource(FakeCamera& camera) {
        active = this;
        camera.more = [](unsigned long request, void* argument) { return active->ioctl(request, argument); };
    }
    ~FakeSource() { active = nullptr; }

    static v4l2_dv_timings mode(std::uint32_t width, std::uint32_t height, std::uint64_t clock) {
        v4l2_dv_timings made{};
        made.type = V4L2_DV_BT_656_1120;
        made.bt.width = width;
        made.bt.height = height;
        made.bt.pixelclock = clock;
        made.bt.hsync = width / 10;
        made.bt.vsync = height / 10;
        made.bt.cea861_vic = 4;
        return made;
    }

    int input = 0;
    std::uint32_t status = 0;
    v4l2_std_id standard = V4L2_STD_PAL, received = V4L2_STD_PAL;
    int query_standard = 0, query_timings = 0, set_timings = 0; // what these answer
    v4l2_dv_timings timings = mode(1280, 720, 60 * 1408 * 792), signal = timings;
    bool has_inputs = true, has_events = true;
    std::vector<v4l2_event_subscription> subscribed, unsubscribed;
    std::deque<v4l2_event> events;

    void tell(std::uint32_t type, std::uint32_t id = 0) {
        v4l2_event event{};
        event.type = type;
        event.id = id;
        event.u.src_change.changes = V4L2_EVENT_SRC_CH_RESOLUTION;
        events.push_back(event);
    }

private:
    static inline FakeSource* active = nullptr;

    template<class T>
    static T& as(void* argument) {
        return *static_cast<T*>(argument);
    }
    int ioctl(unsigned long request, void* argument) {
        switch (request) {
        case VIDIOC_G_INPUT:
        case VIDIOC_S_INPUT:
            if (!has_inputs)
                return -ENOTTY;
            if (request == VIDIOC_S_INPUT && (as<int>(argument) < 0 || as<int>(argument) > 1))
                return -EINVAL;
            (request == VIDIOC_S_INPUT ? input : as<int>(argument)) =
                request == VIDIOC_S_INPUT ? as<int>(argument) : input;
            return 0;
        case VIDIOC_ENUMINPUT: {
            auto& one = as<v4l2_input>(argument);
            if (!has_inputs)
                return -ENOTTY;
            if (one.index > 1)
                return -EINVAL;
            std::strcpy(reinterpret_cast<char*>(one.name), one.index ? "HDMI 0" : "Television");
            one.capabilities = one.index ? V4L2_IN_CAP_DV_TIMINGS : V4L2_IN_CAP_STD;
            one.std = one.index ? 0 : V4L2_STD_PAL | V4L2_STD_NTSC;
            one.status = static_cast<int>(one.index) == input ? status : 0;
            return 0;
        }
        case VIDIOC_ENUMSTD: {
            auto& one = as<v4l2_standard>(argument);
            if (input != 0)
                return -ENODATA;
            if (one.index > 1)
                return -EINVAL;
            std::strcpy(reinterpret_cast<char*>(one.name), one.index ? "NTSC" : "PAL");
            one.id = one.index ? V4L2_STD_NTSC : V4L2_STD_PAL;
            one.framelines = one.index ? 525 : 625;
            one.frameperiod = one.index ? v4l2_fract{1001, 30000} : v4l2_fract{1, 25};
            return 0;
        }
        case VIDIOC_G_STD:
            as<v4l2_std_id>(argument) = standard;
            return input == 0 ? 0 : -ENODATA;
        case VIDIOC_S_STD:
            if (input != 0 || !(as<v4l2_std_id>(argument) & (V4L2_STD_PAL | V4L2_STD_NTSC)))
                return -EINVAL;
            standard = as<v4l2_std_id>(argument);
            return 0;
        case VIDIOC_QUERYSTD:
            as<v4l2_std_id>(argument) = received;
            return query_standard;
        case VIDIOC_ENUM_DV_TIMINGS:
            if (as<v4l2_enum_dv_timings>(argument).index > 0)
                return -EINVAL;
            as<v4l2_enum_dv_timings>(argument).timings = mode(1920, 1080, 60 * 2112 * 1188);
            return 0;
        case VIDIOC_G_DV_TIMINGS:
            as<v4l2_dv_timings>(argument) = timings;
            return 0;
        case VIDIOC_S_DV_TIMINGS:
            if (set_timings == 0)
                timings = as<v4l2_dv_timings>(argument);
            return set_timings;
        case VIDIOC_QUERY_DV_TIMINGS:
            as<v4l2_dv_timings>(argument) = signal;
            return query_timings;
        case VIDIOC_SUBSCRIBE_EVENT:
            if (!has_events)
                return -ENOTTY;
            subscribed.push_back(as<v4l2_event_subscription>(argument));
            return 0;
        case VIDIOC_UNSUBSCRIBE_EVENT:
            unsubscribed.push_back(as<v4l2_event_subscription>(argument));
            return 0;
        case VIDIOC_DQEVENT:
            if (events.empty())
                return -ENOENT;
            as<v4l2_event>(argument) = events.front();
            events.pop_front();
            return 0;
        default:
            return -ENOTTY;
        }
    }
};

} // namespace hwalloc::testing
