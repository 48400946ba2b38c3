// Buffers: reserved, bound to an index for good, and passed back and forth.

#include <algorithm>
#include <cerrno>
#include <limits>

#include "backends/v4l2/session.h"
#include "common/dma_buf.h"
#include "common/kernel.h"
#include "hwalloc/allocator.h"

namespace hwalloc::v4l2 {

std::uint32_t Camera::min_buffers() noexcept {
    v4l2_control control{};
    control.id = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE;
    if (!session_ || session_->call(VIDIOC_G_CTRL, &control) < 0 || control.value < 1)
        return 1;
    return static_cast<std::uint32_t>(control.value);
}

Result<std::uint32_t> Camera::reserve(std::uint32_t count) noexcept {
    if (!session_ || !session_->format || !session_->slots.empty() || count == 0)
        return Error(ErrorKind::invalid,
                     "buffers are reserved after negotiate() and before bind(), one at least");
    const std::lock_guard guard(session_->node->queue);
    return session_->reserve(count);
}

Result<std::uint32_t> detail::Session::reserve(std::uint32_t count) noexcept {
    const FixedText doing("asking for ", count, " buffers to import dma-bufs into");
    if (cannot_import())
        return wrong(ErrorKind::unsupported, FixedText(doing.view(), ": the driver cannot import dma-bufs"))
            .call("VIDIOC_CREATE_BUFS");
    std::uint32_t granted = count;
    const int answer = request_buffers(granted);
    if (answer == -EINVAL)
        return refused(ErrorKind::unsupported, answer, "VIDIOC_REQBUFS", doing)
            .remedy("this driver cannot import dma-bufs (V4L2_MEMORY_DMABUF)");
    if (answer < 0)
        return refused(answer, "VIDIOC_REQBUFS", doing);
    reserved = granted;
    return granted;
}

Result<void> Camera::bind(std::span<const MemoryRef> memories) noexcept {
    auto bound_all = without_exceptions([&]() -> Result<void> {
        if (!session_ || !session_->format || !session_->slots.empty() || memories.empty())
            return Error(ErrorKind::invalid, "memory is bound once, after negotiate(), one buffer at least");
        Session& session = *session_;
        const std::lock_guard guard(session.node->queue);
        const std::uint64_t wanted = session.image_size();
        if (memories.size() > std::numeric_limits<std::uint32_t>::max())
            return Error(ErrorKind::limit, "that is too many buffers");
        const auto count = static_cast<std::uint32_t>(memories.size());

        std::vector<Session::Slot> slots;
        std::vector<std::uint64_t> seen;
        slots.reserve(count);
        seen.reserve(count);
        std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
        for (std::uint32_t i = 0; i < count; ++i) {
            const FixedText doing("binding buffer ", i + 1, " of ", count);
            const auto wrong = [&](ErrorKind kind, std::string_view what) {
                return session.wrong(kind, FixedText(doing, ": ", what));
            };
            if (!memories[i])
                return wrong(ErrorKind::invalid, "there is no memory");
            const auto import = session.importable(*memories[i], wanted, doing);
            if (!import)
                return import.error();
            if (std::find(seen.begin(), seen.end(), import->inode) != seen.end())
                return wrong(ErrorKind::invalid, "this dma-buf has an index already");
            seen.push_back(import->inode);
            auto handle = memories[i]->ref();
            if (!handle)
                return std::move(handle).error();
            slots.push_back({*std::move(handle), import->fd});
            smallest = std::min(smallest, import->size);
        }

        if (session.reserved != count) {
            auto granted = session.reserve(count);
            if (!granted)
                return std::move(granted).error();
            if (*granted != count)
                return session
                    .wrong(ErrorKind::limit,
                           FixedText("the driver wants ", *granted, " buffers, not ", count))
                    .call("VIDIOC_REQBUFS");
        }
        for (std::uint32_t i = 0; i < count; ++i) {
            const int answer = session.queue_dma_buf(i, slots[i].fd, wanted);
            if (answer >= 0) {
                slots[i].holder = Session::Holder::driver;
                continue;
            }
            session.release_buffers(); // what was imported already; the queue is idle and empty again
            return session.explain_refusal(answer, FixedText("importing buffer ", i + 1, " of ", count),
                                           smallest, dma_buf::exporter_of(slots[i].fd));
        }
        session.slots = std::move(slots);
        return {};
    });
    if (!bound_all && bound() == 0 && session_) {
        const std::lock_guard guard(session_->node->queue);
        (void)session_->release_buffers();
    }
    return bound_all;
}

Result<void> Camera::unbind() noexcept {
    if (!session_)
        return {};
    auto stopped = session_->streaming ? stop() : Result<void>();
    Session& session = *session_;
    session.streaming = false;
    std::vector<Session::Slot> let_go; // after the lock: memory's end may be anybody's code
    int answer;
    {
        const std::lock_guard guard(session.node->queue);
        answer = session.release_buffers();
        let_go.swap(session.slots);
    }
    if (answer < 0 && stopped)
        return session.refused(answer, "VIDIOC_REQBUFS", "letting the buffers go");
    return stopped;
}

std::uint32_t Camera::bound() const noexcept {
    return session_ ? static_cast<std::uint32_t>(session_->slots.size()) : 0;
}

Memory* Camera::memory(std::uint32_t index) const noexcept {
    return index < bound() ? session_->slots[index].memory.get() : nullptr;
}

Result<void> Camera::start() noexcept {
    if (bound() == 0 || session_->streaming)
        return Error(ErrorKind::invalid, "a camera starts when memory is bound and it is not streaming");
    Session& session = *session_;
    for (std::uint32_t i = 0; i < session.slots.size(); ++i) {
        if (session.slots[i].holder != Session::Holder::nobody)
            continue;
        if (const int answer = session.queue_dma_buf(i, session.slots[i].fd, session.image_size());
            answer < 0)
            return session.refused(answer, "VIDIOC_QBUF", "queueing a buffer");
        session.slots[i].holder = Session::Holder::driver;
    }
    if (const int answer = session.call(VIDIOC_STREAMON, &session.type); answer < 0) {
        Error error = session.refused(answer, "VIDIOC_STREAMON", "starting the stream");
        if (answer == -EPIPE || answer == -ENOLINK)
            return std::move(error).remedy(
                "the pipeline in front of this node is not set up: see `media-ctl -p`");
        return error;
    }
    session.streaming = true;
    return {};
}

Result<void> Camera::stop() noexcept {
    if (!session_ || !session_->streaming)
        return Error(ErrorKind::invalid, "the camera is not streaming");
    Session& session = *session_;
    const int answer = session.call(VIDIOC_STREAMOFF, &session.type);
    if (answer < 0)
        return session.refused(answer, "VIDIOC_STREAMOFF", "stopping the stream");
    session.streaming = false;
    for (Session::Slot& slot : session.slots)
        if (slot.holder == Session::Holder::driver)
            slot.holder = Session::Holder::nobody;
    return {};
}

Result<Frame> Camera::dequeue(int timeout_ms) noexcept {
    if (!session_ || !session_->streaming)
        return Error(ErrorKind::invalid, "the camera is not streaming");
    Session& session = *session_;
    std::int64_t deadline = 0; // asked for only when a wake-up was for nothing
    for (int left = timeout_ms;;) {
        pollfd wait{.fd = session.fd.get(), .events = POLLIN, .revents = 0};
        const int ready = kernel.poll(&wait, 1, left);
        if (ready == -EINTR)
            return Error(ErrorKind::busy, EINTR, "a signal came before a frame");
        if (ready < 0)
            return session.refused(ready, "poll", "waiting for a frame");
        if (ready == 0)
            return Error(ErrorKind::busy, ETIMEDOUT, "no frame came in time");
        detail::Buffer taken(session.type);
        const int answer = session.call(VIDIOC_DQBUF, &taken.buffer);
        if (answer == -EAGAIN) {
            if (timeout_ms < 0)
                continue;
            const std::int64_t now = kernel.monotonic_ns();
            if (deadline == 0)
                deadline = now + std::int64_t{timeout_ms} * 1'000'000;
            left = static_cast<int>(std::max<std::int64_t>(0, (deadline - now) / 1'000'000));
            continue;
        }
        if (answer == -EPIPE)
            return session.refused(ErrorKind::unavailable, answer, "VIDIOC_DQBUF", "the stream has ended");
        if (answer < 0)
            return session.refused(answer, "VIDIOC_DQBUF", "taking a frame");
        const v4l2_buffer& buffer = taken.buffer;
        if (buffer.index >= session.slots.size())
            return session.wrong(ErrorKind::device_lost, "the driver gave a buffer that was never bound");
        session.slots[buffer.index].holder = Session::Holder::application;
        Frame frame{.index = buffer.index,
                    .sequence = buffer.sequence,
                    .timestamp_ns = std::int64_t{buffer.timestamp.tv_sec} * 1'000'000'000 +
                                    std::int64_t{buffer.timestamp.tv_usec} * 1'000,
                    .monotonic =
                        (buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
                    .error = (buffer.flags & V4L2_BUF_FLAG_ERROR) != 0,
                    .offset = 0,
                    .bytes_used = buffer.bytesused};
        if (session.info.multi_planar) {
            // bytesused counts from the start of the plane (videodev2.h, struct v4l2_plane).
            const v4l2_plane& plane = taken.planes[0];
            frame.offset = std::min(plane.data_offset, plane.bytesused);
            frame.bytes_used = plane.bytesused - frame.offset;
        }
        return frame;
    }
}

Result<void> Camera::queue(std::uint32_t index) noexcept {
    if (index >= bound() || session_->slots[index].holder != Session::Holder::application)
        return Error(ErrorKind::invalid, "the application does not hold this buffer");
    Session& session = *session_;
    Session::Slot& slot = session.slots[index];
    if (const int answer = session.queue_dma_buf(index, slot.fd, session.image_size()); answer < 0)
        return session.refused(answer, "VIDIOC_QBUF", "giving a buffer back");
    slot.holder = Session::Holder::driver;
    return {};
}

} // namespace hwalloc::v4l2
