// Allocation and release of device memory beside the same system calls by hand: the fewest with which a
// careful program gets a dma-buf, every answer checked; and the same as ours, which also learn the buffer's
// identity and give it a name. Once more with a byte written into every page, for a driver that makes pages
// no sooner.
#include <drm.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "bench.h"
#include "hwalloc/unique_fd.h"

namespace {

using hwalloc::UniqueFd;

// What is done with each buffer before it is freed.
enum class Use { none, write };
// What is called by hand: the fewest, or the same as ours.
enum class Calls { fewest, same };

void write_every_page(std::uint8_t* bytes, std::size_t size) {
    for (std::size_t at = 0; at < size; at += 4096)
        bytes[at] = 1;
    benchmark::DoNotOptimize(bytes);
    benchmark::ClobberMemory();
}

void ours(benchmark::State& state, const char* name, Use use = Use::none) {
    auto allocator = hwalloc::Allocator::resolve(name);
    if (!allocator)
        return bench::fail(state, allocator.error());
    const std::size_t size = bench::size_of(state);
    for (auto _ : state) {
        auto memory = (*allocator)->alloc(size);
        if (!memory) {
            state.SkipWithError(memory.error().message().c_str());
            break;
        }
        benchmark::DoNotOptimize(memory->get());
        if (use == Use::write) {
            hwalloc::MapInfo info;
            if (auto mapped = (*memory)->map(info, hwalloc::MapFlags::write); !mapped)
                return bench::fail(state, mapped.error());
            write_every_page(info.data, size);
            if (auto unmapped = (*memory)->unmap(info); !unmapped)
                return bench::fail(state, unmapped.error());
        }
    }
}

bool announce(int fd, std::uint64_t what) {
    dma_buf_sync request{};
    request.flags = what;
    return ioctl(fd, DMA_BUF_IOCTL_SYNC, &request) == 0;
}

bool write_by_hand(int fd, std::size_t size) {
    void* const bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED || !announce(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE))
        return false;
    write_every_page(static_cast<std::uint8_t*>(bytes), size);
    return announce(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE) && munmap(bytes, size) == 0;
}

// Identity, size and name, as ours.
bool label_by_hand(int fd, std::size_t size) {
    struct stat status;
    char name[DMA_BUF_NAME_LEN] = "hwalloc:4096";
    return fstat(fd, &status) == 0 && static_cast<std::size_t>(status.st_size) >= size &&
           ioctl(fd, DMA_BUF_SET_NAME, name) == 0;
}

// Runs `make`, which gives a dma-buf or -1, and closes what it gave.
template<class Make>
void by_hand(benchmark::State& state, const std::string& node, int flags, Make&& make, Calls calls,
             Use use = Use::none) {
    const UniqueFd device(open(node.c_str(), flags | O_CLOEXEC));
    if (!device)
        return state.SkipWithError((node + " cannot be opened").c_str());
    for (auto _ : state) {
        const std::size_t size = bench::size_of(state);
        const int fd = make(device.get(), size);
        if (calls == Calls::same && !label_by_hand(fd, size))
            return state.SkipWithError("the dma-buf is too small or cannot be named");
        if (use == Use::write && !write_by_hand(fd, size))
            return state.SkipWithError("the dma-buf cannot be written");
        if (fd < 0 || close(fd) != 0) {
            state.SkipWithError((node + " gives no memory").c_str());
            break;
        }
    }
}

int from_heap(int heap, std::size_t size) {
    dma_heap_allocation_data request{};
    request.len = size;
    request.fd_flags = O_RDWR | O_CLOEXEC;
    return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &request) < 0 ? -1 : static_cast<int>(request.fd);
}

// The driver wants whole pages, and a memfd that cannot shrink.
int from_udmabuf(int device, std::size_t size) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = (size + page - 1) / page * page;
    const int memfd = memfd_create("hwalloc-bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memfd < 0)
        return -1;
    int fd = -1;
    if (ftruncate(memfd, static_cast<off_t>(bytes)) == 0 && fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0) {
        udmabuf_create request{};
        request.memfd = static_cast<std::uint32_t>(memfd);
        request.flags = UDMABUF_FLAGS_CLOEXEC;
        request.size = bytes;
        fd = ioctl(device, UDMABUF_CREATE, &request);
    }
    close(memfd);
    return fd;
}

