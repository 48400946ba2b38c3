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
#include "tools/image/jpeg_markers.h"
#include "tools/image/png.h"
#include "tools/image/room.h"

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
    if (fd < 0) {
        Error refused = Error::from_errno(errno, "opening the output").on(path_).call("open");
        if (refused.code() == EINTR) // nothing is wrong with the file
            return refused;
        return std::move(refused).remedy(
            "name a file in a directory that is there and that you may write to");
    }
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

Result<void> FrameWriter::write_picture(const Picture& picture) {
    auto png = encode_png(picture.width, picture.height, picture.bytes, picture.depth);
    if (!png)
        return Error(png.error()).on(path_);
    const std::span<const std::uint8_t> bytes(*png);
    return write_bytes({&bytes, 1});
}

Result<void> FrameWriter::make_picture(ImageBytes wholes, ImageBytes parts) {
    const ImageLayout& layout = format_.layout;
    if (!is_jpeg(format_.pixel_format)) { // set_format() found the format
        std::array<std::span<const std::uint8_t>, ImageLayout::max_planes>
            images; // from where the frame begins
        for (std::size_t i = 0; i < wholes.size(); ++i)
            images[i] = wholes[i].subspan(static_cast<std::size_t>(parts[i].data() - wholes[i].data()));
        return to_picture(*pixel_format_by_v4l2(format_.pixel_format), layout, {images.data(), wholes.size()},
                          picture_);
    }
    const std::size_t row_bytes = std::size_t{3} * layout.width;
    picture_.width = layout.width;
    picture_.height = layout.height;
    picture_.depth = 8;
    // A frame of another size is refused before anything is allocated for it.
    if (auto sound = check_jpeg(parts[0], layout.width, layout.height); !sound)
        return sound;
    if (auto room = make_room(picture_.bytes, std::uint64_t{row_bytes} * layout.height); !room)
        return room;
    return decode_jpeg(parts[0], layout.width, layout.height, JpegPixels::rgb, row_bytes, picture_.bytes);
}

Result<void> FrameWriter::write_bytes(ImageBytes parts) {
    if (auto ready = begin(); !ready)
        return ready;
    for (const std::span<const std::uint8_t> part : parts)
        if (auto done = put(part); !done)
            return done;
    if (++written_ == 1) // worth keeping, however the rest ends
        StopSignals::remove_at_end({});
    return {};
}

Result<void> FrameWriter::write(const FrameMemories& memories, const v4l2::Frame& frame) {
    if (kind_ == Kind::none)
        return {};
    // Of each memory all bytes, and those that are the frame's.
    std::array<Mapping, std::tuple_size_v<FrameMemories>> mappings;
    std::array<std::span<const std::uint8_t>, std::tuple_size_v<FrameMemories>> wholes, parts;
    const std::uint32_t count = format_.layout.memory_count;
    for (std::uint32_t i = 0; i < count; ++i) {
        auto mapping = memories[i]->map(MapFlags::read);
        if (!mapping)
            return std::move(mapping).error();
        wholes[i] = std::span<const std::uint8_t>(mapping->bytes());
        auto part = bytes_of(frame.part(i), wholes[i]);
        if (!part)
            return std::move(part).error();
        parts[i] = *part;
        mappings[i] = *std::move(mapping);
    }
    const auto end_access = [&]() -> Result<void> {
        for (std::uint32_t i = 0; i < count; ++i)
            if (auto ended = mappings[i].unmap(); !ended)
                return ended;
        return {};
    };
    if (kind_ == Kind::png) {
        if (auto made = make_picture({wholes.data(), count}, {parts.data(), count}); !made)
            return made;
        // The driver may have the buffer back before the file is written.
        if (auto ended = end_access(); !ended)
            return ended;
        return write_picture(picture_);
    }
    if (kind_ == Kind::jpeg) { // in one memory
        auto whole = with_huffman_tables(parts[0]);
        if (!whole)
            return std::move(whole).error();
        const std::array pieces{whole->before, whole->tables, whole->after};
        if (auto done = write_bytes(pieces); !done)
            return done;
    } else if (auto done = write_bytes({parts.data(), count}); !done) { // one memory behind the other
        return done;
    }
    return end_access();
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
