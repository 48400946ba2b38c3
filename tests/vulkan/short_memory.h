// Makes the N-th allocation by operator new fail: in this thread, and not below the library, where drivers
// allocate too.
#pragma once

namespace hwalloc::vulkan::testing {

class ShortMemory {
public:
    // The N-th allocation from here on fails, counted from 1; until this object goes.
    explicit ShortMemory(int n) { countdown = n; }
    ~ShortMemory() { countdown = 0; }
    ShortMemory(const ShortMemory&) = delete;
    ShortMemory& operator=(const ShortMemory&) = delete;
    // Whether it was made to fail.
    static bool reached() { return countdown < 0; }

    // Nothing fails, and nothing counts, while one of these lives.
    class Pause {
    public:
        Pause() { ++paused; }
        ~Pause() { --paused; }
        Pause(const Pause&) = delete;
        Pause& operator=(const Pause&) = delete;
    };

    // For operator new.
    static bool fails() {
        if (countdown <= 0 || paused > 0 || --countdown > 0)
            return false;
        countdown = -1;
        return true;
    }

private:
    static inline thread_local int countdown = 0; // -1: done
    static inline thread_local int paused = 0;
};

} // namespace hwalloc::vulkan::testing
