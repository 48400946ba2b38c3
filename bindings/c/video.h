// What cameras and outputs have in common, for C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include "bindings/c/answer.h"
#include "hwalloc/c_camera.h"
#include "hwalloc/v4l2.h"

struct hwalloc_camera {
    hwalloc::v4l2::Camera camera;
};

namespace hwalloc::c {

inline constexpr const char *no_camera = "there is no camera",
                            *no_answer_place = "there is no place for the answer";

// Calls `with` for the camera; where there is none that is the error. It answers Result<void>.
template<class F>
int on_camera(hwalloc_camera* camera, hwalloc_error** error, F&& with) noexcept {
    return camera ? answer(with(camera->camera), error) : refuse_null(no_camera, error);
}
// The same where it answers a Result of a number, which goes to the caller.
template<class T, class F>
int number_of_camera(hwalloc_camera* camera, T* number, hwalloc_error** error, F&& with) noexcept {
    if (!camera || !number)
        return refuse_null(camera ? no_answer_place : no_camera, error);
    const auto got = with(camera->camera);
    if (!got)
        return refuse(got.error(), error);
    *number = static_cast<T>(*got);
    return 0;
}

// Errors: invalid (there is no such order of fields), those of read_struct().
Result<v4l2::FormatRequest> request_of(const hwalloc_capture_format* format) noexcept;
int answer_format(const Result<v4l2::CaptureFormat>& got, hwalloc_capture_format* format,
                  hwalloc_error** error) noexcept;
int answer_frame(const Result<v4l2::Frame>& got, hwalloc_frame* frame, hwalloc_error** error) noexcept;
// Handles on memories of the caller. May throw std::bad_alloc. Errors: invalid, those of Memory::ref().
Result<std::vector<MemoryRef>> handles_of(hwalloc_memory* const* memories, std::size_t count);

} // namespace hwalloc::c
