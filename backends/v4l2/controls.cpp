#include "backends/v4l2/controls.h"
#include "backends/v4l2/with_session.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "backends/v4l2/driver_text.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

// More than any device has, for drivers whose list has no end.
constexpr int most_controls = 4096;
constexpr std::int64_t most_items = 1024;

struct StandardName {
    std::string_view word;
    std::uint32_t id;
};
// The first that a device has counts.
constexpr StandardName standard_names[] = {
    {"brightness", V4L2_CID_BRIGHTNESS},
    {"contrast", V4L2_CID_CONTRAST},
    {"saturation", V4L2_CID_SATURATION},
    {"hue", V4L2_CID_HUE},
    {"gamma", V4L2_CID_GAMMA},
    {"sharpness", V4L2_CID_SHARPNESS},
    {"gain", V4L2_CID_GAIN},
    {"gain", V4L2_CID_ANALOGUE_GAIN},
    {"exposure", V4L2_CID_EXPOSURE_ABSOLUTE},
    {"exposure", V4L2_CID_EXPOSURE},
    {"auto_exposure", V4L2_CID_EXPOSURE_AUTO},
    {"auto_gain", V4L2_CID_AUTOGAIN},
    {"backlight_compensation", V4L2_CID_BACKLIGHT_COMPENSATION},
    {"white_balance", V4L2_CID_WHITE_BALANCE_TEMPERATURE},
    {"auto_white_balance", V4L2_CID_AUTO_WHITE_BALANCE},
    {"power_line_frequency", V4L2_CID_POWER_LINE_FREQUENCY},
    {"focus", V4L2_CID_FOCUS_ABSOLUTE},
    {"auto_focus", V4L2_CID_FOCUS_AUTO},
    {"zoom", V4L2_CID_ZOOM_ABSOLUTE},
    {"pan", V4L2_CID_PAN_ABSOLUTE},
    {"tilt", V4L2_CID_TILT_ABSOLUTE},
    {"iris", V4L2_CID_IRIS_ABSOLUTE},
    {"flip_horizontal", V4L2_CID_HFLIP},
    {"flip_vertical", V4L2_CID_VFLIP},
};

ControlType type_of(std::uint32_t type, std::uint32_t flags) noexcept {
    if (flags & V4L2_CTRL_FLAG_HAS_PAYLOAD)
        return type == V4L2_CTRL_TYPE_STRING ? ControlType::text : ControlType::other;
    switch (type) {
    case V4L2_CTRL_TYPE_INTEGER:
    case V4L2_CTRL_TYPE_INTEGER64:
        return ControlType::integer;
    case V4L2_CTRL_TYPE_BOOLEAN:
        return ControlType::boolean;
    case V4L2_CTRL_TYPE_MENU:
    case V4L2_CTRL_TYPE_INTEGER_MENU:
        return ControlType::menu;
    case V4L2_CTRL_TYPE_BITMASK:
        return ControlType::bits;
    case V4L2_CTRL_TYPE_BUTTON:
        return ControlType::button;
    case V4L2_CTRL_TYPE_STRING:
        return ControlType::text;
    default:
        return ControlType::other;
    }
}

void set_flags(detail::ControlFacts& facts, std::uint32_t flags) noexcept {
    facts.disabled = (flags & V4L2_CTRL_FLAG_DISABLED) != 0;
    facts.control.read_only = (flags & V4L2_CTRL_FLAG_READ_ONLY) != 0;
    facts.control.write_only = (flags & V4L2_CTRL_FLAG_WRITE_ONLY) != 0;
    facts.control.inactive = (flags & V4L2_CTRL_FLAG_INACTIVE) != 0;
    facts.control.locked = (flags & V4L2_CTRL_FLAG_GRABBED) != 0;
}

// A headline in the driver's list, with nothing to read or set.
bool is_control(const detail::ControlFacts& facts) noexcept {
    return !facts.disabled && facts.kernel_type != V4L2_CTRL_TYPE_CTRL_CLASS;
}

void list_items(const Session& session, detail::ControlFacts& facts) {
    Control& control = facts.control;
    if (control.type != ControlType::menu)
        return;
    const std::int64_t first = std::max<std::int64_t>(0, control.min);
    for (std::int64_t value = first; value <= control.max && value - first < most_items; ++value) {
        v4l2_querymenu item{};
        item.id = control.id;
        item.index = static_cast<__u32>(value);
        if (session.ioctl(VIDIOC_QUERYMENU, &item) < 0) // a gap
            continue;
        control.items.push_back({value, facts.kernel_type == V4L2_CTRL_TYPE_INTEGER_MENU
                                            ? std::to_string(item.value)
                                            : detail::driver_text(item.name)});
    }
}

std::optional<std::uint32_t> number_of(std::string_view text) noexcept {
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    const std::string_view digits = text.substr(hexadecimal ? 2 : 0);
    std::uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, hexadecimal ? 16 : 10);
    return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(number)
                                                                        : std::nullopt;
}

