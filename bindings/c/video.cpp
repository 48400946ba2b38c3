#include "bindings/c/video.h"

namespace hwalloc::c {

Result<v4l2::FormatRequest> request_of(const hwalloc_capture_format* format) noexcept {
    const auto wanted = read_struct(format);
    if (!wanted)
        return wanted.error();
    if (wanted->field > HWALLOC_FIELD_INTERLACED_BOTTOM || wanted->reserved)
        return Error(ErrorKind::invalid, "there is no such order of fields, or a reserved member is not 0");
    return v4l2::FormatRequest{.pixel_format = wanted->pixel_format,
                               .width = wanted->width,
                               .height = wanted->height,
                               .rate = {.frames = wanted->rate_frames, .seconds = wanted->rate_seconds},
                               .stride = wanted->stride,
                               .field = static_cast<v4l2::Field>(wanted->field)};
}

int answer_format(const Result<v4l2::CaptureFormat>& got, hwalloc_capture_format* format,
                  hwalloc_error** error) noexcept {
    if (!got)
        return refuse(got.error(), error);
    return answer(write_struct(format, hwalloc_capture_format{.struct_size = 0,
                                                              .pixel_format = got->pixel_format,
                                                              .width = got->layout.width,
                                                              .height = got->layout.height,
                                                              .stride = got->layout.planes[0].stride,
                                                              .rate_frames = got->rate.frames,
                                                              .rate_seconds = got->rate.seconds,
                                                              .field = static_cast<uint32_t>(got->field),
                                                              .reserved = 0}),
                  error);
}

int answer_frame(const Result<v4l2::Frame>& got, hwalloc_frame* frame, hwalloc_error** error) noexcept {
    if (!got)
        return refuse(got.error(), error);
    const auto flag = [](bool is, uint32_t bit) { return is ? bit : 0u; };
    hwalloc_frame ours{};
    ours.index = got->index;
    ours.sequence = got->sequence;
    ours.timestamp_ns = got->timestamp_ns;
    ours.flags = flag(got->monotonic, HWALLOC_FRAME_MONOTONIC) |
                 flag(got->at_exposure, HWALLOC_FRAME_AT_EXPOSURE) | flag(got->error, HWALLOC_FRAME_DAMAGED) |
                 flag(got->key, HWALLOC_FRAME_KEY) | flag(got->last, HWALLOC_FRAME_LAST);
    ours.field = static_cast<uint32_t>(got->field);
    for (uint32_t which = 0; which < HWALLOC_MAX_PLANES; ++which) {
        ours.offsets[which] = got->part(which).offset;
        ours.bytes_used[which] = got->part(which).bytes_used;
    }
    return answer(write_struct(frame, ours), error);
}

Result<std::vector<MemoryRef>> handles_of(hwalloc_memory* const* memories, std::size_t count) {
    std::vector<MemoryRef> handles;
    for (std::size_t i = 0; i < count; ++i) {
        if (!memories[i])
            return Error(ErrorKind::invalid, "there is no memory");
        auto handle = of(memories[i])->ref();
        if (!handle)
            return std::move(handle).error();
        handles.push_back(*std::move(handle));
    }
    return handles;
}

} // namespace hwalloc::c
