#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "tools/preload/answers.h"

namespace hwalloc::preload {
namespace {

struct stat first_error {}; // what standard error was when the process began
bool has_error = false;

[[gnu::constructor]] void remember_error() noexcept {
    has_error = ::fstat(STDERR_FILENO, &first_error) == 0;
}

// A daemon may have its own file or connection there.
bool is_still_error() noexcept {
    struct stat now {};
    return has_error && ::fstat(STDERR_FILENO, &now) == 0 && now.st_dev == first_error.st_dev &&
           now.st_ino == first_error.st_ino;
}

// That nobody reads it is no reason for the program to end.
void write_quietly(const char* line, std::size_t length) noexcept {
    sigset_t pipe, before, pending;
    ::sigemptyset(&pipe);
    ::sigaddset(&pipe, SIGPIPE);
    ::sigpending(&pending);
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    if (::write(STDERR_FILENO, line, length) < 0 && errno == EPIPE && !::sigismember(&pending, SIGPIPE)) {
        const timespec none{};
        ::sigtimedwait(&pipe, nullptr, &none);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

} // namespace

void tell(const char* format, ...) noexcept {
    const int before = errno;
    char line[1024] = "hwalloc run: ";
    const std::size_t begin = std::strlen(line);
    std::va_list arguments;
    va_start(arguments, format);
    const int wanted = std::vsnprintf(line + begin, sizeof line - begin - 1, format, arguments);
    va_end(arguments);
    std::size_t length = wanted < 0 ? begin : begin + static_cast<std::size_t>(wanted);
    length = length < sizeof line - 2 ? length : sizeof line - 2;
    line[length++] = '\n';
    if (is_still_error())
        write_quietly(line, length);
    errno = before;
}

} // namespace hwalloc::preload
