// A camera for machines that have none, which does what a test tells it, on top of FakeDmaBufs. What the real
// drivers do is tested in the lab.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/udmabuf.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/v4l2.h"
#include "tests/unit/fake_dma_buf.h"

namespace hwalloc::testing {

// One camera at /dev/video7, or an output, as videobuf2 behaves (drivers/media/common/videobuf2), and
// /dev/udmabuf.
class FakeCamera {
public:
    FakeCamera() {
        active = this;
        buffers.other = [](int fd, unsigned long request, void* argument) {
            return active->ioctl(fd, request, argument);
        };
        kernel.open = [](const char* path, int flags) { return active->open(path, flags); };
        kernel.poll = [](pollfd* fds, nfds_t count, int timeout_ms) {
            return active->poll(fds, count, timeout_ms);
        };
        kernel.monotonic_ns = [] { return active->now_ns; };
        kernel.stat = [](const char* path, struct stat* status) {
            if (!is_node(path))
                return real_kernel().stat(path, status);
            *status = {}; // the number that fstat tells of a memfd
            return 0;
        };
        kernel.readlink = [](const char* path, char* buffer, std::size_t size) {
            const ssize_t length = real_kernel().readlink(path, buffer, size);
            const std::string_view node = "/dev/video7";
            if (length <= 0 ||
                !std::string_view(buffer, static_cast<std::size_t>(length)).starts_with("/memfd:fake camera"))
                return length;
            return static_cast<ssize_t>(node.copy(buffer, size));
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
    std::uint32_t can = V4L2_CAP_VIDEO_CAPTURE; // without _MPLANE
    std::uint32_t more_capabilities = 0;        // of the node
    bool streams = true;
    const char* bus = "platform:fake";
    bool multi_planar = false;
    std::uint32_t answered_format = 0, answered_stride = 0, extra_bytes = 0;
    std::uint32_t memories = 1;      // of an image, as it tells; of NM12 always 2
    std::uint32_t chroma_stride = 0; // of the second memory of NM12; 0: that of the first
    bool has_nv12 = true;            // else NM12 in its place
    std::uint32_t answered_field = V4L2_FIELD_NONE, asked_field = 0, frame_field = V4L2_FIELD_NONE;
    std::uint32_t stride_step = 0; // a stride that is a multiple of this is taken; 0: none is, but its own
    v4l2_fract interval{};         // between frames; 0/0: the driver tells no rates
    std::uint32_t colorspace = V4L2_COLORSPACE_SRGB, encoding = 0, quantization = 0;
    bool has_selections = false; // a picture is put where `compose` is, which S_FMT shrinks
    v4l2_rect crop{}, compose{};
    std::uint32_t least_buffers = 0; // REQBUFS raises the count to this
    std::uint32_t capabilities = V4L2_BUF_CAP_SUPPORTS_DMABUF | V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS;
    std::uint32_t image = 6144;                         // bytes of the current format, whose rest is below
    int create_bufs = 0, reqbufs = 0, expbuf = 0;       // what these answer
    int releases = 0;                                   // what REQBUFS(0) answers
    int fails_at = 0, failure = -ENOMEM;                // the call of that number, from 1 on, answers so
    int (*qbuf)(int fd, std::uint32_t index) = nullptr; // what QBUF answers; null: it takes all
    int udmabuf_open = 0;
    std::string exporter;            // of every dma-buf
    std::string meminfo;             // what the machine tells of its memory; empty: the real one's
    std::deque<int> polls, dequeues; // what the next ones answer; then success
    short poll_events = POLLIN;
    short polled = 0;          // what the last one waited for
    bool always_again = false; // DQBUF answers EAGAIN, as long as poll likes
    std::int64_t now_ns = 0;
    std::int64_t ready_after_ns = 0; // how long a poll that is ready has waited
    int streamon = 0;
    int (*more)(unsigned long request, void* argument) = nullptr; // what it can beyond pictures
    bool refuses_dma_buf = false; // every call with that kind of memory answers EINVAL
    bool endless_lists =
        false; // of formats and sizes: the same entry whatever the index, which goes back to 0

    std::uint32_t pixel_format = 0, width = 0, height = 0, stride = 0;
    std::uint32_t reserved = 0;
    int owner = -1;              // the open file that the reserved buffers belong to
    __u32 kind = 0;              // V4L2_MEMORY_* of the buffers that are reserved
    std::vector<__u32> own_made; // bytes of each buffer of the driver's own
    int exported_flags = 0;
    std::vector<ino_t> exported; // inodes of what EXPBUF gave
    bool streaming = false;
    std::deque<std::pair<std::uint32_t, int>> queued; // index, descriptor
    std::vector<std::pair<std::uint32_t, int>> all_queued;
    std::vector<std::uint32_t> lengths, used; // of what was queued, of each plane
    std::vector<int> all_planes;              // the descriptors, where there are planes
    std::array<v4l2_plane_pix_format, 3> more_planes{};
    int formats_set = 0;
    int calls = 0;
    std::vector<ino_t> trial_buffers; // inodes of what UDMABUF_CREATE_LIST gave
    std::uint32_t buffer_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;

    static inline FakeCamera* active = nullptr;

    // The place of a descriptor's buffer among those of trials; -1: it is none of them.
    static int trial_of(int fd) {
        const auto& trials = active->trial_buffers;
        const auto found = std::find(trials.begin(), trials.end(), inode_of(fd));
        return found == trials.end() ? -1 : static_cast<int>(found - trials.begin());
    }

private:
    static ino_t inode_of(int fd) {
        struct stat status {};
        return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
    }
    static bool is_node(std::string_view path) {
        return path == "/dev/video7" || path == "/dev/v4l/by-id/the-same";
    }
    static int file_of(const std::string& text) {
        const int file = ::memfd_create("fake file", MFD_CLOEXEC);
        EXPECT_EQ(::pwrite(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
        return file;
    }
    int open(const std::string& path, int open_flags) {
        if (path == "/dev/udmabuf")
            return udmabuf_open < 0 ? udmabuf_open : ::memfd_create("fake udmabuf", MFD_CLOEXEC);
        if (path.starts_with("/proc/self/fdinfo/"))
            return file_of("pos:\t0\nexp_name:\t" + exporter + "\nname:\tx\n");
        if (path == "/proc/meminfo" && !meminfo.empty())
            return file_of(meminfo);
        if (!is_node(path))
            return real_kernel().open(path.c_str(), open_flags);
        EXPECT_EQ(open_flags, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        return ::memfd_create("fake camera", MFD_CLOEXEC);
    }
    // Nothing waits: the clock is set on instead.
    int poll(pollfd* fds, nfds_t count, int timeout_ms) {
        ++calls;
        if (count == 0) {
            now_ns += std::int64_t{timeout_ms} * 1'000'000;
            return 0;
        }
        polled = fds->events;
        fds->revents = poll_events;
        const int answer = next(polls, 1);
        now_ns += answer == 0 ? std::int64_t{timeout_ms} * 1'000'000 : ready_after_ns;
        return answer;
    }
    static std::uint32_t multi_planar_of(std::uint32_t capability) {
        switch (capability) {
        case V4L2_CAP_VIDEO_CAPTURE:
            return V4L2_CAP_VIDEO_CAPTURE_MPLANE;
        case V4L2_CAP_VIDEO_OUTPUT:
            return V4L2_CAP_VIDEO_OUTPUT_MPLANE;
        default:
            return V4L2_CAP_VIDEO_M2M_MPLANE;
        }
    }
    std::uint32_t planes_of(__u32 format) const { return format == V4L2_PIX_FMT_NV12M ? 2 : memories; }
    static int next(std::deque<int>& answers, int otherwise) {
        if (answers.empty())
            return otherwise;
        const int answer = answers.front();
        answers.pop_front();
        return answer;
    }
    // The format that the driver makes of a request.
    void answer(v4l2_format& f) const {
        const auto fill = [&](auto& pix, auto& bytes_per_line, auto& size) {
            if (answered_format)
                pix.pixelformat = answered_format;
            if (pix.pixelformat == V4L2_PIX_FMT_NV12 && !has_nv12)
                pix.pixelformat = V4L2_PIX_FMT_NV12M;
            const bool nv12 = pix.pixelformat == V4L2_PIX_FMT_NV12;
            const bool bytes = nv12 || pix.pixelformat == V4L2_PIX_FMT_NV12M;
            const __u32 own = bytes ? pix.width : pix.width * 2, proposed = bytes_per_line;
            bytes_per_line = answered_stride ? answered_stride : own;
            if (stride_step && proposed > own)
                bytes_per_line = (proposed + stride_step - 1) / stride_step * stride_step;
            size = bytes_per_line * pix.height * (nv12 ? 3 : 2) / 2 + extra_bytes;
            pix.field = answered_field;
            pix.colorspace = colorspace;
            pix.ycbcr_enc = static_cast<__u8>(encoding);
            pix.quantization = static_cast<__u8>(quantization);
        };
        if (multi_planar) {
            auto& pix = f.fmt.pix_mp;
            __u32 bytes_per_line = pix.plane_fmt[0].bytesperline, size;
            fill(pix, bytes_per_line, size);
            pix.plane_fmt[0].bytesperline = bytes_per_line;
            pix.plane_fmt[0].sizeimage = size;
            pix.num_planes = static_cast<__u8>(planes_of(pix.pixelformat));
            for (std::uint32_t i = 1; i < pix.num_planes && i < VIDEO_MAX_PLANES; ++i) {
                const __u32 row = chroma_stride ? chroma_stride : bytes_per_line;
                pix.plane_fmt[i].bytesperline = row;
                pix.plane_fmt[i].sizeimage = row * pix.height / 2 + extra_bytes;
            }
        } else {
            fill(f.fmt.pix, f.fmt.pix.bytesperline, f.fmt.pix.sizeimage);
        }
    }
    int ioctl(int fd, unsigned long request, void* argument) {
        if (++calls == fails_at)
            return failure;
        switch (request) {
        case VIDIOC_QUERYCAP: {
            auto& c = *static_cast<v4l2_capability*>(argument);
            std::strcpy(reinterpret_cast<char*>(c.card), "a fake");
            std::strcpy(reinterpret_cast<char*>(c.bus_info), bus);
            c.capabilities = V4L2_CAP_DEVICE_CAPS;
            c.device_caps = more_capabilities | (streams ? V4L2_CAP_STREAMING : V4L2_CAP_READWRITE) |
                            (multi_planar ? multi_planar_of(can) : can);
            return 0;
        }
        case VIDIOC_G_FMT: {
            auto& f = *static_cast<v4l2_format*>(argument);
            const auto fill = [&](auto& pix) {
                pix.pixelformat = pixel_format;
                pix.width = width;
                pix.height = height;
                pix.field = answered_field;
            };
            if (multi_planar) {
                fill(f.fmt.pix_mp);
                f.fmt.pix_mp.num_planes = static_cast<__u8>(planes_of(pixel_format));
                f.fmt.pix_mp.plane_fmt[0].bytesperline = stride;
                f.fmt.pix_mp.plane_fmt[0].sizeimage = image;
                for (std::size_t i = 0; i < more_planes.size(); ++i) {
                    f.fmt.pix_mp.plane_fmt[i + 1].bytesperline = more_planes[i].bytesperline;
                    f.fmt.pix_mp.plane_fmt[i + 1].sizeimage = more_planes[i].sizeimage;
                }
            } else {
                fill(f.fmt.pix);
                f.fmt.pix.bytesperline = stride;
                f.fmt.pix.sizeimage = image;
            }
            return 0;
        }
        case VIDIOC_ENUM_FMT: {
            auto& d = *static_cast<v4l2_fmtdesc*>(argument);
            if (d.index > 0 && !endless_lists)
                return -EINVAL;
            d.index = 0;
            d.pixelformat = V4L2_PIX_FMT_YUYV;
            return 0;
        }
        case VIDIOC_ENUM_FRAMESIZES: {
            auto& s = *static_cast<v4l2_frmsizeenum*>(argument);
            if (s.index > 0 && !endless_lists)
                return -EINVAL;
            s.index = 0;
            s.type = V4L2_FRMSIZE_TYPE_DISCRETE;
            s.discrete = {64, 48};
            return 0;
        }
        case VIDIOC_TRY_FMT:
            answer(*static_cast<v4l2_format*>(argument));
            return 0;
        case VIDIOC_S_FMT: {
            if (reserved)
                return -EBUSY;
            auto& f = *static_cast<v4l2_format*>(argument);
            asked_field = multi_planar ? f.fmt.pix_mp.field : f.fmt.pix.field;
            answer(f);
            const auto take = [&](const auto& pix) {
                pixel_format = pix.pixelformat;
                width = pix.width;
                height = pix.height;
            };
            if (multi_planar)
                take(f.fmt.pix_mp);
            else
                take(f.fmt.pix);
            stride = multi_planar ? f.fmt.pix_mp.plane_fmt[0].bytesperline : f.fmt.pix.bytesperline;
            image = multi_planar ? f.fmt.pix_mp.plane_fmt[0].sizeimage : f.fmt.pix.sizeimage;
            for (std::size_t i = 0; multi_planar && i < more_planes.size(); ++i)
                more_planes[i] = f.fmt.pix_mp.plane_fmt[i + 1];
            if (interval.denominator)
                interval = {1, 30};
            compose.width = std::min(compose.width, width);
            compose.height = std::min(compose.height, height);
            ++formats_set;
            return 0;
        }
        case VIDIOC_G_SELECTION:
        case VIDIOC_S_SELECTION: {
            auto& s = *static_cast<v4l2_selection*>(argument);
            EXPECT_TRUE(s.type == V4L2_BUF_TYPE_VIDEO_CAPTURE || s.type == V4L2_BUF_TYPE_VIDEO_OUTPUT);
            v4l2_rect& its = s.target == V4L2_SEL_TGT_CROP ? crop : compose;
            if (!has_selections)
                return -ENOTTY;
            (request == VIDIOC_G_SELECTION ? s.r : its) = request == VIDIOC_G_SELECTION ? its : s.r;
            return 0;
        }
        case VIDIOC_G_PARM:
        case VIDIOC_S_PARM: {
            if (!interval.denominator)
                return -ENOTTY;
            auto& capture = static_cast<v4l2_streamparm*>(argument)->parm.capture;
            if (request == VIDIOC_S_PARM)
                interval = capture.timeperframe;
            capture.capability = V4L2_CAP_TIMEPERFRAME;
            capture.timeperframe = interval;
            return 0;
        }
        case VIDIOC_CREATE_BUFS: {
            auto& c = *static_cast<v4l2_create_buffers*>(argument);
            if (reserved && fd != owner && c.count)
                return -EBUSY;
            if (refuses_dma_buf && c.memory == V4L2_MEMORY_DMABUF)
                return -EINVAL;
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
            owner = fd;
            c.index = reserved++;
            return 0;
        }
        case VIDIOC_EXPBUF: {
            auto& e = *static_cast<v4l2_exportbuffer*>(argument);
            if (reserved && fd != owner)
                return -EBUSY;
            if (expbuf < 0)
                return expbuf;
            if (e.index >= reserved)
                return -EINVAL;
            EXPECT_EQ(kind, __u32{V4L2_MEMORY_MMAP});
            EXPECT_LT(e.plane, planes_of(pixel_format));
            exported_flags = static_cast<int>(e.flags);
            const __u32 bytes = e.plane ? more_planes[e.plane - 1].sizeimage : own_made.back();
            e.fd = FakeDmaBufs::make((bytes + page_size() - 1) / page_size() * page_size()).release();
            exported.push_back(inode_of(e.fd));
            return 0;
        }
        case VIDIOC_QUERYBUF: {
            auto& b = *static_cast<v4l2_buffer*>(argument);
            EXPECT_EQ(b.memory, kind);
            EXPECT_LT(b.index, reserved);
            (multi_planar ? b.m.planes[0].length : b.length) = own_made.back();
            for (std::uint32_t i = 1; multi_planar && i < planes_of(pixel_format); ++i)
                b.m.planes[i].length = more_planes[i - 1].sizeimage;
            return 0;
        }
        case VIDIOC_REQBUFS: {
            auto& r = *static_cast<v4l2_requestbuffers*>(argument);
            if (refuses_dma_buf && r.memory == V4L2_MEMORY_DMABUF)
                return -EINVAL;
            EXPECT_TRUE(r.memory == V4L2_MEMORY_DMABUF || r.memory == V4L2_MEMORY_MMAP);
            if (reserved && fd != owner)
                return -EBUSY;
            owner = fd;
            if (reqbufs < 0 && r.count)
                return reqbufs;
            if (releases < 0 && !r.count)
                return releases;
            queued.clear();
            streaming = false;
            if (r.count)
                r.count = std::max(r.count, least_buffers);
            reserved = r.count;
            kind = reserved ? r.memory : 0;
            r.capabilities = capabilities;
            if (kind == V4L2_MEMORY_MMAP)
                own_made.push_back(image);
            return 0;
        }
        case VIDIOC_QBUF: {
            auto& b = *static_cast<v4l2_buffer*>(argument);
            const int dma_buf = multi_planar ? b.m.planes[0].m.fd : b.m.fd;
            EXPECT_LT(b.index, reserved);
            EXPECT_EQ(b.memory, kind);
            if (qbuf)
                if (const int answer = qbuf(dma_buf, b.index); answer < 0)
                    return answer;
            if (multi_planar) {
                EXPECT_EQ(b.length, planes_of(pixel_format));
                for (std::uint32_t i = 0; i < b.length; ++i) {
                    lengths.push_back(b.m.planes[i].length);
                    used.push_back(b.m.planes[i].bytesused);
                    all_planes.push_back(b.m.planes[i].m.fd);
                }
            } else {
                lengths.push_back(b.length);
                used.push_back(b.bytesused);
            }
            queued.emplace_back(b.index, dma_buf);
            all_queued.emplace_back(b.index, dma_buf);
            return 0;
        }
        case VIDIOC_DQBUF: {
            if (always_again)
                return -EAGAIN;
            if (const int answer = next(dequeues, 0); answer < 0)
                return answer;
            EXPECT_FALSE(queued.empty());
            auto& b = *static_cast<v4l2_buffer*>(argument);
            EXPECT_EQ(b.memory, kind);
            b.index = queued.front().first;
            queued.pop_front();
            b.sequence = sequence++;
            b.flags = buffer_flags;
            b.field = frame_field;
            b.timestamp = {3, 4};
            if (multi_planar) {
                for (std::uint32_t i = 0; i < planes_of(pixel_format); ++i) {
                    b.m.planes[i].bytesused = 100 - 10 * i;
                    b.m.planes[i].data_offset = 30;
                }
            } else {
                b.bytesused = 100;
            }
            return 0;
        }
        case VIDIOC_STREAMON:
            if (streamon < 0)
                return streamon;
            streaming = true;
            return 0;
        case VIDIOC_STREAMOFF:
            streaming = false;
            queued.clear();
            return 0;
        case UDMABUF_CREATE_LIST: {
            const auto& list = *static_cast<const udmabuf_create_list*>(argument);
            std::size_t size = 0;
            for (__u32 i = 0; i < list.count; ++i)
                size += list.list[i].size;
            UniqueFd made = FakeDmaBufs::make(size);
            trial_buffers.push_back(inode_of(made.get()));
            return made.release();
        }
        default:
            if (fd < 0)
                return -EBADF;
            return more ? more(request, argument) : -ENOTTY;
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
    v4l2::Camera streaming(std::size_t count) {
        auto camera = ready();
        EXPECT_TRUE(camera.bind(memories(count)));
        EXPECT_TRUE(camera.start());
        return camera;
    }
    FakeCamera fake;
};

} // namespace hwalloc::testing
