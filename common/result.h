// Result<T>: a value or an Error, with the member names of std::expected, for every C++20 compiler.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "hwalloc/error.h"

namespace hwalloc {

// Thrown by Result::value() alone, inline in the caller's own code; no function of the library throws it.
// Check first, or use value_or, and it is never seen.
class BadResultAccess : public std::exception {
public:
    explicit BadResultAccess(const Error& error) noexcept : error_(error) {}
    const char* what() const noexcept override { return "hwalloc::Result holds an error, not a value"; }
    const Error& error() const noexcept { return error_; }

private:
    Error error_;
};

namespace detail {
[[noreturn]] inline void bad_result_access(const Error& error) {
#ifdef __cpp_exceptions
    throw BadResultAccess(error);
#else
    (void)error;
    std::terminate();
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
    T& operator*() & noexcept { return value_; }
    const T& operator*() const& noexcept { return value_; }
    T&& operator*() && noexcept { return std::move(value_); }
    T* operator->() noexcept { return std::addressof(value_); }
    const T* operator->() const noexcept { return std::addressof(value_); }

    // Throws BadResultAccess without a value.
    T& value() & {
        if (!has_value())
            detail::bad_result_access(error());
        return value_;
    }
    const T& value() const& {
        if (!has_value())
            detail::bad_result_access(error());
        return value_;
    }
    T&& value() && {
        if (!has_value())
            detail::bad_result_access(error());
        return std::move(value_);
    }

    // Precondition: !has_value().
    Error& error() & noexcept { return status_.error(); }
    const Error& error() const& noexcept { return status_.error(); }
    Error&& error() && noexcept { return std::move(status_.error()); }

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
    void operator*() const noexcept {}
    void value() const {
        if (!has_value())
            detail::bad_result_access(error());
    }
    Error& error() & noexcept { return status_.error(); }
    const Error& error() const& noexcept { return status_.error(); }
    Error&& error() && noexcept { return std::move(status_.error()); }

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
