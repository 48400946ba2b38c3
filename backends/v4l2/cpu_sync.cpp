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

// The exporter's calls for all memories of a buffer: all are begun, or none.
int begin_all(std::span<const int> fds, unsigned access) noexcept {
    for (std::size_t i = 0; i < fds.size(); ++i)
        if (const int answer = dma_buf::begin_cpu_access(fds[i], access); answer < 0) {
            while (i-- > 0)
                (void)dma_buf::end_cpu_access(fds[i], access);
            return answer;
        }
    return 0;
}
void end_all(std::span<const int> fds, unsigned access) noexcept {
    for (const int fd : fds)
        (void)dma_buf::end_cpu_access(fd, access);
}

} // namespace

int detail::Session::give_to_driver(std::uint32_t index, Slot& slot, const char*& call_name,
                                    std::uint64_t bytes) const noexcept {
    if (mapped) { // the driver fills its own buffers, from which frames are copied
        slot.holder = Holder::driver;
        return 0;
    }
    const std::span<const int> fds = slot.all_fds();
    if (syncs_cpu_access) {
        call_name = "DMA_BUF_IOCTL_SYNC";
        if (const int answer = begin_all(fds, access_of(*this)); answer < 0)
            return answer;
    }
    call_name = "VIDIOC_QBUF";
    const auto used = used_bytes(bytes);
    const int answer = is_own ? queue_own(index, std::span(used).first(slot.count))
                              : queue_dma_bufs(index, fds, format->layout.memory_sizes, used);
    if (answer >= 0)
        slot.holder = Holder::driver;
    else if (syncs_cpu_access)
        end_all(fds, access_of(*this));
    return answer;
}

void detail::Session::take_from_driver(Slot& slot, Holder holder) const noexcept {
    if (slot.holder == Holder::driver && syncs_cpu_access)
        end_all(slot.all_fds(), access_of(*this));
    slot.holder = holder;
}

} // namespace hwalloc::v4l2
