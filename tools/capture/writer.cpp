#include "tools/capture/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tools/capture/format_options.h"
#include "tools/image/convert.h"
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
    return Error::from_errno(errno_value, "writing the frames").on(path_).call("write");
}

Result<void> FrameWriter::open(const std::string& output) {
    if (kind_ == Kind::none)
        return {};
    path_ = output;
    if (output == "-") {
        path_ = "standard output";
        file_ = stdout;
        return {};
    }
    int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    made_ = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = ::open(output.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        file_ = ::fdopen(fd, "wb");
    if (!file_) {
        const int why = errno;
        if (fd >= 0)
            ::close(fd);
        return Error::from_errno(why, "opening the output")
            .on(output)
            .call("open")
            .remedy("name a file in a directory that is there and that you may write to");
    }
    // Frames are written straight from their memory.
    std::setvbuf(file_, nullptr, _IONBF, 0);
    return {};
}

Result<void> FrameWriter::set_format(const v4l2::CaptureFormat& format) {
    format_ = format;
    if (kind_ != Kind::png)
        return {};
    auto can = can_convert(format.layout);
    if (can)
        return {};
    return Error(can.error())
        .doing(fmt::format("no picture can be made of {}: {}", format_name(format.pixel_format),
                           can.error().operation()))
        .remedy("capture it as it is (--output FILE.raw), or choose YUYV, UYVY, NV12, RGB24, XR24 or GREY "
                "with --format");
}

// Cuts off what was in the file.
Result<void> FrameWriter::begin() {
    if (written_ == 0 && file_ != stdout && ::ftruncate(::fileno(file_), 0) < 0 && errno != EINVAL)
        return failed(errno); // EINVAL: a pipe or a device, where there is nothing to cut off
    return {};
}

Result<void> FrameWriter::write_picture(std::span<const std::uint8_t> rgb) {
    if (auto ready = begin(); !ready)
        return ready;
    if (auto done = write_png(file_, format_.layout.width, format_.layout.height, rgb); !done)
        return Error(done.error()).on(path_);
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
    if (kind_ == Kind::png) {
        const std::span<const std::uint8_t> bytes = mapping->bytes();
        if (auto converted = to_rgb(format_.layout, bytes.subspan(frame.offset), rgb_); !converted)
            return converted;
        // The driver may have the buffer back before the file is written.
        if (auto ended = mapping->unmap(); !ended)
            return ended;
        return write_picture(rgb_);
    }
    if (auto ready = begin(); !ready)
        return ready;
    if (std::fwrite(mapping->data() + frame.offset, 1, frame.bytes_used, file_) != frame.bytes_used)
        return failed(errno);
    if (auto ended = mapping->unmap(); !ended)
        return ended;
    ++written_;
    return {};
}

Result<void> FrameWriter::close() {
    std::FILE* file = std::exchange(file_, nullptr);
    if (!file)
        return {};
    const bool good = file == stdout ? std::fflush(file) == 0 : std::fclose(file) == 0;
    const int why = errno;
    if (made_ && written_ == 0)
        ::unlink(path_.c_str());
    if (!good && written_ > 0)
        return failed(why);
    return {};
}

} // namespace hwalloc::tools
