#include "tools/run/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace hwalloc::tools::running {
namespace {

volatile sig_atomic_t child = 0;

void hand_on(int signal) {
    const int before = errno;
    if (child > 0)
        ::kill(child, signal);
    errno = before;
}

// A terminal sends Control-C to both, and it is the program's to decide; what is sent to this process alone
// is handed on.
class Signals {
public:
    Signals() {
        for (std::size_t i = 0; i < terminal.size(); ++i)
            set(terminal[i], SIG_IGN, before_[i]);
        for (std::size_t i = 0; i < sent.size(); ++i)
            set(sent[i], hand_on, before_[terminal.size() + i]);
    }
    ~Signals() {
        child = 0;
        for (std::size_t i = 0; i < terminal.size(); ++i)
            ::sigaction(terminal[i], &before_[i], nullptr);
        for (std::size_t i = 0; i < sent.size(); ++i)
            ::sigaction(sent[i], &before_[terminal.size() + i], nullptr);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // Those that the program begins with as ever: all that was not ignored for this process.
    sigset_t defaults() const {
        sigset_t set;
        ::sigemptyset(&set);
        for (std::size_t i = 0; i < before_.size(); ++i)
            if (before_[i].sa_handler != SIG_IGN)
                ::sigaddset(&set, i < terminal.size() ? terminal[i] : sent[i - terminal.size()]);
        ::sigaddset(&set, SIGXFSZ); // which the command ignores for itself
        return set;
    }

private:
    static constexpr std::array terminal{SIGINT, SIGQUIT};
    static constexpr std::array sent{SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

    static void set(int signal, void (*handler)(int), struct sigaction& before) {
        struct sigaction action {};
        action.sa_handler = handler;
        action.sa_flags = SA_RESTART;
        ::sigaction(signal, &action, &before);
        if (before.sa_handler == SIG_IGN)
            ::sigaction(signal, &before, nullptr);
    }

    std::array<struct sigaction, terminal.size() + sent.size()> before_{};
};

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> all;
    for (const std::string& word : words)
        all.push_back(const_cast<char*>(word.c_str())); // NOLINT: execve writes to none
    all.push_back(nullptr);
    return all;
}

} // namespace

Result<Ended> run_program(const std::string& program, const std::vector<std::string>& words,
                          const std::vector<std::string>& environment, bool output_to_error) {
    const Signals signals;
    const sigset_t defaults = signals.defaults();
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    ::posix_spawn_file_actions_init(&files);
    if (output_to_error)
        ::posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    pid_t pid = 0;
    const int why = ::posix_spawn(&pid, program.c_str(), &files, &attributes, pointers(words).data(),
                                  pointers(environment).data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (why)
        return Error::from_errno(why, "running the program").on(program).call("posix_spawn");
    child = pid;
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return Error::from_errno(errno, "waiting for the program").on(program).call("waitpid");
    if (WIFSIGNALED(status))
        return Ended{.code = 128 + WTERMSIG(status), .signal = WTERMSIG(status)};
    return Ended{.code = WEXITSTATUS(status), .signal = 0};
}

} // namespace hwalloc::tools::running
