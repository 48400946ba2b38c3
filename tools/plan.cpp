// `hwalloc plan`: which memory a camera, a GPU, a display and the CPU all take, and why the rest does not do.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hwalloc/plan.h"
#include "hwalloc/print.h"
#include "tools/capture/format_options.h"
#include "tools/commands.h"
#include "tools/device_names.h"
#include "tools/plan/participants.h"
#include "tools/plan/picture_file.h"
#include "tools/plan/report.h"
#include "tools/plan/request.h"
#include "tools/plan/screen_formats.h"
#include "tools/progress.h"

namespace hwalloc::tools {
namespace {

constexpr PlanPolicy policies[] = {PlanPolicy::strict, PlanPolicy::prefer, PlanPolicy::allow_copy};

std::vector<std::string> policy_names() {
    std::vector<std::string> names;
    for (const PlanPolicy policy : policies)
        names.emplace_back(to_string(policy));
    return names;
}

// Of a name that is one of these, as the command line has made sure.
PlanPolicy policy_of(std::string_view name) {
    const auto* found =
        std::ranges::find(policies, name, [](PlanPolicy policy) { return to_string(policy); });
    return found == std::end(policies) ? PlanPolicy::prefer : *found;
}

// A format that the caller leaves open is one that the screens show, if there is one.
void fit_to_screens(Participants& participants, Output& out) {
    ImageSpec& image = participants.image;
    const bool kept = participants.cameras.empty() || !image.pixels();
    if (participants.screens.empty() || !image.pixels() ||
        (!kept && screens_show(participants, image.fourcc)))
        return;
    const auto shown = format_for_screens(participants);
    if (!shown || *shown == image.fourcc)
        return;
    if (!participants.cameras.empty())
        out.note(fmt::format("the screen does not show {}, which the camera has: the plan is for {}",
                             fourcc_name(image.fourcc), fourcc_name(*shown)));
    image.fourcc = *shown;
}

// For a format of the caller's own that no screen shows.
void suggest_format(Participants& participants, Output& out) {
    const std::uint32_t asked = participants.image.fourcc;
    if (participants.screens.empty() || !participants.image.pixels() || screens_show(participants, asked))
        return;
    const auto shown = format_for_screens(participants);
    out.note(shown ? fmt::format("the screen does not show {}: --format {} does", fourcc_name(asked),
                                 fourcc_name(*shown))
                   : fmt::format("the screen does not show {}", fourcc_name(asked)));
}

// Every device by the name that its library knows, before the first one is opened.
Result<void> find_plan_devices(PlanOptions& options) {
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
    if (auto found = find_plan_devices(options); !found)
        return out.fail(found.error());
    auto participants = open_all(options, request);
    if (!participants)
        return out.fail(participants.error());
    if (options.format.empty())
        fit_to_screens(*participants, out);
    if (auto sound = check_request(*participants); !sound)
        return out.fail(sound.error());
    std::optional<PictureFile> picture;
    if (!options.svg.empty()) {
        auto file = PictureFile::open(options.svg);
        if (!file)
            return out.fail(file.error());
        picture.emplace(*std::move(file));
    }
    const std::vector<std::string> names = preferred_by(options, out);
    const std::vector<std::string_view> prefer(names.begin(), names.end());
    if (const auto& configured = preferred_allocators(); configured.why)
        out.note(configured.why->message());
    std::optional<Progress> progress("trying memory on every device");
    auto made = hwalloc::plan({.participants = participants->all,
                               .image = participants->image,
                               .policy = policy_of(options.policy),
                               .prefer = prefer,
                               .complete = !options.quick});
    progress.reset();
    if (!made)
        return out.fail(made.error());
    const Plan& plan = **made;
    if (out.json())
        out.print(to_json(plan));
    else
        print_plan(out, plan);
    const bool found = plan.choice() || plan.copy();
    if (!found)
        suggest_format(*participants, out);
    if (picture)
        if (auto written = picture->write(to_svg(plan)); !written) {
            out.note(written.error().message());
            return failure;
        }
    return found ? ok : failure;
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
        .add_option(
            "--format", options->format,
            "pixel format, such as YUYV, NV12 or XR24; else one that the screen shows, the camera's, or "
            "YUYV")
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
        ->check(CLI::IsMember(policy_names()))
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
