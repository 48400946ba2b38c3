// `hwalloc capture`: frames from a camera, or the test source, into memory of an allocator chosen by name.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <memory>

#include "tools/capture/buffers.h"
#include "tools/capture/consumer.h"
#include "tools/capture/loop.h"
#include "tools/capture/report.h"
#include "tools/capture/source.h"
#include "tools/capture/words.h"
#include "tools/capture/writer.h"
#include "tools/commands.h"
#include "tools/image/convert.h"

namespace hwalloc::tools {
namespace {

struct Options {
    std::string device = "auto", allocator = "auto", size, format, fps, output, to = "memory", gpu,
                scanout = "auto";
    std::uint32_t buffers = 4, screen_buffers = 2;
    std::uint64_t frames = 30;
    bool list_formats = false, allow_copy = false, mark_first_frame = false;
};

constexpr std::uint32_t formats_for_pictures[] = {fourcc('Y', 'U', 'Y', 'V'), fourcc('U', 'Y', 'V', 'Y'),
                                                  fourcc('N', 'V', '1', '2'), fourcc('R', 'G', 'B', '3'),
                                                  fourcc('X', 'R', '2', '4'), fourcc('G', 'R', 'E', 'Y')};

// Without a format asked for, where not every format will do: the first of `wanted` that there is, since
// a camera may stand at a compressed one.
Result<std::uint32_t> choose_format(FrameSource& source, std::span<const std::uint32_t> wanted) {
    auto formats = source.list_formats();
    if (!formats)
        return std::move(formats).error();
    for (const std::uint32_t code : wanted)
        for (const v4l2::FormatInfo& format : *formats)
            if (format.pixel_format == code && !format.emulated)
                return code;
    return std::uint32_t{0}; // the current one; whoever wants another says why it does not do
}

// `wanted`: the formats that will do where none was asked for; none: all.
Result<v4l2::CaptureFormat> agree(FrameSource& source, v4l2::FormatRequest request,
                                  std::span<const std::uint32_t> wanted, Output& out) {
    if (!wanted.empty() && request.pixel_format == 0) {
        auto chosen = choose_format(source, wanted);
        if (!chosen)
            return std::move(chosen).error();
        request.pixel_format = *chosen;
    }
    auto format = source.negotiate(request);
    if (!format)
        return format;
    const ImageLayout& layout = format->layout;
    if (request.pixel_format && request.pixel_format != format->pixel_format)
        return Error(ErrorKind::unsupported, "negotiating")
            .doing(fmt::format("asking for {} and getting {}", format_name(request.pixel_format),
                               format_name(format->pixel_format)))
            .on(source.info().path)
            .call("VIDIOC_S_FMT")
            .remedy(fmt::format("`hwalloc capture --device {} --list-formats` shows what it gives",
                                source.info().path));
    if (request.width && (request.width != layout.width || request.height != layout.height))
        out.note(fmt::format("{} gives {}x{} instead of {}x{}", source.info().path, layout.width,
                             layout.height, request.width, request.height));
    if (const double asked = request.rate.value(), got = format->rate.value();
        asked > 0 && got > 0 && std::abs(got - asked) > 0.01 * asked)
        out.note(
            fmt::format("{} gives {:.4g} frames a second instead of {:.4g}", source.info().path, got, asked));
    if (format->interlaced)
        out.note("the frames are interlaced: a picture shows both fields at once");
    return format;
}

// An allocator of a GPU names the GPU as well.
std::string gpu_of(const Options& options) {
    constexpr std::string_view family = "vulkan/";
    if (!options.gpu.empty() || !options.allocator.starts_with(family))
        return options.gpu;
    const std::string rest = options.allocator.substr(family.size());
    return rest.substr(0, rest.find('/'));
}

// "display=card0" names the card as well.
ConsumerRequest request_of(const Options& options) {
    ConsumerRequest request{.to = options.to.substr(0, options.to.find('=')),
                            .gpu = gpu_of(options),
                            .frames = options.frames,
                            .screen_buffers = options.screen_buffers,
                            .scanout = options.scanout,
                            .allow_copy = options.allow_copy,
                            .mark_first_frame = options.mark_first_frame};
    if (request.to.size() < options.to.size())
        request.card = options.to.substr(request.to.size() + 1);
    return request;
}

int capture_frames(const Options& options, const v4l2::FormatRequest& request, FrameWriter::Kind kind,
                   Output& out) {
    const StopSignals signals;
    std::vector<Error> passed_over;
    auto opened = open_source(options.device, request, passed_over);
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
    if (options.to != "memory") {
        auto taker = open_consumer(request_of(options));
        if (!taker)
            return out.fail(taker.error());
        consumer = std::move(*taker);
    }
    const bool picture = kind == FrameWriter::Kind::png;
    auto format = agree(source, request,
                        consumer  ? consumer->formats()
                        : picture ? std::span<const std::uint32_t>(formats_for_pictures)
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

int run(const Options& options, Output& out) {
    const bool display = options.to == "display" || options.to.starts_with("display=");
    if (!display && options.to != "memory" && options.to != "gpu")
        return out.fail_usage(
            fmt::format("--to is memory, gpu, display or display=CARD, not \"{}\"", options.to));
    if (options.to == "display=")
        return out.fail_usage("--to display=CARD wants a card, such as display=card0");
    if (!options.gpu.empty() && options.to == "memory")
        return out.fail_usage("--gpu chooses a GPU for --to gpu and --to display");
    if (!display && (options.allow_copy || options.mark_first_frame || options.screen_buffers != 2 ||
                     options.scanout != "auto"))
        return out.fail_usage(
            "--allow-copy, --mark-first-frame, --scanout and --screen-buffers are for --to display");
    if (options.scanout == "copy" && !options.allow_copy)
        return out.fail_usage("--scanout copy needs --allow-copy");
    v4l2::FormatRequest request;
    FrameWriter::Kind kind;
    if (const std::string wrong = parse_picture(options.size, options.format, request); !wrong.empty())
        return out.fail_usage(wrong);
    if (!options.fps.empty() && !parse_rate(options.fps, request.rate))
        return out.fail_usage(
            fmt::format("--fps is a rate, such as 30, 29.97 or 30000/1001, not \"{}\"", options.fps));
    if (!FrameWriter::kind_of(options.output, kind))
        return out.fail_usage(
            fmt::format("--output is FILE.png, FILE.raw or - (raw), not \"{}\"", options.output));
    if (options.output == "-" && out.json())
        return out.fail_usage("--output - and --json both want standard output");
    return capture_frames(options, request, kind, out);
}

} // namespace

Run capture(CLI::App& command) {
    auto options = std::make_shared<Options>();
    command
        .add_option("--device", options->device,
                    "PATH of a camera, \"auto\" (the first that works, else test), or \"test\" (colour bars)")
        ->type_name("PATH")
        ->capture_default_str();
    command
        .add_option("--allocator", options->allocator, "whose memory to fill, or \"auto\" (found by trying)")
        ->type_name("NAME")
        ->capture_default_str();
    command.add_option("--size", options->size, "of the picture, such as 640x480")->type_name("WxH");
    command.add_option("--format", options->format, "pixel format, such as YUYV, NV12 or RGB24")
        ->type_name("FOURCC");
    command.add_option("--fps", options->fps, "frames a second, such as 30 or 30000/1001")->type_name("N");
    command.add_option("--buffers", options->buffers, "how many are filled in turn")
        ->check(CLI::Range(1, 1024))
        ->type_name("N")
        ->capture_default_str();
    command.add_option("--frames", options->frames, "how many to take; 0: until Control-C")
        ->check(CLI::Validator(
            [](std::string& text) {
                std::uint64_t number = 0;
                const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
                return end.ec == std::errc{} && end.ptr == text.data() + text.size()
                           ? std::string()
                           : "a number of frames is a whole number from 0 on, not \"" + text + "\"";
            },
            ""))
        ->type_name("N")
        ->capture_default_str();
    command
        .add_option("--output", options->output,
                    "FILE.png (the last frame), FILE.raw (all frames), or - (all, to standard output)")
        ->type_name("FILE");
    command
        .add_option("--to", options->to,
                    "where the frames go: memory, gpu (converted there, without a copy; --output is its "
                    "picture), display (a monitor, by the GPU), or display=CARD (node or driver)")
        ->type_name("WHERE")
        ->capture_default_str();
    command
        .add_option("--gpu", options->gpu,
                    "which one: index, part of its name, or DRM node; else the first that takes dma-bufs")
        ->type_name("N|NAME");
    command
        .add_option("--screen-buffers", options->screen_buffers, "how many a display shows in turn: 2 or 3")
        ->check(CLI::Range(2, 3))
        ->type_name("N")
        ->capture_default_str();
    command
        .add_option(
            "--scanout", options->scanout,
            "the memory a display shows: vulkan (the GPU's), drm-dumb (the card's own), copy, or auto "
            "(the first that does)")
        ->check(CLI::IsMember({"auto", "vulkan", "drm-dumb", "copy"}))
        ->type_name("KIND")
        ->capture_default_str();
    command.add_flag("--allow-copy", options->allow_copy,
                     "let the CPU copy pictures for a display where no memory does for it and the GPU");
    command.add_flag("--mark-first-frame", options->mark_first_frame,
                     "print SCREENSHOT on standard error once a second frame is on the display");
    command.add_flag("--list-formats", options->list_formats,
                     "show what the camera offers, and capture nothing");
    return [options](Output& out) { return run(*options, out); };
}

} // namespace hwalloc::tools
