// A camera by bare ioctls into the driver's own buffers, and what the pixels mean: what judges pictures of
// ours compare with. Includes no header of the library: an error of ours must not be able to hide in here.
#pragma once

#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "../reference/pixel_reference.h"

namespace judge {

[[noreturn]] inline void die(const std::string& what) {
    std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what.c_str(), std::strerror(errno));
    std::exit(2);
}

// A frame, with what the driver said of it.
struct Frame {
    std::uint32_t fourcc = 0, width = 0, height = 0, stride = 0, colorspace = 0, encoding = 0,
                  quantization = 0;
    std::vector<std::uint8_t> bytes{}; // as many as the driver says it wrote, of one memory behind the other
    // Of each memory: where it begins in the bytes, and its rows' length.
    struct Part {
        std::size_t begin = 0, stride = 0;
    };
    std::vector<Part> parts{};
};

class Camera {
public:
    explicit Camera(const char* device) : fd_(open(device, O_RDWR | O_CLOEXEC)) {
        if (fd_ < 0)
            die(device);
        v4l2_capability capability{};
        call(VIDIOC_QUERYCAP, &capability, "VIDIOC_QUERYCAP");
        planes_ = (capability.device_caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE) != 0;
        type_ = planes_ ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
    }
    Camera(const Camera&) = delete;
    Camera& operator=(const Camera&) = delete;
    ~Camera() { close(fd_); }

    std::vector<std::uint32_t> formats() const {
        std::vector<std::uint32_t> found;
        v4l2_fmtdesc description{};
        description.type = type_;
        for (; ioctl(fd_, VIDIOC_ENUM_FMT, &description) == 0; ++description.index)
            found.push_back(description.pixelformat);
        return found;
    }

