#include "tools/check/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "hwalloc/unique_fd.h"

namespace hwalloc::tools::checks {
namespace {

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(fd, text.data(), text.size());
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            _exit(failure); // the parent is gone
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
}

std::string error_words(const char* what) {
    return fmt::format("{}: {} ({})", what, std::strerror(errno), errno_name(errno));
}

[[noreturn]] void be_child(int pipe, const std::function<void(const Say&)>& work) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = ok;
    try {
        work([pipe](const Json& message) {
            write_all(pipe, message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
        });
    } catch (const std::exception& error) {
        write_all(STDERR_FILENO, fmt::format("hwalloc: {}\n", error.what()));
        code = failure;
    }
    _exit(code);
}

// Empty when the child came to its end.
std::string how_it_ended(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return error_words("is lost: waitpid");
    if (WIFSIGNALED(status)) {
        const char* name = ::sigabbrev_np(WTERMSIG(status));
        return name ? fmt::format("was killed by SIG{}", name)
                    : fmt::format("was killed by signal {}", WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0 ? "" : fmt::format("exited with code {}", WEXITSTATUS(status));
}

} // namespace

std::string in_child(const std::function<void(const Say&)>& work,
                     const std::function<void(const Json&)>& hear, int patience) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return error_words("did not start: pipe2");
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    std::fflush(nullptr); // else the child would write it too
    const pid_t child = ::fork();
    if (child < 0)
        return error_words("did not start: fork");
    if (child == 0)
        be_child(writing.get(), work);
    writing.reset();

    std::string received;
    for (;;) {
        pollfd waiting{.fd = reading.get(), .events = POLLIN, .revents = 0};
        const int ready = ::poll(&waiting, 1, patience * 1000);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0) {
            ::kill(child, SIGKILL);
            // A process that waits in a driver may not even die: then it is left to itself.
            for (int i = 0; i < 20; ++i, ::usleep(100000))
                if (::waitpid(child, nullptr, WNOHANG) != 0)
                    break;
            return fmt::format("was not done after {} seconds", patience);
        }
        char buffer[4096];
        const ssize_t got = ::read(reading.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return how_it_ended(child);
        received.append(buffer, static_cast<std::size_t>(got));
        for (std::size_t end; (end = received.find('\n')) != std::string::npos; received.erase(0, end + 1))
            hear(Json::parse(received.substr(0, end)));
    }
}

} // namespace hwalloc::tools::checks
