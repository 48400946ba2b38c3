// An object of the whole process.
#pragma once

namespace hwalloc {

// Never destroyed, because every other static object may use it in its own end. Made before anything runs,
// when it is declared constinit.
template<class T>
class Immortal {
public:
    constexpr Immortal() noexcept = default;

    constexpr T& operator*() noexcept { return kept_.object; }
    constexpr T* operator->() noexcept { return &kept_.object; }

private:
    union Kept {
        constexpr Kept() noexcept : object() {}
        ~Kept() {}
        T object;
    } kept_;
};

} // namespace hwalloc
