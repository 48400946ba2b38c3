// Frames as cameras deliver them: where the image lies in the memories of a buffer, and what the driver says
// of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "hwalloc/export.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/result.h"
#include "hwalloc/v4l2_formats.h"

namespace hwalloc::v4l2 {

class Camera;

namespace detail {
struct Session;
}

// Where an image is in one of its memories, in bytes.
struct FramePart {
    std::uint64_t offset = 0, bytes_used = 0;
};

struct Frame {
    std::uint32_t index = 0;          // which of the bound buffers it is in
    std::uint32_t sequence = 0;       // the driver's count; a gap is a frame that was lost
    std::int64_t timestamp_ns = 0;    // when the driver took it
    bool monotonic = false;           // the timestamp is CLOCK_MONOTONIC
    bool at_exposure = false;         // taken when exposure began; else when the frame was there
    bool error = false;               // the picture may be damaged; streaming goes on (V4L2_BUF_FLAG_ERROR)
    bool key = false;                 // of a compressed stream: needs no other frame (V4L2_BUF_FLAG_KEYFRAME)
    bool last = false;                // there is none after it (V4L2_BUF_FLAG_LAST); it may be empty
    Field field = Field::progressive; // top or bottom, where the format's is alternate
    std::uint64_t offset = 0;         // of the first byte of the image in the memory
    std::uint64_t bytes_used = 0;     // of the image, from there
    // The same two of an image in several memories, of those beyond the first.
    std::array<FramePart, ImageLayout::max_planes - 1> more_parts{};

    // `which`: a memory of the image, from 0 on.
    FramePart part(std::uint32_t which) const noexcept {
        return which == 0 ? FramePart{offset, bytes_used} : more_parts[which - 1];
    }
};

// The bytes of a frame in one of its memories, mapped for reading as long as this lives.
struct MappedFrame {
    Mapping mapping{};                     // of the whole memory
    std::span<const std::uint8_t> bytes{}; // of the image: bytes_used from offset on
};

// A frame that its camera gets back when this goes; for the camera's thread. Let what maps it, or uses it on
// a GPU, end first: a frame that is mapped when this goes does not go back, and the camera has one buffer
// less. After Camera::unbind() or close() it is a frame without memory, and goes nowhere.
class HWALLOC_API HeldFrame {
public:
    HeldFrame(HeldFrame&& other) noexcept;
    HeldFrame& operator=(HeldFrame&& other) noexcept; // as the destructor, for what was held
    ~HeldFrame();                                     // as queue(); what that answers is lost

    const Frame& operator*() const noexcept HWALLOC_LIFETIMEBOUND { return frame_; }
    const Frame* operator->() const noexcept HWALLOC_LIFETIMEBOUND { return &frame_; }
    // The memory it is in, of several the one with this number; null when the frame was given back, or the
    // camera's memory was let go.
    Memory* memory(std::uint32_t which = 0) const noexcept HWALLOC_LIFETIMEBOUND;
    // As Camera::map().
    Result<MappedFrame> map(std::uint32_t which = 0) const noexcept;
    // Gives the frame back now. Errors: those of Camera::queue(), after which it is still held; invalid (it
    // was given back).
    Result<void> queue() noexcept;

private:
    friend class Camera;
    HWALLOC_LOCAL HeldFrame(std::shared_ptr<detail::Session> session, const Frame& frame) noexcept;
    std::shared_ptr<detail::Session> session_; // null: given back
    std::uint64_t binding_ = 0;                // which bind() its index is of
    Frame frame_;
};

} // namespace hwalloc::v4l2
