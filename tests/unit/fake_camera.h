// A camera for machines that have none, which does what a test tells it, on top of FakeDmaBufs. What the real
// drivers do is tested in the lab.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/v4l2.h"
#include "tests/unit/fake_dma_buf.h"

namespace hwalloc::testing {

// One camera at /dev/video7, as videobuf2 behaves (drivers/media/common/videobuf2), and /dev/udmabuf.
class FakeCamera {
public:
    FakeCamera() {
        active = this;
        buffers.other = [](int fd, unsigned long request, void* argument) {
            return active->ioctl(fd, request, argument);
        };
        kernel.open = [](const char* path, int flags) { return active->open(path, flags); };
        kernel.poll = [](pollfd*, nfds_t, int) { return active->poll(); };
        kernel.stat = [](const char* path, struct stat* status) {
            if (std::string_view(path) != "/dev/video7")
                return real_kernel().stat(path, status);
            *status = {}; // the number that fstat tells of a memfd
            return 0;
        };
        kernel.list_directory = [](const char* path, bool (*each)(const char*, void*), void* user) {
            if (std::string_view(path) != "/dev")
                return real_kernel().list_directory(path, each, user);
            each("video7", user);
            each("video", user);
            return 0;
        };
    }
    ~FakeCamera() { active = nullptr; }

    FakeDmaBufs buffers;
    bool multi_planar = false;
    std::uint32_t answered_format = 0, answered_stride = 0, extra_bytes = 0, memories = 1;
    std::uint32_t colorspace = V4L2_COLORSPACE_SRGB, encoding = 0, quantization = 0;
    std::uint32_t least_buffers = 0; // REQBUFS raises the count to this
    std::uint32_t capabilities = V4L2_BUF_CAP_SUPPORTS_DMABUF | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
    std::uint32_t image = 6144;                         // bytes of the current format
    int create_bufs = 0, reqbufs = 0, expbuf = 0;       // what these answer
    int fails_at = 0, failure = -ENOMEM;                // the call of that number, from 1 on, answers so
    int (*qbuf)(int fd, std::uint32_t index) = nullptr; // what QBUF answers; null: it takes all
    int udmabuf_open = 0;
    std::string exporter;            // of every dma-buf
    std::deque<int> polls, dequeues; // what the next ones answer; then success

    std::uint32_t reserved = 0;
    __u32 kind = 0;              // V4L2_MEMORY_* of the buffers that are reserved
    std::vector<__u32> own_made; // bytes of each buffer of the driver's own
    int exported_flags = 0;
    bool streaming = false;
    std::deque<std::pair<std::uint32_t, int>> queued; // index, descriptor
    std::vector<std::pair<std::uint32_t, int>> all_queued;
    std::vector<std::uint32_t> lengths;
    int calls = 0;
    std::vector<int> trial_buffers; // descriptors that UDMABUF_CREATE_LIST gave
    std::uint32_t buffer_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;

