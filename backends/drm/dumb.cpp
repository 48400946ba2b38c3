#include "backends/drm/dumb.h"

#include <drm.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <limits>

#include "common/fixed_text.h"
#include "common/kernel.h"
#include "common/open_files.h"
#include "common/standard_streams.h"

namespace hwalloc::drm::detail {
namespace {

Error create_refused(const File& file, int answer, const DumbShape& shape) noexcept {
    constexpr const char* call_name = "MODE_CREATE_DUMB";
    constexpr const char* doing = "making a dumb buffer";
    const auto described = [&](Error&& error) {
        return std::move(error)
            .doing(FixedText("making a dumb buffer of ", shape.width, "x", shape.height, " pixels of ",
                             shape.bits, " bits"))
            .wanted(shape.bytes());
    };
    constexpr const char* elsewhere =
        "; `hwalloc list` shows other memory, such as udmabuf or dma-heap/system";
    switch (-answer) {
    case ENOSYS:
    case EOPNOTSUPP:
    case ENOTTY:
        return described(file.refused(ErrorKind::unsupported, answer, call_name, doing)
                             .remedy(FixedText("this card's driver makes no dumb buffers", elsewhere)));
    case EACCES:
        return described(
            file.refused(ErrorKind::permission, answer, call_name, doing)
                .remedy("dumb buffers are made on the primary node (/dev/dri/cardN), not on a render node"));
    case ENOMEM:
    case ENOSPC:
        return described(file.refused(answer, call_name, doing)
                             .remedy(FixedText("the card has no room left: release buffers", elsewhere)));
    default:
        return described(file.refused(answer, call_name, doing));
    }
}

} // namespace

DumbShape shape_of_bytes(std::uint64_t bytes) noexcept {
    constexpr std::uint32_t most_rows = 16384; // what display hardware has at most, should a driver look
    std::uint32_t row = 4096;
    while (bytes > std::uint64_t{row} * most_rows)
        row *= 2;
    return {.width = row / 4, .height = static_cast<std::uint32_t>((bytes + row - 1) / row), .bits = 32};
}

DumbShape with_depth(const DumbShape& shape, std::uint32_t bits) noexcept {
    const std::uint64_t row = (std::uint64_t{shape.width} * shape.bits + 7) / 8;
    return {.width = static_cast<std::uint32_t>((row * 8 + bits - 1) / bits),
            .height = shape.height,
            .bits = bits};
}

Result<Dumb> create_dumb(const std::shared_ptr<File>& file, const DumbShape& shape) noexcept {
    if (auto checked = file->check_process(); !checked)
        return std::move(checked).error();
    drm_mode_create_dumb request{};
    request.width = shape.width;
    request.height = shape.height;
    request.bpp = shape.bits;
    if (const int done = file->call(DRM_IOCTL_MODE_CREATE_DUMB, &request); done < 0)
        return create_refused(*file, done, shape);
    auto handle = file->track(request.handle);
    if (!handle)
        return std::move(handle).error();
    if (request.size < shape.bytes() || request.size / shape.height < request.pitch)
        return Error(ErrorKind::incompatible, "the driver made a dumb buffer that is smaller than asked for")
            .on(file->node)
            .wanted(shape.bytes())
            .held(request.size);
    return Dumb{std::move(*handle), request.pitch, request.size};
}

Result<Dumb> create_bytes(const std::shared_ptr<File>& file, std::uint64_t bytes) noexcept {
    const DumbShape shape = shape_of_bytes(bytes);
    auto dumb = create_dumb(file, shape);
    if (!dumb && dumb.error().kind() == ErrorKind::invalid) [[unlikely]] {
        auto other = create_dumb(file, with_depth(shape, 8));
        if (!other)
            return std::move(dumb).error().because(std::move(other).error());
        return other;
    }
    return dumb;
}

Result<UniqueFd> export_dumb(const File& file, const GemHandle& handle) noexcept {
    drm_prime_handle request{};
    request.handle = handle.value();
    request.flags = DRM_CLOEXEC | DRM_RDWR;
    request.fd = -1;
    int done = file.call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &request);
    if (done >= 0)
        done = above_standard_streams(request.fd);
    if (done >= 0)
        return UniqueFd(done);
    constexpr const char* call_name = "PRIME_HANDLE_TO_FD";
    constexpr const char* doing = "exporting a dumb buffer";
    switch (-done) {
    case EMFILE:
    case ENFILE:
        return with_open_files_remedy(file.refused(done, call_name, doing), done);
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
        return file.refused(ErrorKind::unsupported, done, call_name, doing)
            .remedy("this card's driver shares no buffers (PRIME), so that no other device could use them");
    default:
        return file.refused(done, call_name, doing);
    }
}

Result<MappedRegion> map_dumb(const File& file, const GemHandle& handle, std::size_t length) noexcept {
    constexpr const char* doing = "mapping a dumb buffer";
    drm_mode_map_dumb request{};
    request.handle = handle.value();
    if (const int done = file.call(DRM_IOCTL_MODE_MAP_DUMB, &request); done < 0)
        return file.refused(done, "MODE_MAP_DUMB", doing);
    if (request.offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()))
        return Error(ErrorKind::limit, "the offset of a dumb buffer's mapping does not fit").on(file.node);
    auto region = MappedRegion::of(file.fd.get(), length, true, static_cast<off_t>(request.offset));
    if (!region)
        return std::move(region).error().doing(doing).on(file.node);
    return region;
}

// GEM's helpers hand out zeroed pages, and so do the other drivers with memory of their own, but these: their
// dumb_create asks for video memory and for no clearing (nouveau_display.c, radeon_gem.c).
bool leaves_old_bytes(const File& file) noexcept {
    return file.driver == "nouveau" || file.driver == "radeon";
}

} // namespace hwalloc::drm::detail
