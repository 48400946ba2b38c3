#include "bindings/c/json.h"

#include <algorithm>
#include <string_view>

namespace hwalloc::c {
namespace {

// How many bytes the character has that begins here, in UTF-8 (RFC 3629); 0: they are none.
std::size_t bytes_of_character(std::string_view text) {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto follows = [&](std::size_t i) { return (at(i) & 0xc0) == 0x80; };
    const unsigned first = at(0), second = at(1);
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return follows(1) ? 2 : 0;
    if ((first & 0xf0) == 0xe0) { // neither longer than need be, nor half of a surrogate pair
        const bool sound = (first != 0xe0 || second >= 0xa0) && (first != 0xed || second < 0xa0);
        return sound && follows(1) && follows(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const bool sound = (first != 0xf0 || second >= 0x90) && (first != 0xf4 || second < 0x90);
        return sound && follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

// The one thing that the library writes as JSON, so that it needs no other library for it.
void append_text(std::string& to, std::string_view text) {
    to += '"';
    while (!text.empty()) {
        const std::size_t length = bytes_of_character(text);
        const auto byte = static_cast<unsigned char>(text[0]);
        if (length == 0) {
            to += "\\ufffd";
        } else if (byte == '"' || byte == '\\') {
            to += '\\';
            to += text[0];
        } else if (byte < 0x20 || byte == 0x7f) {
            constexpr const char* digits = "0123456789abcdef";
            to += "\\u00";
            to += digits[byte >> 4];
            to += digits[byte & 15];
        } else {
            to += text.substr(0, length);
        }
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    to += '"';
}

void append_member(std::string& to, std::string_view name, std::string_view text) {
    to += to.back() == '{' ? "" : ", ";
    append_text(to, name);
    to += ": ";
    if (text.empty())
        to += "null";
    else
        append_text(to, text);
}

void append_number(std::string& to, std::string_view name, std::uint64_t number) {
    append_member(to, name, "");
    if (number)
        to.replace(to.size() - 4, 4, std::to_string(number));
}

// By its name where it has one.
void append_code(std::string& to, std::string_view name, bool has_one, std::string_view text, int code) {
    append_member(to, name,
                  !has_one       ? std::string()
                  : text.empty() ? std::to_string(code)
                                 : std::string(text));
}

} // namespace

std::string json_of(const hwalloc_error& error) {
    const Error& facts = error.error;
    const int code = facts.code();
    std::string to = "{";
    append_member(to, "kind", to_string(facts.kind()));
    append_member(to, "message", error.message);
    append_member(to, "operation", error.operation);
    append_member(to, "device", error.device);
    append_member(to, "call", error.call);
    append_code(to, "errno", facts.domain() == ErrorDomain::system, errno_name(code), code);
    append_code(to, "vk_result", facts.domain() == ErrorDomain::vulkan, vk_result_name(code), code);
    append_number(to, "size_wanted", facts.size_wanted());
    append_number(to, "size_held", facts.size_held());
    append_member(to, "remedy", error.remedy);
    append_member(to, "mend", error.mend);
    to += ", \"causes\": [";
    for (const hwalloc_error& cause : error.causes) {
        to += &cause == error.causes.data() ? "" : ", ";
        to += json_of(cause);
    }
    return to += "]}";
}

} // namespace hwalloc::c
