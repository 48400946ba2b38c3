// Where a camera's picture comes from, for C.
#include <cstdint>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "bindings/c/list.h"
#include "bindings/c/video.h"
#include "hwalloc/c_camera_inputs.h"
#include "hwalloc/v4l2_inputs.h"

struct hwalloc_input_list {
    std::vector<hwalloc::v4l2::Input> values;
};
struct hwalloc_standard_list {
    std::vector<hwalloc::v4l2::VideoStandard> values;
};
struct hwalloc_timings_list {
    std::vector<hwalloc::v4l2::DvTimings> values;
};

using namespace hwalloc;
using c::answer_entry;
using c::number_of_camera;
using c::on_camera;
using c::refuse_null;

namespace {

hwalloc_dv_timings timings_to_c(const v4l2::DvTimings& from) noexcept {
    return {.struct_size = 0,
            .pixel_clock = from.pixel_clock,
            .width = from.width,
            .height = from.height,
            .interlaced = from.interlaced,
            .h_front_porch = from.h_front_porch,
            .h_sync = from.h_sync,
            .h_back_porch = from.h_back_porch,
            .v_front_porch = from.v_front_porch,
            .v_sync = from.v_sync,
            .v_back_porch = from.v_back_porch,
            .second_v_front_porch = from.second_v_front_porch,
            .second_v_sync = from.second_v_sync,
            .second_v_back_porch = from.second_v_back_porch,
            .polarities = from.polarities,
            .standards = from.standards,
            .flags = from.flags,
            .aspect_width = from.aspect_width,
            .aspect_height = from.aspect_height,
            .cea861_vic = from.cea861_vic,
            .hdmi_vic = from.hdmi_vic,
            .reserved = 0};
}
Result<v4l2::DvTimings> timings_of(const hwalloc_dv_timings* given) noexcept {
    if (!given)
        return Error(ErrorKind::invalid, "there are no timings");
    const auto from = c::read_struct(given);
    if (!from)
        return from.error();
    if (from->reserved || from->interlaced > 1 || from->cea861_vic > UINT8_MAX || from->hdmi_vic > UINT8_MAX)
        return Error(ErrorKind::invalid, "timings have numbers that mean nothing");
    return v4l2::DvTimings{.width = from->width,
                           .height = from->height,
                           .interlaced = from->interlaced != 0,
                           .pixel_clock = from->pixel_clock,
                           .h_front_porch = from->h_front_porch,
                           .h_sync = from->h_sync,
                           .h_back_porch = from->h_back_porch,
                           .v_front_porch = from->v_front_porch,
                           .v_sync = from->v_sync,
                           .v_back_porch = from->v_back_porch,
                           .second_v_front_porch = from->second_v_front_porch,
                           .second_v_sync = from->second_v_sync,
                           .second_v_back_porch = from->second_v_back_porch,
                           .polarities = from->polarities,
                           .standards = from->standards,
                           .flags = from->flags,
                           .aspect_width = from->aspect_width,
                           .aspect_height = from->aspect_height,
                           .cea861_vic = static_cast<std::uint8_t>(from->cea861_vic),
                           .hdmi_vic = static_cast<std::uint8_t>(from->hdmi_vic)};
}
template<class F>
int answer_timings(hwalloc_camera* camera, hwalloc_dv_timings* timings, hwalloc_error** error,
                   F&& with) noexcept {
    if (!camera || !timings)
        return refuse_null(camera ? c::no_answer_place : c::no_camera, error);
    const auto has = with(camera->camera);
    return has ? c::answer(c::write_struct(timings, timings_to_c(*has)), error)
               : c::refuse(has.error(), error);
}

} // namespace

int hwalloc_camera_inputs(hwalloc_camera* camera, hwalloc_input_list** list, hwalloc_error** error) noexcept {
    return camera ? c::answer_list(v4l2::list_inputs(camera->camera), list, error)
                  : refuse_null(c::no_camera, error);
}
void hwalloc_input_list_free(hwalloc_input_list* list) noexcept {
    delete list;
}
size_t hwalloc_input_list_size(const hwalloc_input_list* list) noexcept {
    return list ? list->values.size() : 0;
}
int hwalloc_input_list_get(const hwalloc_input_list* list, size_t index, hwalloc_input* input,
                           hwalloc_error** error) noexcept {
    return answer_entry(list, index, input, error, [](const v4l2::Input& from) {
        return hwalloc_input{.struct_size = 0,
                             .name = from.name.c_str(),
                             .standards = from.standards,
                             .index = from.index,
                             .flags = (from.has_standards ? uint32_t{HWALLOC_INPUT_HAS_STANDARDS} : 0u) |
                                      (from.has_timings ? uint32_t{HWALLOC_INPUT_HAS_TIMINGS} : 0u)};
    });
}
int hwalloc_camera_get_input(hwalloc_camera* camera, uint32_t* index, hwalloc_error** error) noexcept {
    return number_of_camera(camera, index, error, [](v4l2::Camera& on) {
        return v4l2::current_input(on).transform([](const v4l2::Input& input) { return input.index; });
    });
}
int hwalloc_camera_set_input(hwalloc_camera* camera, uint32_t index, hwalloc_error** error) noexcept {
    return on_camera(camera, error, [&](v4l2::Camera& on) { return v4l2::set_input(on, index); });
}
int hwalloc_camera_check_signal(hwalloc_camera* camera, hwalloc_error** error) noexcept {
    return on_camera(camera, error, [](v4l2::Camera& on) { return v4l2::check_signal(on); });
}
int hwalloc_camera_source_changed(hwalloc_camera* camera, int* changed, hwalloc_error** error) noexcept {
    return number_of_camera(camera, changed, error,
                            [](v4l2::Camera& on) { return v4l2::source_changed(on); });
}

