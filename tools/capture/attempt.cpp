#include "tools/capture/attempt.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/capture/decoding_source.h"
#include "tools/capture/format_options.h"
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
    auto first = wait_for_whole_frame(started.frames(source), started.format);
    if (!first) {
        (void)source.stop();
        return std::move(first).error();
    }
    started.first = *first;
    return {};
}

// Which formats will do, the best one first; none: all.
std::vector<std::uint32_t> formats_for(const FrameConsumer* consumer, FrameWriter::Kind kind) {
    std::span<const std::uint32_t> formats;
    if (consumer)
        formats = consumer->formats();
    else if (kind == FrameWriter::Kind::jpeg)
        formats = jpeg_formats;
    else if (kind == FrameWriter::Kind::png)
        formats = formats_for_pictures();
    std::vector<std::uint32_t> all(formats.begin(), formats.end());
    if (consumer) // they can be decoded for it
        all.insert(all.end(), std::begin(jpeg_formats), std::end(jpeg_formats));
    return all;
}

// Puts around a source of JPEG what looks at its frames, or makes what the consumer takes of them.
Result<void> put_around(FrameSource& source, const FrameConsumer* consumer, const FrameWriter& writer,
                        Started& started) {
    if (!is_jpeg(started.format.pixel_format))
        return {};
    if (!consumer) {
        if (writer.wants_last_frame())
            started.around = whole_jpegs(source, started.format);
        return {};
    }
    auto format = decoded_format(started.format);
    if (!format)
        return Error(format.error()).on(source.info().path);
    started.decoded = Decoded{.format = *format, .from = {}};
    started.around = decoding_source(source, started.format, *format);
    started.notes.push_back(fmt::format("{} sends {}: the CPU decodes every frame into {}",
                                        source.info().path, format_name(started.format.pixel_format),
                                        format_name(format->pixel_format)));
    return {};
}

void tell_refusals(const Buffers& buffers, std::vector<std::string>& notes) {
    for (const Error& error : buffers.passed_over)
        notes.push_back("passed over " + in_a_line(error));
}

// What the camera's own frames come in, where they are decoded: any memory that it and the CPU take. The
// named memory is for what they become.
Result<void> bind_for_decoding(FrameSource& source, std::uint32_t count, Started& started) {
    auto buffers = bind_buffers(source, nullptr, true, started.format, "auto",
                                std::max(count, source.min_buffers() + 1));
    if (!buffers)
        return std::move(buffers).error();
    started.decoded->from = std::move(*buffers);
    started.decoded->count = source.bound();
    tell_refusals(started.decoded->from, started.notes);
    return {};
}

// Binds memory to all of them. On an error nothing is bound.
Result<void> bind_all_buffers(FrameSource& source, FrameConsumer* consumer, const FrameWriter& writer,
                              const CaptureOptions& options, Started& started) {
    if (started.decoded)
        if (auto bound = bind_for_decoding(source, options.buffers, started); !bound)
            return bound;
    FrameSource& frames = started.frames(source);
    // One more than the driver keeps, and one for the frame that a picture is made of at the end.
    const bool keeps_last = writer.wants_last_frame() && !consumer;
    const std::uint32_t least = frames.min_buffers() + (keeps_last ? 2 : 1);
    auto buffers = bind_buffers(frames, consumer, writer.wants_every_frame() || keeps_last,
                                started.used_format(), options.allocator, std::max(options.buffers, least));
    if (!buffers) {
        if (started.decoded)
            (void)source.unbind();
        return std::move(buffers).error();
    }
    started.buffers = std::move(*buffers);
    tell_refusals(started.buffers, started.notes);
    const bool own = started.decoded ? started.decoded->from.own : started.buffers.own;
    started.imports =
        source.needs_dma_buf() && !own ? source.bound() * started.format.layout.memory_count : 0;
    if (own)
        started.notes.emplace_back("the driver imports no dma-bufs: frames are in its own, exported");
    return {};
}
} // namespace

Result<Started> start_source(FrameSource& source, FrameConsumer* consumer, FrameWriter& writer,
                             const CaptureOptions& options) {
    Started started;
    source.allow_copies(options.allow_copy);
    if (auto ready = source.use_input(options.input, started.notes); !ready)
        return std::move(ready).error();
    if (auto set = source.set_controls(options.controls, started.notes); !set)
        return std::move(set).error();
    auto format = agree(source, options.format, formats_for(consumer, options.output_kind), started.notes);
    if (!format)
        return std::move(format).error();
    started.format = *format;
    source.tell_rectangles(*format, started.notes);
    if (auto done = put_around(source, consumer, writer, started); !done)
        return std::move(done).error();
    if (consumer) {
        if (auto can = consumer->set_format(started.used_format()); !can)
            return std::move(can).error();
        for (std::string& note : consumer->notes())
            started.notes.push_back(std::move(note));
    }
    if (auto can = writer.set_format(started.used_format()); !can)
        return Error(can.error()).on(source.info().path);
    if (auto bound = bind_all_buffers(source, consumer, writer, options, started); !bound)
        return std::move(bound).error();
    if (source.copies_frames())
        started.notes.emplace_back("the driver imports no dma-bufs: the CPU copies every frame");
    if (const std::uint32_t bound = started.frames(source).bound(); bound != options.buffers)
        started.notes.push_back(
            fmt::format("capturing with {} buffers instead of {}: {}", bound, options.buffers,
                        bound > options.buffers ? "the source needs them" : "the source takes no more"));
    if (auto streams = start_stream(source, started); !streams) {
        if (consumer)
            consumer->unbind();
        (void)started.frames(source).unbind();
        return std::move(streams).error();
    }
    return started;
}

} // namespace hwalloc::tools
