// What judge_plan tries memory with: bare ioctls of a card, of heaps and of udmabuf. Nothing of the library
// is in here: an error of ours must not be able to hide.
#pragma once

#include <drm.h>
#include <drm_fourcc.h>
#include <drm_mode.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace judge {

// Which call failed and how; no call: none did.
struct Answer {
    const char* call = nullptr;
    int error = 0;      // errno, or 0 where the call answers otherwise
    std::string result; // a VkResult by name, or what was wrong in words
};

inline Answer failed(const char* call) {
    return {.call = call, .error = errno, .result = {}};
}

class Fd {
public:
    explicit Fd(int number = -1) noexcept : number_(number) {}
    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Fd() {
        if (number_ >= 0)
            ::close(number_);
    }
    int get() const noexcept { return number_; }

private:
    int number_;
};

inline int call(const Fd& fd, unsigned long request, void* argument) {
    for (;;)
        if (const int done = ::ioctl(fd.get(), request, argument); done >= 0 || errno != EINTR)
            return done;
}

struct Image {
    std::uint32_t width = 0, height = 0;
    std::uint32_t v4l2 = 0, drm = 0; // the format, as each of them calls it
    std::uint32_t pixel = 0;         // bytes of one, in the first plane
    bool chroma = false;             // a second plane of half the rows follows: NV12
    std::uint32_t stride = 0;        // bytes of a row
    std::uint64_t size = 0;          // bytes of all
};

// A dma-buf. Its maker's handle is closed: the dma-buf alone keeps the memory.
struct Buffer {
    Fd fd;
    std::uint32_t pitch = 0; // where it was made as an image
};

// Mapped, read at both ends between the calls for the caches, and unmapped.
inline Answer read_by_cpu(int dma_buf, std::uint64_t size) {
    void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, dma_buf, 0);
    if (mapped == MAP_FAILED)
        return failed("mmap");
    Answer answer;
    dma_buf_sync sync{.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ};
    if (::ioctl(dma_buf, DMA_BUF_IOCTL_SYNC, &sync) < 0)
        answer = failed("DMA_BUF_IOCTL_SYNC");
    const auto* const bytes = static_cast<const volatile unsigned char*>(mapped);
    (void)bytes[0], (void)bytes[size - 1];
    sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
    if (!answer.call && ::ioctl(dma_buf, DMA_BUF_IOCTL_SYNC, &sync) < 0)
        answer = failed("DMA_BUF_IOCTL_SYNC");
    ::munmap(mapped, size);
    return answer;
}

// "card1" by that name, or by its driver's.
inline std::string find_card(const std::string& name) {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator("/dev/dri", none)) {
        const std::string node = entry.path().filename();
        if (node == name)
            return node;
        const Fd fd(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC));
        char driver[64]{};
        drm_version version{};
        version.name = driver, version.name_len = sizeof driver - 1;
        if (node.starts_with("card") && call(fd, DRM_IOCTL_VERSION, &version) == 0 && name == driver)
            return node;
    }
    return name;
}

class Card {
public:
    Answer open(const std::string& node) {
        fd_ = Fd(::open(("/dev/dri/" + node).c_str(), O_RDWR | O_CLOEXEC));
        return fd_.get() < 0 ? failed("open") : Answer{};
    }

    // Imported, made a framebuffer of, and both undone.
    Answer take(int dma_buf, const Image& image, std::uint32_t stride) const {
        drm_prime_handle import{};
        import.fd = dma_buf;
        if (call(fd_, DRM_IOCTL_PRIME_FD_TO_HANDLE, &import) < 0)
            return failed("PRIME_FD_TO_HANDLE");
        drm_mode_fb_cmd2 frame{};
        frame.width = image.width, frame.height = image.height, frame.pixel_format = image.drm;
        frame.handles[0] = import.handle, frame.pitches[0] = stride;
        if (image.chroma)
            frame.handles[1] = import.handle, frame.pitches[1] = stride,
            frame.offsets[1] = stride * image.height;
        Answer answer = call(fd_, DRM_IOCTL_MODE_ADDFB2, &frame) < 0 ? failed("ADDFB2") : Answer{};
        if (!answer.call && call(fd_, DRM_IOCTL_MODE_RMFB, &frame.fb_id) < 0)
            answer = failed("RMFB");
        drm_gem_close close{};
        close.handle = import.handle;
        if (call(fd_, DRM_IOCTL_GEM_CLOSE, &close) < 0 && !answer.call)
            answer = failed("GEM_CLOSE");
        return answer;
    }

