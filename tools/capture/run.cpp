#include "tools/capture/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "tools/capture/buffers.h"
#include "tools/capture/loop.h"
#include "tools/capture/negotiation.h"
#include "tools/capture/report.h"

namespace hwalloc::tools {

int run_capture_command(const CaptureOptions& options, OpenConsumer open_consumer, Output& out) {
    const StopSignals signals;
    std::vector<Error> passed_over;
    auto opened = open_source(options.device, options.format, passed_over);
    if (!opened)
        return out.fail(opened.error());
    FrameSource& source = **opened;
    if (options.device == "auto" && source.info().path == "test")
        out.note("no camera can be used here: taking the built-in test source");
    for (const Error& error : passed_over)
        out.note(fmt::format("passed over: {}", error.message()));
    if (options.list_formats)
        return list_formats(source, out);

    std::unique_ptr<FrameConsumer> consumer;
    if (options.consumer) {
        auto taker = open_consumer(*options.consumer);
        if (!taker)
            return out.fail(taker.error());
        consumer = std::move(*taker);
    }
    const FrameWriter::Kind kind = options.output_kind;
    const bool picture = kind == FrameWriter::Kind::png;
    auto format = agree(source, options.format,
                        consumer  ? consumer->formats()
                        : picture ? formats_for_pictures()
                                  : std::span<const std::uint32_t>(),
                        out);
    if (!format)
        return out.fail(format.error());
    if (consumer)
        if (auto can = consumer->set_format(*format); !can)
            return out.fail(can.error());
    FrameWriter writer(kind);
    if (auto can = writer.set_format(*format); !can)
        return out.fail(Error(can.error()).on(source.info().path));
    if (auto writable = writer.open(options.output); !writable)
        return out.fail(writable.error());
    // One more than the driver keeps, and one for the frame that a picture is made of at the end.
    const std::uint32_t least = source.min_buffers() + (picture && !consumer ? 2 : 1);
    const bool read_by_cpu = kind == FrameWriter::Kind::raw || (picture && !consumer);
    auto buffers = bind_buffers(source, consumer.get(), read_by_cpu, *format, options.allocator,
                                std::max(options.buffers, least));
    if (!buffers)
        return out.fail(buffers.error());
    // Into the camera's driver; the test source fills memory where it is.
    const std::uint32_t imports = source.needs_dma_buf() ? source.bound() : 0;
    if (source.bound() != options.buffers)
        out.note(fmt::format("capturing with {} buffers instead of {}: {}", source.bound(), options.buffers,
                             source.bound() > options.buffers ? "the source needs them"
                                                              : "the source takes no more"));

    std::optional<Error> failed;
    const bool progress = ::isatty(STDERR_FILENO) == 1;
    const Statistics statistics =
        run_capture(source, *format, options.frames, consumer.get(), writer, progress, failed);
    if (auto closed = writer.close(); !closed && !failed)
        failed = closed.error();
    if (!failed && statistics.frames == statistics.errors)
        failed =
            Error(ErrorKind::unavailable, "capturing")
                .doing(statistics.frames ? "every frame was damaged" : "ended before the first frame came")
                .on(source.info().path);
    // Everything that was set up is undone in either case, and what there is was written.
    Json document =
        out.json() ? report(source, *format, *buffers, imports, statistics, options.output) : Json();
    std::string text = summary(source, *format, *buffers, statistics, imports);
    if (consumer) {
        if (out.json())
            consumer->report(document);
        text += "\n" + consumer->summary();
        consumer->unbind();
    }
    if (auto unbound = source.unbind(); !unbound && !failed)
        failed = unbound.error();
    if (failed)
        return out.fail(*failed);
    if (out.json()) {
        out.print(document);
    } else if (options.output == "-") {
        out.note(text);
    } else {
        out.line(text);
        if (!options.output.empty())
            out.line(fmt::format("written to {}", options.output));
    }
    return ok;
}

} // namespace hwalloc::tools
