// Video outputs for C.
#include <new>
#include <string>
#include <utility>

#include "bindings/c/layout.h"
#include "bindings/c/offered_formats.h"
#include "bindings/c/video.h"
#include "hwalloc/c_output.h"
#include "hwalloc/v4l2_output.h"

struct hwalloc_output {
    hwalloc::v4l2::Output output;
};

using namespace hwalloc;
using c::answer;
using c::refuse;
using c::refuse_null;

namespace {

constexpr const char *no_output = "there is no output", *no_output_place = "there is no place for the output";

int answer_output(Result<v4l2::Output> opened, hwalloc_output** output, hwalloc_error** error) noexcept {
    if (!opened)
        return refuse(opened.error(), error);
    return c::give(new (std::nothrow) hwalloc_output{*std::move(opened)}, output, error);
}

// Calls `with` for the output; where there is none that is the error. It answers Result<void>.
template<class F>
int on_output(hwalloc_output* output, hwalloc_error** error, F&& with) noexcept {
    return output ? answer(with(output->output), error) : refuse_null(no_output, error);
}

const char* text_of(const hwalloc_output* output, std::string v4l2::DeviceInfo::*text) noexcept {
    return output ? (output->output.info().*text).c_str() : "";
}

} // namespace

int hwalloc_output_open(const char* path, hwalloc_output** output, hwalloc_error** error) noexcept {
    return output ? answer_output(v4l2::Output::open(path), output, error)
                  : refuse_null(no_output_place, error);
}
int hwalloc_output_adopt(int fd, hwalloc_output** output, hwalloc_error** error) noexcept {
    UniqueFd taken(fd < 0 ? -1 : fd);
    return output ? answer_output(v4l2::Output::adopt(std::move(taken)), output, error)
                  : refuse_null(no_output_place, error);
}
void hwalloc_output_close(hwalloc_output* output) noexcept {
    delete output;
}
const char* hwalloc_output_path(const hwalloc_output* output) noexcept {
    return text_of(output, &v4l2::DeviceInfo::path);
}
const char* hwalloc_output_driver(const hwalloc_output* output) noexcept {
    return text_of(output, &v4l2::DeviceInfo::driver);
}
const char* hwalloc_output_card(const hwalloc_output* output) noexcept {
    return text_of(output, &v4l2::DeviceInfo::card);
}
const char* hwalloc_output_bus(const hwalloc_output* output) noexcept {
    return text_of(output, &v4l2::DeviceInfo::bus);
}
int hwalloc_output_fd(const hwalloc_output* output) noexcept {
    return output ? output->output.fd() : -1;
}

int hwalloc_output_formats(hwalloc_output* output, hwalloc_format_list** list,
                           hwalloc_error** error) noexcept {
    return output ? c::answer_formats(output->output.list_formats(), list, error)
                  : refuse_null(no_output, error);
}
int hwalloc_output_negotiate(hwalloc_output* output, hwalloc_capture_format* format,
                             hwalloc_error** error) noexcept {
    if (!output || !format)
        return refuse_null(output ? c::no_answer_place : no_output, error);
    const auto wanted = c::request_of(format);
    return wanted ? c::answer_format(output->output.negotiate(*wanted), format, error)
                  : refuse(wanted.error(), error);
}
int hwalloc_output_layout(const hwalloc_output* output, hwalloc_image_layout* layout,
                          hwalloc_error** error) noexcept {
    const v4l2::CaptureFormat* format = output ? output->output.format() : nullptr;
    return format ? c::answer_layout(format->layout, layout, error)
                  : refuse_null(output ? "no format was negotiated" : no_output, error);
}

uint32_t hwalloc_output_min_buffers(hwalloc_output* output) noexcept {
    return output ? output->output.min_buffers() : 0;
}
void hwalloc_output_allow_copies(hwalloc_output* output, int allowed) noexcept {
    if (output)
        output->output.allow_copies(allowed != 0);
}
int hwalloc_output_copies_frames(const hwalloc_output* output) noexcept {
    return output && output->output.copies_frames();
}
uint64_t hwalloc_output_copies(const hwalloc_output* output) noexcept {
    return output ? output->output.copies() : 0;
}
int hwalloc_output_bind(hwalloc_output* output, hwalloc_memory* const* memories, size_t count,
                        hwalloc_error** error) noexcept try {
    if (!output || !memories)
        return refuse_null(output ? "there is no memory" : no_output, error);
    const auto handles = c::handles_of(memories, count);
    return handles ? answer(output->output.bind(*handles), error) : refuse(handles.error(), error);
} catch (const std::bad_alloc&) {
    return refuse(Error(ErrorKind::exhausted, "out of memory"), error);
}
int hwalloc_output_bind_own(hwalloc_output* output, uint32_t count, uint32_t* bound,
                            hwalloc_error** error) noexcept {
    if (!output || !bound)
        return refuse_null(output ? c::no_answer_place : no_output, error);
    const auto made = output->output.bind_own(count);
    if (!made)
        return refuse(made.error(), error);
    *bound = *made;
    return 0;
}
int hwalloc_output_unbind(hwalloc_output* output, hwalloc_error** error) noexcept {
    return on_output(output, error, [](v4l2::Output& on) { return on.unbind(); });
}
uint32_t hwalloc_output_bound(const hwalloc_output* output) noexcept {
    return output ? output->output.bound() : 0;
}
hwalloc_memory* hwalloc_output_memory(const hwalloc_output* output, uint32_t index, uint32_t which) noexcept {
    return output ? c::to_c(output->output.memory(index, which)) : nullptr;
}

int hwalloc_output_start(hwalloc_output* output, hwalloc_error** error) noexcept {
    return on_output(output, error, [](v4l2::Output& on) { return on.start(); });
}
int hwalloc_output_stop(hwalloc_output* output, hwalloc_error** error) noexcept {
    return on_output(output, error, [](v4l2::Output& on) { return on.stop(); });
}
int hwalloc_output_queue(hwalloc_output* output, uint32_t index, uint64_t bytes,
                         hwalloc_error** error) noexcept {
    return on_output(output, error, [&](v4l2::Output& on) { return on.queue(index, bytes); });
}
int hwalloc_output_dequeue(hwalloc_output* output, int timeout_ms, hwalloc_frame* frame,
                           hwalloc_error** error) noexcept {
    if (!output || !frame || frame->struct_size < sizeof(size_t))
        return refuse_null(
            output ? "there is no place for the frame, or its struct_size is not set" : no_output, error);
    return c::answer_frame(output->output.dequeue(timeout_ms), frame, error);
}
