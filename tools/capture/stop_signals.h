// Ending a capture by a signal: cleanly where the capture gets to notice it, and in any case.
#pragma once

#include <memory>
#include <string>

namespace hwalloc::tools {

// While one lives, the signals by which programs are ended ask the capture to stop: SIGINT, SIGTERM, SIGQUIT,
// SIGALRM, and unless they were ignored, as nohup wants, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU. SIGPIPE is a
// failed write. SIGINT and SIGQUIT do also where they were ignored: so a script's shell starts what it puts
// behind itself with `&`, and `kill -INT` must end that as well. Afterwards all is as it was before.
// From the first signal on the thread that made this is woken every 50 ms out of whatever blocks it (EINTR).
// If nobody has called stop_wanted() after a second, or another signal comes after one, the process ends by
// that signal. One object at a time.
class StopSignals {
public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    // Whether a signal came. Then the caller ends the capture.
    static bool stop_wanted() noexcept;
    // Whether one came half a second ago: for what would wait longer for somebody else.
    static bool out_of_patience() noexcept;
    // A file that is to go when a signal ends the process; empty: none. A path that is too long is not kept.
    static void remove_at_end(const std::string& path) noexcept;

private:
    struct Saved;
    std::unique_ptr<Saved> saved_;
};

} // namespace hwalloc::tools