int hwalloc_camera_standards(hwalloc_camera* camera, hwalloc_standard_list** list,
                             hwalloc_error** error) noexcept {
    return camera ? c::answer_list(v4l2::list_standards(camera->camera), list, error)
                  : refuse_null(c::no_camera, error);
}
void hwalloc_standard_list_free(hwalloc_standard_list* list) noexcept {
    delete list;
}
size_t hwalloc_standard_list_size(const hwalloc_standard_list* list) noexcept {
    return list ? list->values.size() : 0;
}
int hwalloc_standard_list_get(const hwalloc_standard_list* list, size_t index,
                              hwalloc_video_standard* standard, hwalloc_error** error) noexcept {
    return answer_entry(list, index, standard, error, [](const v4l2::VideoStandard& from) {
        return hwalloc_video_standard{.struct_size = 0,
                                      .name = from.name.c_str(),
                                      .bits = from.bits,
                                      .lines = from.lines,
                                      .rate_frames = from.rate.frames,
                                      .rate_seconds = from.rate.seconds,
                                      .reserved = 0};
    });
}
int hwalloc_camera_get_standard(hwalloc_camera* camera, uint64_t* bits, hwalloc_error** error) noexcept {
    return number_of_camera(camera, bits, error, [](v4l2::Camera& on) { return v4l2::current_standard(on); });
}
int hwalloc_camera_detect_standard(hwalloc_camera* camera, uint64_t* bits, hwalloc_error** error) noexcept {
    return number_of_camera(camera, bits, error, [](v4l2::Camera& on) { return v4l2::detect_standard(on); });
}
int hwalloc_camera_set_standard(hwalloc_camera* camera, uint64_t bits, hwalloc_error** error) noexcept {
    return on_camera(camera, error, [&](v4l2::Camera& on) { return v4l2::set_standard(on, bits); });
}

double hwalloc_dv_timings_rate(const hwalloc_dv_timings* timings) noexcept {
    const auto from = timings_of(timings);
    return from ? from->pictures_a_second() : 0;
}
size_t hwalloc_dv_timings_text(const hwalloc_dv_timings* timings, char* text, size_t size) noexcept try {
    const auto from = timings_of(timings);
    return c::copy_text(from ? to_string(*from) : std::string(), text, size);
} catch (const std::bad_alloc&) {
    return c::copy_text("", text, size);
}
int hwalloc_camera_timings(hwalloc_camera* camera, hwalloc_timings_list** list,
                           hwalloc_error** error) noexcept {
    return camera ? c::answer_list(v4l2::list_timings(camera->camera), list, error)
                  : refuse_null(c::no_camera, error);
}
void hwalloc_timings_list_free(hwalloc_timings_list* list) noexcept {
    delete list;
}
size_t hwalloc_timings_list_size(const hwalloc_timings_list* list) noexcept {
    return list ? list->values.size() : 0;
}
int hwalloc_timings_list_get(const hwalloc_timings_list* list, size_t index, hwalloc_dv_timings* timings,
                             hwalloc_error** error) noexcept {
    return answer_entry(list, index, timings, error, timings_to_c);
}
int hwalloc_camera_get_timings(hwalloc_camera* camera, hwalloc_dv_timings* timings,
                               hwalloc_error** error) noexcept {
    return answer_timings(camera, timings, error, [](v4l2::Camera& on) { return v4l2::current_timings(on); });
}
int hwalloc_camera_detect_timings(hwalloc_camera* camera, hwalloc_dv_timings* timings,
                                  hwalloc_error** error) noexcept {
    return answer_timings(camera, timings, error, [](v4l2::Camera& on) { return v4l2::detect_timings(on); });
}
int hwalloc_camera_set_timings(hwalloc_camera* camera, const hwalloc_dv_timings* timings,
                               hwalloc_error** error) noexcept {
    return on_camera(camera, error, [&](v4l2::Camera& on) {
        return timings_of(timings).and_then(
            [&](const v4l2::DvTimings& wanted) { return v4l2::set_timings(on, wanted); });
    });
}
