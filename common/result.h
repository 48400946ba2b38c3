// Result<T>: a value or an Error, with the member names of std::expected, for every C++20 compiler.
//
// Using a result as what it is not (`*` or `->` on an error, error() on a value) prints the error's message
// to standard error and traps, where HWALLOC_CHECK_RESULTS is 1; where it is 0 it is undefined behaviour and
// costs nothing. It is 1 in debug builds (without NDEBUG, as for assert) and in hardened ones
// (_GLIBCXX_ASSERTIONS, libc++'s hardening modes), unless the application defines it. Parts of a program may
// differ in it: the layout is the same, and the checked functions have names of their own.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "hwalloc/error.h"

#ifndef HWALLOC_CHECK_RESULTS
#if !defined(NDEBUG) || defined(_GLIBCXX_ASSERTIONS) || defined(_GLIBCXX_DEBUG)
#define HWALLOC_CHECK_RESULTS 1
#elif defined(_LIBCPP_HARDENING_MODE)
#define HWALLOC_CHECK_RESULTS (_LIBCPP_HARDENING_MODE != _LIBCPP_HARDENING_MODE_NONE)
#elif defined(_LIBCPP_ENABLE_ASSERTIONS)
#define HWALLOC_CHECK_RESULTS _LIBCPP_ENABLE_ASSERTIONS
#else
#define HWALLOC_CHECK_RESULTS 0
#endif
#endif

// A part of the symbol's name, so that the linker never takes one build's inline function for another's.
#if HWALLOC_CHECK_RESULTS
#define HWALLOC_CHECKED_NAME [[gnu::abi_tag("checked")]]
#else
#define HWALLOC_CHECKED_NAME
#endif
#ifdef __cpp_exceptions
#define HWALLOC_VALUE_NAME
#else
#define HWALLOC_VALUE_NAME [[gnu::abi_tag("no_exceptions")]]
#endif

namespace hwalloc {

// Thrown by Result::value() alone, inline in the caller's own code; no function of the library throws it.
// Check first, or use value_or, and it is never seen.
class HWALLOC_API BadResultAccess : public std::exception {
public:
    explicit BadResultAccess(const Error& error) noexcept;
    // The error's message; without memory for it, what was being done.
    const char* what() const noexcept HWALLOC_LIFETIMEBOUND override;
    const Error& error() const noexcept HWALLOC_LIFETIMEBOUND { return error_; }

private:
    Error error_;
    std::shared_ptr<const std::string> message_; // shared, so that no copy throws
};

namespace detail {

// Prints the message of `error` and traps.
[[noreturn, gnu::cold]] HWALLOC_API void value_of_an_error(const Error& error) noexcept;
// Says that there is no error, and traps.
[[noreturn, gnu::cold]] HWALLOC_API void error_of_a_value() noexcept;

[[noreturn]] HWALLOC_VALUE_NAME inline void refuse_value(const Error& error) {
#ifdef __cpp_exceptions
    throw BadResultAccess(error);
#else
    value_of_an_error(error);
#endif
}

HWALLOC_CHECKED_NAME inline void check_value([[maybe_unused]] const ErrorStatus& status) noexcept {
#if HWALLOC_CHECK_RESULTS
    if (!status.ok()) [[unlikely]]
        value_of_an_error(status.error());
#endif
}
HWALLOC_CHECKED_NAME inline void check_error([[maybe_unused]] const ErrorStatus& status) noexcept {
#if HWALLOC_CHECK_RESULTS
    if (status.ok()) [[unlikely]]
        error_of_a_value();
#endif
}

} // namespace detail

template<class T>
class [[nodiscard]] Result {
    static_assert(std::is_nothrow_move_constructible_v<T>);

public:
    using value_type = T;
    using error_type = Error;

    template<class U = T>
    requires(std::is_constructible_v<T, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>) Result(U&& value)
    noexcept(std::is_nothrow_constructible_v<T, U&&>) : value_(std::forward<U>(value)) {}
    Result(Error error) noexcept : status_(std::move(error)) {}
    // Precondition: `raw` holds an error.
    explicit Result(RawResult raw) noexcept : status_(raw) {
        if (status_.ok())
            __builtin_unreachable();
    }
    Result(Result&& other) noexcept : status_(std::move(other.status_)) {
        if (status_.ok())
            std::construct_at(std::addressof(value_), std::move(other.value_));
    }
    Result(const Result& other) requires std::is_copy_constructible_v<T> : status_(other.status_) {
        if (status_.ok())
            std::construct_at(std::addressof(value_), other.value_);
    }
    Result& operator=(Result&& other) noexcept {
        if (this != &other) {
            std::destroy_at(this);
            std::construct_at(this, std::move(other));
        }
        return *this;
    }
    ~Result() {
        if (status_.ok())
            std::destroy_at(std::addressof(value_));
    }

