// Makes each system call of an action fail in its turn, and looks for what is left over.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "hwalloc/allocator.h"
#include "tests/unit/kernel_override.h"

namespace hwalloc::testing {

// One round: which call failed (empty in the last one, where none did), and what the action answered.
struct FaultRound {
    std::string failed;
    Result<void> done;
};

// Runs `action` again and again, with its first call failing, then its second, and so on until it makes no
// call that could fail. Every round must leave no descriptor and no mapping, and an action that fails must
// tell this errno. `look` sees each round before that is checked. Gives the names of the calls that failed,
// in order.
inline std::vector<std::string> fail_each_call(int errno_value, const std::function<Result<void>()>& action,
                                               const std::function<void(const FaultRound&)>& look = {}) {
    const auto before = open_fds();
    KernelWatch watch;
    std::vector<std::string> failed;
    constexpr int most = 100;
    for (int n = 1; n < most; ++n) {
        SCOPED_TRACE("call " + std::to_string(n));
        watch.fail_call(n, errno_value);
        Result<void> done = action();
        const FaultRound round{watch.failed_name, std::move(done)};
        watch.clear();
        if (look)
            look(round);
        EXPECT_EQ(open_fds(), before) << round.failed;
        EXPECT_TRUE(watch.mappings.empty()) << round.failed;
        if (round.failed.empty()) {
            EXPECT_TRUE(round.done) << round.done.error().message();
            return failed;
        }
        if (!round.done) {
            EXPECT_EQ(round.done.error().code(), errno_value) << round.failed;
        }
        failed.push_back(round.failed);
    }
    ADD_FAILURE() << "more than " << most << " calls";
    return failed;
}

// Maps memory and ends that: what most actions end with.
inline Result<void> map_once(Memory& memory, MapFlags access = MapFlags::write) {
    auto mapping = memory.map(access);
    return mapping ? mapping->unmap() : Result<void>(std::move(mapping).error());
}
inline Result<void> alloc_and_map(Allocator& allocator, std::size_t size = 100) {
    auto memory = allocator.alloc(size);
    return memory ? map_once(**memory) : Result<void>(std::move(memory).error());
}

} // namespace hwalloc::testing
