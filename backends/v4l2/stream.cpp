// Frames: streaming, and buffers passed back and forth between the driver and the application.
#include <algorithm>
#include <cerrno>
#include <climits>

#include "allocators/access_count.h"
#include "backends/v4l2/fields.h"
#include "backends/v4l2/session.h"
#include "common/kernel.h"
#include "hwalloc/dma_buf.h"

namespace hwalloc::v4l2 {
namespace {

Error no_frame_in_time(const detail::Session& session) noexcept {
    const std::vector<detail::Session::Slot>& slots = session.slots;
    if (session.use == detail::Use::output)
        return Error(ErrorKind::busy, ETIMEDOUT, "no buffer came back in time");
    using Holder = detail::Session::Holder;
    const bool has_all = std::none_of(slots.begin(), slots.end(), [](const detail::Session::Slot& slot) {
        return slot.holder == Holder::application;
    });
    // Both without a fact more: this answer is an ordinary one, and allocates nothing.
    return Error(ErrorKind::busy, ETIMEDOUT,
                 has_all ? "no frame came in time"
                         : "no frame came in time, and the application holds buffers: the driver may need "
                           "more of them to begin (Camera::min_buffers())");
}
Error interrupted() noexcept {
    return Error(ErrorKind::busy, EINTR, "a signal came before a frame");
}

// When a wait ends.
class Deadline {
public:
    explicit Deadline(int timeout_ms) noexcept
        : timeout_ms_(timeout_ms)
        , end_ns_(timeout_ms > 0 ? kernel.monotonic_ns() + std::int64_t{timeout_ms} * 1'000'000 : 0) {}
    // What is left, in milliseconds, rounded up; 0: nothing; -1: for ever.
    int left_ms() const noexcept {
        if (timeout_ms_ <= 0)
            return timeout_ms_ < 0 ? -1 : 0;
        const std::int64_t left = end_ns_ - kernel.monotonic_ns();
        return left <= 0 ? 0
                         : static_cast<int>(std::min<std::int64_t>((left + 999'999) / 1'000'000, INT_MAX));
    }

private:
    const int timeout_ms_;
    const std::int64_t end_ns_;
};

// Whether somebody maps it now: a dma-buf through this memory or another that shares it.
bool is_mapped(Memory& memory) noexcept {
    auto* has = memory.block().extension<HasDmaBuf>();
    return has ? has->dma_buf()->has_cpu_access() : hwalloc::detail::AccessCount::any(memory);
}

Frame frame_of(const detail::Session& session, const detail::Buffer& taken) noexcept {
    const v4l2_buffer& buffer = taken.buffer;
    Frame frame{
        .index = buffer.index,
        .sequence = buffer.sequence,
        .timestamp_ns = std::int64_t{buffer.timestamp.tv_sec} * 1'000'000'000 +
                        std::int64_t{buffer.timestamp.tv_usec} * 1'000,
        .monotonic = (buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
        .at_exposure = (buffer.flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK) == V4L2_BUF_FLAG_TSTAMP_SRC_SOE,
        .error = (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0,
        .key = (buffer.flags & V4L2_BUF_FLAG_KEYFRAME) != 0,
        .last = (buffer.flags & V4L2_BUF_FLAG_LAST) != 0,
        .field = buffer.field == V4L2_FIELD_ANY ? session.format->field : detail::field_of(buffer.field),
        .offset = 0,
        .bytes_used = buffer.bytesused};
    if (session.info.multi_planar) {
        // bytesused counts from the start of the plane (videodev2.h, struct v4l2_plane).
        const auto part_in = [&](std::uint32_t i) {
            const v4l2_plane& plane = taken.planes[i];
            const std::uint32_t offset = std::min(plane.data_offset, plane.bytesused);
            return FramePart{offset, plane.bytesused - offset};
        };
        const FramePart first = part_in(0);
        frame.offset = first.offset;
        frame.bytes_used = first.bytes_used;
        for (std::uint32_t i = 1; i < session.memory_count(); ++i)
            frame.more_parts[i - 1] = part_in(i);
    }
    return frame;
}

} // namespace

Result<void> Camera::start() noexcept {
    if (bound() == 0 || session_->streaming)
        return Error(ErrorKind::invalid, "a camera starts when memory is bound and it is not streaming");
    Session& session = *session_;
    if (session.mapped)
        if (const int answer = session.queue_all_mapped(); answer < 0)
            return session.refused(answer, "VIDIOC_QBUF", "queueing a buffer");
    for (std::uint32_t i = 0; i < session.slots.size(); ++i) {
        if (session.slots[i].holder != Session::Holder::nobody)
            continue;
        const char* call_name;
        if (const int answer = session.give_to_driver(i, session.slots[i], call_name); answer < 0)
            return session.refused(answer, call_name, "queueing a buffer");
    }
    if (const int answer = session.ioctl(VIDIOC_STREAMON, &session.type); answer < 0)
        return session.refused(answer, "VIDIOC_STREAMON", "starting the stream");
    session.streaming = true;
    session.ended = session.begun = false;
    session.told_least.reset();
    return {};
}

Result<void> Camera::stop() noexcept {
    if (!session_ || !session_->streaming)
        return Error(ErrorKind::invalid, "the camera is not streaming");
    Session& session = *session_;
    const int answer = session.ioctl(VIDIOC_STREAMOFF, &session.type);
    if (answer < 0)
        return session.refused(answer, "VIDIOC_STREAMOFF", "stopping the stream");
    session.streaming = false;
    session.ended = false;
    if (session.mapped)
        session.mapped->set_none_queued();
    for (Session::Slot& slot : session.slots)
        if (slot.holder == Session::Holder::driver)
            session.take_from_driver(slot, Session::Holder::nobody);
    return {};
}

Result<Frame> Camera::dequeue(int timeout_ms) noexcept {
    if (!session_ || !session_->streaming)
        return Error(ErrorKind::invalid, "the camera is not streaming");
    Session& session = *session_;
    if (!session.of_this_process()) // a frame that is taken here would be missing to the parent
        return session.refused(-ECHILD, "VIDIOC_DQBUF", "waiting for a frame");
    const std::vector<Session::Slot>& slots = session.slots;
    const bool sends = session.use == detail::Use::output;
    const auto queued =
        static_cast<std::size_t>(std::count_if(slots.begin(), slots.end(), [](const Session::Slot& slot) {
            return slot.holder == Session::Holder::driver;
        }));
    if (queued == 0)
        return session
            .error(ErrorKind::invalid,
                   FixedText("waiting for a frame: the application holds all ", slots.size(), " buffers"))
            .remedy(sends ? "queue() one: the driver has none to read"
                          : "queue() one: the driver has none to fill");
    if (timeout_ms < 0 && session.waits_for_buffers(queued))
        return session
            .error(ErrorKind::invalid, FixedText("waiting for a frame: the driver begins with ",
                                                 *session.told_least, " buffers, and has ", queued))
            .remedy("queue() more of them: until then no frame comes, however long the wait");
    // Whoever does not wait knows from an event loop that there is a frame, as a rule.
    if (timeout_ms == 0 || session.ended)
        if (auto taken = session.take_frame())
            return *std::move(taken);
    const short events = sends ? POLLOUT : session.has_events ? POLLIN | POLLPRI : POLLIN;
    const Deadline deadline(timeout_ms);
    int left = timeout_ms < 0 ? -1 : timeout_ms;
    for (int nap_ms = 0;;) {
        if (session.ended)
            return session.refused(-EPIPE, "VIDIOC_DQBUF", "taking a frame");
        pollfd wait{.fd = session.fd.get(), .events = events, .revents = 0};
        const int ready = kernel.poll(&wait, 1, left);
        if (ready == -EINTR)
            return interrupted();
        if (ready < 0)
            return session.refused(ready, "poll", "waiting for a frame");
        if (ready == 0)
            return no_frame_in_time(session);
        if ((wait.revents & POLLPRI) && session.take_events())
            return session.source_change();
        if (timeout_ms != 0 || (wait.revents & POLLPRI))
            if (auto taken = session.take_frame())
                return *std::move(taken);
        if (session.ended)
            continue;
        // Ready, and no frame. An error condition stays, and poll would return at once for ever.
        if (wait.revents & (POLLERR | POLLHUP | POLLNVAL))
            return session
                .error(ErrorKind::unavailable,
                       "waiting for a frame: the driver reports an error and has no frame")
                .call("poll")
                .remedy("stop() and start() again; the kernel log (`dmesg`) may say what happened");
        // A wake-up for nothing. Some drivers have no end of them: sleep between, not to take a whole CPU.
        left = deadline.left_ms();
        if (left == 0)
            return no_frame_in_time(session);
        const int nap = left < 0 ? nap_ms : std::min(nap_ms, left);
        if (nap > 0 && kernel.poll(nullptr, 0, nap) == -EINTR)
            return interrupted();
        nap_ms = std::min(nap_ms + 1, 10);
        left = deadline.left_ms();
    }
}

std::optional<Result<Frame>> detail::Session::take_frame() noexcept {
    const bool copies_out = mapped && use == Use::output;
    // v4l2loopback goes through an output's buffers in turn, whether they were queued or not.
    std::uint32_t others = copies_out ? mapped->count() : 0;
    for (;;) {
        Buffer taken(type, memory_type());
        // Not restarted: it waits for the queue's lock, which somebody else's call may hold for long.
        const int answer = kernel.ioctl(fd.get(), VIDIOC_DQBUF, &taken.buffer);
        if (answer == -EAGAIN)
            return std::nullopt;
        if (answer == -EINTR)
            return interrupted();
        if (answer < 0)
            return refused(answer, "VIDIOC_DQBUF", "taking a frame");
        begun = true;
        ended |= (taken.buffer.flags & V4L2_BUF_FLAG_LAST) != 0;
        if (mapped && !copies_out)
            return copy_frame(frame_of(*this, taken));
        const std::uint32_t index = taken.buffer.index;
        if (index < slots.size() && slots[index].holder == Holder::driver) {
            take_from_driver(slots[index], Holder::application);
            if (copies_out)
                mapped->set_queued(index, false);
            return frame_of(*this, taken);
        }
        if (others-- == 0)
            return error(ErrorKind::device_lost,
                         "waiting for a frame: the driver gave a buffer that it does not have");
    }
}

Result<void> Camera::queue(std::uint32_t index) noexcept {
    if (!session_)
        return Error(ErrorKind::invalid, "the application does not hold this buffer");
    return session_->requeue(index);
}

Result<void> detail::Session::check_unmapped(std::uint32_t index) const noexcept {
    const std::span<const MemoryRef> all = slots[index].all();
    if (std::any_of(all.begin(), all.end(), [](const MemoryRef& memory) { return is_mapped(*memory); }))
        return error(ErrorKind::conflict, FixedText("giving buffer ", index, " to the driver: it is mapped"))
            .remedy(use == Use::output ? "unmap it first: the driver would read what the CPU may still write"
                                       : "unmap it first: the driver would write what the CPU uses");
    return {};
}

Result<void> detail::Session::requeue(std::uint32_t index, std::uint64_t bytes) noexcept {
    if (!application_holds(index))
        return Error(ErrorKind::invalid, "the application does not hold this buffer");
    if (auto free = check_unmapped(index); !free)
        return free;
    const char* call_name;
    if (const int answer = give_to_driver(index, slots[index], call_name, bytes); answer < 0)
        return refused(answer, call_name, use == Use::output ? "sending a frame" : "giving a buffer back");
    return {};
}

} // namespace hwalloc::v4l2
