// Ending by a signal, each case in a process of its own. The command's own end is in capture_test.py.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string>

#include "tools/capture/stop_signals.h"
#include "tools/capture/writer.h"

namespace hwalloc::tools {
namespace {

// What waitpid() says of a process that does `what` and is sent `signal` once it has called its argument.
int end_of(int signal, const std::function<void(const std::function<void()>& ready)>& what) {
    int pipe_fds[2];
    EXPECT_EQ(::pipe(pipe_fds), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        what([&] { (void)!::write(pipe_fds[1], "r", 1); });
        ::_exit(0);
    }
    char ready;
    EXPECT_EQ(::read(pipe_fds[0], &ready, 1), 1);
    ::kill(child, signal);
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    ::close(pipe_fds[0]);
    ::close(pipe_fds[1]);
    return status;
}

TEST(StopSignals, WhatNeverNoticesIsEndedAndItsEmptyFileIsGone) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1}) {
        std::string path = ::testing::TempDir() + "stop.XXXXXX";
        const int file = ::mkstemp(path.data());
        ASSERT_GE(file, 0);
        const int status = end_of(signal, [&](const auto& ready) {
            const StopSignals signals;
            StopSignals::remove_at_end(path);
            ready();
            for (;;)
                ::pause();
        });
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
        EXPECT_NE(::access(path.c_str(), F_OK), 0);
        ::close(file);
        ::unlink(path.c_str());
    }
}

// As when a driver keeps STREAMOFF waiting: what was captured before is no empty file.
TEST(StopSignals, AFileThatHasAFrameStays) {
    std::string path = ::testing::TempDir() + "frames.XXXXXX";
    ::close(::mkstemp(path.data()));
    ::unlink(path.c_str());
    path += ".png";
    const int status = end_of(SIGTERM, [&](const auto& ready) {
        const StopSignals signals;
        FrameWriter writer(FrameWriter::Kind::png);
        v4l2::CaptureFormat format{.pixel_format = fourcc('G', 'R', 'E', 'Y')};
        format.layout = linear_layout(fourcc('R', '8', ' ', ' '), 2, 2).value();
        const Picture black{.width = 2, .height = 2, .depth = 8, .bytes = std::vector<std::uint8_t>(12)};
        if (!writer.open(path) || !writer.set_format(format) || !writer.write_picture(black))
            ::_exit(1);
        ready();
        for (;;)
            ::pause();
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
    EXPECT_EQ(::access(path.c_str(), R_OK), 0);
    ::unlink(path.c_str());
}

TEST(StopSignals, WhatBlocksIsWokenAgainAndAgain) {
    const int status = end_of(SIGTERM, [&](const auto& ready) {
        const StopSignals signals;
        int nobody[2];
        if (::pipe(nobody) != 0)
            ::_exit(1);
        ready();
        char byte;
        // Each of these would block for ever.
        for (int woken = 0; woken < 5; ++woken)
            if (::read(nobody[0], &byte, 1) != -1 || errno != EINTR || !StopSignals::stop_wanted())
                ::_exit(2);
        while (!StopSignals::out_of_patience())
            if (::read(nobody[0], &byte, 1) != -1 || errno != EINTR)
                ::_exit(3);
    });
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(StopSignals, WhatNohupIgnoresStaysIgnored) {
    const int status = end_of(SIGTERM, [&](const auto& ready) {
        ::signal(SIGHUP, SIG_IGN);
        const StopSignals signals;
        ::raise(SIGHUP);
        if (StopSignals::stop_wanted())
            ::_exit(2);
        ready();
        while (!StopSignals::stop_wanted())
            ::pause();
    });
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

} // namespace
} // namespace hwalloc::tools
