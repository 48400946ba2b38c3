// `hwalloc capture`: frames from a camera, or the test source, into memory of an allocator chosen by name.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "tools/capture/format_options.h"
#include "tools/capture/run.h"
#include "tools/commands.h"
#include "tools/device_names.h"
#include "tools/module/load.h"

namespace hwalloc::tools {
namespace {

struct Options {
    std::string device = "auto", input, allocator = "auto", size, format, fps, output, to = "memory", gpu,
                scanout = "auto";
    std::vector<std::string> controls;
    std::uint32_t buffers = 4, screen_buffers = 2;
    std::uint64_t frames = 30;
    bool list_formats = false, allow_copy = false, mark_first_frame = false;
};

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

// Every device by the name that its library knows.
Result<void> find_capture_devices(Options& options) {
    const auto find = [](DeviceKind kind, std::string& word) -> Result<void> {
        auto found = find_device(kind, word);
        if (!found)
            return std::move(found).error();
        word = *std::move(found);
        return {};
    };
    if (options.device != "auto" && options.device != "test")
        if (auto found = find(DeviceKind::camera, options.device); !found)
            return found;
    if (options.allocator != "auto")
        if (auto found = find(DeviceKind::allocator, options.allocator); !found)
            return found;
    if (!options.gpu.empty())
        if (auto found = find(DeviceKind::gpu, options.gpu); !found)
            return found;
    constexpr std::string_view on = "display=";
    if (!options.to.starts_with(on))
        return {};
    std::string card = options.to.substr(on.size());
    if (auto found = find(DeviceKind::card, card); !found)
        return found;
    options.to = std::string(on) + card;
    return {};
}

int run(Options options, Output& out) {
    const bool display = options.to == "display" || options.to.starts_with("display=");
    if (!display && options.to != "memory" && options.to != "gpu")
        return out.fail_usage(
            fmt::format("--to is memory, gpu, display or display=CARD, not \"{}\"", options.to));
    if (options.to == "display=")
        return out.fail_usage("--to display=CARD wants a card, such as display=card0");
    if (!options.gpu.empty() && options.to == "memory")
        return out.fail_usage("--gpu chooses a GPU for --to gpu and --to display");
    if (!display && (options.screen_buffers != 2 || options.scanout != "auto"))
        return out.fail_usage("--scanout and --screen-buffers are for --to display");
    if (options.scanout == "copy" && !options.allow_copy)
        return out.fail_usage("--scanout copy needs --allow-copy");
    if (auto found = find_capture_devices(options); !found)
        return out.fail(found.error());
    CaptureOptions checked{.device = options.device,
                           .allocator = options.allocator,
                           .input = options.input,
                           .buffers = options.buffers,
                           .frames = options.frames,
                           .output = options.output,
                           .allow_copy = options.allow_copy,
                           .list_formats = options.list_formats,
                           .mark_first_frame = options.mark_first_frame && !display,
                           .consumer = std::nullopt};
    for (const std::string& text : options.controls)
        if (!parse_control(text, checked.controls.emplace_back()))
            return out.fail_usage(
                fmt::format("--control is NAME=VALUE, such as exposure=300, not \"{}\"", text));
    if (options.to != "memory")
        checked.consumer = request_of(options);
    if (const std::string wrong = parse_picture(options.size, options.format, checked.format); !wrong.empty())
        return out.fail_usage(wrong);
    if (!options.fps.empty() && !parse_rate(options.fps, checked.format.rate))
        return out.fail_usage(
            fmt::format("--fps is a rate, such as 30, 29.97 or 30000/1001, not \"{}\"", options.fps));
    if (!FrameWriter::kind_of(options.output, checked.output_kind))
        return out.fail_usage(
            fmt::format("--output is FILE.png, FILE.jpg, FILE.raw or - (raw), not \"{}\"", options.output));
    if (checked.output_kind == FrameWriter::Kind::jpeg && checked.consumer)
        return out.fail_usage(
            "--output FILE.jpg is a frame as the camera sent it: with --to gpu and display, name a FILE.png");
    if (options.output == "-" && out.json())
        return out.fail_usage("--output - and --json both want standard output");
    return run_capture_command(checked, open_consumer, out);
}

} // namespace

Run capture(CLI::App& command) {
    auto options = std::make_shared<Options>();
    command
        .add_option(
            "--device,DEVICE", options->device,
            "NAME of a camera, as `hwalloc list` has it or its node; \"auto\" (the first that delivers "
            "a frame; test where there is none), or \"test\" (colour bars)")
        ->type_name("NAME")
        ->capture_default_str();
    command
        .add_option("--input", options->input,
                    "of the camera, by its name or number: where it has several, such as HDMI and a tuner")
        ->type_name("N|NAME");
    command
        .add_option("--control", options->controls,
                    "set a control of the camera first, such as auto_exposure=\"Manual Mode\"; several "
                    "times: in this order")
        ->type_name("NAME=VALUE");
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
                    "FILE.png (the last frame), FILE.jpg (the last, as a camera that has MJPG sent it), "
                    "FILE.raw (all "
                    "frames), or - (all, to standard output)")
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
    command.add_flag(
        "--allow-copy", options->allow_copy,
        "let the CPU copy frames of a camera whose driver imports no dma-bufs, and pictures for a "
        "display where no memory does for it and the GPU");
    command.add_flag("--mark-first-frame", options->mark_first_frame,
                     "print a line on standard error once a second frame is there: FRAME, or with --to "
                     "display SCREENSHOT");
    command.add_flag("--list-formats", options->list_formats,
                     "show what the camera offers, and capture nothing");
    return [options](Output& out) { return run(*options, out); };
}

} // namespace hwalloc::tools
