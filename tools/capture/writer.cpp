#include "tools/capture/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tools/capture/format_options.h"
#include "tools/capture/stop_signals.h"
#include "tools/image/png.h"

namespace hwalloc::tools {

bool FrameWriter::kind_of(const std::string& output, Kind& kind) {
    if (output.empty())
        kind = Kind::none;
    else if (output.ends_with(".png"))
        kind = Kind::png;
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
    if (kind_ != Kind::png)
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
            "capture it as it is (--output FILE.raw), or choose one that is not compressed, such as YUYV, "
            "NV12, RGB24 or GREY, with --format");
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
    if (auto ready = begin(); !ready)
        return ready;
    if (auto done = put(*png); !done)
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
    if (frame.offset > mapping->size() || frame.bytes_used > mapping->size() - frame.offset)
        return Error(ErrorKind::invalid, "the driver says that a frame is larger than its memory");
    const std::span<const std::uint8_t> bytes = mapping->bytes();
    const auto offset = static_cast<std::size_t>(frame.offset);
    if (kind_ == Kind::png) {
        const PixelFormat& format = *pixel_format_by_v4l2(format_.pixel_format); // as set_format() found it
        if (auto made = to_picture(format, format_.layout, bytes.subspan(offset), picture_); !made)
            return made;
        // The driver may have the buffer back before the file is written.
        if (auto ended = mapping->unmap(); !ended)
            return ended;
        return write_png(picture_.bytes, picture_.depth);
    }
    if (auto ready = begin(); !ready)
        return ready;
    if (auto done = put(bytes.subspan(offset, static_cast<std::size_t>(frame.bytes_used))); !done)
        return done;
    if (auto ended = mapping->unmap(); !ended)
        return ended;
    ++written_;
    return {};
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
