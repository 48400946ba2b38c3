// Reading and setting controls.
#include <algorithm>
#include <cerrno>

#include "backends/v4l2/controls.h"
#include "backends/v4l2/with_session.h"
#include "common/without_exceptions.h"

namespace hwalloc::v4l2 {
namespace {

bool has_number(const Control& control) noexcept {
    return control.type != ControlType::button && control.type != ControlType::text &&
           control.type != ControlType::other;
}

// What can be set, for people: "0 to 255 in steps of 1", "0 (Disabled), 1 (50 Hz)".
std::string range_of(const Control& control) {
    std::string words;
    switch (control.type) {
    case ControlType::boolean:
        return "0 or 1";
    case ControlType::menu:
        for (const ControlItem& item : control.items)
            words += (words.empty() ? "" : ", ") + std::to_string(item.value) + " (" + item.name + ")";
        return words;
    case ControlType::bits:
        return std::string(FixedText("bits of 0x").append(control.max, 16).view());
    case ControlType::text:
        return std::string(FixedText(control.min, " to ", control.max, " characters").view());
    default:
        return std::string(FixedText(control.min, " to ", control.max, " in steps of ", control.step).view());
    }
}

bool is_in_range(const Control& control, std::int64_t value) noexcept {
    if (control.type == ControlType::bits)
        return (value & ~control.max) == 0;
    if (control.type == ControlType::menu)
        return std::any_of(control.items.begin(), control.items.end(),
                           [&](const ControlItem& item) { return item.value == value; });
    return control.type == ControlType::button || (value >= control.min && value <= control.max);
}

Error out_of_range(const Session& session, const Control& control, std::string_view doing) {
    return session.error(ErrorKind::invalid, doing)
        .remedy(detail::control_word(control.name) + " takes " + range_of(control));
}

Error no_number(const Session& session, std::string_view doing) noexcept {
    return session.error(ErrorKind::invalid, FixedText(doing, ": its value is no number"));
}

Error refusal(const Session& session, int answer, const char* call_name, std::string_view doing,
              const Control& control) {
    switch (-answer) {
    case EACCES:
        return session.refused(ErrorKind::permission, answer, call_name, doing)
            .remedy("it has no effect now, as one that is set automatically, or is only for reading or only "
                    "for writing: Control tells");
    case EBUSY:
        return session.refused(ErrorKind::busy, answer, call_name, doing)
            .remedy("it is locked, as some are while frames are captured: stop() first");
    case EINVAL:
    case ERANGE:
        return session.refused(ErrorKind::invalid, answer, call_name, doing)
            .remedy(detail::control_word(control.name) + " takes " + range_of(control));
    default:
        return session.refused(answer, call_name, doing);
    }
}

// One control in the form of a list. A driver from before there were lists is asked in the old way.
int exchange(const Session& session, bool set, v4l2_ext_control& control,
             std::uint32_t kernel_type) noexcept {
    v4l2_ext_controls list{};
    list.which = V4L2_CTRL_WHICH_CUR_VAL;
    list.count = 1;
    list.controls = &control;
    const int answer = session.ioctl(set ? VIDIOC_S_EXT_CTRLS : VIDIOC_G_EXT_CTRLS, &list);
    if (answer != -ENOTTY || kernel_type == V4L2_CTRL_TYPE_INTEGER64 || kernel_type == V4L2_CTRL_TYPE_STRING)
        return answer;
    v4l2_control old{};
    old.id = control.id;
    old.value = control.value;
    const int old_answer = session.ioctl(set ? VIDIOC_S_CTRL : VIDIOC_G_CTRL, &old);
    control.value = old.value;
    return old_answer;
}

std::int64_t number_in(const v4l2_ext_control& control, const detail::ControlFacts& facts) noexcept {
    if (facts.kernel_type == V4L2_CTRL_TYPE_INTEGER64)
        return control.value64;
    if (facts.control.type == ControlType::bits)
        return static_cast<std::uint32_t>(control.value);
    return control.value;
}

// Runs `with` for a control that is found by `id`.
template<class T>
Result<T> with_control(Camera& camera, std::uint32_t id, auto&& with) noexcept {
    return detail::with_session(camera, [&](Session& session) -> Result<T> {
        const auto facts = detail::look_up_control(session, id);
        if (!facts)
            return facts.error();
        return with(session, *facts);
    });
}

} // namespace

Result<std::int64_t> get_control(Camera& camera, std::uint32_t id) noexcept {
    return with_control<std::int64_t>(
        camera, id, [](const Session& session, const detail::ControlFacts& facts) -> Result<std::int64_t> {
            const FixedText doing("reading the control ", facts.control.name);
            if (!has_number(facts.control))
                return no_number(session, doing);
            v4l2_ext_control value{};
            value.id = facts.control.id;
            if (const int answer = exchange(session, false, value, facts.kernel_type); answer < 0)
                return refusal(session, answer, "VIDIOC_G_EXT_CTRLS", doing, facts.control);
            return number_in(value, facts);
        });
}

Result<std::int64_t> set_control(Camera& camera, std::uint32_t id, std::int64_t value) noexcept {
    return with_control<std::int64_t>(
        camera, id,
        [value](const Session& session, const detail::ControlFacts& facts) -> Result<std::int64_t> {
            const Control& control = facts.control;
            const FixedText doing("setting the control ", control.name, " to ", value);
            if (!has_number(control) && control.type != ControlType::button)
                return no_number(session, doing);
            if (control.read_only)
                return session.error(ErrorKind::permission, FixedText(doing, ": it can only be read"));
            if (!is_in_range(control, value))
                return out_of_range(session, control, doing);
            v4l2_ext_control wanted{};
            wanted.id = control.id;
            if (facts.kernel_type == V4L2_CTRL_TYPE_INTEGER64)
                wanted.value64 = value;
            else
                wanted.value = static_cast<__s32>(value);
            if (const int answer = exchange(session, true, wanted, facts.kernel_type); answer < 0)
                return refusal(session, answer, "VIDIOC_S_EXT_CTRLS", doing, control);
            return number_in(wanted, facts);
        });
}

Result<std::int64_t> get_control(Camera& camera, std::string_view name) noexcept {
    const auto control = find_control(camera, name);
    return control ? get_control(camera, control->id) : control.error();
}

Result<std::int64_t> set_control(Camera& camera, std::string_view name, std::int64_t value) noexcept {
    const auto control = find_control(camera, name);
    return control ? set_control(camera, control->id, value) : control.error();
}

Result<std::string> get_text_control(Camera& camera, std::uint32_t id) noexcept {
    return with_control<std::string>(
        camera, id, [](const Session& session, const detail::ControlFacts& facts) -> Result<std::string> {
            const FixedText doing("reading the control ", facts.control.name);
            if (facts.control.type != ControlType::text)
                return session.error(ErrorKind::invalid, FixedText(doing, ": its value is no text"));
            std::string text(facts.bytes, '\0');
            v4l2_ext_control value{};
            value.id = facts.control.id;
            value.size = facts.bytes;
            value.string = text.data();
            if (const int answer = exchange(session, false, value, facts.kernel_type); answer < 0)
                return refusal(session, answer, "VIDIOC_G_EXT_CTRLS", doing, facts.control);
            text.resize(std::min(text.find('\0'), text.size()));
            return text;
        });
}

Result<void> set_text_control(Camera& camera, std::uint32_t id, std::string_view value) noexcept {
    return with_control<void>(
        camera, id, [value](const Session& session, const detail::ControlFacts& facts) -> Result<void> {
            const Control& control = facts.control;
            const FixedText doing("setting the control ", control.name);
            if (control.type != ControlType::text)
                return session.error(ErrorKind::invalid, FixedText(doing, ": its value is no text"));
            if (control.read_only)
                return session.error(ErrorKind::permission, FixedText(doing, ": it can only be read"));
            const auto length = static_cast<std::int64_t>(value.size());
            if (length < control.min || length > control.max || value.find('\0') != value.npos)
                return out_of_range(session, control, doing);
            std::string text(value);
            v4l2_ext_control wanted{};
            wanted.id = control.id;
            wanted.size = static_cast<__u32>(text.size() + 1);
            wanted.string = text.data();
            if (const int answer = exchange(session, true, wanted, facts.kernel_type); answer < 0)
                return refusal(session, answer, "VIDIOC_S_EXT_CTRLS", doing, control);
            return {};
        });
}

} // namespace hwalloc::v4l2
