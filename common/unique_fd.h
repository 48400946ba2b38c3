// A file descriptor with one owner.
#pragma once

#include <utility>

#include "hwalloc/export.h"

namespace hwalloc {

// Owns one descriptor and closes it; move only. 0 is a valid descriptor; an empty UniqueFd holds -1.
class HWALLOC_API UniqueFd {
public:
    constexpr UniqueFd() noexcept = default;
    // Takes ownership of `fd`.
    constexpr explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    ~UniqueFd() {
        if (valid())
            reset();
    }

    // The descriptor, still owned by this object; -1 when empty.
    int get() const noexcept { return fd_; }
    bool valid() const noexcept { return fd_ >= 0; }
    explicit operator bool() const noexcept { return valid(); }
    // Gives the descriptor up; the caller closes it.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    // Closes the held descriptor, if any, and takes `fd`; nothing happens when it is the held one.
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

} // namespace hwalloc
