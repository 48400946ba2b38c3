// A camera that waits to be plugged in, and goes on until the process ends: what it is told comes from a
// socket.
#pragma once
#include <deque>
#include <memory>
#include <string>

#include "device.h"
#include "settings.h"
#include "stream.h"
#include "usbip.h"

namespace webcam {

class Server {
public:
    // `listener`: a socket that listens. A client sends one word and ends its side; the answer is nothing, or
    // what was wrong.
    Server(unsigned port, int listener, Settings settings)
        : port_(port), listener_(listener), settings_(std::move(settings)) {}

    [[noreturn]] void run();

private:
    struct Late { // an answer to a control transfer
        std::uint32_t number;
        Clock::time_point due;
        bool in;
        std::size_t room;
        std::optional<Bytes> answer;
    };

    void listen();
    void obey(const std::string& word);
    void serve(Submission submission);
    void answer_what_is_due();
    [[nodiscard]] int milliseconds() const;
    void unplug();

    unsigned port_;
    int listener_;
    Settings settings_;
    std::unique_ptr<Cable> cable_;
    std::unique_ptr<Device> device_;
    Stream stream_;
    std::deque<Late> late_;
    std::deque<Submission> waiting_; // for frames
};

} // namespace webcam
