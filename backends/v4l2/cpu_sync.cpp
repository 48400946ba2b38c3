// A driver that fills imported memory by the CPU (uvcvideo, by vmap) makes no call of the exporter's, so a
// device that does not see the CPU's caches may read what was there before. The calls are made here in its
// place, around the time in which it has the buffer (DMA_BUF_IOCTL_SYNC; Linux
// Documentation/driver-api/dma-buf.rst, "CPU Access to DMA Buffer Objects"). Where every device sees the
// caches they would cost two calls a frame for nothing.
#include <algorithm>

#include "backends/v4l2/session.h"
#include "common/dma_buf.h"
#include "hwalloc/participant.h"

namespace hwalloc::v4l2 {

bool detail::Session::needs_cpu_sync() noexcept {
    return devices_see_cpu_caches != Answer::yes && buffer_kind().filled_by_cpu;
}

namespace {
// What a driver does by the CPU.
unsigned access_of(const Session& session) noexcept {
    return session.use == detail::Use::output ? dma_buf::read_access : dma_buf::write_access;
}
} // namespace

int detail::Session::give_to_driver(std::uint32_t index, Slot& slot, const char*& call_name,
                                    std::uint64_t bytes) const noexcept {
    if (mapped) { // the driver fills its own buffers, from which frames are copied
        slot.holder = Holder::driver;
        return 0;
    }
    if (syncs_cpu_access) {
        call_name = "DMA_BUF_IOCTL_SYNC";
        if (const int answer = dma_buf::begin_cpu_access(slot.fd, access_of(*this)); answer < 0)
            return answer;
    }
    call_name = "VIDIOC_QBUF";
    const std::uint64_t used = bytes ? bytes : image_size();
    const int answer =
        is_own ? queue_own(index, used) : queue_dma_buf(index, slot.fd, std::max(used, image_size()), used);
    if (answer >= 0)
        slot.holder = Holder::driver;
    else if (syncs_cpu_access)
        (void)dma_buf::end_cpu_access(slot.fd, access_of(*this));
    return answer;
}

void detail::Session::take_from_driver(Slot& slot, Holder holder) const noexcept {
    if (slot.holder == Holder::driver && syncs_cpu_access)
        (void)dma_buf::end_cpu_access(slot.fd, access_of(*this));
    slot.holder = holder;
}

} // namespace hwalloc::v4l2
