#include "bindings/c/offered_formats.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "bindings/c/list.h"
#include "bindings/c/video.h"

using namespace hwalloc;

struct hwalloc_format_list {
    struct Format {
        v4l2::FormatInfo info;
        std::vector<hwalloc_frame_size> sizes; // the same, as C has them
    };
    std::vector<Format> values;
};

int c::answer_formats(Result<std::vector<v4l2::FormatInfo>> made, hwalloc_format_list** list,
                      hwalloc_error** error) noexcept try {
    if (!made)
        return refuse(made.error(), error);
    std::vector<hwalloc_format_list::Format> formats;
    for (v4l2::FormatInfo& info : *made) {
        std::vector<hwalloc_frame_size> sizes(info.sizes.size());
        std::ranges::transform(info.sizes, sizes.begin(), [](const v4l2::FrameSize& size) {
            return hwalloc_frame_size{.min_width = size.min_width,
                                      .max_width = size.max_width,
                                      .step_width = size.step_width,
                                      .min_height = size.min_height,
                                      .max_height = size.max_height,
                                      .step_height = size.step_height};
        });
        formats.push_back({std::move(info), std::move(sizes)});
    }
    return answer_list(Result<std::vector<hwalloc_format_list::Format>>(std::move(formats)), list, error);
} catch (const std::bad_alloc&) {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}

int hwalloc_camera_formats(hwalloc_camera* camera, hwalloc_format_list** list,
                           hwalloc_error** error) noexcept {
    return camera ? c::answer_formats(camera->camera.list_formats(), list, error)
                  : c::refuse_null(c::no_camera, error);
}
void hwalloc_format_list_free(hwalloc_format_list* list) noexcept {
    delete list;
}
size_t hwalloc_format_list_size(const hwalloc_format_list* list) noexcept {
    return list ? list->values.size() : 0;
}
int hwalloc_format_list_get(const hwalloc_format_list* list, size_t index, hwalloc_format_entry* entry,
                            hwalloc_error** error) noexcept {
    return c::answer_entry(list, index, entry, error, [](const hwalloc_format_list::Format& format) {
        return hwalloc_format_entry{.struct_size = 0,
                                    .description = format.info.description.c_str(),
                                    .sizes = format.sizes.data(),
                                    .size_count = format.sizes.size(),
                                    .pixel_format = format.info.pixel_format,
                                    .flags =
                                        (format.info.compressed ? uint32_t{HWALLOC_FORMAT_COMPRESSED} : 0u) |
                                        (format.info.emulated ? uint32_t{HWALLOC_FORMAT_EMULATED} : 0u)};
    });
}

int hwalloc_camera_rates(hwalloc_camera* camera, uint32_t pixel_format, uint32_t width, uint32_t height,
                         hwalloc_rate_range* rates, size_t most, size_t* count,
                         hwalloc_error** error) noexcept {
    if (!camera || !count || (!rates && most > 0))
        return c::refuse_null(camera ? c::no_answer_place : c::no_camera, error);
    const auto has = camera->camera.list_rates(pixel_format, width, height);
    if (!has)
        return c::refuse(has.error(), error);
    std::transform(has->begin(), has->begin() + static_cast<std::ptrdiff_t>(std::min(most, has->size())),
                   rates, [](const v4l2::RateRange& range) {
                       return hwalloc_rate_range{.min_frames = range.min.frames,
                                                 .min_seconds = range.min.seconds,
                                                 .max_frames = range.max.frames,
                                                 .max_seconds = range.max.seconds};
                   });
    *count = has->size();
    return 0;
}
const char* hwalloc_field_name(uint32_t field) noexcept {
    // Literals, which end with a zero byte.
    return field <= HWALLOC_FIELD_INTERLACED_BOTTOM ? to_string(static_cast<v4l2::Field>(field)).data()
                                                    : "unknown";
}