    // One frame; the first of them are passed over. The driver may choose another size.
    Frame capture(std::uint32_t fourcc, std::uint32_t width, std::uint32_t height, int passed_over = 1) {
        Frame frame = set_format(fourcc, width, height);
        v4l2_requestbuffers request{};
        request.count = 3, request.type = type_, request.memory = V4L2_MEMORY_MMAP;
        call(VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
        std::vector<Map> maps; // of all memories of the first buffer, then of the second
        for (std::uint32_t index = 0; index < request.count; ++index) {
            for (std::uint32_t memory = 0; memory < frame.parts.size(); ++memory)
                maps.push_back(map(index, memory));
            queue(index);
        }
        int on = static_cast<int>(type_);
        call(VIDIOC_STREAMON, &on, "VIDIOC_STREAMON");
        for (; passed_over >= 0; --passed_over) {
            Buffer taken(*this, 0);
            dequeue(taken);
            for (std::size_t memory = 0; passed_over == 0 && memory < frame.parts.size(); ++memory) {
                const auto [offset, end] = taken.used(memory);
                const std::uint8_t* data = maps[taken.index * frame.parts.size() + memory].first;
                frame.parts[memory].begin = frame.bytes.size();
                frame.bytes.insert(frame.bytes.end(), data + offset, data + end);
            }
            if (passed_over > 0)
                queue(taken.index);
        }
        call(VIDIOC_STREAMOFF, &on, "VIDIOC_STREAMOFF");
        for (const auto& [data, size] : maps)
            munmap(data, size);
        request.count = 0;
        call(VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
        return frame;
    }

private:
    using Map = std::pair<std::uint8_t*, std::size_t>;

    void call(unsigned long request, void* argument, const char* name) const {
        while (ioctl(fd_, request, argument) < 0)
            if (errno != EINTR)
                die(name);
    }

    Frame set_format(std::uint32_t fourcc, std::uint32_t width, std::uint32_t height) const {
        v4l2_format format{};
        format.type = type_;
        call(VIDIOC_G_FMT, &format, "VIDIOC_G_FMT");
        if (planes_) {
            v4l2_pix_format_mplane& pix = format.fmt.pix_mp;
            pix.width = width, pix.height = height, pix.pixelformat = fourcc, pix.field = V4L2_FIELD_NONE;
            pix.num_planes = 0;
            std::memset(pix.plane_fmt, 0, sizeof pix.plane_fmt);
            call(VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
            Frame frame{pix.pixelformat, pix.width,     pix.height,      pix.plane_fmt[0].bytesperline,
                        pix.colorspace,  pix.ycbcr_enc, pix.quantization};
            for (std::uint32_t i = 0; i < pix.num_planes; ++i)
                frame.parts.push_back({0, pix.plane_fmt[i].bytesperline});
            return frame;
        }
        v4l2_pix_format& pix = format.fmt.pix;
        pix.width = width, pix.height = height, pix.pixelformat = fourcc, pix.field = V4L2_FIELD_NONE;
        pix.bytesperline = 0, pix.sizeimage = 0;
        call(VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
        return {pix.pixelformat, pix.width,        pix.height, pix.bytesperline,       pix.colorspace,
                pix.ycbcr_enc,   pix.quantization, {},         {{0, pix.bytesperline}}};
    }

    // A buffer by its number, with its planes where the interface wants them.
    struct Buffer : v4l2_buffer {
        Buffer(const Camera& camera, std::uint32_t number) : v4l2_buffer{} {
            type = camera.type_, memory = V4L2_MEMORY_MMAP, index = number;
            if (camera.planes_)
                m.planes = planes, length = VIDEO_MAX_PLANES;
        }
        Buffer(const Buffer&) = delete;
        Buffer& operator=(const Buffer&) = delete;

        // Where what the driver wrote begins and ends in a memory.
        std::pair<std::size_t, std::size_t> used(std::size_t plane) const {
            if (!V4L2_TYPE_IS_MULTIPLANAR(type))
                return {0, bytesused};
            return {planes[plane].data_offset, planes[plane].bytesused};
        }

        v4l2_plane planes[VIDEO_MAX_PLANES]{};
    };
    Map map(std::uint32_t index, std::uint32_t memory) const {
        Buffer buffer(*this, index);
        call(VIDIOC_QUERYBUF, &buffer, "VIDIOC_QUERYBUF");
        const v4l2_plane& plane = buffer.planes[memory];
        const std::size_t length = planes_ ? plane.length : buffer.length;
        void* data =
            mmap(nullptr, length, PROT_READ, MAP_SHARED, fd_, planes_ ? plane.m.mem_offset : buffer.m.offset);
        if (data == MAP_FAILED)
            die("mmap");
        return {static_cast<std::uint8_t*>(data), length};
    }
    void queue(std::uint32_t index) const {
        Buffer buffer(*this, index);
        call(VIDIOC_QBUF, &buffer, "VIDIOC_QBUF");
    }
    void dequeue(Buffer& taken) const {
        pollfd ready{fd_, POLLIN, 0};
        if (poll(&ready, 1, 10'000) != 1)
            die("no frame in ten seconds");
        call(VIDIOC_DQBUF, &taken, "VIDIOC_DQBUF");
    }

    int fd_;
    bool planes_ = false;
    std::uint32_t type_ = 0;
};

// The colours of a frame, with V4L2's defaults for what the driver leaves open (colorspaces-details.rst,
// V4L2_MAP_YCBCR_ENC_DEFAULT and V4L2_MAP_QUANTIZATION_DEFAULT).
inline pixel_reference::Colors colors_of(const Frame& frame, const pixel_reference::Format& format) {
    const auto colorspace = static_cast<v4l2_colorspace>(frame.colorspace);
    const auto or_default = [](std::uint32_t told, auto by_default) {
        return told ? told : static_cast<std::uint32_t>(by_default);
    };
    const std::uint32_t encoding = or_default(frame.encoding, V4L2_MAP_YCBCR_ENC_DEFAULT(colorspace));
    const auto& standard = encoding == V4L2_YCBCR_ENC_709 || encoding == V4L2_YCBCR_ENC_XV709
                               ? yuv_reference::bt709
                           : encoding == V4L2_YCBCR_ENC_BT2020    ? yuv_reference::bt2020
                           : encoding == V4L2_YCBCR_ENC_SMPTE240M ? yuv_reference::smpte240
                                                                  : yuv_reference::bt601;
    // Whatever is not Y'CbCr: colours, hues and a sensor's raw numbers.
    const bool rgb = !format.filters.empty() || format.planes[0].word.find('Y') == std::string_view::npos;
    const std::uint32_t quantization =
        or_default(frame.quantization, V4L2_MAP_QUANTIZATION_DEFAULT(rgb, colorspace, encoding));
    return {standard, quantization == V4L2_QUANTIZATION_FULL_RANGE,
            frame.encoding == V4L2_HSV_ENC_256 ? 256.0 : 180.0};
}

} // namespace judge
