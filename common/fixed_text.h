// Text built in place, for error messages: never allocates, never throws, cut when it is full.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace hwalloc {

class FixedText {
public:
    template<class... Pieces>
    explicit FixedText(const Pieces&... pieces) noexcept {
        text_[0] = 0;
        (append(pieces), ...);
    }

    FixedText& append(std::string_view piece) noexcept {
        const std::size_t room = sizeof(text_) - 1 - length_;
        const std::size_t taken = piece.size() < room ? piece.size() : room;
        std::memcpy(text_ + length_, piece.data(), taken);
        length_ += taken;
        text_[length_] = 0;
        return *this;
    }
    FixedText& append(const FixedText& other) noexcept { return append(other.view()); }
    template<std::integral Number>
    FixedText& append(Number number, int base = 10) noexcept {
        char digits[66] = {}; // g++ 14 does not see that to_chars writes all that is read
        const auto end = std::to_chars(digits, digits + sizeof(digits), number, base).ptr;
        return append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
    }

    std::string_view view() const noexcept { return {text_, length_}; }
    operator std::string_view() const noexcept { return view(); }
    const char* c_str() const noexcept { return text_; }
    bool empty() const noexcept { return length_ == 0; }

private:
    std::size_t length_ = 0;
    char text_[760];
};

} // namespace hwalloc
