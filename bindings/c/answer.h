// How the C interface answers: results become numbers and error objects, values go where the caller points.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/interop.h"
#include "hwalloc/result.h"

// With every text at its place, because C wants them to end with a zero byte.
struct hwalloc_error {
    hwalloc::Error error;
    std::string message, operation, device, call, remedy, mend;
    std::vector<hwalloc_error> causes;
    mutable std::string json; // made when it is asked for
};

namespace hwalloc::c {

// A new object with all that `error` says. May throw std::bad_alloc.
hwalloc_error object_of(const Error& error);
[[gnu::cold]] inline int refuse_null(const char* what, hwalloc_error** out) noexcept {
    return refuse(Error(ErrorKind::invalid, what), out);
}

inline int answer(const Result<void>& result, hwalloc_error** out) noexcept {
    return result ? 0 : refuse(result.error(), out);
}
// A handle goes to the caller.
inline int answer(Result<MemoryRef> result, hwalloc_memory** memory, hwalloc_error** out) noexcept {
    if (!result) [[unlikely]]
        return refuse(result.error(), out);
    *memory = to_c(result->detach());
    return 0;
}

// A new object goes to the caller; null: there was no memory for it.
template<class T>
int give(T* made, T** to, hwalloc_error** out) noexcept {
    if (!made)
        return refuse(Error(ErrorKind::exhausted, "out of memory"), out);
    *to = made;
    return 0;
}

// At most `size` bytes of it with a zero byte, at `text`. How many it has.
inline std::size_t copy_text(std::string_view from, char* text, std::size_t size) noexcept {
    if (text && size > 0)
        text[from.copy(text, size - 1)] = '\0';
    return from.size();
}

// ---- structs that begin with their size
// No struct is larger: what claims to be was never set. The kernel's copy_struct_from_user() has the same
// rule.
inline constexpr std::size_t max_struct_size = 4096;
inline Result<void> check_size(std::size_t struct_size) noexcept {
    if (struct_size < sizeof(std::size_t))
        return Error(ErrorKind::invalid, "struct_size is not set: it is the sizeof of the struct");
    if (struct_size > max_struct_size)
        return Error(ErrorKind::invalid, E2BIG, "struct_size is no size of a struct: it is its sizeof");
    return {};
}
// The members that the caller knows, and 0 for the rest. Errors: invalid (no size), the same with E2BIG (too
// large a size, or what this library does not know is not 0).
template<class T>
Result<T> read_struct(const T* from) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const std::size_t size = from->struct_size;
    if (auto set = check_size(size); !set)
        return std::move(set).error();
    std::memcpy(&value, from, std::min(size, sizeof value));
    const auto* bytes = reinterpret_cast<const unsigned char*>(from);
    for (std::size_t i = sizeof value; i < size; ++i)
        if (bytes[i])
            return Error(ErrorKind::invalid, E2BIG, "a struct has members that this library does not know");
    return value;
}
template<class T>
Result<void> write_struct(T* to, T value) noexcept {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::size_t size = to->struct_size;
    if (auto set = check_size(size); !set)
        return std::move(set).error();
    value.struct_size = size;
    std::memcpy(static_cast<void*>(to), &value, std::min(size, sizeof value));
    if (size > sizeof value)
        std::memset(reinterpret_cast<unsigned char*>(to) + sizeof value, 0, size - sizeof value);
    return {};
}

} // namespace hwalloc::c
