// What can be told of an import without trying it, and of its refusal without another trial.
#include <algorithm>
#include <cerrno>

#include "backends/v4l2/session.h"
#include "common/dma_buf.h"
#include "hwalloc/allocator.h"
#include "hwalloc/image_layout.h"

namespace hwalloc::v4l2 {

// With a count of 0 CREATE_BUFS has no side effect and is never busy
// (userspace-api/media/v4l/vidioc-create-bufs.rst). The question is about V4L2_MEMORY_MMAP, which every queue
// has: one that cannot import answers EINVAL to V4L2_MEMORY_DMABUF and tells nothing. Some drivers do not
// have the call, and kernels before 4.20 tell no capabilities: REQBUFS for no buffers tells, where there are
// none.
const char* detail::Session::cannot_import() const noexcept {
    v4l2_create_buffers capabilities{};
    capabilities.memory = V4L2_MEMORY_MMAP;
    capabilities.format.type = type;
    if (ioctl(VIDIOC_G_FMT, &capabilities.format) >= 0 && ioctl(VIDIOC_CREATE_BUFS, &capabilities) >= 0 &&
        capabilities.capabilities != 0)
        return capabilities.capabilities & V4L2_BUF_CAP_SUPPORTS_DMABUF ? nullptr : "VIDIOC_CREATE_BUFS";
    if (reserved > 0 || !slots.empty())
        return mapped ? "VIDIOC_REQBUFS" : nullptr;
    std::uint32_t none = 0;
    return request_buffers(none) == -EINVAL && request_buffers(none, V4L2_MEMORY_MMAP) >= 0 ? "VIDIOC_REQBUFS"
                                                                                            : nullptr;
}

Error detail::Session::imports_nothing(int answer, const char* call_name,
                                       std::string_view doing) const noexcept {
    const FixedText words(doing, ": the driver cannot import dma-bufs");
    Error error = answer < 0 ? refused(ErrorKind::unsupported, answer, call_name, words)
                             : this->error(ErrorKind::unsupported, words).call(call_name);
    if (use == Use::output)
        return std::move(error).remedy(
            check_exports()
                ? "this driver reads no memory but its own, and exports that: draw into its own "
                  "(Output::bind_own()), or allow copies (`hwalloc plan --policy allow-copy`, "
                  "output_participant(), Output::allow_copies())"
                : "this driver reads no memory but its own: allow copies into that (`hwalloc plan "
                  "--policy allow-copy`, output_participant(), Output::allow_copies()), or use "
                  "another device");
    if (check_exports())
        return std::move(error).remedy(
            "this driver fills no memory but its own, and exports that: take its own (`hwalloc capture "
            "--allocator auto`, v4l2::bind_own()), or allow the CPU to copy each frame (`--allow-copy`, "
            "Camera::allow_copies())");
    return std::move(error).remedy(
        "this driver fills no memory but its own: allow the CPU to copy each frame "
        "(`hwalloc capture --allow-copy`, Camera::allow_copies()), or use another "
        "camera");
}

Result<detail::Session::Import> detail::Session::borrow_dma_buf(const Memory& memory,
                                                                std::string_view doing) const noexcept {
    const std::string_view from = memory.allocator().name();
    const auto borrowed = borrow_fd(memory, FdKind::dmabuf);
    if (!borrowed)
        return error(ErrorKind::unsupported,
                     FixedText(doing, ": memory of ", from, " has no dma-buf, and V4L2 imports nothing else"))
            .remedy("use an allocator that exports dma-bufs");
    if (use == Use::capture && (!borrowed->writable || has(memory.flags(), MemoryFlags::readonly)))
        return error(ErrorKind::permission,
                     FixedText(doing, ": the memory is read-only and the camera would write it"))
            .remedy(memory.is_share()
                        ? "every share is read-only: bind the memory that it was made of"
                        : "its descriptor was opened read-only: its maker can give one with O_RDWR");
    const auto facts = dma_buf::examine(borrowed->fd);
    if (!facts)
        return Error(facts.error()).on(from);
    return Import{.fd = borrowed->fd,
                  .size = facts->size,
                  .inode = facts->inode,
                  .held = std::min<std::uint64_t>(facts->size, borrowed->size),
                  .offset = borrowed->offset};
}

Result<void> detail::Session::check_fits(const Import& import, std::uint64_t wanted,
                                         std::string_view doing) const noexcept {
    if (import.held < wanted)
        return error(ErrorKind::incompatible, FixedText(doing, ": the memory is smaller than an image"))
            .wanted(wanted)
            .held(import.held)
            .remedy("allocate what the format's layout says (memory_sizes)");
    if (import.offset != 0)
        return error(ErrorKind::incompatible,
                     FixedText(doing, ": the memory begins at byte ", import.offset,
                               " of its dma-buf, and V4L2 takes one from its start only"))
            .remedy("allocate without a prefix, or import the dma-buf from its first byte");
    return {};
}

Error detail::Session::with_plan_command(Error error) const noexcept {
    const ImageLayout& layout = format->layout;
    const std::string code = fourcc_name(format->pixel_format); // at most 7 characters: allocates nothing
    const std::string_view name = std::string_view(code).substr(0, code.find_last_not_of(' ') + 1);
    const FixedText words(error.remedy(), error.remedy().empty() ? "" : "; ", "`hwalloc plan ",
                          use == Use::output ? "--video-output " : "--camera ", info.path, " --size ",
                          layout.width, "x", layout.height, " --format ", name,
                          "` finds memory that it takes");
    return std::move(error).remedy(words);
}

Error detail::Session::import_error(int answer, std::string_view doing, std::uint64_t wanted,
                                    std::uint64_t held) const noexcept {
    // What is known of the cause stands before what to do.
    const auto not_importable = [&](std::string_view words) {
        return refused(ErrorKind::incompatible, answer, "VIDIOC_QBUF", doing)
            .wanted(wanted)
            .held(held)
            .remedy(words);
    };
    if (answer == -EINVAL)
        return not_importable(
            "the kernel answers so when it cannot map the memory for the device (addresses out of its "
            "range, or an exporter that does not allow it), and when the memory is no dma-buf or too "
            "short");
    if (answer == -ENOSYS)
        return not_importable("whoever made this memory lets no other device attach to it");
    if (answer != -EFAULT)
        return refused(answer, "VIDIOC_QBUF", doing).wanted(wanted).held(held);
    if (held < wanted)
        return not_importable("the dma-buf is shorter than an image");
    return not_importable(
        "the size is right; the device may need memory that is physically contiguous, or within its "
        "address range, or that the kernel can map for it");
}

} // namespace hwalloc::v4l2