    static inline FakeCamera* active = nullptr;

private:
    int open(const std::string& path, int open_flags) {
        if (path == "/dev/udmabuf")
            return udmabuf_open < 0 ? udmabuf_open : ::memfd_create("fake udmabuf", MFD_CLOEXEC);
        if (path.starts_with("/proc/self/fdinfo/")) {
            const int file = ::memfd_create("fake fdinfo", MFD_CLOEXEC);
            const std::string text = "pos:\t0\nexp_name:\t" + exporter + "\nname:\tx\n";
            EXPECT_EQ(::pwrite(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
            return file;
        }
        if (path != "/dev/video7")
            return real_kernel().open(path.c_str(), open_flags);
        EXPECT_EQ(open_flags, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        return ::memfd_create("fake camera", MFD_CLOEXEC);
    }
    int poll() {
        ++calls;
        return next(polls, 1);
    }
    static int next(std::deque<int>& answers, int otherwise) {
        if (answers.empty())
            return otherwise;
        const int answer = answers.front();
        answers.pop_front();
        return answer;
    }
    int ioctl(int fd, unsigned long request, void* argument) {
        if (++calls == fails_at)
            return failure;
        switch (request) {
        case VIDIOC_QUERYCAP: {
            auto& c = *static_cast<v4l2_capability*>(argument);
            std::strcpy(reinterpret_cast<char*>(c.card), "a fake");
            c.capabilities = V4L2_CAP_DEVICE_CAPS;
            c.device_caps =
                V4L2_CAP_STREAMING | (multi_planar ? V4L2_CAP_VIDEO_CAPTURE_MPLANE : V4L2_CAP_VIDEO_CAPTURE);
            return 0;
        }
        case VIDIOC_G_FMT: {
            auto& f = *static_cast<v4l2_format*>(argument);
            if (multi_planar) {
                f.fmt.pix_mp.num_planes = static_cast<__u8>(memories);
                f.fmt.pix_mp.plane_fmt[0].sizeimage = image;
            } else {
                f.fmt.pix.sizeimage = image;
            }
            return 0;
        }
        case VIDIOC_S_FMT: {
            if (reserved)
                return -EBUSY;
            auto& f = *static_cast<v4l2_format*>(argument);
            const auto answer = [&](auto& pix, auto& stride, auto& size) {
                if (answered_format)
                    pix.pixelformat = answered_format;
                stride = answered_stride ? answered_stride : pix.width * 2;
                size = stride * pix.height + extra_bytes;
                pix.field = V4L2_FIELD_NONE;
                pix.colorspace = colorspace;
                pix.ycbcr_enc = static_cast<__u8>(encoding);
                pix.quantization = static_cast<__u8>(quantization);
            };
            if (multi_planar) {
                f.fmt.pix_mp.num_planes = static_cast<__u8>(memories);
                auto& plane = f.fmt.pix_mp.plane_fmt[0];
                __u32 stride, size;
                answer(f.fmt.pix_mp, stride, size);
                plane.bytesperline = stride;
                plane.sizeimage = size;
            } else {
                answer(f.fmt.pix, f.fmt.pix.bytesperline, f.fmt.pix.sizeimage);
            }
            return 0;
        }
        case VIDIOC_CREATE_BUFS: {
            auto& c = *static_cast<v4l2_create_buffers*>(argument);
            c.capabilities = capabilities;
            if (create_bufs < 0 || c.count == 0)
                return create_bufs;
            if (reserved && kind != c.memory)
                return -EBUSY;
            EXPECT_EQ(c.memory, __u32{V4L2_MEMORY_MMAP});
            const __u32 bytes =
                multi_planar ? c.format.fmt.pix_mp.plane_fmt[0].sizeimage : c.format.fmt.pix.sizeimage;
            if (bytes < image)
                return -EINVAL;
            own_made.push_back(bytes);
            kind = c.memory;
            c.index = reserved++;
            return 0;
        }
        case VIDIOC_EXPBUF: {
            auto& e = *static_cast<v4l2_exportbuffer*>(argument);
            EXPECT_LT(e.index, reserved);
            EXPECT_EQ(kind, __u32{V4L2_MEMORY_MMAP});
            exported_flags = static_cast<int>(e.flags);
            if (expbuf < 0)
                return expbuf;
            e.fd =
                FakeDmaBufs::make((own_made.back() + page_size() - 1) / page_size() * page_size()).release();
            return 0;
        }
        case VIDIOC_REQBUFS: {
            auto& r = *static_cast<v4l2_requestbuffers*>(argument);
            EXPECT_TRUE(r.count == 0 || r.memory == V4L2_MEMORY_DMABUF);
            if (reqbufs < 0 && r.count)
                return reqbufs;
            queued.clear();
            streaming = false;
            if (r.count)
                r.count = std::max(r.count, least_buffers);
            reserved = r.count;
            kind = reserved ? r.memory : 0;
            return 0;
        }
        case VIDIOC_QBUF: {
            auto& b = *static_cast<v4l2_buffer*>(argument);
            const int dma_buf = multi_planar ? b.m.planes[0].m.fd : b.m.fd;
            EXPECT_LT(b.index, reserved);
            if (qbuf)
                if (const int answer = qbuf(dma_buf, b.index); answer < 0)
                    return answer;
            lengths.push_back(multi_planar ? b.m.planes[0].length : b.length);
            queued.emplace_back(b.index, dma_buf);
            all_queued.emplace_back(b.index, dma_buf);
            return 0;
        }
        case VIDIOC_DQBUF: {
            if (const int answer = next(dequeues, 0); answer < 0)
                return answer;
            EXPECT_FALSE(queued.empty());
            auto& b = *static_cast<v4l2_buffer*>(argument);
            b.index = queued.front().first;
            queued.pop_front();
            b.sequence = sequence++;
            b.flags = buffer_flags;
            b.timestamp = {3, 4};
            if (multi_planar) {
                b.m.planes[0].bytesused = 100;
                b.m.planes[0].data_offset = 30;
            } else {
                b.bytesused = 100;
            }
            return 0;
        }
        case VIDIOC_STREAMON:
            streaming = true;
            return 0;
        case VIDIOC_STREAMOFF:
            streaming = false;
            queued.clear();
            return 0;
        case UDMABUF_CREATE_LIST: {
            const auto& list = *static_cast<const udmabuf_create_list*>(argument);
            EXPECT_EQ(list.count, 2u);
            trial_buffers.push_back(FakeDmaBufs::make(list.list[0].size + list.list[1].size).release());
            return trial_buffers.back();
        }
        default:
            return fd < 0 ? -EBADF : -ENOTTY;
        }
    }

    std::uint32_t sequence = 7;
};

inline v4l2::FormatRequest yuyv(std::uint32_t width = 64, std::uint32_t height = 48) {
    return {.pixel_format = V4L2_PIX_FMT_YUYV, .width = width, .height = height};
}
inline constexpr std::size_t image_bytes = 64 * 48 * 2;

inline std::vector<MemoryRef> memories(std::size_t count, std::size_t size = image_bytes) {
    std::vector<MemoryRef> made;
    for (std::size_t i = 0; i < count; ++i)
        made.push_back(import_dmabuf(FakeDmaBufs::make(size).get()).value());
    return made;
}

class CameraTest : public ::testing::Test {
protected:
    v4l2::Camera open() {
        auto camera = v4l2::Camera::open("/dev/video7");
        EXPECT_TRUE(camera) << camera.error().message();
        return std::move(*camera);
    }
    v4l2::Camera ready() {
        auto camera = open();
        EXPECT_TRUE(camera.negotiate(yuyv()));
        return camera;
    }
    FakeCamera fake;
};

} // namespace hwalloc::testing
