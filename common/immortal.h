// An object of the whole process.
#pragma once

#include <cstddef>
#include <new>

namespace hwalloc {

// Never destroyed, because any other static object may use it in its destructor: nothing is registered to run
// when the process ends, not even an empty destructor. Declared as `HWALLOC_IMMORTAL(T, name);` at namespace
// scope, it is made when the library is loaded, before all other static objects.
template<class T>
class Immortal {
public:
    Immortal() noexcept { ::new (static_cast<void*>(bytes_)) T(); }
    Immortal(const Immortal&) = delete;
    Immortal& operator=(const Immortal&) = delete;

    T& operator*() noexcept {
        return *std::launder(static_cast<T*>(__builtin_assume_aligned(bytes_, alignof(T))));
    }
    T* operator->() noexcept { return &**this; }

private:
    alignas(T) std::byte bytes_[sizeof(T)];
};

} // namespace hwalloc

// 101 is the first priority that is not the compiler's own.
#define HWALLOC_IMMORTAL(type, name) [[gnu::init_priority(101)]] ::hwalloc::Immortal<type> name
