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
        queue.add();
        const bool planes = session.info.multi_planar;
        for (std::uint32_t which = 0; which < session.memory_count(); ++which) {
            const v4l2_plane& plane = asked.planes[which];
            const std::uint32_t length = planes ? plane.length : asked.buffer.length;
            const std::uint32_t offset = planes ? plane.m.mem_offset : asked.buffer.m.offset;
            if (length == 0)
                return session.error(ErrorKind::incompatible, FixedText(doing, ": one has no bytes"))
                    .call("VIDIOC_QUERYBUF");
            auto region = MappedRegion::of(session.fd.get(), length, session.use == Use::output,
                                           static_cast<off_t>(offset));
            if (!region)
                return Error(region.error()).doing(doing).on(session.info.path);
            queue.add_memory(*std::move(region), length);
        }
    }
    return queue;
}

} // namespace

int Session::queue_mapped(std::uint32_t index, std::uint64_t bytes) noexcept {
    const auto used = used_bytes(bytes);
    const int answer = queue_own(index, std::span(used).first(memory_count()));
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
    if (auto enough = check_room(count, doing); !enough)
        return enough;
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
    const std::uint32_t each = memory_count();
    const auto overlaps = [](const MemoryRef& one, const Memory& memory) {
        const Memory& other = *one;
        return &other.block() == &memory.block() && other.offset() < memory.offset() + memory.size() &&
               memory.offset() < other.offset() + other.size();
    };
    for (std::size_t i = 0; i < memories.size(); ++i) {
        const auto which = static_cast<std::uint32_t>(i % each);
        const FixedText doing = binding(i, memories.size());
        if (!memories[i])
            return error(ErrorKind::invalid, FixedText(doing, ": there is no memory"));
        Memory& memory = *memories[i];
        if (memory.size() < image_size(which))
            return error(ErrorKind::incompatible, FixedText(doing, ": the memory is smaller than an image"))
                .wanted(image_size(which))
                .held(memory.size())
                .remedy("allocate what the format's layout says (memory_sizes)");
        const auto same = [&](const Slot& slot) {
            const std::span<const MemoryRef> all = slot.all();
            return std::any_of(all.begin(), all.end(),
                               [&](const MemoryRef& one) { return overlaps(one, memory); });
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
        if (which == 0)
            prepared.emplace_back();
        prepared.back().add(*std::move(handle), -1);
    }
    return {};
}

Result<void> Session::bind_copies(std::span<const MemoryRef> memories) {
    std::vector<Slot> prepared;
    if (auto can = prepare_copies(memories, prepared); !can)
        return can;
    const std::lock_guard guard(node->queue_mutex);
    if (!mapped) // somebody else let the reservation go meanwhile
        if (auto done = reserve_mapped(static_cast<std::uint32_t>(prepared.size())); !done)
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

Result<void> Session::copy_part(const Slot& to, std::uint32_t which, std::span<const std::uint8_t> from,
                                FramePart part) const noexcept {
    Memory& memory = *to.memories[which];
    const std::uint64_t end = part.offset + part.bytes_used;
    if (end > from.size() || end > memory.size())
        return error(ErrorKind::incompatible, "copying a frame: the driver tells more bytes than the memory "
                                              "has")
            .wanted(end)
            .held(std::min<std::uint64_t>(from.size(), memory.size()));
    auto mapping = memory.map(MapFlags::write);
    if (!mapping)
        return std::move(mapping).error();
    std::memcpy(mapping->bytes().data() + part.offset, from.data() + part.offset,
                static_cast<std::size_t>(part.bytes_used));
    return mapping->unmap();
}

Result<Frame> Session::copy_frame(Frame frame) noexcept {
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
        for (std::uint32_t which = 0; which < slots[to].count; ++which)
            if (auto copied_it = copy_part(slots[to], which, mapped->bytes(index, which), frame.part(which));
                !copied_it)
                return copied_it;
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
