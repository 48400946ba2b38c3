// A camera in an event loop, with its controls, that goes on when its source changes.
//
//     camera_event_loop [CAMERA [FRAMES [CONTROL=VALUE]...]]
//
// A webcam is opened, set and read; an HDMI or television's input is set to its signal first, and again when
// the signal becomes another; while there is none the loop waits for its return. Each frame costs epoll_wait,
// DQBUF and QBUF. Control-C ends it.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "hwalloc/plan.h"
#include "hwalloc/v4l2.h"
#include "hwalloc/v4l2_controls.h"
#include "hwalloc/v4l2_inputs.h"

using namespace hwalloc;

// An example ends at the first thing that goes wrong, and says what and what to do.
[[noreturn]] static void give_up(const std::string& why) {
    std::fprintf(stderr, "camera_event_loop: %s\n", why.c_str());
    std::exit(1);
}
template<class T>
static T must(Result<T> result) {
    if (!result)
        give_up(result.error().message());
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

// "exposure=250": by any name that the control has, to a value that its range has.
static void set(v4l2::Camera& camera, std::string_view setting) {
    const auto sign = setting.find('=');
    std::int64_t value = 0;
    const std::string_view digits = setting.substr(std::min(setting.size(), sign + 1));
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (sign == setting.npos || error != std::errc{} || end != digits.data() + digits.size())
        give_up("CONTROL=VALUE is wanted, not " + std::string(setting));
    const v4l2::Control control = must(v4l2::find_control(camera, setting.substr(0, sign)));
    std::printf("%s: %lld\n", control.name.c_str(),
                static_cast<long long>(must(v4l2::set_control(camera, control.id, value))));
}

class Capture {
public:
    explicit Capture(v4l2::Camera camera) : camera_(std::move(camera)) {}

    v4l2::Camera& camera() { return camera_; }

    // Sets the device to its signal, and everything else to the format that this gives. False: there is no
    // signal.
    bool start() {
        auto signal = v4l2::check_signal(camera_);
        if (!signal && signal.error().kind() == ErrorKind::incompatible) {
            if (must(v4l2::current_input(camera_)).has_timings)
                must(v4l2::set_timings(camera_, must(v4l2::detect_timings(camera_))));
            else
                must(v4l2::set_standard(camera_, must(v4l2::detect_standard(camera_))));
        } else if (!signal && signal.error().kind() == ErrorKind::unavailable) {
            std::printf("waiting: %s\n", signal.error().message().c_str());
            return false;
        } else {
            must(std::move(signal));
        }
        const v4l2::CaptureFormat format = must(camera_.negotiate({}));
        const std::vector<ParticipantRef> all{must(v4l2::capture_participant(camera_)),
                                              must(cpu_participant(MapFlags::read))};
        const PlanRef plan =
            must(hwalloc::plan({.participants = all, .image = {.size = format.layout.memory_sizes[0]}}));
        const std::uint32_t count = must(camera_.reserve(camera_.min_buffers() + 3));
        const PlanBuffers buffers = must(plan->allocate(count));
        must(camera_.bind(buffers.memories)); // which keeps them
        must(camera_.start());
        std::printf("streaming: %s %ux%u, %s\n", fourcc_name(format.pixel_format).c_str(),
                    format.layout.width, format.layout.height, std::string(to_string(format.field)).c_str());
        return true;
    }
    void stop() {
        must(camera_.stop());
        must(camera_.unbind());
    }

private:
    v4l2::Camera camera_;
};

// What the loop waits for of a camera: frames and changes of the source; only these while it is not
// streaming, for then a driver reports an error to whoever waits for frames.
static void wait_for(int loop, int operation, v4l2::Camera& camera, bool streaming) {
    epoll_event wanted{};
    wanted.events = streaming ? EPOLLIN | EPOLLPRI : EPOLLPRI;
    wanted.data.fd = camera.fd();
    if (::epoll_ctl(loop, operation, camera.fd(), &wanted) < 0)
        give_up("epoll_ctl");
}

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    const int wanted_frames = argc > 2 ? std::atoi(argv[2]) : 30;
    Capture capture(must(v4l2::Camera::open(argc > 1 ? argv[1] : "/dev/video0")));
    v4l2::Camera& camera = capture.camera();
    for (int i = 3; i < argc; ++i)
        set(camera, argv[i]);

    sigset_t end;
    ::sigemptyset(&end);
    ::sigaddset(&end, SIGINT);
    ::sigprocmask(SIG_BLOCK, &end, nullptr);
    const int signals = ::signalfd(-1, &end, SFD_CLOEXEC);
    const int loop = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event interrupted{};
    interrupted.events = EPOLLIN;
    interrupted.data.fd = signals;
    if (signals < 0 || loop < 0 || ::epoll_ctl(loop, EPOLL_CTL_ADD, signals, &interrupted) < 0)
        give_up("epoll");

    (void)v4l2::source_changed(camera); // from here on they are told
    bool streaming = capture.start();
    wait_for(loop, EPOLL_CTL_ADD, camera, streaming);
    int frames = 0, tops = 0, bottoms = 0;
    std::uint64_t sum = 0, bytes = 0;
    while (frames < wanted_frames) {
        epoll_event event{};
        if (::epoll_wait(loop, &event, 1, 10'000) != 1)
            give_up("nothing came for 10 s");
        if (event.data.fd == signals)
            break;
        bool again = !streaming && must(v4l2::source_changed(camera));
        if (streaming) {
            auto frame = camera.take(0);
            if (frame) {
                const v4l2::MappedFrame mapped = must(frame->map());
                for (std::size_t i = 0; i < mapped.bytes.size(); i += 64)
                    sum += mapped.bytes[i], ++bytes;
                ++frames;
                tops += (*frame)->field == v4l2::Field::top;
                bottoms += (*frame)->field == v4l2::Field::bottom;
                if (frames % 30 == 0)
                    std::printf("%d frames so far, %d top and %d bottom fields\n", frames, tops, bottoms);
                continue; // the map ends, and then the frame goes back
            }
            const Error& error = frame.error();
            if (error.kind() == ErrorKind::busy)
                continue;
            if (error.kind() != ErrorKind::incompatible && error.kind() != ErrorKind::unavailable)
                give_up(error.message());
            std::printf("changed: %s\n", error.message().c_str());
            again = true;
        }
        if (again) {
            if (streaming)
                capture.stop();
            streaming = capture.start();
            wait_for(loop, EPOLL_CTL_MOD, camera, streaming);
        }
    }
    if (streaming)
        capture.stop();
    std::printf("%d frames, %d top and %d bottom fields, %.1f on average\n", frames, tops, bottoms,
                bytes ? static_cast<double>(sum) / static_cast<double>(bytes) : 0);
}
