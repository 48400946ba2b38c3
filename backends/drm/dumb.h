// Dumb buffers: making one, and mapping one without its dma-buf.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/drm/file.h"
#include "common/mapped_region.h"

namespace hwalloc::drm::detail {

// What DRM_IOCTL_MODE_CREATE_DUMB is asked for.
struct DumbShape {
    std::uint32_t width = 0, height = 0;
    std::uint32_t bits = 0; // for each pixel

    std::uint64_t bytes() const noexcept { return (std::uint64_t{width} * bits + 7) / 8 * height; }
};

struct Dumb {
    GemHandle handle;
    std::uint32_t pitch = 0; // bytes from one row to the next
    std::uint64_t size = 0;
};

// The most that one dumb buffer can hold: the kernel counts in 32 bits, and a shape has whole rows.
inline constexpr std::uint64_t most_bytes = (std::uint64_t{1} << 32) - (std::uint64_t{1} << 20);

// A shape of at least `bytes` (1 to most_bytes), 32 bits a pixel: the one depth that no driver is known to
// refuse. Its rows are a power of two from 4096 bytes up, which every driver's rule about the pitch leaves as
// they are.
DumbShape shape_of_bytes(std::uint64_t bytes) noexcept;
// The same bytes with another depth; `bits` divides 32.
DumbShape with_depth(const DumbShape& shape, std::uint32_t bits) noexcept;

// Errors: unsupported (the driver makes none, or a render node), invalid (a shape that it refuses),
// exhausted, device lost.
Result<Dumb> create_dumb(const std::shared_ptr<File>& file, const DumbShape& shape) noexcept;
// At least `bytes`, in whatever shape the driver takes.
Result<Dumb> create_bytes(const std::shared_ptr<File>& file, std::uint64_t bytes) noexcept;
// The descriptor of its dma-buf, for reading and writing: the access mode is that of the first export, for
// ever.
Result<UniqueFd> export_dumb(const File& file, const GemHandle& handle) noexcept;
// Maps `length` bytes through the card's own descriptor (DRM_IOCTL_MODE_MAP_DUMB).
Result<MappedRegion> map_dumb(const File& file, const GemHandle& handle, std::size_t length) noexcept;

// Whether the driver gives out dumb buffers with whatever was in the card's memory before.
bool leaves_old_bytes(const File& file) noexcept;

} // namespace hwalloc::drm::detail
