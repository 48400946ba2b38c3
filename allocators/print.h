// Errors, enumerations and flags of the library in words: to_string(), operator<<, and formatters of the
// standard library and of {fmt}. Not included by the other headers, which need no stream. Where {fmt} is to
// know them, its header comes before this one.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <version>
#ifdef __cpp_lib_format
#include <format>
#endif

#include "hwalloc/capabilities.h"
#include "hwalloc/error.h"
#include "hwalloc/flags.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/plan.h"

namespace hwalloc {

// Each gives "unknown" for a number that is none of the enumeration's.
// "none", "system", "Vulkan".
constexpr std::string_view to_string(ErrorDomain domain) noexcept {
    switch (domain) {
    case ErrorDomain::none:
        return "none";
    case ErrorDomain::system:
        return "system";
    case ErrorDomain::vulkan:
        return "Vulkan";
    }
    return "unknown";
}
constexpr std::string_view to_string(Answer answer) noexcept {
    return answer == Answer::yes ? "yes" : answer == Answer::no ? "no" : "unknown";
}
// "importer-aware", "exporter-only", "fence-only", "none".
constexpr std::string_view to_string(SyncQuality quality) noexcept {
    switch (quality) {
    case SyncQuality::importer_aware:
        return "importer-aware";
    case SyncQuality::exporter_only:
        return "exporter-only";
    case SyncQuality::fence_only:
        return "fence-only";
    case SyncQuality::none:
        return "none";
    case SyncQuality::unknown:
        break;
    }
    return "unknown";
}
// "dma-buf", "memory file".
constexpr std::string_view to_string(FdKind kind) noexcept {
    return kind == FdKind::dmabuf ? "dma-buf" : kind == FdKind::memfd ? "memory file" : "unknown";
}
// "strict", "prefer", "allow-copy": as the command takes them.
constexpr std::string_view to_string(PlanPolicy policy) noexcept {
    switch (policy) {
    case PlanPolicy::strict:
        return "strict";
    case PlanPolicy::prefer:
        return "prefer";
    case PlanPolicy::allow_copy:
        return "allow-copy";
    }
    return "unknown";
}
// "BT.601" and so on, "RGB", "unspecified".
constexpr std::string_view to_string(ColorMatrix matrix) noexcept {
    switch (matrix) {
    case ColorMatrix::unspecified:
        return "unspecified";
    case ColorMatrix::rgb:
        return "RGB";
    case ColorMatrix::bt601:
        return "BT.601";
    case ColorMatrix::bt709:
        return "BT.709";
    case ColorMatrix::bt2020:
        return "BT.2020";
    case ColorMatrix::bt2020_constant:
        return "BT.2020 constant luminance";
    case ColorMatrix::smpte240m:
        return "SMPTE 240M";
    case ColorMatrix::hsv_180:
        return "HSV with hues of 0 to 179";
    case ColorMatrix::hsv_256:
        return "HSV with hues of 0 to 255";
    }
    return "unknown";
}
constexpr std::string_view to_string(ColorRange range) noexcept {
    switch (range) {
    case ColorRange::unspecified:
        return "unspecified";
    case ColorRange::limited:
        return "limited";
    case ColorRange::full:
        return "full";
    }
    return "unknown";
}

namespace detail {

template<class Flags>
struct NamedFlag {
    Flags bit;
    std::string_view name;
};
// "readonly|no_share"; bits without a name as one number, "none" without a bit.
template<class Flags, std::size_t count>
std::string flags_in_words(Flags flags, const NamedFlag<Flags> (&names)[count]) {
    auto bits = static_cast<std::uint32_t>(flags);
    std::string text;
    const auto add = [&](std::string_view name) { text.append(text.empty() ? "" : "|").append(name); };
    for (const NamedFlag<Flags>& named : names)
        if (has(flags, named.bit)) {
            add(named.name);
            bits &= ~static_cast<std::uint32_t>(named.bit);
        }
    if (bits != 0) {
        constexpr char digits[] = "0123456789abcdef";
        std::string number;
        for (; bits != 0; bits >>= 4)
            number.insert(number.begin(), digits[bits & 15]);
        add("0x" + number);
    }
    return text.empty() ? "none" : text;
}

} // namespace detail

// "readonly|no_share", "none"; bits of the caller's own as a number. May throw std::bad_alloc.
inline std::string to_string(MemoryFlags flags) {
    using enum MemoryFlags;
    constexpr detail::NamedFlag<MemoryFlags> names[] = {
        {readonly, "readonly"},        {may_be_leaked, "may_be_leaked"},
        {no_share, "no_share"},        {zero_prefixed, "zero_prefixed"},
        {zero_padded, "zero_padded"},  {physically_contiguous, "physically_contiguous"},
        {not_mappable, "not_mappable"}};
    return detail::flags_in_words(flags, names);
}
// "read|write", "none". May throw std::bad_alloc.
inline std::string to_string(MapFlags flags) {
    using enum MapFlags;
    constexpr detail::NamedFlag<MapFlags> names[] = {
        {read, "read"}, {write, "write"}, {ref_memory, "ref_memory"}};
    return detail::flags_in_words(flags, names);
}
// "read|exclusive", "none". May throw std::bad_alloc.
inline std::string to_string(LockFlags flags) {
    using enum LockFlags;
    constexpr detail::NamedFlag<LockFlags> names[] = {
        {read, "read"}, {write, "write"}, {exclusive, "exclusive"}};
    return detail::flags_in_words(flags, names);
}

namespace detail {

template<class T, class... Others>
inline constexpr bool is_among = (std::is_same_v<T, Others> || ...);
// What is printed in words.
template<class T>
inline constexpr bool is_printed =
    is_among<T, Error, ErrorKind, ErrorDomain, Answer, SyncQuality, FdKind, Verdict, PlanPolicy, ColorMatrix,
             ColorRange, MemoryFlags, MapFlags, LockFlags>;

template<class T>
auto words_of(const T& value) {
    return to_string(value);
}
inline std::string words_of(const Error& error) {
    return error.message();
}

} // namespace detail

// The words of to_string(), or an error's message. May throw what the stream or a string throws.
template<class T>
requires detail::is_printed<T> std::ostream& operator<<(std::ostream& out, const T& value) {
    return out << detail::words_of(value);
}

} // namespace hwalloc

// With the options of text: "{:>12}".
#ifdef __cpp_lib_format
template<class T>
requires hwalloc::detail::is_printed<T>
struct std::formatter<T, char> : std::formatter<std::string_view, char> {
    template<class Context>
    auto format(const T& value, Context& context) const {
        return std::formatter<std::string_view, char>::format(hwalloc::detail::words_of(value), context);
    }
};
#endif
#ifdef FMT_VERSION
template<class T>
struct fmt::formatter<T, char, std::enable_if_t<hwalloc::detail::is_printed<T>>>
    : fmt::formatter<fmt::string_view, char> {
    template<class Context>
    auto format(const T& value, Context& context) const {
        const auto words = hwalloc::detail::words_of(value);
        return fmt::formatter<fmt::string_view, char>::format({words.data(), words.size()}, context);
    }
};
#endif
