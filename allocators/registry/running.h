// The mark of a thread that runs foreign code for the registry.
#pragma once

#include "allocators/registry/registry.h"

namespace hwalloc {

class Registry::RunsOnThisThread {
public:
    RunsOnThisThread(Registry& registry, const Backend* backend, std::string_view file) noexcept
        : registry_(registry), mark_{::pthread_self(), backend, file, nullptr} {
        const std::lock_guard guard(registry_.mutex_);
        for (const Running* one = registry_.running_; one; one = one->next)
            already_ |= one->thread == mark_.thread && one->backend == backend && one->file == file;
        mark_.next = std::exchange(registry_.running_, &mark_);
        number_ = ++registry_.runs_;
    }
    ~RunsOnThisThread() {
        const std::lock_guard guard(registry_.mutex_);
        Running** at = &registry_.running_;
        while (*at != &mark_)
            at = &(*at)->next;
        *at = mark_.next;
    }
    RunsOnThisThread(const RunsOnThisThread&) = delete;
    RunsOnThisThread& operator=(const RunsOnThisThread&) = delete;

    // This thread runs it further up already.
    bool already() const noexcept { return already_; }
    // Counted from 1, in the order in which marks are made.
    std::uint64_t number() const noexcept { return number_; }

private:
    Registry& registry_;
    Running mark_;
    std::uint64_t number_ = 0;
    bool already_ = false;
};

} // namespace hwalloc
