// A camera that is a fake, as a participant of plans.
#pragma once

#include <gmock/gmock.h>

#include "tests/unit/fake_camera.h"

namespace hwalloc::testing {

constexpr std::uint32_t yuyv_drm = fourcc('Y', 'U', 'Y', 'V'), nv12_drm = fourcc('N', 'V', '1', '2');
constexpr ImageSpec picture{.fourcc = yuyv_drm, .width = 64, .height = 48};

inline ImageLayout linear(std::uint32_t fourcc = yuyv_drm, std::uint32_t stride = 0) {
    return linear_layout(fourcc, 64, 48, stride).value();
}
inline ImageLayout bytes(std::uint64_t size) {
    ImageLayout layout{.plane_count = 1, .memory_count = 1};
    layout.memory_sizes[0] = size;
    return layout;
}

class V4l2Participant : public CameraTest {
protected:
    static ParticipantRef capture(v4l2::Camera& camera) { return v4l2::capture_participant(camera).value(); }
    ParticipantRef output(std::uint32_t capability = V4L2_CAP_VIDEO_OUTPUT) {
        fake.can = capability;
        return v4l2::output_participant("/dev/video7").value();
    }
    static Result<Recipe> attempt(Participant& participant, const ImageLayout& layout = linear(),
                                  std::size_t size = image_bytes) {
        return participant.attempt(*memories(1, size)[0], layout);
    }
};

} // namespace hwalloc::testing
