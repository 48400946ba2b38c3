// Where code that may throw meets functions that must not.
#pragma once

#include <new>
#include <stdexcept>

#include "hwalloc/result.h"

namespace hwalloc {

// Runs `f`, which may throw bad_alloc (strings, vectors), on behalf of a function that must not. `shortage`,
// a literal, says what there is no memory for.
template<class F>
auto without_exceptions(const char* shortage, F&& f) noexcept -> decltype(f()) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return Error(ErrorKind::exhausted, shortage);
    } catch (const std::length_error&) { // more entries than a container can ever have
        return Error(ErrorKind::exhausted, shortage);
    }
}
template<class F>
auto without_exceptions(F&& f) noexcept -> decltype(f()) {
    return without_exceptions("out of memory", f);
}

} // namespace hwalloc
