// A camera that sends the JPEGs that it is told to.
#pragma once

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "tests/tools/jpeg_reference.h"
#include "tools/capture/clock.h"
#include "tools/capture/format_options.h"
#include "tools/capture/source.h"

namespace hwalloc::tools::jpeg_camera {

using jpeg_reference::Bytes;

// One frame after the other, the last one for ever, a thousand a second. It fills any memory.
class JpegCamera final : public FrameSource {
public:
    static constexpr std::uint32_t width = 64, height = 48;

    static inline std::uint32_t held = 0; // memories that are bound, of all of them

    JpegCamera(std::string path, std::deque<Bytes> frames)
        : info_{.path = std::move(path), .driver = "fake", .card = "a fake", .bus = {}}
        , frames_(std::move(frames)) {}

    const v4l2::DeviceInfo& info() const override { return info_; }
    bool needs_dma_buf() const override { return false; }
    Result<ParticipantRef> participant() override { return cpu_participant(MapFlags::write); }
    Result<std::vector<v4l2::FormatInfo>> list_formats() override {
        return std::vector<v4l2::FormatInfo>{{.pixel_format = parse_format("MJPG"),
                                              .description = "made up",
                                              .compressed = true,
                                              .sizes = {{width, width, 1, height, height, 1}}}};
    }
    Result<void> use_input(const std::string&, std::vector<std::string>&) override { return {}; }
    Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest&) override {
        v4l2::CaptureFormat format{.pixel_format = parse_format("MJPG"), .rate = {1000, 1}};
        format.layout.width = width;
        format.layout.height = height;
        format.layout.plane_count = format.layout.memory_count = 1;
        format.layout.memory_sizes[0] = 65536;
        return format;
    }
    std::uint32_t min_buffers() override { return 1; }
    Result<std::uint32_t> reserve(std::uint32_t count) override { return count; }
    Result<void> bind(std::span<const MemoryRef> memories) override {
        for (const MemoryRef& memory : memories) {
            waiting_.push_back(static_cast<std::uint32_t>(memories_.size()));
            memories_.push_back(memory->ref().value());
            ++held;
        }
        return {};
    }
    Result<void> unbind() override {
        held -= bound();
        memories_.clear();
        waiting_.clear();
        return {};
    }
    std::uint32_t bound() const override { return static_cast<std::uint32_t>(memories_.size()); }
    Memory* memory(std::uint32_t index, std::uint32_t which) const override {
        return which == 0 ? memories_.at(index).get() : nullptr;
    }
    Result<void> start() override { return {}; }
    Result<void> stop() override { return {}; }
    Result<v4l2::Frame> dequeue(int) override {
        const timespec wait{.tv_sec = 0, .tv_nsec = 1'000'000};
        ::nanosleep(&wait, nullptr);
        if (frames_.empty())
            return Error(ErrorKind::device_lost, "the camera is gone").on(info_.path);
        if (waiting_.empty())
            return Error(ErrorKind::invalid, "nobody gives buffers back").on(info_.path);
        const Bytes picture = frames_.front();
        if (frames_.size() > 1)
            frames_.pop_front();
        const std::uint32_t index = waiting_.front();
        waiting_.pop_front();
        auto mapping = memories_[index]->map(MapFlags::write).value();
        std::copy(picture.begin(), picture.end(), mapping.data() + begins_at);
        return v4l2::Frame{.index = index,
                           .sequence = sequence_++,
                           .timestamp_ns = now_ns(),
                           .monotonic = true,
                           .offset = begins_at,
                           .bytes_used = picture.size()};
    }
    Result<void> queue(std::uint32_t index) override {
        waiting_.push_back(index);
        return {};
    }

private:
    static constexpr std::uint32_t begins_at = 16; // some drivers have a header there

    v4l2::DeviceInfo info_;
    std::deque<Bytes> frames_;
    std::vector<MemoryRef> memories_;
    std::deque<std::uint32_t> waiting_;
    std::uint32_t sequence_ = 0;
};

// Its first half, as a bus with too little room leaves it.
inline Bytes cut(Bytes file) {
    file.resize(file.size() / 2);
    return file;
}

} // namespace hwalloc::tools::jpeg_camera
