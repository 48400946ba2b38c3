// The timings of digital inputs.
#include <cerrno>

#include "backends/v4l2/signal.h"
#include "backends/v4l2/with_session.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

// More than the standards have, for drivers that do not look at the index.
constexpr std::uint32_t most_timings = 1024;

DvTimings timings_of(const v4l2_dv_timings& timings) noexcept {
    const v4l2_bt_timings& bt = timings.bt;
    return {.width = bt.width,
            .height = bt.height,
            .interlaced = bt.interlaced != 0,
            .pixel_clock = bt.pixelclock,
            .h_front_porch = bt.hfrontporch,
            .h_sync = bt.hsync,
            .h_back_porch = bt.hbackporch,
            .v_front_porch = bt.vfrontporch,
            .v_sync = bt.vsync,
            .v_back_porch = bt.vbackporch,
            .second_v_front_porch = bt.il_vfrontporch,
            .second_v_sync = bt.il_vsync,
            .second_v_back_porch = bt.il_vbackporch,
            .polarities = bt.polarities,
            .standards = bt.standards,
            .flags = bt.flags,
            .aspect_width = bt.picture_aspect.numerator,
            .aspect_height = bt.picture_aspect.denominator,
            .cea861_vic = bt.cea861_vic,
            .hdmi_vic = bt.hdmi_vic};
}

v4l2_dv_timings kernel_timings(const DvTimings& timings) noexcept {
    v4l2_dv_timings made{};
    made.type = V4L2_DV_BT_656_1120;
    v4l2_bt_timings& bt = made.bt;
    bt.width = timings.width;
    bt.height = timings.height;
    bt.interlaced = timings.interlaced ? V4L2_DV_INTERLACED : V4L2_DV_PROGRESSIVE;
    bt.polarities = timings.polarities;
    bt.pixelclock = timings.pixel_clock;
    bt.hfrontporch = timings.h_front_porch;
    bt.hsync = timings.h_sync;
    bt.hbackporch = timings.h_back_porch;
    bt.vfrontporch = timings.v_front_porch;
    bt.vsync = timings.v_sync;
    bt.vbackporch = timings.v_back_porch;
    bt.il_vfrontporch = timings.second_v_front_porch;
    bt.il_vsync = timings.second_v_sync;
    bt.il_vbackporch = timings.second_v_back_porch;
    bt.standards = timings.standards;
    bt.flags = timings.flags;
    bt.picture_aspect = {timings.aspect_width, timings.aspect_height};
    bt.cea861_vic = timings.cea861_vic;
    bt.hdmi_vic = timings.hdmi_vic;
    return made;
}

} // namespace

FixedText detail::in_words(const DvTimings& timings) noexcept {
    // Hundredths, for 59.94: rounded by the half that is cut off.
    const double hundredths = timings.pictures_a_second() * 100;
    auto rate = static_cast<std::uint64_t>(hundredths);
    rate += hundredths - static_cast<double>(rate) >= 0.5;
    FixedText words(timings.width, "x", timings.height,
                    timings.interlaced ? " interlaced, " : " progressive, ", rate / 100);
    if (rate % 100)
        words.append(rate % 100 < 10 ? ".0" : ".").append(rate % 100);
    return words.append(" pictures a second");
}

std::string to_string(const DvTimings& timings) {
    return std::string(detail::in_words(timings).view());
}

Result<DvTimings> detail::get_timings(const Session& session) noexcept {
    v4l2_dv_timings timings{};
    if (const int answer = session.ioctl(VIDIOC_G_DV_TIMINGS, &timings); answer < 0)
        return session.refused(answer, "VIDIOC_G_DV_TIMINGS", "asking for the timings");
    return timings_of(timings);
}

Result<DvTimings> detail::query_timings(const Session& session) noexcept {
    v4l2_dv_timings timings{};
    const int answer = session.ioctl(VIDIOC_QUERY_DV_TIMINGS, &timings);
    if (answer >= 0)
        return timings_of(timings);
    if (!tells_of_signal(answer))
        return session.refused(answer, "VIDIOC_QUERY_DV_TIMINGS", "detecting the timings of the signal");
    return without_exceptions([&]() -> Result<DvTimings> {
        const auto input = current_input(session);
        return signal_error(session, answer, "VIDIOC_QUERY_DV_TIMINGS",
                            input ? in_words(*input) : FixedText("the input"));
    });
}

Result<std::vector<DvTimings>> list_timings(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<std::vector<DvTimings>> {
        std::vector<DvTimings> all;
        for (std::uint32_t index = 0; index < most_timings; ++index) {
            v4l2_enum_dv_timings one{};
            one.index = index;
            const int answer = session.ioctl(VIDIOC_ENUM_DV_TIMINGS, &one);
            if (answer == -EINVAL || (answer >= 0 && one.index != index)) // the end of the list
                break;
            if (answer < 0)
                return session.refused(answer, "VIDIOC_ENUM_DV_TIMINGS", "listing the timings");
            all.push_back(timings_of(one.timings));
        }
        return all;
    });
}

Result<DvTimings> current_timings(Camera& camera) noexcept {
    return detail::with_session(
        camera, [&](Session& session) -> Result<DvTimings> { return detail::get_timings(session); });
}

Result<DvTimings> detect_timings(Camera& camera) noexcept {
    return detail::with_session(
        camera, [&](Session& session) -> Result<DvTimings> { return detail::query_timings(session); });
}

Result<void> set_timings(Camera& camera, const DvTimings& timings) noexcept {
    v4l2_dv_timings wanted = kernel_timings(timings);
    return detail::set_source(camera, FixedText("setting the timings to ", detail::in_words(timings)),
                              "VIDIOC_S_DV_TIMINGS", VIDIOC_S_DV_TIMINGS, &wanted);
}

} // namespace hwalloc::v4l2
