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

// What a terminal sends goes to the program too, which is one of the terminal's foreground; what anybody sent
// to this process alone is handed on.
void hand_on(int signal, siginfo_t* info, void*) {
    const int before = errno;
    if (child > 0 && info->si_code <= 0)
        ::kill(child, signal);
    errno = before;
}

// Blocked but for the time in which there is a child to hand them on to.
class Signals {
public:
    Signals() {
        ::sigemptyset(&mine_);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            ::sigaddset(&mine_, numbers[i]);
            ::sigaction(numbers[i], nullptr, &before_[i]);
        }
        ::sigprocmask(SIG_BLOCK, &mine_, &mask_);
    }
    ~Signals() {
        for (std::size_t i = 0; i < numbers.size(); ++i)
            ::sigaction(numbers[i], &before_[i], nullptr);
        ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    // What the program begins with: this process's own, before.
    const sigset_t& mask() const { return mask_; }

    void go_to(pid_t pid) {
        child = pid;
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            struct sigaction action {};
            action.sa_sigaction = hand_on;
            action.sa_flags = SA_RESTART | SA_SIGINFO;
            if (before_[i].sa_handler != SIG_IGN)
                ::sigaction(numbers[i], &action, nullptr);
        }
        ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }
    void go_to_nobody() {
        ::sigprocmask(SIG_BLOCK, &mine_, nullptr);
        child = 0;
    }

private:
    static constexpr std::array numbers{SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

    std::array<struct sigaction, numbers.size()> before_{};
    sigset_t mine_{}, mask_{};
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
    Signals signals;
    sigset_t defaults; // which the command ignores for itself
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGXFSZ);
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setsigmask(&attributes, &signals.mask());
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
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
    signals.go_to(pid);
    // It keeps its number until nobody sends it anything any more.
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT) < 0)
        if (errno != EINTR)
            return Error::from_errno(errno, "waiting for the program").on(program).call("waitid");
    signals.go_to_nobody();
    int status = 0;
    if (::waitpid(pid, &status, 0) < 0)
        return Error::from_errno(errno, "waiting for the program").on(program).call("waitpid");
    if (WIFSIGNALED(status))
        return Ended{.code = 128 + WTERMSIG(status), .signal = WTERMSIG(status)};
    return Ended{.code = WEXITSTATUS(status), .signal = 0};
}

} // namespace hwalloc::tools::running
