#include "tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "tools/wrap.h"

namespace hwalloc::tools {
namespace {

constexpr const char* clear_line = "\r\033[K";

bool is_looked_at() {
    return ::isatty(STDERR_FILENO) == 1;
}

void show(const std::string& text) {
    // One line: what is longer could not be taken away.
    fmt::print(stderr, "{}{}", clear_line, text.empty() ? text : wrapped(text, 79).front());
    std::fflush(stderr);
}

} // namespace

struct Progress::Ticker {
    explicit Ticker(std::string text) : doing(std::move(text)), thread([this] { run(); }) {}
    ~Ticker() {
        {
            const std::lock_guard guard(mutex);
            done = true;
        }
        woken.notify_one();
        thread.join();
    }

    void run() {
        using namespace std::chrono_literals;
        std::unique_lock lock(mutex);
        const auto begin = std::chrono::steady_clock::now();
        bool shown = false;
        for (auto next = begin + 2s; !woken.wait_until(lock, next, [this] { return done; }); next += 1s) {
            const auto past = std::chrono::duration_cast<std::chrono::seconds>(next - begin);
            show(fmt::format("{}: {} s", doing, past.count()));
            shown = true;
        }
        if (shown)
            show({});
    }

    const std::string doing;
    std::mutex mutex;
    std::condition_variable woken;
    bool done = false;
    std::thread thread; // the last member: it uses the others
};

Progress::Progress(std::string doing)
    : ticker_(is_looked_at() ? std::make_unique<Ticker>(std::move(doing)) : nullptr) {}
Progress::~Progress() = default;

void show_step(const std::string& doing) {
    if (is_looked_at())
        show(doing);
}

} // namespace hwalloc::tools
