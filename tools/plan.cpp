// `hwalloc plan`: which memory a camera, a GPU, a display and the CPU all take, and why the rest does not do.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <utility>

#include "hwalloc/plan.h"
#include "tools/capture/format_options.h"
#include "tools/commands.h"
#include "tools/device_names.h"
#include "tools/plan/participants.h"
#include "tools/plan/report.h"

namespace hwalloc::tools {
namespace {

PlanPolicy policy_of(const std::string& name) {
    return name == "strict"       ? PlanPolicy::strict
           : name == "allow-copy" ? PlanPolicy::allow_copy
                                  : PlanPolicy::prefer;
}

Result<void> write_picture(const std::string& path, const std::string& text) {
    const auto failed = [&](const char* call) {
        return Error::from_errno(errno ? errno : EIO, "writing a picture of the plan")
            .on(path)
            .call(call)
            .remedy("--svg takes a file in a directory that is there, may be written, and has room");
    };
    errno = 0;
    std::FILE* file = std::fopen(path.c_str(), "we");
    if (!file)
        return failed("fopen");
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const int why = errno;
    const bool closed = std::fclose(file) == 0;
    if (written && closed)
        return {};
    if (!written)
        errno = why;
    return failed(written ? "fclose" : "fwrite");
}

// Every device by the name that its library knows, before the first one is opened.
Result<void> find_devices(PlanOptions& options) {
    const std::pair<DeviceKind, std::vector<std::string>*> all[] = {
        {DeviceKind::camera, &options.cameras},
        {DeviceKind::gpu, &options.gpus},
        {DeviceKind::card, &options.cards},
        {DeviceKind::video_output, &options.outputs},
        {DeviceKind::card, &options.displays}};
    for (const auto& [kind, words] : all)
        for (std::string& word : *words) {
            auto found = find_device(kind, word);
            if (!found)
                return std::move(found).error();
            word = *std::move(found);
        }
    return {};
}

// The allocators of --prefer. One that there is not stays, for the plan to tell about it.
std::vector<std::string> preferred_by(const PlanOptions& options, Output& out) {
    std::vector<std::string> names;
    for (const std::string& list : options.prefer)
        for (std::string& word : allocator_names(list)) {
            auto found = find_device(DeviceKind::allocator, word);
            if (!found)
                out.note(fmt::format("--prefer: {}", found.error().message()));
            names.push_back(found ? *std::move(found) : std::move(word));
        }
    return names;
}

int run(PlanOptions options, Output& out) {
    v4l2::FormatRequest request;
    if (const std::string wrong = parse_picture(options.size, options.format, request); !wrong.empty())
        return out.fail_usage(wrong);
    if (options.cameras.empty() && options.outputs.empty() && options.gpus.empty() &&
        options.displays.empty() && options.cards.empty() && options.cpu.empty())
        return out.fail_usage("who takes part? Name one at least: --camera, --gpu, --display, --import, "
                              "--video-output or --cpu");
    if (options.cameras.empty()) {
        if (options.size.empty() && options.bytes == 0)
            return out.fail_usage("without a camera, whose format is taken, a plan needs --size or --bytes");
        if (options.size.empty() && request.pixel_format)
            return out.fail_usage("without a camera, --format needs --size");
        if (request.pixel_format == 0)
            request.pixel_format = fourcc('Y', 'U', 'Y', 'V');
    }
    if (auto found = find_devices(options); !found)
        return out.fail(found.error());
    auto participants = open_all(options, request);
    if (!participants)
        return out.fail(participants.error());
    const std::vector<std::string> names = preferred_by(options, out);
    const std::vector<std::string_view> prefer(names.begin(), names.end());
    if (const auto& configured = preferred_allocators(); configured.why)
        out.note(configured.why->message());
    auto made = hwalloc::plan({.participants = participants->all,
                               .image = participants->image,
                               .policy = policy_of(options.policy),
                               .prefer = prefer,
                               .complete = !options.quick});
    if (!made)
        return out.fail(made.error());
    const Plan& plan = **made;
    if (!options.svg.empty())
        if (auto written = write_picture(options.svg, to_svg(plan)); !written)
            return out.fail(written.error());
    if (out.json())
        out.print(to_json(plan));
    else
        print_plan(out, plan);
    return plan.choice() || plan.copy() ? ok : failure;
}

} // namespace

Run plan(CLI::App& command) {
    auto options = std::make_shared<PlanOptions>();
    command.add_option("--camera", options->cameras, "a camera that fills the memory; may be given again")
        ->type_name("NAME");
    command.add_option("--gpu", options->gpus, "a GPU that reads it: index, part of its name, or DRM node")
        ->type_name("NAME");
    command
        .add_option("--display", options->displays, "a card that shows it on a screen: node or driver's name")
        ->type_name("NAME");
    command.add_option("--import", options->cards, "a card that only imports it: node or driver's name")
        ->type_name("NAME");
    command
        .add_option("--video-output", options->outputs,
                    "a video device that takes frames: an output, or an encoder")
        ->type_name("NAME");
    command.add_option("--cpu", options->cpu, "the CPU: read, write or readwrite")
        ->check(CLI::IsMember({"read", "write", "readwrite"}))
        ->type_name("ACCESS");
    command.add_option("--size", options->size, "of the picture, such as 1280x720; else the camera's")
        ->type_name("WxH");
    command
        .add_option("--format", options->format,
                    "pixel format, such as YUYV, NV12 or XR24; else the camera's, or YUYV")
        ->type_name("FOURCC");
    command
        .add_option("--bytes", options->bytes,
                    "what the memory must have at least, instead of or beside a picture")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62))
        ->type_name("N");
    command
        .add_option(
            "--policy", options->policy,
            "strict (what is preferred and proved, nothing else), prefer, or allow-copy (two kinds of "
            "memory and a copy by the CPU, where one kind does not do)")
        ->check(CLI::IsMember({"strict", "prefer", "allow-copy"}))
        ->type_name("POLICY")
        ->capture_default_str();
    command
        .add_option("--prefer", options->prefer,
                    "allocators to try first, separated by commas; else those of HWALLOC_ALLOCATORS or of "
                    "~/.config/hwalloc/allocators")
        ->type_name("NAME,...");
    command.add_flag(
        "--quick", options->quick,
        "stop when two kinds of memory do, one to take and one to fall back to, instead of trying all");
    command.add_option("--svg", options->svg, "draw the matrix into FILE, too")->type_name("FILE");
    command.footer("A NAME of a device or an allocator is any that `hwalloc list` prints, with its family or "
                   "without: v4l2/video0, video0, /dev/video0, a driver's, or one of udev's links.");
    return [options](Output& out) { return run(*options, out); };
}

} // namespace hwalloc::tools
