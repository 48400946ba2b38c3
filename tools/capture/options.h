// What `hwalloc capture` is asked to do, once its options are checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/capture/consumer.h"
#include "tools/capture/controls.h"
#include "tools/capture/writer.h"

namespace hwalloc::tools {

struct CaptureOptions {
    std::string device;    // path, "auto" or "test"
    std::string allocator; // a registered name, or "auto"
    std::string input{};   // of the camera, by its name or number; empty: the one that is selected
    std::vector<ControlSetting> controls{}; // in the order in which they are set
    v4l2::FormatRequest format{};
    std::uint32_t buffers = 4;
    std::uint64_t frames = 30; // 0: until a signal
    std::string output;        // empty: nowhere
    FrameWriter::Kind output_kind = FrameWriter::Kind::none;
    bool allow_copy = false;                 // by the CPU, of a camera whose driver imports nothing
    bool list_formats = false;               // show them, and capture nothing
    bool mark_first_frame = false;           // print FRAME on standard error once a second one is there
    std::optional<ConsumerRequest> consumer; // nothing: the frames stay in memory
};

} // namespace hwalloc::tools
