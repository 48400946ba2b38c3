// Buffers of the camera's own: what its driver allocates for itself is memory that its device takes,
// contiguous where it demands that, and needs no right but the camera's.
#include <algorithm>
#include <cerrno>
#include <limits>

#include "backends/v4l2/formats.h"
#include "common/dma_buf.h"
#include "common/kernel.h"
#include "hwalloc/machine_memory.h"

namespace hwalloc::v4l2 {

// The call is asked about a buffer that there is none of: a driver that has it answers EINVAL.
Result<void> detail::Session::check_exports() const noexcept {
    v4l2_exportbuffer none{};
    none.type = type;
    none.index = std::numeric_limits<std::uint32_t>::max();
    if (ioctl(VIDIOC_EXPBUF, &none) != -ENOTTY)
        return {};
    return refused(-ENOTTY, "VIDIOC_EXPBUF", "making a buffer of the camera's own");
}

bool detail::Session::takes_pages() const noexcept {
    const BufferKind* known = known_kind;
    return (known ? *known : unknown_kind).takes_pages;
}

Result<void> detail::Session::check_room(std::uint32_t count, std::string_view doing) const noexcept {
    std::uint64_t image = 0;
    for (std::uint32_t i = 0; i < memory_count(); ++i)
        image += image_size(i); // each of 32 bits
    const std::uint64_t all = image * std::min<std::uint32_t>(count, VIDEO_MAX_FRAME);
    const auto enough = takes_pages() ? check_machine_has(all) : Result<void>();
    if (enough)
        return {};
    return error(enough.error().kind(), doing)
        .wanted(all)
        .held(enough.error().size_held())
        .remedy("the machine has not that much memory free: take fewer or smaller buffers, or end what takes "
                "it");
}

namespace {

// One buffer of the driver's own.
struct Made {
    std::uint32_t index = 0, capabilities = 0;
};

// Of at least `bytes`, and of an image, less than which drivers refuse.
Result<Made> make_one(const detail::Session& session, std::uint32_t bytes, const char* doing) {
    v4l2_create_buffers request{};
    request.count = 1;
    request.memory = V4L2_MEMORY_MMAP;
    request.format.type = session.type;
    if (const int answer = session.ioctl(VIDIOC_G_FMT, &request.format); answer < 0)
        return session.refused(answer, "VIDIOC_G_FMT", doing);
    const auto image = check_answer(session, request.format, "VIDIOC_G_FMT", doing);
    if (!image)
        return image.error();
    // Where an image has several memories so has a buffer, and the first of them is taken.
    const std::uint32_t wanted = std::max(image->size(), bytes);
    if (session.info.multi_planar)
        request.format.fmt.pix_mp.plane_fmt[0].sizeimage = wanted;
    else
        request.format.fmt.pix.sizeimage = wanted;
    const int answer = session.ioctl(VIDIOC_CREATE_BUFS, &request);
    if (answer >= 0 && request.count > 0)
        return Made{request.index, request.capabilities};
    if (answer >= 0)
        return session.error(ErrorKind::exhausted, doing).call("VIDIOC_CREATE_BUFS").wanted(wanted);
    if (answer != -ENOTTY)
        return session.refused(answer, "VIDIOC_CREATE_BUFS", doing).wanted(wanted);
    // Without that call there are buffers for the queue's own format only.
    const std::uint64_t pages = page_size();
    if (wanted > (image->size() + pages - 1) / pages * pages)
        return session.refused(answer, "VIDIOC_CREATE_BUFS", doing)
            .wanted(wanted)
            .held(image->size())
            .remedy("the driver makes buffers of its format's size only: negotiate() a larger one, or use "
                    "another allocator");
    v4l2_requestbuffers whole{};
    whole.count = 1;
    whole.type = session.type;
    whole.memory = V4L2_MEMORY_MMAP;
    if (const int requested = session.ioctl(VIDIOC_REQBUFS, &whole); requested < 0)
        return session.refused(requested, "VIDIOC_REQBUFS", doing).wanted(wanted);
    return Made{0, whole.capabilities};
}

} // namespace

// Made by CREATE_BUFS, exported by EXPBUF, and forgotten by the queue with REQBUFS(0), while the dma-buf
// lives on (V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS; userspace-api/media/v4l/vidioc-reqbufs.rst). So the buffers
// are memory like any other's: there may be more than the queue can have, and they are bound like an import.
Result<UniqueFd> detail::Session::create_own_buffer(std::uint64_t bytes) noexcept {
    constexpr const char* doing = "making a buffer of the camera's own";
    if (!slots.empty())
        return error(ErrorKind::busy, doing)
            .remedy("the camera's queue holds bound memory: allocate before bind(), or after unbind()");
    if (bytes > std::numeric_limits<std::uint32_t>::max())
        return error(ErrorKind::limit, doing)
            .wanted(bytes)
            .held(std::numeric_limits<std::uint32_t>::max())
            .remedy("V4L2 counts the bytes of a buffer in 32 bits: use another allocator");
    std::uint32_t before = reserved;
    // A queue has buffers of one kind only.
    if (const int answer = free_buffers(); answer < 0)
        return refused(answer, "VIDIOC_REQBUFS", doing);
    auto made = [&]() -> Result<UniqueFd> {
        const auto one = make_one(*this, static_cast<std::uint32_t>(bytes), doing);
        if (!one)
            return one.error();
        if (!(one->capabilities & V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS))
            return error(ErrorKind::unsupported, doing)
                .remedy("the driver does not let go of a buffer that is exported (it takes Linux 5.0)");
        return export_own(one->index, 0, doing);
    }();
    std::uint32_t none = 0;
    const int freed = request_buffers(none, V4L2_MEMORY_MMAP);
    if (made && freed < 0)
        made = refused(freed, "VIDIOC_REQBUFS", doing);
    if (before > 0 && request_buffers(before) >= 0)
        reserved = before;
    else
        holds_queue = false;
    return made;
}

const detail::BufferKind& detail::Session::buffer_kind() noexcept {
    if (const BufferKind* known = known_kind)
        return *known;
    const auto own = [&] {
        const std::lock_guard guard(node->queue_mutex);
        return create_own_buffer(1);
    }();
    if (own)
        remember_kind(own->get());
    const BufferKind* known = known_kind;
    if (known && !known->exporter.empty())
        return *known;
    return info.bus.starts_with("usb-") ? usb_kind : unknown_kind;
}

void detail::Session::remember_kind(int own_buffer) noexcept {
    known_kind = &kind_of_exporter(dma_buf::exporter_of(own_buffer));
}

} // namespace hwalloc::v4l2
