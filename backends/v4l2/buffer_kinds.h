// What a driver's own buffers are, and how the driver fills memory: by what it is called when it exports one.
//
// videobuf2 has three ways to allocate. Which of them a driver uses decides who writes the frames and what
// the memory is; nothing that a driver or a bus is called tells it.
#pragma once

#include <string_view>

#include "hwalloc/capabilities.h"

namespace hwalloc::v4l2::detail {

struct BufferKind {
    std::string_view exporter; // dma_buf::exporter_of() of such a buffer; empty: no kind that is known
    Answer contiguous;
    Answer cached; // unknown: where the device sees the CPU's caches, and uncached elsewhere
    SyncQuality sync;
    bool filled_by_cpu; // the driver reads and writes memory by the CPU, imported memory too
    // Page by page, of which the kernel ends a process for one more. What must be contiguous is refused by
    // itself, and may come from a region that /proc/meminfo does not count.
    bool takes_pages;
};

// Drivers of another kind.
inline constexpr BufferKind unknown_kind{
    {}, Answer::unknown, Answer::unknown, SyncQuality::exporter_only, false, true};
// What is known of a driver on USB that has not told its kind: the CPU puts frames together from packets.
inline constexpr BufferKind usb_kind{{},  Answer::unknown, Answer::unknown, SyncQuality::exporter_only, true,
                                     true};

// unknown_kind when it is called otherwise. The answer lives for ever. Thread-safe.
const BufferKind& kind_of_exporter(std::string_view exporter) noexcept;

} // namespace hwalloc::v4l2::detail
