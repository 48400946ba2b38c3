#include "tools/capture/decoding_source.h"

#include "tools/capture/source_around.h"
#include "tools/image/jpeg.h"

namespace hwalloc::tools {
namespace {

class DecodingSource final : public SourceAround {
public:
    DecodingSource(FrameSource& source, const v4l2::CaptureFormat& jpeg, const v4l2::CaptureFormat& decoded)
        : SourceAround(source)
        , width_(jpeg.layout.width)
        , height_(jpeg.layout.height)
        , layout_(decoded.layout) {}

    bool needs_dma_buf() const override { return false; }
    Result<ParticipantRef> participant() override { return cpu_participant(MapFlags::write); }
    std::uint64_t decodes() const override { return decodes_; }
    std::uint32_t min_buffers() override { return 1; }
    Result<std::uint32_t> reserve(std::uint32_t count) override { return count; }
    std::string only_own_buffers() override { return {}; }

    Result<void> bind(std::span<const MemoryRef> memories) override {
        std::vector<MemoryRef> taken;
        for (const MemoryRef& memory : memories) {
            if (memory->size() < layout_.memory_sizes[0])
                return Error(ErrorKind::incompatible, "the memory is smaller than a decoded frame")
                    .on(info().path)
                    .wanted(layout_.memory_sizes[0])
                    .held(memory->size());
            auto mapping = memory->map(MapFlags::write); // that it can be written shows now
            if (!mapping)
                return std::move(mapping).error();
            if (auto ended = mapping->unmap(); !ended)
                return ended;
            auto handle = memory->ref();
            if (!handle)
                return std::move(handle).error();
            taken.push_back(std::move(*handle));
        }
        memories_ = std::move(taken);
        free_.clear();
        for (std::uint32_t i = 0; i < memories_.size(); ++i)
            free_.push_back(i);
        return {};
    }
    Result<void> unbind() override {
        memories_.clear();
        return inner().unbind();
    }
    std::uint32_t bound() const override { return static_cast<std::uint32_t>(memories_.size()); }
    Memory* memory(std::uint32_t index, std::uint32_t which) const override {
        return which == 0 && index < memories_.size() ? memories_[index].get() : nullptr;
    }

    Result<v4l2::Frame> dequeue(int timeout_ms) override {
        if (free_.empty())
            return Error(ErrorKind::invalid, "there is no buffer to decode into: all are at the application")
                .on(info().path);
        auto frame = inner().dequeue(timeout_ms);
        if (!frame)
            return frame;
        why_.reset();
        if (!is_damaged(*frame, 1)) {
            auto decoded = decode(*frame, *memories_[free_.front()]);
            if (!decoded)
                return std::move(decoded).error();
            frame->error = !*decoded;
        }
        if (auto back = inner().queue(frame->index); !back)
            return std::move(back).error();
        frame->index = free_.front();
        free_.erase(free_.begin());
        frame->offset = 0;
        if (!is_damaged(*frame, 1))
            frame->bytes_used = layout_.memory_sizes[0];
        return frame;
    }
    std::optional<Error> why_damaged() const override { return why_; }
    Result<void> queue(std::uint32_t index) override {
        free_.push_back(index); // has room for all of them
        return {};
    }

private:
    // False: it is no picture.
    Result<bool> decode(const v4l2::Frame& frame, Memory& to) {
        auto source = inner().memory(frame.index, 0)->map(MapFlags::read);
        if (!source)
            return std::move(source).error();
        auto file = bytes_of(frame.part(0), source->bytes());
        if (!file)
            return std::move(file).error();
        auto target = to.map(MapFlags::write);
        if (!target)
            return std::move(target).error();
        const ImagePlane& plane = layout_.planes[0];
        auto decoded = decode_jpeg(*file, width_, height_, JpegPixels::bgrx, plane.stride,
                                   {target->data() + plane.offset, static_cast<std::size_t>(plane.size)});
        if (!decoded && decoded.error().kind() != ErrorKind::invalid)
            return std::move(decoded).error();
        for (Mapping* mapping : {&*target, &*source})
            if (auto ended = mapping->unmap(); !ended)
                return std::move(ended).error();
        if (decoded) {
            ++decodes_;
            return true;
        }
        why_ = std::move(decoded).error();
        return false;
    }

    std::uint32_t width_, height_;
    ImageLayout layout_;
    std::vector<MemoryRef> memories_;
    std::vector<std::uint32_t> free_; // the one that waits longest first
    std::uint64_t decodes_ = 0;
    std::optional<Error> why_;
};

} // namespace

Result<v4l2::CaptureFormat> decoded_format(const v4l2::CaptureFormat& jpeg) {
    constexpr std::uint32_t code = fourcc('X', 'R', '2', '4'), pixel_bytes = 4, alignment = 256;
    const std::uint32_t row = jpeg.layout.width * pixel_bytes;
    auto layout = linear_layout(code, jpeg.layout.width, jpeg.layout.height,
                                (row + alignment - 1) / alignment * alignment);
    if (!layout)
        return std::move(layout).error();
    layout->matrix = ColorMatrix::rgb;
    layout->range = ColorRange::full;
    return v4l2::CaptureFormat{
        .pixel_format = code, .layout = *layout, .rate = jpeg.rate, .field = jpeg.field};
}

std::unique_ptr<FrameSource> decoding_source(FrameSource& source, const v4l2::CaptureFormat& jpeg,
                                             const v4l2::CaptureFormat& decoded) {
    return std::make_unique<DecodingSource>(source, jpeg, decoded);
}

} // namespace hwalloc::tools
