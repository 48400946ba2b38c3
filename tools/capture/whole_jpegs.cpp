#include "tools/capture/whole_jpegs.h"

#include "tools/capture/source_around.h"
#include "tools/image/jpeg.h"

namespace hwalloc::tools {
namespace {

class WholeJpegs final : public SourceAround {
public:
    WholeJpegs(FrameSource& source, const v4l2::CaptureFormat& format)
        : SourceAround(source), width_(format.layout.width), height_(format.layout.height) {}

    Result<v4l2::Frame> dequeue(int timeout_ms) override {
        auto frame = inner().dequeue(timeout_ms);
        why_.reset();
        if (!frame || is_damaged(*frame, 1))
            return frame;
        auto mapping = inner().memory(frame->index, 0)->map(MapFlags::read);
        if (!mapping)
            return std::move(mapping).error();
        auto bytes = bytes_of(frame->part(0), mapping->bytes());
        if (!bytes)
            return std::move(bytes).error();
        auto whole = try_jpeg(*bytes, width_, height_);
        if (!whole && whole.error().kind() != ErrorKind::invalid)
            return std::move(whole).error();
        if (auto ended = mapping->unmap(); !ended)
            return std::move(ended).error();
        if (whole) {
            ++decodes_;
            return frame;
        }
        frame->error = true;
        why_ = std::move(whole).error();
        return frame;
    }
    std::uint64_t decodes() const override { return decodes_; }
    std::optional<Error> why_damaged() const override { return why_; }

private:
    std::uint32_t width_, height_;
    std::uint64_t decodes_ = 0;
    std::optional<Error> why_;
};

} // namespace

std::unique_ptr<FrameSource> whole_jpegs(FrameSource& source, const v4l2::CaptureFormat& format) {
    return std::make_unique<WholeJpegs>(source, format);
}

} // namespace hwalloc::tools
