// Buffers of the camera's own: what its driver allocates for itself is memory that its device takes,
// contiguous where it demands that, and needs no right but the camera's.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "backends/v4l2/formats.h"
#include "common/open_files.h"
#include "common/standard_streams.h"

namespace hwalloc::v4l2 {

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
        v4l2_create_buffers request{};
        request.count = 1;
        request.memory = V4L2_MEMORY_MMAP;
        request.format.type = type;
        if (const int answer = ioctl(VIDIOC_G_FMT, &request.format); answer < 0)
            return refused(answer, "VIDIOC_G_FMT", doing);
        const auto image = check_answer(*this, request.format, "VIDIOC_G_FMT", doing);
        if (!image)
            return image.error();
        // Drivers refuse less than an image.
        const std::uint32_t wanted = std::max(image->size, static_cast<std::uint32_t>(bytes));
        if (info.multi_planar)
            request.format.fmt.pix_mp.plane_fmt[0].sizeimage = wanted;
        else
            request.format.fmt.pix.sizeimage = wanted;
        if (const int answer = ioctl(VIDIOC_CREATE_BUFS, &request); answer < 0) {
            Error failed = refused(answer, "VIDIOC_CREATE_BUFS", doing);
            return answer == -ENOTTY ? std::move(failed) : std::move(failed).wanted(wanted);
        }
        if (request.count == 0)
            return error(ErrorKind::exhausted, doing).call("VIDIOC_CREATE_BUFS").wanted(wanted);
        if (!(request.capabilities & V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS))
            return error(ErrorKind::unsupported, doing)
                .remedy("the driver does not let go of a buffer that is exported (it takes Linux 5.0)");
        v4l2_exportbuffer exported{};
        exported.type = type;
        exported.index = request.index;
        exported.flags = O_RDWR | O_CLOEXEC;
        if (const int answer = ioctl(VIDIOC_EXPBUF, &exported); answer < 0)
            return refused(answer, "VIDIOC_EXPBUF", doing);
        const int kept = above_standard_streams(exported.fd);
        if (kept < 0)
            return with_open_files_remedy(refused(kept, "fcntl(F_DUPFD_CLOEXEC)", doing), kept);
        return UniqueFd(kept);
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

} // namespace hwalloc::v4l2
