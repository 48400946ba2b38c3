// What judge_plan tries memory with on a camera or an output: bare ioctls of V4L2.
#pragma once

#include <linux/videodev2.h>

#include "judge_devices.h"

namespace judge {

// One direction of a video node.
class Queue {
public:
    Answer open(const std::string& path, bool output) {
        fd_ = Fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
        if (fd_.get() < 0)
            return failed("open");
        v4l2_capability about{};
        if (call(fd_, VIDIOC_QUERYCAP, &about) < 0)
            return failed("VIDIOC_QUERYCAP");
        planes_ = (about.device_caps &
                   (output ? V4L2_CAP_VIDEO_OUTPUT_MPLANE : V4L2_CAP_VIDEO_CAPTURE_MPLANE)) != 0;
        output_ = output;
        type_ = output    ? planes_ ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE : V4L2_BUF_TYPE_VIDEO_OUTPUT
                : planes_ ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
                          : V4L2_BUF_TYPE_VIDEO_CAPTURE;
        return {};
    }

    // Asks for rows of `stride` bytes (0: as the driver likes). `size` becomes what the driver wants.
    Answer set_format(const Image& image, std::uint32_t stride) {
        format_ = {};
        format_.type = type_;
        if (call(fd_, VIDIOC_G_FMT, &format_) < 0)
            return failed("VIDIOC_G_FMT");
        v4l2_pix_format_mplane& many = format_.fmt.pix_mp;
        v4l2_pix_format& one = format_.fmt.pix;
        if (planes_) {
            many.width = image.width, many.height = image.height, many.pixelformat = image.v4l2;
            many.field = V4L2_FIELD_NONE, many.num_planes = 1, many.plane_fmt[0] = {};
            many.plane_fmt[0].bytesperline = stride;
        } else {
            one.width = image.width, one.height = image.height, one.pixelformat = image.v4l2;
            one.field = V4L2_FIELD_NONE, one.bytesperline = stride, one.sizeimage = 0;
        }
        if (call(fd_, VIDIOC_S_FMT, &format_) < 0)
            return failed("VIDIOC_S_FMT");
        const bool same =
            planes_ ? many.pixelformat == image.v4l2 && many.width == image.width &&
                          many.height == image.height && many.num_planes == 1
                    : one.pixelformat == image.v4l2 && one.width == image.width && one.height == image.height;
        row = planes_ ? many.plane_fmt[0].bytesperline : one.bytesperline;
        size = planes_ ? many.plane_fmt[0].sizeimage : one.sizeimage;
        if (!same || (stride != 0 && row != stride))
            return {.call = "VIDIOC_S_FMT",
                    .result = "the driver makes another format, size or stride of it"};
        return {};
    }

    // Queued as a frame would be, and taken back.
    Answer take(int dma_buf) {
        v4l2_requestbuffers request = buffers(1);
        if (call(fd_, VIDIOC_REQBUFS, &request) < 0)
            return failed("VIDIOC_REQBUFS");
        v4l2_plane plane{};
        v4l2_buffer buffer{};
        buffer.type = type_, buffer.memory = V4L2_MEMORY_DMABUF, buffer.field = V4L2_FIELD_NONE;
        const std::uint32_t used = output_ ? size : 0;
        if (planes_) {
            plane.m.fd = dma_buf, plane.length = size, plane.bytesused = used;
            buffer.m.planes = &plane, buffer.length = 1;
        } else {
            buffer.m.fd = dma_buf, buffer.length = size, buffer.bytesused = used;
        }
        const Answer answer = call(fd_, VIDIOC_QBUF, &buffer) < 0 ? failed("VIDIOC_QBUF") : Answer{};
        request = buffers(0);
        if (call(fd_, VIDIOC_REQBUFS, &request) < 0 && !answer.call)
            return failed("VIDIOC_REQBUFS(0)");
        return answer;
    }

    // The driver's own buffers, let go of by the queue: as many as there are, and why no more.
    Answer make(std::size_t count, std::vector<Buffer>& made) {
        Answer answer;
        while (made.size() < count && !answer.call) {
            v4l2_create_buffers create{};
            create.count = static_cast<std::uint32_t>(count - made.size());
            create.memory = V4L2_MEMORY_MMAP, create.format = format_;
            if (call(fd_, VIDIOC_CREATE_BUFS, &create) < 0)
                answer = failed("VIDIOC_CREATE_BUFS");
            for (std::uint32_t i = 0; i < create.count && !answer.call; ++i) {
                v4l2_exportbuffer out{};
                out.type = type_, out.index = create.index + i, out.flags = O_RDWR | O_CLOEXEC;
                if (call(fd_, VIDIOC_EXPBUF, &out) < 0)
                    answer = failed("VIDIOC_EXPBUF");
                else
                    made.push_back({.fd = Fd(out.fd)});
            }
        }
        v4l2_requestbuffers none = buffers(0);
        none.memory = V4L2_MEMORY_MMAP;
        if (call(fd_, VIDIOC_REQBUFS, &none) < 0 && !answer.call)
            answer = failed("VIDIOC_REQBUFS(0)");
        return answer;
    }

    std::uint32_t row = 0, size = 0; // bytes, as the driver last said

private:
    v4l2_requestbuffers buffers(std::uint32_t count) const {
        v4l2_requestbuffers request{};
        request.count = count, request.type = type_, request.memory = V4L2_MEMORY_DMABUF;
        return request;
    }

    Fd fd_;
    bool planes_ = false, output_ = false;
    std::uint32_t type_ = 0;
    v4l2_format format_{};
};

} // namespace judge
