// A source that does something to the frames of another one, and leaves all else to it.
#pragma once

#include "tools/capture/source.h"

namespace hwalloc::tools {

class SourceAround : public FrameSource {
public:
    // The other one outlives it.
    explicit SourceAround(FrameSource& inner) : inner_(inner) {}

    const v4l2::DeviceInfo& info() const override { return inner_.info(); }
    bool needs_dma_buf() const override { return inner_.needs_dma_buf(); }
    Result<ParticipantRef> participant() override { return inner_.participant(); }
    Result<std::vector<v4l2::FormatInfo>> list_formats() override { return inner_.list_formats(); }
    Result<std::vector<v4l2::RateRange>> list_rates(std::uint32_t pixel_format, std::uint32_t width,
                                                    std::uint32_t height) override {
        return inner_.list_rates(pixel_format, width, height);
    }
    Result<void> use_input(const std::string& input, std::vector<std::string>& notes) override {
        return inner_.use_input(input, notes);
    }
    Result<void> set_controls(std::span<const ControlSetting> settings,
                              std::vector<std::string>& notes) override {
        return inner_.set_controls(settings, notes);
    }
    void allow_copies(bool allowed) override { inner_.allow_copies(allowed); }
    bool copies_frames() const override { return inner_.copies_frames(); }
    std::uint64_t copies() const override { return inner_.copies(); }
    std::uint64_t decodes() const override { return inner_.decodes(); }
    Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest& request) override {
        return inner_.negotiate(request);
    }
    std::uint32_t min_buffers() override { return inner_.min_buffers(); }
    Result<std::uint32_t> reserve(std::uint32_t count) override { return inner_.reserve(count); }
    Result<void> bind(std::span<const MemoryRef> memories) override { return inner_.bind(memories); }
    std::string only_own_buffers() override { return inner_.only_own_buffers(); }
    Result<std::uint32_t> bind_own(std::uint32_t count) override { return inner_.bind_own(count); }
    Result<void> unbind() override { return inner_.unbind(); }
    std::uint32_t bound() const override { return inner_.bound(); }
    Memory* memory(std::uint32_t index, std::uint32_t which) const override {
        return inner_.memory(index, which);
    }
    Result<void> start() override { return inner_.start(); }
    Result<void> stop() override { return inner_.stop(); }
    Result<v4l2::Frame> dequeue(int timeout_ms) override { return inner_.dequeue(timeout_ms); }
    std::optional<Error> why_damaged() const override { return inner_.why_damaged(); }
    Result<void> queue(std::uint32_t index) override { return inner_.queue(index); }

protected:
    FrameSource& inner() const { return inner_; }

private:
    FrameSource& inner_;
};

} // namespace hwalloc::tools
