#include "tools/capture/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "tools/capture/attempt.h"
#include "tools/capture/choice.h"
#include "tools/capture/loop.h"
#include "tools/capture/offers.h"
#include "tools/capture/report.h"
#include "tools/capture/stop_signals.h"

namespace hwalloc::tools {
namespace {

// Tells what there is to be told of a capture that is over.
int finish(const CaptureOptions& options, const SourceChoice& choice, const Started& started,
           const Statistics& statistics, FrameConsumer* consumer, std::optional<Error> failed, Output& out) {
    FrameSource& source = started.frames(choice.source());
    Json document =
        out.json() ? report(source, started, statistics, options.output, choice.passed_over()) : Json();
    std::string text = summary(source, started, statistics);
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

} // namespace

int run_capture_command(const CaptureOptions& options, OpenConsumer open_consumer, Output& out,
                        const Cameras& cameras) {
    const StopSignals signals;
    SourceChoice choice(options.device, cameras);
    if (options.list_formats) {
        auto offers = choice.first_that_works(out, list_offers);
        return offers ? show_offers(choice.source(), *offers, out) : out.fail(offers.error());
    }
    // First what would fail with every camera.
    if (options.allocator != "auto")
        if (auto named = Allocator::resolve(options.allocator); !named)
            return out.fail(named.error());
    FrameWriter writer(options.output_kind);
    if (auto writable = writer.open(options.output); !writable)
        return out.fail(writable.error());
    std::unique_ptr<FrameConsumer> consumer;
    const auto reopen_consumer = [&]() -> Result<void> {
        consumer.reset();
        auto opened = open_consumer(*options.consumer);
        if (!opened)
            return std::move(opened).error();
        consumer = std::move(*opened);
        return {};
    };
    if (options.consumer)
        if (auto opened = reopen_consumer(); !opened)
            return out.fail(opened.error());

    bool used = false; // a consumer starts afresh with each camera
    auto started = choice.first_that_works(out, [&](FrameSource& source) -> Result<Started> {
        if (options.consumer && std::exchange(used, true))
            if (auto opened = reopen_consumer(); !opened)
                return std::move(opened).error();
        return start_source(source, consumer.get(), writer, options);
    });
    if (!started)
        return out.fail(started.error());
    for (const std::string& note : started->notes)
        out.note(note);

    std::optional<Error> failed;
    const Telling telling{.progress = ::isatty(STDERR_FILENO) == 1, .first_frame = options.mark_first_frame};
    const Statistics statistics =
        run_capture(started->frames(choice.source()), started->format, started->first, options.frames,
                    consumer.get(), writer, telling, failed);
    if (auto closed = writer.close(); !closed && !failed)
        failed = closed.error();
    if (!failed && statistics.frames == statistics.errors)
        failed =
            Error(ErrorKind::unavailable, "capturing")
                .doing(statistics.frames ? "every frame was damaged" : "ended before the first frame came")
                .on(choice.source().info().path);
    // Everything that was set up is undone in either case, and what there is was written.
    return finish(options, choice, *started, statistics, consumer.get(), std::move(failed), out);
}

} // namespace hwalloc::tools
