#include "tools/capture/attempt.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/capture/negotiation.h"
#include "tools/capture/whole_jpegs.h"
#include "tools/image/jpeg.h"
#include "tools/progress.h"

namespace hwalloc::tools {
namespace {

Result<void> start_stream(FrameSource& source, Started& started) {
    if (auto streams = source.start(); !streams)
        return streams;
    const Progress progress("waiting for the first frame of " + source.info().path);
    auto first = wait_for_whole_frame(started.around ? *started.around : source, started.format);
    if (!first) {
        (void)source.stop();
        return std::move(first).error();
    }
    started.first = *first;
    return {};
}

} // namespace

Result<Started> start_source(FrameSource& source, FrameConsumer* consumer, FrameWriter& writer,
                             const CaptureOptions& options) {
    Started started;
    source.allow_copies(options.allow_copy);
    const bool picture = writer.wants_last_frame();
    if (auto ready = source.use_input(options.input, started.notes); !ready)
        return std::move(ready).error();
    const bool own_jpeg = options.output_kind == FrameWriter::Kind::jpeg;
    auto format = agree(source, options.format,
                        consumer   ? consumer->formats()
                        : own_jpeg ? std::span<const std::uint32_t>(jpeg_formats)
                        : picture  ? formats_for_pictures()
                                   : std::span<const std::uint32_t>(),
                        started.notes);
    if (!format)
        return std::move(format).error();
    started.format = *format;
    if (consumer) {
        if (auto can = consumer->set_format(*format); !can)
            return std::move(can).error();
        for (std::string& note : consumer->notes())
            started.notes.push_back(std::move(note));
    }
    if (auto can = writer.set_format(*format); !can)
        return Error(can.error()).on(source.info().path);
    if (picture && is_jpeg(format->pixel_format))
        started.around = whole_jpegs(source, *format);
    // One more than the driver keeps, and one for the frame that a picture is made of at the end.
    const std::uint32_t least = source.min_buffers() + (picture && !consumer ? 2 : 1);
    const bool read_by_cpu = writer.wants_every_frame() || (picture && !consumer);
    auto buffers = bind_buffers(source, consumer, read_by_cpu, *format, options.allocator,
                                std::max(options.buffers, least));
    if (!buffers)
        return std::move(buffers).error();
    started.buffers = std::move(*buffers);
    for (const Error& error : started.buffers.passed_over)
        started.notes.push_back("passed over " + in_a_line(error));
    started.imports = source.needs_dma_buf() && !started.buffers.own ? source.bound() : 0;
    if (started.buffers.own)
        started.notes.push_back("the driver imports no dma-bufs: frames are in its own, exported");
    if (source.copies_frames())
        started.notes.push_back("the driver imports no dma-bufs: the CPU copies every frame");
    if (source.bound() != options.buffers)
        started.notes.push_back(fmt::format(
            "capturing with {} buffers instead of {}: {}", source.bound(), options.buffers,
            source.bound() > options.buffers ? "the source needs them" : "the source takes no more"));
    if (auto streams = start_stream(source, started); !streams) {
        if (consumer)
            consumer->unbind();
        (void)source.unbind();
        return std::move(streams).error();
    }
    return started;
}

} // namespace hwalloc::tools
