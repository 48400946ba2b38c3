#include "tools/capture/loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "tools/capture/clock.h"
#include "tools/capture/counters.h"
#include "tools/capture/samples.h"
#include "tools/capture/stop_signals.h"

namespace hwalloc::tools {
namespace {

// A line that is written over, for whoever watches a run that takes a while.
class ProgressLine {
public:
    ProgressLine(bool wanted, std::uint64_t total)
        : wanted_(wanted), total_(total), next_(now_ns() + 2 * second_ns) {}
    ~ProgressLine() {
        if (shown_)
            std::fputs("\r\033[K", stderr);
    }
    void show(const Statistics& so_far, std::int64_t now) {
        if (!wanted_ || now < next_)
            return;
        next_ = now + second_ns / 2;
        shown_ = true;
        fmt::print(stderr, "\r\033[K{}{} frames, {} lost, Control-C ends", so_far.frames,
                   total_ ? fmt::format(" of {}", total_) : std::string(), so_far.dropped);
        std::fflush(stderr);
    }

private:
    bool wanted_, shown_ = false;
    std::uint64_t total_;
    std::int64_t next_;
};

// Counts once each buffer was used twice, and at the end: what is set up on first use is no part of a frame.
class SteadyState {
public:
    explicit SteadyState(std::uint64_t begins) : begins_(begins) {}
    void after_frame(std::uint64_t frames) {
        if (frames == begins_)
            first_ = count_now();
    }
    void end(std::uint64_t frames, Statistics& statistics) const {
        if (frames <= begins_)
            return;
        const Counts last = count_now();
        const auto each = [&](const std::optional<std::uint64_t>& now,
                              const std::optional<std::uint64_t>& then) {
            return now && then
                       ? std::optional(std::max(0.0, static_cast<double>(*now) - static_cast<double>(*then)) /
                                       static_cast<double>(frames - begins_))
                       : std::nullopt;
        };
        statistics.allocations_per_frame = each(last.allocations, first_.allocations);
        statistics.mappings_per_frame = each(last.mappings, first_.mappings);
    }

private:
    std::uint64_t begins_;
    Counts first_;
};

std::int64_t patience_ns(const v4l2::CaptureFormat& format) {
    const double interval = format.rate.value() > 0 ? 1 / format.rate.value() : 1;
    return static_cast<std::int64_t>(std::max(5.0, 4 * interval) * static_cast<double>(second_ns));
}

// How many frames a second there were from the first to the last: by the source's own clock, which knows
// nothing of how busy this machine is, or by when they came here, where that clock is another one or does not
// go on.
class Rate {
public:
    void add(const v4l2::Frame& frame, std::int64_t arrival) {
        last_ = {arrival, frame.timestamp_ns};
        if (frames_++ == 0)
            first_ = last_;
        has_clock_ = has_clock_ && frame.monotonic;
    }
    std::optional<double> frames_a_second() const {
        std::int64_t interval = has_clock_ ? last_.taken - first_.taken : 0;
        if (interval <= 0)
            interval = last_.arrival - first_.arrival;
        if (frames_ < 2 || interval <= 0)
            return std::nullopt;
        return static_cast<double>(frames_ - 1) * static_cast<double>(second_ns) /
               static_cast<double>(interval);
    }

private:
    struct Times {
        std::int64_t arrival = 0, taken = 0;
    };
    Times first_, last_;
    std::uint64_t frames_ = 0;
    bool has_clock_ = true;
};

Result<void> write_picture(FrameConsumer& consumer, FrameWriter& writer) {
    Picture picture;
    if (auto made = consumer.picture(picture); !made)
        return made;
    return writer.write_picture(picture);
}

} // namespace

Result<std::optional<v4l2::Frame>> wait_for_frame(FrameSource& source, const v4l2::CaptureFormat& format,
                                                  const std::function<void()>& woken) {
    const std::int64_t patience = patience_ns(format), began = now_ns();
    while (!StopSignals::stop_wanted()) {
        auto frame = source.dequeue(2000);
        if (woken)
            woken();
        if (frame)
            return std::optional(*frame);
        const Error& error = frame.error();
        if (error.kind() == ErrorKind::incompatible)
            return Error(error).remedy(
                "begin another capture: it sets the device to the signal that is there");
        if (error.kind() != ErrorKind::busy || (error.code() != EINTR && error.code() != ETIMEDOUT))
            return error;
        if (now_ns() - began >= patience)
            return Error(error)
                .doing(fmt::format("no frame came for {} s", patience / second_ns))
                .on(source.info().path)
                .remedy("the camera does not deliver: check its input, and the kernel log");
    }
    return std::optional<v4l2::Frame>();
}

Result<FirstFrame> wait_for_whole_frame(FrameSource& source, const v4l2::CaptureFormat& format) {
    FirstFrame first;
    const std::int64_t patience = patience_ns(format), began = now_ns();
    do {
        auto frame = wait_for_frame(source, format);
        if (!frame)
            return std::move(frame).error();
        first.frame = *frame;
        if (!first.frame || !is_damaged(*first.frame, format.layout.memory_count))
            return first;
        ++first.damaged;
        if (auto back = source.queue(first.frame->index); !back)
            return std::move(back).error();
    } while (now_ns() - began < patience);
    const auto why = source.why_damaged();
    return Error(ErrorKind::unavailable, "waiting for a frame")
        .doing(fmt::format("every frame was damaged: {} in {} s{}", first.damaged, patience / second_ns,
                           why ? fmt::format(" (of the last: {})", why->operation()) : std::string()))
        .on(source.info().path)
        .remedy("check the camera's cable and its input's signal, and the kernel log (`dmesg`)");
}

Statistics run_capture(FrameSource& source, const v4l2::CaptureFormat& format, const FirstFrame& first,
                       std::uint64_t frames, FrameConsumer* consumer, FrameWriter& writer, Telling telling,
                       std::optional<Error>& failed) {
    Statistics statistics;
    Samples latencies(frames);
    SteadyState steady(std::uint64_t{2} * source.bound());
    const auto fail = [&](Result<void> result) {
        if (!result && !failed)
            failed = std::move(result).error();
        return failed.has_value();
    };
    // The last good frame is kept back until a newer one is there, for a writer that wants it in the end. A
    // consumer has the picture itself.
    const bool keeps_last = writer.wants_last_frame() && !consumer;
    std::optional<v4l2::Frame> kept;
    std::optional<std::uint32_t> last_sequence;
    Rate rate;
    ProgressLine progress(telling.progress, frames);
    const std::function<void()> woken = [&] { progress.show(statistics, now_ns()); };
    std::optional<v4l2::Frame> frame = first.frame;
    for (bool over = false; !over && (frames == 0 || statistics.frames < frames); frame.reset()) {
        if (!frame) {
            auto next = wait_for_frame(source, format, woken);
            if (!next) {
                failed = std::move(next).error();
                break;
            }
            if (!*next)
                break;
            frame = *next;
        }
        over = frame->last; // another would be waited for in vain
        if (over && frame->bytes_used == 0) {
            (void)fail(source.queue(frame->index));
            break;
        }
        const std::int64_t now = now_ns();
        steady.after_frame(statistics.frames);
        if (++statistics.frames == 2 && telling.first_frame)
            std::fputs("FRAME\n", stderr);
        rate.add(*frame, now);
        // The difference of two counts is right across their wrap-around; a driver that does not count, or
        // counts backwards, loses nothing that could be told.
        if (const std::uint32_t step = last_sequence ? frame->sequence - *last_sequence : 1;
            step - 1 < 1u << 31)
            statistics.dropped += step - 1;
        last_sequence = frame->sequence;
        if (frame->monotonic)
            latencies.add(now - frame->timestamp_ns);
        if (is_damaged(*frame, format.layout.memory_count)) {
            ++statistics.errors;
            if (fail(source.queue(frame->index)))
                break;
            continue;
        }
        if (consumer && fail(consumer->take(*frame)))
            break;
        if (writer.wants_every_frame() && fail(writer.write(source.memories(frame->index), *frame)))
            break;
        if (!keeps_last) {
            if (fail(source.queue(frame->index)))
                break;
            continue;
        }
        if (kept && fail(source.queue(kept->index)))
            break;
        kept = *frame;
    }
    steady.end(statistics.frames, statistics);
    if (kept)
        (void)fail(writer.write(source.memories(kept->index), *kept));
    if (consumer) {
        (void)fail(consumer->finish());
        statistics.copies = consumer->copies();
        if (writer.wants_last_frame() && statistics.frames > statistics.errors)
            (void)fail(write_picture(*consumer, writer));
    }
    if (auto stopped = source.stop(); !stopped)
        (void)fail(std::move(stopped));

    statistics.copies += source.copies();
    statistics.decodes = source.decodes();
    statistics.fps = rate.frames_a_second();
    statistics.frames += first.damaged;
    statistics.errors += first.damaged;
    const Samples::Percentiles latency = latencies.percentiles();
    statistics.latency_p50 = latency.p50;
    statistics.latency_p99 = latency.p99;
    return statistics;
}

} // namespace hwalloc::tools
