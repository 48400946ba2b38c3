// Which of two or three buffers may be drawn into: not the one on the screen, nor the one on its way there.
#pragma once

#include <optional>

namespace hwalloc::tools {

class BackBuffers {
public:
    explicit BackBuffers(unsigned count) : count_(count) {}

    // A buffer to draw into; none: the flip that is on its way must end first.
    std::optional<unsigned> free() const {
        for (unsigned step = 1; step <= count_; ++step)
            if (const unsigned index = (last_ + step) % count_; shown_ != index && waiting_ != index)
                return index;
        return std::nullopt;
    }
    // `index` was given to the screen. Precondition: the one before has arrived.
    void flipped(unsigned index) {
        waiting_ = index;
        last_ = index;
    }
    // The one that was on its way is on the screen, and the one before is free.
    void arrived() {
        if (waiting_ != none)
            shown_ = waiting_;
        waiting_ = none;
    }

private:
    static constexpr unsigned none = ~0u;

    unsigned count_;
    unsigned last_ = count_ - 1;
    unsigned shown_ = none, waiting_ = none;
};

} // namespace hwalloc::tools