// Those that are not switched off, without their items.
Result<std::vector<detail::ControlFacts>> list(const Session& session) {
    std::vector<detail::ControlFacts> all;
    std::uint32_t last = 0;
    for (int i = 0; i < most_controls; ++i) {
        detail::ControlFacts next;
        const int answer = detail::query_control(
            session, last | V4L2_CTRL_FLAG_NEXT_CTRL | V4L2_CTRL_FLAG_NEXT_COMPOUND, next);
        if (answer == -EINVAL || answer == -ENOTTY || (answer >= 0 && next.control.id <= last))
            break; // the end of the list, or there is none
        if (answer < 0)
            return session.refused(answer, "VIDIOC_QUERY_EXT_CTRL", "listing the controls");
        last = next.control.id;
        if (is_control(next))
            all.push_back(std::move(next));
    }
    return all;
}

} // namespace

int detail::query_control(const Session& session, std::uint32_t id, ControlFacts& facts) {
    v4l2_query_ext_ctrl query{};
    query.id = id;
    int answer = session.ioctl(VIDIOC_QUERY_EXT_CTRL, &query);
    if (answer >= 0) {
        const char* name = query.name;
        facts.control = {.id = query.id,
                         .name = std::string(name, strnlen(name, sizeof query.name)),
                         .type = type_of(query.type, query.flags),
                         .min = query.minimum,
                         .max = query.maximum,
                         .step = static_cast<std::int64_t>(query.step),
                         .default_value = query.default_value,
                         .items = {}};
        facts.kernel_type = query.type;
        facts.bytes = query.elem_size * std::max<__u32>(query.elems, 1);
        if (facts.control.type == ControlType::bits) // the kernel has 32 bits, with a sign
            facts.control.max = static_cast<std::uint32_t>(query.maximum);
        set_flags(facts, query.flags);
        return 0;
    }
    if (answer != -ENOTTY)
        return answer;
    // Drivers from before there were controls of other types than numbers.
    v4l2_queryctrl old{};
    old.id = id & ~std::uint32_t{V4L2_CTRL_FLAG_NEXT_COMPOUND};
    answer = session.ioctl(VIDIOC_QUERYCTRL, &old);
    if (answer < 0)
        return answer;
    facts.control = {.id = old.id,
                     .name = driver_text(old.name),
                     .type = type_of(old.type, old.flags),
                     .min = old.minimum,
                     .max = old.maximum,
                     .step = old.step,
                     .default_value = old.default_value,
                     .items = {}};
    facts.kernel_type = old.type;
    set_flags(facts, old.flags);
    return 0;
}

Result<detail::ControlFacts> detail::look_up_control(const Session& session, std::uint32_t id) {
    ControlFacts facts;
    const FixedText doing = FixedText("looking for control 0x").append(id, 16);
    const int answer = query_control(session, id, facts);
    if (answer == -EINVAL || answer == -ENOTTY || (answer >= 0 && !is_control(facts)))
        return session.error(ErrorKind::unsupported, doing)
            .call("VIDIOC_QUERY_EXT_CTRL")
            .remedy("there is none of this number, or it is switched off: list_controls() has all");
    if (answer < 0)
        return session.refused(answer, "VIDIOC_QUERY_EXT_CTRL", doing);
    list_items(session, facts);
    return facts;
}

std::string detail::control_word(std::string_view name) {
    std::string word;
    bool gap = false;
    for (const char letter : name) {
        const bool small = letter >= 'a' && letter <= 'z', digit = letter >= '0' && letter <= '9';
        const bool capital = letter >= 'A' && letter <= 'Z';
        if (!small && !digit && !capital) {
            gap = !word.empty();
            continue;
        }
        if (gap)
            word += '_';
        gap = false;
        word += capital ? static_cast<char>(letter - 'A' + 'a') : letter;
    }
    return word;
}

Result<std::vector<Control>> list_controls(Camera& camera) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<std::vector<Control>> {
        auto all = list(session);
        if (!all)
            return std::move(all).error();
        std::vector<Control> controls;
        for (detail::ControlFacts& facts : *all) {
            list_items(session, facts);
            controls.push_back(std::move(facts.control));
        }
        return controls;
    });
}

Result<Control> find_control(Camera& camera, std::string_view name) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<Control> {
        if (const auto id = number_of(name)) {
            auto facts = detail::look_up_control(session, *id);
            return facts ? Result<Control>(std::move(facts->control)) : std::move(facts).error();
        }
        auto all = list(session);
        if (!all)
            return std::move(all).error();
        const std::string word = detail::control_word(name);
        const auto found_by = [&](auto&& matches) {
            const auto found = std::find_if(all->begin(), all->end(), matches);
            return found == all->end() ? nullptr : &*found;
        };
        detail::ControlFacts* found = found_by([&](const detail::ControlFacts& facts) {
            return !word.empty() && detail::control_word(facts.control.name) == word;
        });
        for (const StandardName& standard : standard_names)
            if (!found && standard.word == word)
                found = found_by(
                    [&](const detail::ControlFacts& facts) { return facts.control.id == standard.id; });
        if (found) {
            list_items(session, *found);
            return std::move(found->control);
        }
        std::string names;
        for (const detail::ControlFacts& facts : *all)
            names.append(names.empty() ? "" : ", ").append(detail::control_word(facts.control.name));
        return session.error(ErrorKind::unsupported, FixedText("there is no control ", name))
            .remedy(names.empty() ? "the device has no controls" : "its controls are " + names);
    });
}

} // namespace hwalloc::v4l2
