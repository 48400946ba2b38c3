// Cameras whose driver imports nothing: each frame is copied by the CPU, out of the driver's buffers and into
// the bound memory, where the application allows that.
#include <algorithm>
#include <cstring>

#include "backends/v4l2/session.h"

namespace hwalloc::v4l2 {
namespace detail {

namespace {

// Maps the `count` buffers that REQBUFS for V4L2_MEMORY_MMAP granted.
Result<MappedQueue> map_all(const Session& session, std::uint32_t count) {
    constexpr const char* doing = "mapping the driver's buffers";
    MappedQueue queue;
    for (std::uint32_t i = 0; i < count; ++i) {
        Buffer asked(session.type, V4L2_MEMORY_MMAP);
        asked.buffer.index = i;
        if (const int answer = session.ioctl(VIDIOC_QUERYBUF, &asked.buffer); answer < 0)
            return session.refused(answer, "VIDIOC_QUERYBUF", doing);
        const bool planes = session.info.multi_planar;
        const std::uint32_t length = planes ? asked.planes[0].length : asked.buffer.length;
        const std::uint32_t offset = planes ? asked.planes[0].m.mem_offset : asked.buffer.m.offset;
        if (length == 0)
            return session.error(ErrorKind::incompatible, FixedText(doing, ": one has no bytes"))
                .call("VIDIOC_QUERYBUF");
        auto region = MappedRegion::of(session.fd.get(), length, session.use == Use::output,
                                       static_cast<off_t>(offset));
        if (!region)
            return Error(region.error()).doing(doing).on(session.info.path);
        queue.add(*std::move(region), length);
    }
    return queue;
}

} // namespace

int Session::queue_mapped(std::uint32_t index, std::uint64_t bytes) noexcept {
    const int answer = queue_own(index, bytes);
    if (answer >= 0)
        mapped->set_queued(index, true);
    return std::min(0, answer);
}

int Session::queue_all_mapped() noexcept {
    if (use == Use::output)
        return 0;
    for (std::uint32_t i = 0; i < mapped->count(); ++i)
        if (!mapped->is_queued(i))
            if (const int answer = queue_mapped(i); answer < 0)
                return answer;
    return 0;
}

Result<void> Session::reserve_mapped(std::uint32_t count) noexcept {
    const FixedText doing("asking for ", count, " buffers of the driver's own");
    std::uint32_t granted = count;
    if (const int answer = request_buffers(granted, V4L2_MEMORY_MMAP); answer < 0)
        return refused(answer, "VIDIOC_REQBUFS", doing);
    auto queue = without_exceptions([&] { return map_all(*this, granted); });
    if (!queue || granted == 0) {
        std::uint32_t none = 0;
        (void)request_buffers(none, V4L2_MEMORY_MMAP);
        return queue ? error(ErrorKind::exhausted, doing).call("VIDIOC_REQBUFS") : std::move(queue).error();
    }
    mapped.emplace(*std::move(queue));
    reserved = count;
    holds_queue = true;
    return {};
}

Result<void> Session::prepare_copies(std::span<const MemoryRef> memories, std::vector<Slot>& prepared) const {
    for (std::size_t i = 0; i < memories.size(); ++i) {
        const FixedText doing("binding buffer ", i + 1, " of ", memories.size());
        if (!memories[i])
            return error(ErrorKind::invalid, FixedText(doing, ": there is no memory"));
        Memory& memory = *memories[i];
        if (memory.size() < image_size())
            return error(ErrorKind::incompatible, FixedText(doing, ": the memory is smaller than an image"))
                .wanted(image_size())
                .held(memory.size())
                .remedy("allocate what the format's layout says (memory_sizes)");
        const auto same = [&](const Slot& slot) {
            const Memory& other = *slot.memory;
            return &other.block() == &memory.block() && other.offset() < memory.offset() + memory.size() &&
                   memory.offset() < other.offset() + other.size();
        };
        if (std::any_of(prepared.begin(), prepared.end(), same))
            return error(ErrorKind::invalid, FixedText(doing, ": this memory has an index already"));
        // What is set up by a first mapping is no part of a frame.
        const bool sends = use == Use::output;
        if (auto mapping = memory.map(sends ? MapFlags::read : MapFlags::write); !mapping)
            return Error(mapping.error())
                .doing(FixedText(doing, ": frames are copied ", sends ? "out of it" : "into it"));
        auto handle = memories[i]->ref();
        if (!handle)
            return std::move(handle).error();
        prepared.push_back({*std::move(handle), -1});
    }
    return {};
}

Result<void> Session::bind_copies(std::span<const MemoryRef> memories) {
    std::vector<Slot> prepared;
    if (auto can = prepare_copies(memories, prepared); !can)
        return can;
    const std::lock_guard guard(node->queue_mutex);
    if (!mapped) // somebody else let the reservation go meanwhile
        if (auto done = reserve_mapped(static_cast<std::uint32_t>(memories.size())); !done)
            return done;
    if (const int answer = queue_all_mapped(); answer < 0)
        return refused(answer, "VIDIOC_QBUF", "queueing a buffer");
    for (Slot& slot : prepared)
        slot.holder = Holder::driver;
    slots = std::move(prepared);
    copied = 0;
    ++bindings;
    return {};
}

Result<Frame> Session::copy_frame(Frame frame) noexcept {
    constexpr const char* doing = "copying a frame";
    const std::uint32_t index = frame.index;
    if (index >= mapped->count())
        return error(ErrorKind::device_lost,
                     "waiting for a frame: the driver gave a buffer that it does not have");
    mapped->set_queued(index, false);
    auto outcome = [&]() -> Result<void> {
        // In turn: what was given back last is written last.
        const auto size = static_cast<std::uint32_t>(slots.size());
        std::uint32_t to = next_copy;
        while (slots[to].holder != Holder::driver)
            to = (to + 1) % size;
        Memory& memory = *slots[to].memory;
        const std::span<const std::uint8_t> from = mapped->bytes(index);
        const std::uint64_t end = frame.offset + frame.bytes_used;
        if (end > from.size() || end > memory.size())
            return error(ErrorKind::incompatible,
                         FixedText(doing, ": the driver tells more bytes than the memory has"))
                .wanted(end)
                .held(std::min<std::uint64_t>(from.size(), memory.size()));
        auto mapping = memory.map(MapFlags::write);
        if (!mapping)
            return std::move(mapping).error();
        std::memcpy(mapping->bytes().data() + frame.offset, from.data() + frame.offset,
                    static_cast<std::size_t>(frame.bytes_used));
        if (auto written = mapping->unmap(); !written)
            return written;
        slots[to].holder = Holder::application;
        next_copy = (to + 1) % size;
        frame.index = to;
        ++copied;
        return {};
    }();
    if (const int answer = queue_mapped(index); answer < 0)
        return refused(answer, "VIDIOC_QBUF", "giving a buffer back");
    if (!outcome)
        return std::move(outcome).error();
    return frame;
}

} // namespace detail

void Camera::allow_copies(bool allowed) noexcept {
    if (session_)
        session_->copies_allowed = allowed;
}

bool Camera::copies_frames() const noexcept {
    return session_ && session_->mapped;
}

std::uint64_t Camera::copies() const noexcept {
    return session_ ? session_->copied : 0;
}

} // namespace hwalloc::v4l2
