#include "tools/capture/stop_signals.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>

namespace hwalloc::tools {
namespace {

// All that ends a program that does not ask for it, but for faults of its own and SIGALRM, which ticks.
struct StopSignal {
    int number;
    bool may_be_ignored; // whoever started the command so wants it to go on
};
constexpr StopSignal stop_with[] = {{SIGINT, false}, {SIGTERM, false}, {SIGQUIT, false}, {SIGHUP, true},
                                    {SIGUSR1, true}, {SIGUSR2, true},  {SIGXCPU, true}};

constexpr int ticks_of_patience = 10; // of 50 ms each
constexpr int ticks_to_the_end = 20;

// What the handlers see: they run in any thread, and may interrupt whatever uses it.
volatile sig_atomic_t stop_signal = 0, noticed = 0, ticks = 0, removes = 0;
char removed_path[PATH_MAX];
timer_t timer;
volatile sig_atomic_t has_timer = 0;

void end_by(int signal) {
    if (removes)
        ::unlink(removed_path);
    ::signal(signal, SIG_DFL);
    ::raise(signal); // delivered when its handler returns, if this is that
}

void on_stop(int signal) {
    const int before = errno;
    if (stop_signal && ticks >= ticks_to_the_end)
        end_by(signal);
    if (!stop_signal) {
        stop_signal = signal;
        constexpr timespec often{.tv_sec = 0, .tv_nsec = 50'000'000};
        const itimerspec when{.it_interval = often, .it_value = often};
        if (has_timer)
            ::timer_settime(timer, 0, &when, nullptr);
    }
    errno = before;
}

// Interrupts what the thread waits for, and counts. A SIGALRM of somebody else's is like any other signal.
void on_tick(int signal, siginfo_t* info, void*) {
    if (info->si_code != SI_TIMER) {
        on_stop(signal);
        return;
    }
    const int before = errno;
    if (ticks < ticks_to_the_end)
        ticks = ticks + 1;
    if (ticks == ticks_to_the_end && !noticed)
        end_by(stop_signal);
    errno = before;
}

struct sigaction calling(void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler; // no SA_RESTART: what waits must come back
    return action;
}

} // namespace

struct StopSignals::Saved {
    std::array<struct sigaction, std::size(stop_with)> stops;
    struct sigaction alarm, pipe;
};

StopSignals::StopSignals() : saved_(std::make_unique<Saved>()) {
    stop_signal = 0;
    noticed = 0;
    ticks = 0;
    removes = 0;
    const struct sigaction stop = calling(on_stop), ignore = calling(SIG_IGN);
    struct sigaction tick {};
    tick.sa_sigaction = on_tick;
    tick.sa_flags = SA_SIGINFO;
    ::sigaction(SIGALRM, &tick, &saved_->alarm);
    sigevent to_this_thread{};
    to_this_thread.sigev_notify = SIGEV_THREAD_ID;
    to_this_thread.sigev_signo = SIGALRM;
    to_this_thread._sigev_un._tid = ::gettid();
    has_timer = ::timer_create(CLOCK_MONOTONIC, &to_this_thread, &timer) == 0;
    for (std::size_t i = 0; i < std::size(stop_with); ++i) {
        ::sigaction(stop_with[i].number, &stop, &saved_->stops[i]);
        if (stop_with[i].may_be_ignored && saved_->stops[i].sa_handler == SIG_IGN)
            ::sigaction(stop_with[i].number, &ignore, nullptr);
    }
    // A reader of standard output that goes away is a failed write, not a death with buffers in use.
    ::sigaction(SIGPIPE, &ignore, &saved_->pipe);
}

StopSignals::~StopSignals() {
    for (std::size_t i = 0; i < std::size(stop_with); ++i)
        ::sigaction(stop_with[i].number, &saved_->stops[i], nullptr);
    ::sigaction(SIGPIPE, &saved_->pipe, nullptr);
    if (has_timer)
        ::timer_delete(timer);
    has_timer = 0;
    ::sigaction(SIGALRM, &saved_->alarm, nullptr);
}

bool StopSignals::stop_wanted() noexcept {
    if (!stop_signal)
        return false;
    noticed = 1;
    return true;
}

bool StopSignals::out_of_patience() noexcept {
    return stop_wanted() && ticks >= ticks_of_patience;
}

void StopSignals::remove_at_end(const std::string& path) noexcept {
    removes = 0;
    if (path.empty() || path.size() >= sizeof removed_path)
        return;
    std::memcpy(removed_path, path.c_str(), path.size() + 1);
    removes = 1;
}

} // namespace hwalloc::tools
