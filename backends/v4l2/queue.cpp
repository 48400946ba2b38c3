// Buffers: reserved, bound to an index for good, and passed back and forth.

#include <algorithm>
#include <cerrno>
#include <limits>

#include "backends/v4l2/session.h"
#include "common/dma_buf.h"
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
            .call("VIDIOC_CREATE_BUFS")
            .remedy("use another camera: this driver fills no memory but its own");
    std::uint32_t granted = count;
    const int answer = request_buffers(granted);
    if (answer == -EINVAL)
        return refused(ErrorKind::unsupported, answer, "VIDIOC_REQBUFS", doing)
            .remedy("the driver takes no dma-bufs now: it cannot import them (V4L2_MEMORY_DMABUF), or no "
                    "format or input is set (`v4l2-ctl --all` shows them)");
    if (answer < 0)
        return refused(answer, "VIDIOC_REQBUFS", doing);
    reserved = granted;
    holds_queue = granted > 0;
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
            if (!import && import.error().kind() == ErrorKind::unsupported)
                return session.with_plan_command(import.error());
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
        ++session.bindings;
        return {};
    });
    if (!bound_all && bound() == 0 && session_) {
        const std::lock_guard guard(session_->node->queue);
        (void)session_->release_buffers();
    }
    return bound_all;
}

Result<void> Camera::bind(std::initializer_list<std::reference_wrapper<const MemoryRef>> memories) noexcept {
    return without_exceptions([&]() -> Result<void> {
        std::vector<MemoryRef> handles;
        for (const MemoryRef& memory : memories) {
            if (!memory) {
                handles.emplace_back(); // which bind() refuses
                continue;
            }
            auto handle = memory->ref();
            if (!handle)
                return std::move(handle).error();
            handles.push_back(std::move(*handle));
        }
        return bind(std::span<const MemoryRef>(handles));
    });
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

} // namespace hwalloc::v4l2
