#include "tools/capture/controls.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "hwalloc/v4l2_controls.h"

namespace hwalloc::tools {
namespace {

bool same_word(std::string_view one, std::string_view other) {
    return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                      [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

std::optional<std::int64_t> number_in(std::string_view text) {
    const int base = text.starts_with("0x") ? 16 : 10;
    if (base == 16)
        text.remove_prefix(2);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional(number)
                                                                                     : std::nullopt;
}

// The number that a control gets; nothing where the text means none.
std::optional<std::int64_t> value_of(const v4l2::Control& control, std::string_view text) {
    if (control.type == v4l2::ControlType::boolean)
        for (const auto& [word, value] : {std::pair{"on", 1}, {"off", 0}, {"true", 1}, {"false", 0}})
            if (same_word(text, word))
                return value;
    for (const v4l2::ControlItem& item : control.items)
        if (same_word(text, item.name))
            return item.value;
    return number_in(text);
}

std::string what_there_is(const v4l2::Control& control) {
    if (control.type == v4l2::ControlType::boolean)
        return "it is on or off";
    if (control.items.empty())
        return fmt::format("it is a number from {} to {}", control.min, control.max);
    std::vector<std::string> items;
    for (const v4l2::ControlItem& item : control.items)
        items.push_back(fmt::format("{} ({})", item.name, item.value));
    return fmt::format("it is one of: {}", fmt::join(items, ", "));
}

Result<void> set_one(v4l2::Camera& camera, const ControlSetting& setting, std::vector<std::string>& notes) {
    const auto control = v4l2::find_control(camera, setting.name);
    if (!control)
        return control.error();
    if (control->type == v4l2::ControlType::text)
        return v4l2::set_text_control(camera, control->id, setting.value);
    const auto wanted = value_of(*control, setting.value);
    if (!wanted)
        return Error(ErrorKind::invalid, "setting a control")
            .doing(fmt::format("setting {} to \"{}\"", control->name, setting.value))
            .on(camera.info().path)
            .remedy(what_there_is(*control));
    const auto now = v4l2::set_control(camera, control->id, *wanted);
    if (!now)
        return now.error();
    if (*now != *wanted && control->type != v4l2::ControlType::button)
        notes.push_back(
            fmt::format("{}: {} is {} instead of {}", camera.info().path, control->name, *now, *wanted));
    if (control->inactive)
        notes.push_back(fmt::format("{}: {} has no effect as the camera is set (an automatic has it?)",
                                    camera.info().path, control->name));
    return {};
}

} // namespace

bool parse_control(std::string_view text, ControlSetting& setting) {
    const auto at = text.find('=');
    if (at == text.npos || at == 0)
        return false;
    setting = {.name = std::string(text.substr(0, at)), .value = std::string(text.substr(at + 1))};
    return true;
}

Result<void> set_controls(v4l2::Camera& camera, std::span<const ControlSetting> settings,
                          std::vector<std::string>& notes) {
    for (const ControlSetting& setting : settings)
        if (auto done = set_one(camera, setting, notes); !done)
            return done;
    return {};
}

} // namespace hwalloc::tools
