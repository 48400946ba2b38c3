#include "tools/capture/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tools/capture/format_options.h"
#include "tools/capture/source.h"
#include "tools/capture/stop_signals.h"
#include "tools/image/jpeg.h"
#include "tools/image/png.h"

namespace hwalloc::tools {

bool FrameWriter::kind_of(const std::string& output, Kind& kind) {
    if (output.empty())
        kind = Kind::none;
    else if (output.ends_with(".png"))
        kind = Kind::png;
    else if (output.ends_with(".jpg") || output.ends_with(".jpeg"))
        kind = Kind::jpeg;
    else if (output == "-" || output.ends_with(".raw"))
        kind = Kind::raw;
    else
        return false;
    return true;
}

FrameWriter::~FrameWriter() {
    (void)close();
}

Error FrameWriter::failed(int errno_value) const {
    auto error = Error::from_errno(errno_value, "writing the frames").on(path_).call("write");
    if (errno_value == EFBIG)
        return std::move(error).remedy(
            "the file is as large as `ulimit -f` or its file system lets it be: raise the limit, write "
            "elsewhere, or capture fewer frames (--frames)");
    return error;
}

Result<void> FrameWriter::open(const std::string& output) {
    if (kind_ == Kind::none)
        return {};
    path_ = output;
    int fd;
    if (output == "-") {
        path_ = "standard output";
        const int mode = ::fcntl(STDOUT_FILENO, F_GETFL);
        if (mode >= 0 && (mode & O_ACCMODE) == O_RDONLY) {
            errno = EBADF;
            fd = -1;
        } else {
            fd = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        }
    } else {
        fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        made_ = fd >= 0;
        if (fd < 0 && errno == EEXIST)
            fd = ::open(output.c_str(), O_WRONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return Error::from_errno(errno, "opening the output")
            .on(path_)
            .call("open")
            .remedy("name a file in a directory that is there and that you may write to");
    file_ = fd;
    if (made_)
        StopSignals::remove_at_end(output);
    return {};
}

Result<void> FrameWriter::set_format(const v4l2::CaptureFormat& format) {
    format_ = format;
    const bool jpeg = is_jpeg(format.pixel_format);
    if (kind_ == Kind::jpeg && !jpeg)
        return Error(ErrorKind::unsupported, "the frames are no JPEG")
            .doing(fmt::format("frames of {} are no JPEG", format_name(format.pixel_format)))
            .remedy(
                "name a FILE.png, which is made of any format that has colours; a FILE.jpg is what a camera "
                "itself made, in MJPG or JPEG");
    if (kind_ != Kind::png || jpeg)
        return {};
    const PixelFormat* known = pixel_format_by_v4l2(format.pixel_format);
    const Result<void> can =
        known ? can_convert(*known, format.layout)
              : Result<void>(Error(ErrorKind::unsupported, "nothing is known of this pixel format"));
    if (can)
        return {};
    return Error(can.error())
        .doing(fmt::format("no picture can be made of {}: {}", format_name(format.pixel_format),
                           can.error().operation()))
        .remedy(
            "capture it as it is (--output FILE.raw), or choose MJPG, or one that is not compressed, such as "
            "YUYV, NV12, RGB24 or GREY, with --format");
}

// Cuts off what was in the file. Appended to, or followed by others, standard output keeps what it has.
Result<void> FrameWriter::begin() {
    if (written_ == 0 && path_ != "standard output" && ::ftruncate(file_, 0) < 0 && errno != EINVAL)
        return failed(errno); // EINVAL: a pipe or a device, where there is nothing to cut off
    return {};
}

Result<void> FrameWriter::put(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t taken = ::write(file_, bytes.data(), bytes.size());
        if (taken > 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(taken));
            continue;
        }
        if (taken == 0) // what takes nothing and says nothing would be asked for ever
            return failed(EIO);
        if (errno == EAGAIN) { // whoever shares it made it non-blocking
            pollfd room{.fd = file_, .events = POLLOUT, .revents = 0};
            if (::poll(&room, 1, -1) >= 0)
                continue;
        }
        if (errno != EINTR)
            return failed(errno);
        if (StopSignals::out_of_patience())
            return Error(ErrorKind::busy, EINTR, "writing the frames")
                .on(path_)
                .call("write")
                .remedy("stopped by a signal while nobody took the frames: the last one is not whole");
    }
    return {};
}

Result<void> FrameWriter::write_picture(std::span<const std::uint8_t> rgb) {
    return write_png(rgb, 8);
}

Result<void> FrameWriter::write_png(std::span<const std::uint8_t> rgb, unsigned depth) {
    auto png = encode_png(format_.layout.width, format_.layout.height, rgb, depth);
    if (!png)
        return Error(png.error()).on(path_);
    return write_bytes({*png});
}

Result<void> FrameWriter::make_picture(std::span<const std::uint8_t> memory,
                                       std::span<const std::uint8_t> frame) {
    const ImageLayout& layout = format_.layout;
    if (!is_jpeg(format_.pixel_format)) { // set_format() found the format
        const auto offset = static_cast<std::size_t>(frame.data() - memory.data());
        return to_picture(*pixel_format_by_v4l2(format_.pixel_format), layout, memory.subspan(offset),
                          picture_);
    }
    const std::size_t row_bytes = std::size_t{3} * layout.width;
    picture_.width = layout.width;
    picture_.height = layout.height;
    picture_.depth = 8;
    picture_.bytes.resize(row_bytes * layout.height);
    ++decodes_;
    return decode_jpeg(frame, layout.width, layout.height, JpegPixels::rgb, row_bytes, picture_.bytes);
}

Result<void> FrameWriter::write_bytes(std::initializer_list<std::span<const std::uint8_t>> parts) {
    if (auto ready = begin(); !ready)
        return ready;
    for (const std::span<const std::uint8_t> part : parts)
        if (auto done = put(part); !done)
            return done;
    ++written_;
    return {};
}

Result<void> FrameWriter::write(Memory& memory, const v4l2::Frame& frame) {
    if (kind_ == Kind::none)
        return {};
    auto mapping = memory.map(MapFlags::read);
    if (!mapping)
        return std::move(mapping).error();
    auto bytes = bytes_of(frame, mapping->bytes());
    if (!bytes)
        return std::move(bytes).error();
    if (kind_ == Kind::png) {
        if (auto made = make_picture(mapping->bytes(), *bytes); !made)
            return made;
        // The driver may have the buffer back before the file is written.
        if (auto ended = mapping->unmap(); !ended)
            return ended;
        return write_png(picture_.bytes, picture_.depth);
    }
    JpegParts parts{*bytes, {}, {}};
    if (kind_ == Kind::jpeg) {
        auto whole = with_huffman_tables(parts.before);
        if (!whole)
            return std::move(whole).error();
        parts = *whole;
    }
    if (auto done = write_bytes({parts.before, parts.tables, parts.after}); !done)
        return done;
    return mapping->unmap();
}

Result<void> FrameWriter::close() {
    if (file_ < 0)
        return {};
    const bool good = ::close(file_) == 0; // some file systems tell only here that a disk is full
    const int why = errno;
    file_ = -1;
    if (made_ && written_ == 0)
        ::unlink(path_.c_str());
    StopSignals::remove_at_end({});
    if (!good && written_ > 0)
        return failed(why);
    return {};
}

} // namespace hwalloc::tools
