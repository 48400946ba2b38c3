#include "hwalloc/result.h"

#include <string_view>

#include "common/kernel.h"

namespace hwalloc {
namespace {

// Standard error by the system call: the process is about to end, and its buffers may be in any state.
[[noreturn]] void say_and_trap(std::string_view what, std::string_view message) noexcept {
    for (const std::string_view piece :
         {std::string_view("hwalloc: "), what, message, std::string_view("\n")}) {
        if (kernel.write(2, piece.data(), piece.size()) < 0)
            break;
    }
    __builtin_trap();
}

} // namespace

BadResultAccess::BadResultAccess(const Error& error) noexcept : error_(error) {
    try {
        message_ = std::make_shared<const std::string>(error.message());
    } catch (const std::bad_alloc&) {
        message_ = nullptr;
    }
}

const char* BadResultAccess::what() const noexcept {
    if (message_)
        return message_->c_str();
    // Ends in a zero: it is a literal, or a string's own text.
    return error_.operation().empty() ? "hwalloc::Result holds an error, not a value"
                                      : error_.operation().data();
}

namespace detail {

void value_of_an_error(const Error& error) noexcept {
    constexpr std::string_view what = "the value of a result was used that holds an error: ";
    std::string message;
    try {
        message = error.message();
    } catch (const std::bad_alloc&) {
        say_and_trap(what, error.operation());
    }
    say_and_trap(what, message);
}

void error_of_a_value() noexcept {
    say_and_trap("the error of a result was used that holds a value", "");
}

} // namespace detail
} // namespace hwalloc
