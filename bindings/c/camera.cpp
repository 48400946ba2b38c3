// Cameras for C.
#include <new>

#include "bindings/c/layout.h"
#include "bindings/c/participant.h"
#include "bindings/c/video.h"
#include "hwalloc/c_camera.h"
#include "hwalloc/v4l2.h"
#include "hwalloc/v4l2_controls.h"
#include "hwalloc/v4l2_own_buffers.h"

using namespace hwalloc;
using c::answer;
using c::answer_format;
using c::no_answer_place;
using c::no_camera;
using c::number_of_camera;
using c::on_camera;
using c::refuse;
using c::refuse_null;

namespace {

int answer_camera(Result<v4l2::Camera> opened, hwalloc_camera** camera, hwalloc_error** error) noexcept {
    if (!opened)
        return refuse(opened.error(), error);
    return c::give(new (std::nothrow) hwalloc_camera{*std::move(opened)}, camera, error);
}

const char* text_of(const hwalloc_camera* camera, std::string v4l2::DeviceInfo::*text) noexcept {
    return camera ? (camera->camera.info().*text).c_str() : "";
}

} // namespace

int hwalloc_camera_open(const char* path, hwalloc_camera** camera, hwalloc_error** error) noexcept {
    return camera ? answer_camera(v4l2::Camera::open(path), camera, error)
                  : refuse_null(no_answer_place, error);
}
int hwalloc_camera_adopt(int fd, hwalloc_camera** camera, hwalloc_error** error) noexcept {
    UniqueFd taken(fd < 0 ? -1 : fd);
    return camera ? answer_camera(v4l2::Camera::adopt(std::move(taken)), camera, error)
                  : refuse_null(no_answer_place, error);
}
void hwalloc_camera_close(hwalloc_camera* camera) noexcept {
    delete camera;
}
const char* hwalloc_camera_path(const hwalloc_camera* camera) noexcept {
    return text_of(camera, &v4l2::DeviceInfo::path);
}
const char* hwalloc_camera_driver(const hwalloc_camera* camera) noexcept {
    return text_of(camera, &v4l2::DeviceInfo::driver);
}
const char* hwalloc_camera_card(const hwalloc_camera* camera) noexcept {
    return text_of(camera, &v4l2::DeviceInfo::card);
}
const char* hwalloc_camera_bus(const hwalloc_camera* camera) noexcept {
    return text_of(camera, &v4l2::DeviceInfo::bus);
}
int hwalloc_camera_fd(const hwalloc_camera* camera) noexcept {
    return camera ? camera->camera.fd() : -1;
}

int hwalloc_camera_negotiate(hwalloc_camera* camera, hwalloc_capture_format* format,
                             hwalloc_error** error) noexcept {
    if (!camera || !format)
        return refuse_null(camera ? no_answer_place : no_camera, error);
    const auto wanted = c::request_of(format);
    return wanted ? answer_format(camera->camera.negotiate(*wanted), format, error)
                  : refuse(wanted.error(), error);
}
int hwalloc_camera_current_format(hwalloc_camera* camera, hwalloc_capture_format* format,
                                  hwalloc_error** error) noexcept {
    if (!camera || !format)
        return refuse_null(camera ? no_answer_place : no_camera, error);
    return answer_format(camera->camera.current_format(), format, error);
}
int hwalloc_camera_layout(const hwalloc_camera* camera, hwalloc_image_layout* layout,
                          hwalloc_error** error) noexcept {
    const v4l2::CaptureFormat* format = camera ? camera->camera.format() : nullptr;
    return format ? c::answer_layout(format->layout, layout, error)
                  : refuse_null(camera ? "no format was negotiated" : no_camera, error);
}

