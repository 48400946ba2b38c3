#include "hwalloc/pixel_format.h"

#include <algorithm>

#include "common/pixel_formats.h"

namespace hwalloc {
namespace {

using pixel_format_table::rows;

constexpr std::size_t row_count = std::size(rows);
static_assert(row_count < 256, "rows are counted in a byte below");

// Codes in order, each with its row; of rows with the same code, the first in the table comes first. At the
// end, the entries that are not needed.
struct Entry {
    std::uint32_t code = UINT32_MAX;
    std::uint8_t row = 0;

    friend constexpr auto operator<=>(const Entry&, const Entry&) noexcept = default;
};
template<std::size_t codes_of_a_row>
using Index = std::array<Entry, codes_of_a_row * row_count>;

template<std::size_t codes_of_a_row>
consteval Index<codes_of_a_row> make_index(auto codes_of) {
    Index<codes_of_a_row> index{};
    std::size_t used = 0;
    for (std::size_t i = 0; i < row_count; ++i)
        for (const std::uint32_t code : codes_of(rows[i]))
            if (code)
                index[used++] = {code, static_cast<std::uint8_t>(i)};
    std::sort(index.begin(), index.end());
    return index;
}

constexpr Index<1> by_drm = make_index<1>([](const PixelFormat& row) { return std::array{row.drm.code}; });
constexpr Index<4> by_v4l2 = make_index<4>([](const PixelFormat& row) {
    return std::array{row.v4l2.code, row.v4l2_memory_per_plane, row.v4l2_old[0], row.v4l2_old[1]};
});
constexpr Index<1> by_vulkan =
    make_index<1>([](const PixelFormat& row) { return std::array{row.vulkan.code}; });

consteval bool codes_are_unique(std::span<const Entry> index) {
    for (std::size_t i = 1; i < index.size() && index[i].code != UINT32_MAX; ++i)
        if (index[i].code == index[i - 1].code)
            return false;
    return true;
}
static_assert(codes_are_unique(by_drm) && codes_are_unique(by_v4l2));

const PixelFormat* find(std::span<const Entry> index, std::uint32_t code) noexcept {
    if (code == 0 || code == UINT32_MAX)
        return nullptr;
    const auto at = std::lower_bound(index.begin(), index.end(), Entry{code, 0});
    return at != index.end() && at->code == code ? &rows[at->row] : nullptr;
}

constexpr char capital(char letter) noexcept {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

// Whether `text` is `name`, a name in capitals in small letters too.
bool is_same(std::string_view text, std::string_view name) noexcept {
    const bool has_small =
        std::any_of(name.begin(), name.end(), [](char one) { return capital(one) != one; });
    return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                      [&](char a, char b) { return a == b || (!has_small && capital(a) == b); });
}

bool is_alias(std::string_view text, std::string_view aliases) noexcept {
    while (!aliases.empty()) {
        const std::size_t end = std::min(aliases.find(' '), aliases.size());
        if (is_same(text, aliases.substr(0, end)))
            return true;
        aliases.remove_prefix(std::min(end + 1, aliases.size()));
    }
    return false;
}

// The letters of a code, as fourcc_name() has them; all codes of the table are of letters and digits.
class Letters {
public:
    explicit Letters(std::uint32_t code) noexcept {
        for (; length_ < 4; ++length_)
            letters_[length_] = static_cast<char>((code & 0x7fffffff) >> (8 * length_) & 0xff);
        while (length_ > 0 && letters_[length_ - 1] == ' ')
            --length_;
        if (code >> 31)
            for (const char letter : {'-', 'B', 'E'})
                letters_[length_++] = letter;
    }
    std::string_view text() const noexcept { return {letters_.data(), length_}; }

private:
    std::array<char, 7> letters_{};
    std::size_t length_ = 0;
};

bool is_code(std::string_view text, std::uint32_t code) noexcept {
    return code != 0 && is_same(text, Letters(code).text());
}

bool is_v4l2_code(std::string_view text, const PixelFormat& row) noexcept {
    return is_code(text, row.v4l2.code) || is_code(text, row.v4l2_memory_per_plane) ||
           is_code(text, row.v4l2_old[0]) || is_code(text, row.v4l2_old[1]);
}

// Of a macro's name only what follows the prefix is left.
bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
    const bool has = text.size() > prefix.size() && is_same(text.substr(0, prefix.size()), prefix);
    text.remove_prefix(has ? prefix.size() : 0);
    return has;
}

const PixelFormat* find_row(auto does) noexcept {
    const auto* row = std::find_if(std::begin(rows), std::end(rows), does);
    return row == std::end(rows) ? nullptr : row;
}

} // namespace

std::string fourcc_name(std::uint32_t code) {
    if (code == 0)
        return "none";
    std::string name;
    const bool big_endian = (code >> 31) != 0; // DRM_FORMAT_BIG_ENDIAN, v4l2_fourcc_be
    for (int i = 0; i < 4; ++i) {
        const auto byte = static_cast<char>((code & 0x7fffffff) >> (8 * i) & 0xff);
        name += byte >= ' ' && byte <= '~' ? byte : '?';
    }
    while (!name.empty() && name.back() == ' ')
        name.pop_back();
    return big_endian ? name + "-BE" : name;
}

std::span<const PixelFormat> pixel_formats() noexcept {
    return rows;
}

const PixelFormat* pixel_format_by_drm(std::uint32_t code) noexcept {
    return find(by_drm, code);
}

const PixelFormat* pixel_format_by_v4l2(std::uint32_t code) noexcept {
    return find(by_v4l2, code);
}

const PixelFormat* pixel_format_by_vulkan(std::uint32_t vk_format) noexcept {
    return find(by_vulkan, vk_format);
}

const PixelFormat* pixel_format_by_name(std::string_view name) noexcept {
    if (name.empty())
        return nullptr;
    const bool v4l2 = take_prefix(name, "V4L2_PIX_FMT_");
    const bool drm = !v4l2 && take_prefix(name, "DRM_FORMAT_");
    // A macro's name means a format of that interface: DRM_FORMAT_AYUV is not V4L2's AYUV.
    const auto has_it = [&](const PixelFormat& each) {
        return drm ? each.drm.code != 0 : !v4l2 || each.v4l2.code || each.v4l2_memory_per_plane;
    };
    if (const PixelFormat* row = find_row([&](const PixelFormat& each) {
            return has_it(each) && (is_same(name, each.name) || is_alias(name, each.aliases) ||
                                    (!drm && is_v4l2_code(name, each)));
        }))
        return row;
    return v4l2 ? nullptr : find_row([&](const PixelFormat& each) { return is_code(name, each.drm.code); });
}

} // namespace hwalloc
