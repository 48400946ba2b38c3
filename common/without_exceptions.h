// Where code that may throw meets functions that must not.
#pragma once

#include <new>

#include "hwalloc/result.h"

namespace hwalloc {

// Runs `f`, which may throw bad_alloc (strings, vectors), on behalf of a function that must not.
template<class F>
auto without_exceptions(F&& f) noexcept -> decltype(f()) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return Error(ErrorKind::exhausted, "out of memory");
    }
}

} // namespace hwalloc