uint32_t hwalloc_camera_min_buffers(hwalloc_camera* camera) noexcept {
    return camera ? camera->camera.min_buffers() : 0;
}
void hwalloc_camera_allow_copies(hwalloc_camera* camera, int allowed) noexcept {
    if (camera)
        camera->camera.allow_copies(allowed != 0);
}
int hwalloc_camera_copies_frames(const hwalloc_camera* camera) noexcept {
    return camera && camera->camera.copies_frames();
}
uint64_t hwalloc_camera_copies(const hwalloc_camera* camera) noexcept {
    return camera ? camera->camera.copies() : 0;
}
int hwalloc_camera_reserve(hwalloc_camera* camera, uint32_t count, uint32_t* granted,
                           hwalloc_error** error) noexcept {
    return number_of_camera(camera, granted, error, [&](v4l2::Camera& on) { return on.reserve(count); });
}
int hwalloc_camera_bind(hwalloc_camera* camera, hwalloc_memory* const* memories, size_t count,
                        hwalloc_error** error) noexcept try {
    if (!camera || !memories)
        return refuse_null(camera ? "there is no memory" : no_camera, error);
    const auto handles = c::handles_of(memories, count);
    return handles ? answer(camera->camera.bind(*handles), error) : refuse(handles.error(), error);
} catch (const std::bad_alloc&) {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}
int hwalloc_camera_has_only_own_buffers(const hwalloc_camera* camera) noexcept {
    return camera && v4l2::has_only_own_buffers(camera->camera);
}
int hwalloc_camera_bind_own(hwalloc_camera* camera, uint32_t count, uint32_t* bound,
                            hwalloc_error** error) noexcept {
    return number_of_camera(camera, bound, error,
                            [&](v4l2::Camera& on) { return v4l2::bind_own(on, count); });
}
int hwalloc_camera_unbind(hwalloc_camera* camera, hwalloc_error** error) noexcept {
    return on_camera(camera, error, [](v4l2::Camera& on) { return on.unbind(); });
}
uint32_t hwalloc_camera_bound(const hwalloc_camera* camera) noexcept {
    return camera ? camera->camera.bound() : 0;
}
hwalloc_memory* hwalloc_camera_memory(const hwalloc_camera* camera, uint32_t index, uint32_t which) noexcept {
    return camera ? c::to_c(camera->camera.memory(index, which)) : nullptr;
}

int hwalloc_camera_start(hwalloc_camera* camera, hwalloc_error** error) noexcept {
    return on_camera(camera, error, [](v4l2::Camera& on) { return on.start(); });
}
int hwalloc_camera_stop(hwalloc_camera* camera, hwalloc_error** error) noexcept {
    return on_camera(camera, error, [](v4l2::Camera& on) { return on.stop(); });
}
int hwalloc_camera_dequeue(hwalloc_camera* camera, int timeout_ms, hwalloc_frame* frame,
                           hwalloc_error** error) noexcept {
    if (!camera || !frame || frame->struct_size < sizeof(size_t))
        return refuse_null(
            camera ? "there is no place for the frame, or its struct_size is not set" : no_camera, error);
    return c::answer_frame(camera->camera.dequeue(timeout_ms), frame, error);
}
int hwalloc_camera_queue(hwalloc_camera* camera, uint32_t index, hwalloc_error** error) noexcept {
    return on_camera(camera, error, [&](v4l2::Camera& on) { return on.queue(index); });
}

int hwalloc_camera_get_control(hwalloc_camera* camera, const char* name, int64_t* value,
                               hwalloc_error** error) noexcept {
    if (!name)
        return refuse_null("no control is named", error);
    return number_of_camera(camera, value, error,
                            [&](v4l2::Camera& on) { return v4l2::get_control(on, std::string_view(name)); });
}
int hwalloc_camera_set_control(hwalloc_camera* camera, const char* name, int64_t value, int64_t* now,
                               hwalloc_error** error) noexcept {
    if (!name)
        return refuse_null("no control is named", error);
    int64_t unwanted = 0;
    return number_of_camera(camera, now ? now : &unwanted, error, [&](v4l2::Camera& on) {
        return v4l2::set_control(on, std::string_view(name), value);
    });
}

int hwalloc_camera_participant(hwalloc_camera* camera, hwalloc_participant** participant,
                               hwalloc_error** error) noexcept {
    return camera ? c::answer_participant(v4l2::capture_participant(camera->camera), participant, error)
                  : refuse_null(no_camera, error);
}
int hwalloc_camera_needs_contiguous_memory(hwalloc_camera* camera, uint32_t* answer_to,
                                           hwalloc_error** error) noexcept {
    return number_of_camera(camera, answer_to, error,
                            [](v4l2::Camera& on) { return on.needs_contiguous_memory(); });
}