    // A pixel of four bytes is asked for as that, all else as bytes, in rows of a page: virtio_gpu knows no
    // other depth than 32 bits.
    Answer make(const Image& image, Buffer& made) const {
        const bool shaped = image.pixel == 4;
        drm_mode_create_dumb dumb{};
        dumb.width = shaped ? image.width : 1024, dumb.bpp = 32;
        dumb.height = shaped ? image.height : static_cast<std::uint32_t>((image.size + 4095) / 4096);
        if (call(fd_, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0)
            return failed("MODE_CREATE_DUMB");
        drm_prime_handle out{};
        out.handle = dumb.handle, out.flags = DRM_CLOEXEC | DRM_RDWR;
        const Answer answer =
            call(fd_, DRM_IOCTL_PRIME_HANDLE_TO_FD, &out) < 0 ? failed("PRIME_HANDLE_TO_FD") : Answer{};
        if (!answer.call)
            made = {.fd = Fd(out.fd), .pitch = shaped ? dumb.pitch : 0};
        drm_gem_close close{};
        close.handle = dumb.handle;
        (void)call(fd_, DRM_IOCTL_GEM_CLOSE, &close);
        return answer;
    }

private:
    Fd fd_;
};

inline Answer make_heap(const std::string& node, std::uint64_t size, Buffer& made) {
    const Fd heap(::open(("/dev/dma_heap/" + node).c_str(), O_RDONLY | O_CLOEXEC));
    if (heap.get() < 0)
        return failed("open");
    dma_heap_allocation_data wanted{};
    wanted.len = size, wanted.fd_flags = O_RDWR | O_CLOEXEC;
    if (call(heap, DMA_HEAP_IOCTL_ALLOC, &wanted) < 0)
        return failed("DMA_HEAP_IOCTL_ALLOC");
    made.fd = Fd(static_cast<int>(wanted.fd));
    return {};
}

// Dma-bufs over one sealed file, all of its pages in each. Swapped: a second one, its halves the other way
// round, and no two of them can both be contiguous.
inline Answer make_udmabufs(std::uint64_t size, bool swapped, std::vector<Buffer>& made) {
    const Fd device(::open("/dev/udmabuf", O_RDWR | O_CLOEXEC));
    if (device.get() < 0)
        return failed("open");
    const auto unit = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) * (swapped ? 2 : 1);
    size = (size + unit - 1) / unit * unit;
    const Fd file(memfd_create("judge", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (file.get() < 0 || ftruncate(file.get(), static_cast<off_t>(size)) < 0 ||
        fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        return failed("memfd_create");
    for (int second = 0; second <= (swapped ? 1 : 0); ++second) {
        // udmabuf_create_list, which ends with an array of unknown length, with two items.
        struct {
            __u32 flags, count;
            udmabuf_create_item items[2];
        } list{.flags = UDMABUF_FLAGS_CLOEXEC, .count = 2, .items = {}};
        udmabuf_create whole{};
        whole.memfd = static_cast<__u32>(file.get()), whole.flags = UDMABUF_FLAGS_CLOEXEC, whole.size = size;
        for (int i = 0; i < 2; ++i)
            list.items[i] = {whole.memfd, 0, i == second ? 0 : size / 2, size / 2};
        const int fd =
            swapped ? call(device, UDMABUF_CREATE_LIST, &list) : call(device, UDMABUF_CREATE, &whole);
        if (fd < 0)
            return failed(swapped ? "UDMABUF_CREATE_LIST" : "UDMABUF_CREATE");
        made.push_back({.fd = Fd(fd)});
    }
    return {};
}

} // namespace judge
