// Allocation and release of device memory beside the same system calls by hand: the fewest with which a
// careful program gets a dma-buf, every answer checked. Ours also learns the buffer's identity and gives it a
// name.
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

void ours(benchmark::State& state, const char* name) {
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
    }
}

// Runs `make`, which gives a dma-buf or -1, and closes what it gave.
template<class Make>
void by_hand(benchmark::State& state, const std::string& node, int flags, Make&& make, bool all = false) {
    const UniqueFd device(open(node.c_str(), flags | O_CLOEXEC));
    if (!device)
        return state.SkipWithError((node + " cannot be opened").c_str());
    for (auto _ : state) {
        const int fd = make(device.get(), bench::size_of(state));
        if (all) {
            struct stat status;
            char name[DMA_BUF_NAME_LEN] = "hwalloc:4096";
            if (fstat(fd, &status) != 0 || ioctl(fd, DMA_BUF_SET_NAME, name) != 0)
                return state.SkipWithError("the dma-buf cannot be named");
        }
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
    if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0)
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
    by_hand(state, "/dev/dma_heap/system", O_RDONLY, from_heap);
}
void all_heap(benchmark::State& state) {
    by_hand(state, "/dev/dma_heap/system", O_RDONLY, from_heap, true);
}
void our_udmabuf(benchmark::State& state) {
    ours(state, "udmabuf");
}
void bare_udmabuf(benchmark::State& state) {
    by_hand(state, "/dev/udmabuf", O_RDWR, from_udmabuf);
}
void all_udmabuf(benchmark::State& state) {
    by_hand(state, "/dev/udmabuf", O_RDWR, from_udmabuf, true);
}
void our_virtio(benchmark::State& state) {
    ours(state, "drm-dumb/virtio_gpu");
}
void our_vgem(benchmark::State& state) {
    ours(state, "drm-dumb/vgem");
}
void by_card(benchmark::State& state, const char* driver, bool all) {
    auto card = hwalloc::Allocator::resolve(driver);
    if (!card)
        return bench::fail(state, card.error());
    const std::string name((*card)->name()); // drm-dumb/cardN
    by_hand(state, "/dev/dri/" + name.substr(name.find('/') + 1), O_RDWR, from_card, all);
}
void bare_virtio(benchmark::State& state) {
    by_card(state, "drm-dumb/virtio_gpu", false);
}
void all_virtio(benchmark::State& state) {
    by_card(state, "drm-dumb/virtio_gpu", true);
}
void bare_vgem(benchmark::State& state) {
    by_card(state, "drm-dumb/vgem", false);
}
void all_vgem(benchmark::State& state) {
    by_card(state, "drm-dumb/vgem", true);
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

} // namespace