// The handle is closed when the dma-buf is there: that keeps the memory.
int from_card(int card, std::size_t size) {
    drm_mode_create_dumb dumb{};
    dumb.width = 1024;
    dumb.height = static_cast<std::uint32_t>((size + 4095) / 4096);
    dumb.bpp = 32;
    if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0 || dumb.size < size)
        return -1;
    drm_prime_handle prime{};
    prime.handle = dumb.handle;
    prime.flags = DRM_CLOEXEC | DRM_RDWR;
    const int exported = ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
    drm_gem_close handle{};
    handle.handle = dumb.handle;
    ioctl(card, DRM_IOCTL_GEM_CLOSE, &handle);
    return exported < 0 ? -1 : prime.fd;
}

void our_heap(benchmark::State& state) {
    ours(state, "dma-heap/system");
}
void bare_heap(benchmark::State& state) {
    by_hand(state, "/dev/dma_heap/system", O_RDONLY, from_heap, Calls::fewest);
}
void all_heap(benchmark::State& state) {
    by_hand(state, "/dev/dma_heap/system", O_RDONLY, from_heap, Calls::same);
}
void our_udmabuf(benchmark::State& state) {
    ours(state, "udmabuf");
}
void bare_udmabuf(benchmark::State& state) {
    by_hand(state, "/dev/udmabuf", O_RDWR, from_udmabuf, Calls::fewest);
}
void all_udmabuf(benchmark::State& state) {
    by_hand(state, "/dev/udmabuf", O_RDWR, from_udmabuf, Calls::same);
}
void our_virtio(benchmark::State& state) {
    ours(state, "drm-dumb/virtio_gpu");
}
void our_vgem(benchmark::State& state) {
    ours(state, "drm-dumb/vgem");
}
void by_card(benchmark::State& state, const char* driver, Calls calls, Use use = Use::none) {
    auto card = hwalloc::Allocator::resolve(driver);
    if (!card)
        return bench::fail(state, card.error());
    const std::string name((*card)->name()); // drm-dumb/cardN
    by_hand(state, "/dev/dri/" + name.substr(name.find('/') + 1), O_RDWR, from_card, calls, use);
}
void bare_virtio(benchmark::State& state) {
    by_card(state, "drm-dumb/virtio_gpu", Calls::fewest);
}
void all_virtio(benchmark::State& state) {
    by_card(state, "drm-dumb/virtio_gpu", Calls::same);
}
void bare_vgem(benchmark::State& state) {
    by_card(state, "drm-dumb/vgem", Calls::fewest);
}
void all_vgem(benchmark::State& state) {
    by_card(state, "drm-dumb/vgem", Calls::same);
}
void our_vgem_write(benchmark::State& state) {
    ours(state, "drm-dumb/vgem", Use::write);
}
void bare_vgem_write(benchmark::State& state) {
    by_card(state, "drm-dumb/vgem", Calls::fewest, Use::write);
}
void all_vgem_write(benchmark::State& state) {
    by_card(state, "drm-dumb/vgem", Calls::same, Use::write);
}

// A page, where nothing but the calls counts, and 1920 x 1080 NV12, where the pages do.
#define HWALLOC_BENCH_DEVICE(row, kind)                                                                      \
    BENCHMARK(our_##kind)->Name(row "/ours")->Arg(4096)->Arg(3110400);                                       \
    BENCHMARK(bare_##kind)->Name(row "/bare")->Arg(4096)->Arg(3110400);                                      \
    BENCHMARK(all_##kind)->Name(row "/all")->Arg(4096)->Arg(3110400)

HWALLOC_BENCH_DEVICE("heap", heap);
HWALLOC_BENCH_DEVICE("udmabuf", udmabuf);
HWALLOC_BENCH_DEVICE("dumb-virtio_gpu", virtio);
HWALLOC_BENCH_DEVICE("dumb-vgem", vgem);
HWALLOC_BENCH_DEVICE("dumb-vgem-written", vgem_write);

} // namespace
