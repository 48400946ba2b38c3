// Where frames come from: a camera, or the built-in test source. Both fill the application's buffers in turn,
// and the command treats them alike.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hwalloc/participant.h"
#include "hwalloc/v4l2.h"
#include "tools/capture/controls.h"

namespace hwalloc::tools {

// As many as an image of the format has.
using FrameMemories = std::array<Memory*, ImageLayout::max_planes>;

// The functions are those of v4l2::Camera, with the same rules.
class FrameSource {
public:
    virtual ~FrameSource() = default;

    virtual const v4l2::DeviceInfo& info() const = 0;
    // Whether it can fill nothing but dma-bufs; after reserve().
    virtual bool needs_dma_buf() const = 0;
    // Itself as a participant of plans; after reserve().
    virtual Result<ParticipantRef> participant() = 0;
    virtual Result<std::vector<v4l2::FormatInfo>> list_formats() = 0;
    // None where the source does not tell.
    virtual Result<std::vector<v4l2::RateRange>>
    list_rates(std::uint32_t /*pixel_format*/, std::uint32_t /*width*/, std::uint32_t /*height*/) {
        return std::vector<v4l2::RateRange>();
    }
    // Selects an input by its name or number, or leaves it where none is named, and sets the source to the
    // signal there, which is told in `notes`. Errors: invalid (no such input), unavailable (no signal).
    virtual Result<void> use_input(const std::string& input, std::vector<std::string>& notes) = 0;
    // Sets them in their order. Errors: unsupported (the source has none), and those of
    // tools::set_controls().
    virtual Result<void> set_controls(std::span<const ControlSetting> settings,
                                      std::vector<std::string>& /*notes*/) {
        return settings.empty() ? Result<void>()
                                : Error(ErrorKind::unsupported, "the test source has no controls");
    }
    // Frames are copied where there is no other way; before reserve().
    virtual void allow_copies(bool) {}
    virtual bool copies_frames() const { return false; } // after reserve()
    virtual std::uint64_t copies() const { return 0; }
    virtual std::uint64_t decodes() const { return 0; } // whole frames of JPEG that the CPU decoded
    virtual Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest& request) = 0;
    // Tells in `notes` what frames of that format, which was negotiated, do not show of the picture.
    virtual void tell_rectangles(const v4l2::CaptureFormat& /*format*/, std::vector<std::string>& /*notes*/) {
    }
    virtual std::uint32_t min_buffers() = 0;
    virtual Result<std::uint32_t> reserve(std::uint32_t count) = 0;
    virtual Result<void> bind(std::span<const MemoryRef> memories) = 0;
    // The allocator of the buffers that it makes for itself, where nothing else is filled without a copy:
    // then bind_own() stands in the place of reserve(), allocating and bind(). Empty elsewhere.
    virtual std::string only_own_buffers() { return {}; }
    virtual Result<std::uint32_t> bind_own(std::uint32_t /*count*/) {
        return Error(ErrorKind::unsupported, "this source makes no buffers");
    }
    virtual Result<void> unbind() = 0;
    virtual std::uint32_t bound() const = 0;
    virtual Memory* memory(std::uint32_t index, std::uint32_t which) const = 0;
    // All memories of a buffer; null behind the last.
    FrameMemories memories(std::uint32_t index) const {
        FrameMemories all{};
        for (std::uint32_t which = 0; which < all.size(); ++which)
            all[which] = memory(index, which);
        return all;
    }
    virtual Result<void> start() = 0;
    virtual Result<void> stop() = 0;
    virtual Result<v4l2::Frame> dequeue(int timeout_ms) = 0;
    // What is wrong with the last frame that was marked as damaged; none where only the driver knows.
    virtual std::optional<Error> why_damaged() const { return std::nullopt; }
    virtual Result<void> queue(std::uint32_t index) = 0;
};

// Whether a source says so of a frame, or there is nothing in one of the `memories` that its image has.
bool is_damaged(const v4l2::Frame& frame, std::uint32_t memories);
// The bytes of a frame, or of its part, of those of a memory. Error: invalid (the driver says that there are
// more).
Result<std::span<const std::uint8_t>> bytes_of(const v4l2::FramePart& part,
                                               std::span<const std::uint8_t> memory);

std::unique_ptr<FrameSource> camera_source(v4l2::Camera camera);
// Moving colour bars, drawn with the CPU through the mapping of each buffer, at the rate asked for.
std::unique_ptr<FrameSource> test_source();

// A camera by the path of its node. Errors: those of v4l2::Camera::open.
Result<std::unique_ptr<FrameSource>> open_camera(const std::string& path);

// The cameras of the machine; a test has its own.
struct Cameras {
    Result<std::vector<v4l2::CameraEntry>> (*list)() = [] { return v4l2::list_cameras(); };
    Result<std::unique_ptr<FrameSource>> (*open)(const std::string& path) = open_camera;
};

} // namespace hwalloc::tools
