// Who uses the frames where they lie: a GPU, a display.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hwalloc/participant.h"
#include "hwalloc/v4l2.h"
#include "tools/image/picture.h"
#include "tools/output.h"

namespace hwalloc::tools {

class FrameConsumer {
public:
    virtual ~FrameConsumer() = default;

    // The formats it takes, as V4L2 calls them, the best one first.
    virtual std::span<const std::uint32_t> formats() const = 0;
    // What will come; before bind(). Errors: unsupported, saying what it does take.
    virtual Result<void> set_format(const v4l2::CaptureFormat& format) = 0;
    // Lines about what it took in place of what it would rather have, and why. After set_format().
    virtual std::vector<std::string> notes() const { return {}; }
    // What a memory of each frame must have at least, in bytes. After set_format().
    virtual std::uint64_t memory_size(std::uint32_t which) const = 0;
    // Itself as a participant of plans. Errors: exhausted.
    virtual Result<ParticipantRef> participant() const = 0;
    // Imports each memory, once, those of the first buffer first; frame.index will say which of them it is
    // in. On an error nothing is bound. Errors: those of the device, for memory that it cannot take.
    virtual Result<void> bind(std::span<const MemoryRef> memories) = 0;
    // Lets the memory go.
    virtual void unbind() = 0;
    // Uses a frame, and returns when the device is done with its memory: the camera may have it back.
    // Allocates, imports and maps nothing. Errors: those of the device; "device lost".
    virtual Result<void> take(const v4l2::Frame& frame) = 0;
    // Waits until nothing is under way any more. Before unbind(), whatever happened.
    virtual Result<void> finish() = 0;
    // What it made of the last frame. After finish(). Error: unavailable (there was no frame).
    virtual Result<void> picture(Picture& picture) = 0;

    // How many frames the CPU copied.
    virtual std::uint64_t copies() const = 0;
    // Adds its own fields to the command's document.
    virtual void report(Json& document) const = 0;
    // The same in a line or more for people.
    virtual std::string summary() const = 0;
};

// What the user asked for.
struct ConsumerRequest {
    std::string to;           // "gpu", "display"
    std::string gpu;          // index, part of a name, or DRM node; empty: the first that takes dma-bufs
    std::uint64_t frames = 0; // how many will come; 0: unknown
    // For a display:
    std::string card = "auto";    // node, driver, or the first with a connected output
    unsigned screen_buffers = 2;  // shown in turn
    std::string scanout = "auto"; // the memory it shows: "vulkan", "drm-dumb", "copy", or the first that does
    bool allow_copy = false;      // by the CPU, where no memory does for both GPU and card
    bool mark_first_frame = false; // print SCREENSHOT on standard error once a second picture is shown
};

} // namespace hwalloc::tools
