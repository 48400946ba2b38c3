// Preloaded into a program that captures (LD_PRELOAD), makes every camera one whose driver imports nothing
// and still exports its own buffers, as drivers do that know V4L2_MEMORY_MMAP and VIDIOC_EXPBUF alone: the
// lab has none. What passes goes to the real driver.
#include <dlfcn.h>
#include <linux/videodev2.h>

#include <cerrno>
#include <cstdarg>

namespace {

bool is_import(unsigned long request, const void* argument) {
    switch (request) {
    case VIDIOC_REQBUFS:
        return static_cast<const v4l2_requestbuffers*>(argument)->memory == V4L2_MEMORY_DMABUF;
    case VIDIOC_CREATE_BUFS:
        return static_cast<const v4l2_create_buffers*>(argument)->memory == V4L2_MEMORY_DMABUF;
    case VIDIOC_QBUF:
    case VIDIOC_DQBUF:
        return static_cast<const v4l2_buffer*>(argument)->memory == V4L2_MEMORY_DMABUF;
    default:
        return false;
    }
}

} // namespace

extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...) noexcept {
    static const auto real = reinterpret_cast<int (*)(int, unsigned long, void*)>(dlsym(RTLD_NEXT, "ioctl"));
    va_list arguments;
    va_start(arguments, request);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    if (is_import(request, argument)) {
        errno = EINVAL;
        return -1;
    }
    const int answer = real(fd, request, argument);
    constexpr unsigned imports = V4L2_BUF_CAP_SUPPORTS_DMABUF;
    if (answer >= 0 && request == VIDIOC_REQBUFS)
        static_cast<v4l2_requestbuffers*>(argument)->capabilities &= ~imports;
    if (answer >= 0 && request == VIDIOC_CREATE_BUFS)
        static_cast<v4l2_create_buffers*>(argument)->capabilities &= ~imports;
    return answer;
}
