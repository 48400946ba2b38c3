#include "tools/capture/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "hwalloc/v4l2_inputs.h"
#include "tools/capture/format_options.h"

namespace hwalloc::tools {
namespace {

Result<void> select_input(v4l2::Camera& camera, const std::string& wanted) {
    const auto inputs = v4l2::list_inputs(camera);
    if (!inputs)
        return inputs.error();
    std::uint32_t number = 0;
    const bool by_number = parse_number(wanted, number);
    const auto same_name = [&](const v4l2::Input& input) {
        return std::equal(
            input.name.begin(), input.name.end(), wanted.begin(), wanted.end(),
            [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    };
    const auto found = std::find_if(inputs->begin(), inputs->end(), [&](const v4l2::Input& input) {
        return by_number ? input.index == number : same_name(input);
    });
    if (found != inputs->end()) {
        const auto selected = v4l2::current_input(camera);
        if (selected && selected->index == found->index)
            return {};
        return v4l2::set_input(camera, found->index);
    }
    std::vector<std::string> names;
    for (const v4l2::Input& input : *inputs)
        names.push_back(fmt::format("{} ({})", input.index, input.name));
    return Error(ErrorKind::invalid, "selecting an input")
        .doing(fmt::format("there is no input {}", wanted))
        .on(camera.info().path)
        .remedy(names.empty() ? std::string("this camera has no inputs to choose: leave --input out")
                              : fmt::format("choose one of its inputs: {}", fmt::join(names, ", ")));
}

Result<void> take_timings(v4l2::Camera& camera, std::vector<std::string>& notes) {
    const auto found = v4l2::detect_timings(camera);
    if (!found)
        return found.error();
    auto done = v4l2::set_timings(camera, *found);
    if (done)
        notes.push_back(fmt::format("{} is set to its signal: {}", camera.info().path, to_string(*found)));
    return done;
}

Result<void> take_standard(v4l2::Camera& camera, std::vector<std::string>& notes) {
    const auto found = v4l2::detect_standard(camera);
    if (!found)
        return found.error();
    const auto listed = v4l2::list_standards(camera);
    if (!listed)
        return listed.error();
    // The narrowest that has all of what the signal may be.
    const v4l2::VideoStandard* best = nullptr;
    for (const v4l2::VideoStandard& standard : *listed)
        if ((*found & ~standard.bits) == 0 &&
            (!best || std::popcount(standard.bits) < std::popcount(best->bits)))
            best = &standard;
    auto done = v4l2::set_standard(camera, best ? best->bits : *found);
    if (done)
        notes.push_back(fmt::format("{} is set to its signal: {}", camera.info().path,
                                    best ? best->name : fmt::format("standard {:#x}", *found)));
    return done;
}

} // namespace

Result<void> use_input(v4l2::Camera& camera, const std::string& input, std::vector<std::string>& notes) {
    if (!input.empty())
        if (auto selected = select_input(camera, input); !selected)
            return selected;
    auto signal = v4l2::check_signal(camera);
    if (signal || signal.error().kind() != ErrorKind::incompatible)
        return signal;
    const auto selected = v4l2::current_input(camera);
    if (!selected)
        return selected.error();
    return selected->has_timings ? take_timings(camera, notes) : take_standard(camera, notes);
}

} // namespace hwalloc::tools
