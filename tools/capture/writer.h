// Where captured frames go: nowhere, a picture of the last, or the bytes of all.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/capture/source.h"
#include "tools/image/picture.h"

namespace hwalloc::tools {

// Reads frames through the mapping of their memory, which brackets the CPU's access, and only those that are
// written.
class FrameWriter {
public:
    enum class Kind { none, png, jpeg, raw };

    // "" (nothing), FILE.png, FILE.jpg or FILE.jpeg (the camera's own), FILE.raw, or "-" (raw, to standard
    // output). False: no such kind of output.
    static bool kind_of(const std::string& output, Kind& kind);

    explicit FrameWriter(Kind kind) : kind_(kind) {}
    // As close().
    ~FrameWriter();
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;

    // Opens the file before anything is captured, so that a wrong path is told at once. What was in it is
    // gone when the first frame is written. Error: what the system answers.
    Result<void> open(const std::string& output);
    // What the frames are; before write(). Error: unsupported, when no picture can be made of the format, or
    // it is no JPEG and shall be one.
    Result<void> set_format(const v4l2::CaptureFormat& format);
    bool wants_every_frame() const { return kind_ == Kind::raw; }
    bool wants_last_frame() const { return kind_ == Kind::png || kind_ == Kind::jpeg; }
    // Each frame is handed to the system at once and whole. A signal that stops the capture ends a write that
    // nobody takes, and so leaves that frame in pieces: busy with code() EINTR. Errors: what the system
    // answers; invalid (a frame of JPEG is damaged); exhausted (the machine has no memory for the picture).
    Result<void> write(const FrameMemories& memories, const v4l2::Frame& frame);
    // A picture that somebody else made of a frame.
    Result<void> write_picture(const Picture& picture);
    // Ends the file; a file that was made here and got nothing is removed.
    Result<void> close();
    std::uint64_t written() const { return written_; } // frames

private:
    Error failed(int errno_value) const;
    Result<void> begin();
    Result<void> put(std::span<const std::uint8_t> bytes);
    // Of one frame: all bytes of each memory, and those that are the frame's.
    Result<void> make_picture(ImageBytes wholes, ImageBytes parts);
    Result<void> write_bytes(ImageBytes parts);

    Kind kind_;
    std::string path_;
    int file_ = -1;
    bool made_ = false; // the file was not there before
    v4l2::CaptureFormat format_{};
    Picture picture_;
    std::uint64_t written_ = 0;
};

} // namespace hwalloc::tools
