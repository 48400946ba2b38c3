#include "backends/v4l2/session.h"

#include <algorithm>
#include <cerrno>

#include "backends/v4l2/refusals.h"
#include "common/kernel.h"
#include "common/open_files.h"

namespace hwalloc::v4l2 {

int detail::Session::ioctl(unsigned long request, void* argument) const noexcept {
    if (!of_this_process())
        return -ECHILD;
    for (;;) {
        const int answer = kernel.ioctl(fd.get(), request, argument);
        if (answer != -EINTR)
            return answer;
    }
}

Error detail::Session::refused(ErrorKind kind, int answer, const char* call_name,
                               std::string_view doing) const noexcept {
    if (!of_this_process())
        return error(ErrorKind::invalid, doing)
            .remedy("this process is the child of a fork(), and its parent opened the device: the stream and "
                    "the buffers are the parent's; open the device anew in the child");
    return Error(kind, -answer, "using a video device")
        .doing(doing)
        .on(FixedText(info.path, " (", info.card, ")"))
        .call(call_name);
}

Error detail::Session::refused(int answer, const char* call_name, std::string_view doing) const noexcept {
    const Refusal known = refusal_of(call_name, -answer, use, info.bus.starts_with("usb-"));
    Error failed = refused(known.kind, answer, call_name, doing);
    if (!of_this_process())
        return failed;
    if (answer == -EBUSY && another_holds_queue())
        return std::move(failed).remedy(
            "this program itself holds the device's buffers, through another Camera, Output or participant "
            "that it has open: use that one, or unbind() it first");
    if (answer == -EBUSY && came_with_buffers())
        return std::move(failed).remedy("the open file that was taken over has buffers reserved already: let "
                                        "them go before adopt() (VIDIOC_REQBUFS with count 0)");
    if (answer == -EBUSY && std::string_view(call_name) != "VIDIOC_STREAMON")
        return std::move(failed).remedy(FixedText("another program holds the device: find it with `fuser -v ",
                                                  info.path, "`, end it, and try again"));
    if (is_too_many_files(answer))
        return with_open_files_remedy(std::move(failed), answer);
    return known.remedy ? std::move(failed).remedy(known.remedy) : std::move(failed);
}

// Of a queue that another file owns EXPBUF is refused as busy, whatever is asked for; QUERYBUF answers
// everybody (vb2_ioctl_expbuf, vb2_ioctl_querybuf).
bool detail::Session::came_with_buffers() const noexcept {
    if (!adopted || reserved != 0)
        return false;
    v4l2_exportbuffer none{};
    none.type = type;
    none.index = UINT32_MAX;
    Buffer first(type);
    return ioctl(VIDIOC_EXPBUF, &none) == -EINVAL && ioctl(VIDIOC_QUERYBUF, &first.buffer) >= 0;
}

Error detail::Session::error(ErrorKind kind, std::string_view doing) const noexcept {
    return Error(kind, "using a video device").doing(doing).on(FixedText(info.path, " (", info.card, ")"));
}

int detail::Session::request_buffers(std::uint32_t& count, std::uint32_t memory) const noexcept {
    v4l2_requestbuffers request{};
    request.count = count;
    request.type = type;
    request.memory = memory;
    const int answer = ioctl(VIDIOC_REQBUFS, &request);
    if (answer >= 0)
        count = request.count;
    return answer;
}

int detail::Session::release_queue() noexcept {
    holds_queue = false;
    return free_buffers();
}

int detail::Session::free_buffers() noexcept {
    if (reserved == 0)
        return 0;
    std::uint32_t none = 0;
    reserved = 0;
    const std::uint32_t memory = memory_type();
    mapped.reset();
    is_own = false;
    return std::min(0, request_buffers(none, memory));
}

int detail::Session::queue_dma_bufs(std::uint32_t index, std::span<const int> dma_bufs,
                                    std::span<const std::uint64_t> lengths,
                                    std::span<const std::uint64_t> bytes) const noexcept {
    detail::Buffer queued(type);
    queued.buffer.index = index;
    // The length is told, not left to the driver: contiguity is demanded of this many bytes, not of the whole
    // dma-buf. An output's field order is its driver's choice (V4L2_FIELD_ANY).
    const auto read = [&](std::size_t i) { return bytes.empty() ? lengths[i] : bytes[i]; };
    const auto length = [&](std::size_t i) {
        return static_cast<std::uint32_t>(std::max(lengths[i], read(i)));
    };
    const auto used = [&](std::size_t i) {
        return use == Use::output ? static_cast<std::uint32_t>(read(i)) : 0;
    };
    if (info.multi_planar) {
        queued.buffer.length = static_cast<std::uint32_t>(dma_bufs.size());
        for (std::size_t i = 0; i < dma_bufs.size(); ++i) {
            queued.planes[i].m.fd = dma_bufs[i];
            queued.planes[i].length = length(i);
            queued.planes[i].bytesused = used(i);
        }
    } else {
        queued.buffer.m.fd = dma_bufs[0];
        queued.buffer.length = length(0);
        queued.buffer.bytesused = used(0);
    }
    return ioctl(VIDIOC_QBUF, &queued.buffer);
}

} // namespace hwalloc::v4l2
