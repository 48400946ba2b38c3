// Judges a picture that `hwalloc capture` wrote: captures the same scene once more with bare ioctls into the
// driver's own buffers, converts it with the double-precision reference, and says how far the picture is from
// it.
//
//   judge_picture DEVICE WIDTHxHEIGHT FOURCC PICTURE.png
//
// prints one JSON object: {"max_difference", "mean_difference", "width", "height", "stride", "colorspace",
// ...}. Includes no header of the library: an error of ours must not be able to hide in here.
#include <fcntl.h>
#include <linux/videodev2.h>
#include <png.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../reference/yuv_reference.h"

namespace {

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "judge_picture: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(2);
}

void call(int fd, unsigned long request, void* argument, const char* name) {
    while (ioctl(fd, request, argument) < 0)
        if (errno != EINTR)
            die(name);
}

struct Picture {
    std::uint32_t fourcc, width, height, stride, colorspace, encoding, quantization;
    std::vector<std::uint8_t> bytes;
};

// One frame by MMAP streaming; the first few are passed over.
Picture capture(const char* device, std::uint32_t width, std::uint32_t height, std::uint32_t fourcc) {
    const int fd = open(device, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(device);
    v4l2_capability capability{};
    call(fd, VIDIOC_QUERYCAP, &capability, "VIDIOC_QUERYCAP");
    const bool planes = (capability.device_caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE) != 0;
    const std::uint32_t type = planes ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;

    v4l2_format format{};
    format.type = type;
    call(fd, VIDIOC_G_FMT, &format, "VIDIOC_G_FMT");
    Picture picture{};
    if (planes) {
        v4l2_pix_format_mplane& pix = format.fmt.pix_mp;
        pix.width = width, pix.height = height, pix.pixelformat = fourcc, pix.field = V4L2_FIELD_NONE;
        pix.num_planes = 1, pix.plane_fmt[0] = {};
        call(fd, VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
        picture = {pix.pixelformat, pix.width,     pix.height,       pix.plane_fmt[0].bytesperline,
                   pix.colorspace,  pix.ycbcr_enc, pix.quantization, {}};
    } else {
        v4l2_pix_format& pix = format.fmt.pix;
        pix.width = width, pix.height = height, pix.pixelformat = fourcc, pix.field = V4L2_FIELD_NONE;
        pix.bytesperline = 0, pix.sizeimage = 0;
        call(fd, VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
        picture = {pix.pixelformat, pix.width,     pix.height,       pix.bytesperline,
                   pix.colorspace,  pix.ycbcr_enc, pix.quantization, {}};
    }
    if (picture.fourcc != fourcc || picture.width != width || picture.height != height) {
        errno = EINVAL;
        die("the driver gives another format or size");
    }

    v4l2_requestbuffers request{};
    request.count = 4, request.type = type, request.memory = V4L2_MEMORY_MMAP;
    call(fd, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
    std::vector<std::pair<const std::uint8_t*, std::size_t>> maps;
    v4l2_plane plane{};
    const auto buffer_at = [&](std::uint32_t index) {
        v4l2_buffer buffer{};
        buffer.type = type, buffer.memory = V4L2_MEMORY_MMAP, buffer.index = index;
        if (planes) {
            plane = {};
            buffer.m.planes = &plane, buffer.length = 1;
        }
        return buffer;
    };
    for (std::uint32_t index = 0; index < request.count; ++index) {
        v4l2_buffer buffer = buffer_at(index);
        call(fd, VIDIOC_QUERYBUF, &buffer, "VIDIOC_QUERYBUF");
        const std::size_t length = planes ? plane.length : buffer.length;
        const off_t offset = planes ? plane.m.mem_offset : buffer.m.offset;
        void* map = mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, offset);
        if (map == MAP_FAILED)
            die("mmap");
        maps.emplace_back(static_cast<const std::uint8_t*>(map), length);
        buffer = buffer_at(index);
        call(fd, VIDIOC_QBUF, &buffer, "VIDIOC_QBUF");
    }
    int on = static_cast<int>(type);
    call(fd, VIDIOC_STREAMON, &on, "VIDIOC_STREAMON");
    for (int frame = 0; frame < 5; ++frame) {
        pollfd ready{fd, POLLIN, 0};
        if (poll(&ready, 1, 10'000) != 1)
            die("no frame in ten seconds");
        v4l2_buffer buffer = buffer_at(0);
        call(fd, VIDIOC_DQBUF, &buffer, "VIDIOC_DQBUF");
        const auto [data, length] = maps[buffer.index];
        picture.bytes.assign(data, data + length);
        buffer = buffer_at(buffer.index);
        call(fd, VIDIOC_QBUF, &buffer, "VIDIOC_QBUF");
    }
    call(fd, VIDIOC_STREAMOFF, &on, "VIDIOC_STREAMOFF");
    close(fd);
    return picture;
}

// The exact colour of one pixel, as V4L2's documents place its bytes (userspace-api/media/v4l/pixfmt-*.rst)
// and give defaults to what the driver leaves open (colorspaces-details.rst, V4L2_MAP_YCBCR_ENC_DEFAULT and
// V4L2_MAP_QUANTIZATION_DEFAULT).
yuv_reference::Rgb pixel(const Picture& p, std::uint32_t x, std::uint32_t y) {
    const std::uint8_t* row = p.bytes.data() + std::size_t{y} * p.stride;
    const std::uint32_t encoding = p.encoding ? p.encoding
                                              : static_cast<std::uint32_t>(V4L2_MAP_YCBCR_ENC_DEFAULT(
                                                    static_cast<v4l2_colorspace>(p.colorspace)));
    const auto& standard = encoding == V4L2_YCBCR_ENC_709 || encoding == V4L2_YCBCR_ENC_XV709
                               ? yuv_reference::bt709
                           : encoding == V4L2_YCBCR_ENC_BT2020    ? yuv_reference::bt2020
                           : encoding == V4L2_YCBCR_ENC_SMPTE240M ? yuv_reference::smpte240
                                                                  : yuv_reference::bt601;
    const bool rgb = p.fourcc == V4L2_PIX_FMT_RGB24 || p.fourcc == V4L2_PIX_FMT_XBGR32;
    const std::uint32_t quantization = p.quantization
                                           ? p.quantization
                                           : static_cast<std::uint32_t>(V4L2_MAP_QUANTIZATION_DEFAULT(
                                                 rgb, static_cast<v4l2_colorspace>(p.colorspace), encoding));
    const bool full = quantization == V4L2_QUANTIZATION_FULL_RANGE;
    const std::uint8_t* pair = row + x / 2 * 4;
    switch (p.fourcc) {
    case V4L2_PIX_FMT_YUYV:
        return to_rgb(standard, full, pair[x % 2 * 2], pair[1], pair[3]);
    case V4L2_PIX_FMT_UYVY:
        return to_rgb(standard, full, pair[x % 2 * 2 + 1], pair[0], pair[2]);
    case V4L2_PIX_FMT_NV12: {
        const std::uint8_t* chroma = p.bytes.data() + std::size_t{p.height + y / 2} * p.stride + x / 2 * 2;
        return to_rgb(standard, full, row[x], chroma[0], chroma[1]);
    }
    case V4L2_PIX_FMT_GREY: {
        const double level = yuv_reference::to_level(full, row[x]);
        return {level, level, level};
    }
    case V4L2_PIX_FMT_RGB24:
        return {yuv_reference::to_level(full, row[3 * x]), yuv_reference::to_level(full, row[3 * x + 1]),
                yuv_reference::to_level(full, row[3 * x + 2])};
    case V4L2_PIX_FMT_XBGR32: // bytes B, G, R, X: DRM's XR24
        return {yuv_reference::to_level(full, row[4 * x + 2]), yuv_reference::to_level(full, row[4 * x + 1]),
                yuv_reference::to_level(full, row[4 * x])};
    default:
        errno = EINVAL;
        die("no reference for this format");
    }
}

} // namespace

int main(int argc, char** argv) {
    std::uint32_t width = 0, height = 0;
    if (argc != 5 || std::sscanf(argv[2], "%ux%u", &width, &height) != 2 || std::strlen(argv[3]) != 4) {
        std::fprintf(stderr, "usage: judge_picture DEVICE WIDTHxHEIGHT FOURCC PICTURE.png\n");
        return 2;
    }
    const std::string name = argv[3];
    const std::uint32_t fourcc = name == "XR24" ? V4L2_PIX_FMT_XBGR32
                                 : name == "RGB3" || name == "RG24"
                                     ? V4L2_PIX_FMT_RGB24
                                     : v4l2_fourcc(argv[3][0], argv[3][1], argv[3][2], argv[3][3]);
    const Picture picture = capture(argv[1], width, height, fourcc);

    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&png, argv[4]) || png.width != width || png.height != height) {
        std::fprintf(stderr, "judge_picture: %s is no PNG of %ux%u: %s\n", argv[4], width, height,
                     png.message);
        return 2;
    }
    png.format = PNG_FORMAT_RGB;
    std::vector<std::uint8_t> shown(PNG_IMAGE_SIZE(png));
    if (!png_image_finish_read(&png, nullptr, shown.data(), 0, nullptr)) {
        std::fprintf(stderr, "judge_picture: %s: %s\n", argv[4], png.message);
        return 2;
    }
    double most = 0, sum = 0, darkest = 255, brightest = 0;
    for (std::uint32_t y = 0; y < height; ++y)
        for (std::uint32_t x = 0; x < width; ++x) {
            const auto exact = pixel(picture, x, y);
            const double off = yuv_reference::difference(exact, &shown[(std::size_t{y} * width + x) * 3]);
            most = std::max(most, off);
            sum += off;
            darkest = std::min(darkest, exact.g);
            brightest = std::max(brightest, exact.g);
        }
    // The range of the scene is told so that a test can insist on a scene worth comparing.
    std::printf("{\"max_difference\": %.3f, \"mean_difference\": %.4f, \"width\": %u, \"height\": %u, "
                "\"stride\": %u, "
                "\"colorspace\": %u, \"ycbcr_enc\": %u, \"quantization\": %u, \"scene_range\": %.1f}\n",
                most, sum / (double{1} * width * height), width, height, picture.stride, picture.colorspace,
                picture.encoding, picture.quantization, brightest - darkest);
    return 0;
}