    bool has_value() const noexcept { return status_.ok(); }
    explicit operator bool() const noexcept { return status_.ok(); }

    // Precondition: has_value().
    HWALLOC_CHECKED_NAME T& operator*() & noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_value(status_);
        return value_;
    }
    HWALLOC_CHECKED_NAME const T& operator*() const& noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_value(status_);
        return value_;
    }
    HWALLOC_CHECKED_NAME T&& operator*() && noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_value(status_);
        return std::move(value_);
    }
    HWALLOC_CHECKED_NAME T* operator->() noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_value(status_);
        return std::addressof(value_);
    }
    HWALLOC_CHECKED_NAME const T* operator->() const noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_value(status_);
        return std::addressof(value_);
    }

    // Throws BadResultAccess without a value; in code that is compiled without exceptions it prints the
    // error's message and traps.
    HWALLOC_VALUE_NAME T& value() & HWALLOC_LIFETIMEBOUND {
        if (!has_value())
            detail::refuse_value(status_.error());
        return value_;
    }
    HWALLOC_VALUE_NAME const T& value() const& HWALLOC_LIFETIMEBOUND {
        if (!has_value())
            detail::refuse_value(status_.error());
        return value_;
    }
    HWALLOC_VALUE_NAME T&& value() && HWALLOC_LIFETIMEBOUND {
        if (!has_value())
            detail::refuse_value(status_.error());
        return std::move(value_);
    }

    // Precondition: !has_value().
    HWALLOC_CHECKED_NAME Error& error() & noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_error(status_);
        return status_.error();
    }
    HWALLOC_CHECKED_NAME const Error& error() const& noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_error(status_);
        return status_.error();
    }
    HWALLOC_CHECKED_NAME Error&& error() && noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_error(status_);
        return std::move(status_.error());
    }

    template<class U>
    T value_or(U&& other) && {
        return has_value() ? std::move(value_) : static_cast<T>(std::forward<U>(other));
    }
    template<class U>
    T value_or(U&& other) const& {
        return has_value() ? value_ : static_cast<T>(std::forward<U>(other));
    }

    template<class F>
    auto and_then(F&& f) && -> std::invoke_result_t<F, T&&> {
        if (has_value())
            return std::invoke(std::forward<F>(f), std::move(value_));
        return std::move(status_.error());
    }
    template<class F>
    auto transform(F&& f) && -> Result<std::remove_cv_t<std::invoke_result_t<F, T&&>>> {
        if (has_value())
            return std::invoke(std::forward<F>(f), std::move(value_));
        return std::move(status_.error());
    }
    template<class F>
    Result or_else(F&& f) && {
        if (has_value())
            return std::move(*this);
        return std::invoke(std::forward<F>(f), std::move(status_.error()));
    }

private:
    ErrorStatus status_;
    union {
        T value_;
    };
};

template<>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;
    using error_type = Error;

    Result() noexcept = default;
    Result(Error error) noexcept : status_(std::move(error)) {}
    explicit Result(RawResult raw) noexcept : status_(raw) {}

    bool has_value() const noexcept { return status_.ok(); }
    explicit operator bool() const noexcept { return status_.ok(); }
    HWALLOC_CHECKED_NAME void operator*() const noexcept { detail::check_value(status_); }
    HWALLOC_VALUE_NAME void value() const {
        if (!has_value())
            detail::refuse_value(status_.error());
    }
    // Precondition: !has_value().
    HWALLOC_CHECKED_NAME Error& error() & noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_error(status_);
        return status_.error();
    }
    HWALLOC_CHECKED_NAME const Error& error() const& noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_error(status_);
        return status_.error();
    }
    HWALLOC_CHECKED_NAME Error&& error() && noexcept HWALLOC_LIFETIMEBOUND {
        detail::check_error(status_);
        return std::move(status_.error());
    }

    template<class F>
    auto and_then(F&& f) && -> std::invoke_result_t<F> {
        if (has_value())
            return std::invoke(std::forward<F>(f));
        return std::move(status_.error());
    }

private:
    ErrorStatus status_;
};

} // namespace hwalloc
