// A queue of the driver's own buffers, which are exported and not imported: what fills them, and whose they
// are, stays with the queue, and everybody else has them as dma-bufs.
#include <fcntl.h>

#include "backends/v4l2/camera_buffers.h"
#include "backends/v4l2/session.h"
#include "common/kernel.h"
#include "common/open_files.h"
#include "common/standard_streams.h"
#include "hwalloc/v4l2_own_buffers.h"

namespace hwalloc::v4l2 {

int detail::Session::queue_own(std::uint32_t index, std::span<const std::uint64_t> lengths) const noexcept {
    Buffer queued(type, V4L2_MEMORY_MMAP);
    queued.buffer.index = index;
    const auto used = [&](std::size_t i) {
        return use == Use::output ? static_cast<std::uint32_t>(lengths[i]) : 0;
    };
    if (info.multi_planar) {
        queued.buffer.length = static_cast<std::uint32_t>(lengths.size());
        for (std::size_t i = 0; i < lengths.size(); ++i)
            queued.planes[i].bytesused = used(i);
    } else {
        queued.buffer.bytesused = used(0);
    }
    return ioctl(VIDIOC_QBUF, &queued.buffer);
}

Result<UniqueFd> detail::Session::export_own(std::uint32_t index, std::uint32_t which,
                                             std::string_view doing) const noexcept {
    v4l2_exportbuffer exported{};
    exported.type = type;
    exported.index = index;
    exported.plane = which;
    exported.flags = O_RDWR | O_CLOEXEC;
    if (const int answer = ioctl(VIDIOC_EXPBUF, &exported); answer < 0)
        return refused(answer, "VIDIOC_EXPBUF", doing);
    const int kept = above_standard_streams(exported.fd);
    if (kept < 0)
        return with_open_files_remedy(refused(kept, "fcntl(F_DUPFD_CLOEXEC)", doing), kept);
    return UniqueFd(kept);
}

bool detail::Session::has_only_own_buffers() const noexcept {
    const std::lock_guard guard(node->queue_mutex);
    return cannot_import() && check_exports();
}

Result<std::uint32_t> detail::Session::reserve_own(std::uint32_t count, std::string_view doing) noexcept {
    if (const int answer = release_queue(); answer < 0)
        return refused(answer, "VIDIOC_REQBUFS", doing);
    v4l2_requestbuffers request{};
    request.count = count;
    request.type = type;
    request.memory = V4L2_MEMORY_MMAP;
    if (const int answer = ioctl(VIDIOC_REQBUFS, &request); answer < 0)
        return refused(answer, "VIDIOC_REQBUFS", doing);
    if (request.count == 0)
        return error(ErrorKind::exhausted, doing).call("VIDIOC_REQBUFS");
    reserved = request.count;
    holds_queue = is_own = true;
    if (!(request.capabilities & V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS)) {
        (void)release_queue();
        return error(ErrorKind::unsupported, doing)
            .remedy("the driver does not let go of a buffer that is exported (it takes Linux 5.0)");
    }
    return request.count;
}

namespace {

// Buffer `index` of the queue as memory of `allocator`.
Result<Session::Slot> export_one(const Session& session, Allocator& allocator, std::uint32_t index,
                                 std::string_view doing) {
    detail::Buffer asked(session.type, V4L2_MEMORY_MMAP);
    asked.buffer.index = index;
    if (const int answer = session.ioctl(VIDIOC_QUERYBUF, &asked.buffer); answer < 0)
        return session.refused(answer, "VIDIOC_QUERYBUF", doing);
    Session::Slot slot;
    for (std::uint32_t which = 0; which < session.memory_count(); ++which) {
        const std::uint32_t length =
            session.info.multi_planar ? asked.planes[which].length : asked.buffer.length;
        if (length < session.image_size(which))
            return session.error(ErrorKind::incompatible, FixedText(doing, ": one is smaller than an image"))
                .call("VIDIOC_QUERYBUF")
                .wanted(session.image_size(which))
                .held(length);
        auto fd = session.export_own(index, which, doing);
        if (!fd)
            return std::move(fd).error();
        auto memory = detail::wrap_own_buffer(allocator, *std::move(fd), length);
        if (!memory)
            return std::move(memory).error();
        const BorrowedFd lent = borrow_fd(**memory, FdKind::dmabuf).value();
        slot.add(*std::move(memory), lent.fd);
    }
    return slot;
}

} // namespace

Result<std::uint32_t> detail::Session::bind_own(std::uint32_t count) {
    const FixedText doing("binding ", count, " buffers of the driver's own");
    if (auto exports = check_exports(); !exports)
        return Error(exports.error()).doing(doing);
    if (auto enough = check_room(count, doing); !enough)
        return std::move(enough).error();
    // By resolving, which may run anybody's code: before the lock.
    const AllocatorRef allocator = own_allocator_of(shared_from_this());
    std::vector<Slot> made; // ends after the lock
    const std::lock_guard guard(node->queue_mutex);
    auto bound = without_exceptions([&]() -> Result<std::uint32_t> {
        const auto granted = reserve_own(count, doing);
        if (!granted)
            return granted.error();
        for (std::uint32_t i = 0; i < *granted; ++i) {
            auto one = export_one(*this, *allocator, i, doing);
            if (!one)
                return std::move(one).error();
            made.push_back(*std::move(one));
        }
        remember_kind(made[0].fds[0]);
        syncs_cpu_access = false; // the driver cares for its own
        const char* call_name;
        for (std::uint32_t i = 0; i < *granted && use == Use::capture; ++i)
            if (const int answer = give_to_driver(i, made[i], call_name); answer < 0)
                return refused(answer, call_name, doing);
        return *granted;
    });
    if (!bound) {
        (void)release_queue();
        return bound;
    }
    slots = std::move(made);
    ++bindings;
    return bound;
}

bool has_only_own_buffers(const Camera& camera) noexcept {
    const auto session = Session::of(camera);
    return session && session->has_only_own_buffers();
}

Result<std::uint32_t> bind_own(Camera& camera, std::uint32_t count) noexcept {
    return without_exceptions([&]() -> Result<std::uint32_t> {
        const auto session = Session::of(camera);
        if (!session || !session->format || !session->slots.empty() || count == 0)
            return Error(ErrorKind::invalid, "buffers of the driver's own are bound once, after negotiate(), "
                                             "one at least");
        return session->bind_own(count);
    });
}

} // namespace hwalloc::v4l2
