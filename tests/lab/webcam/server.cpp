#include "server.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <stdexcept>

#include "descriptors.h"

namespace webcam {

void Server::run() {
    while (true) {
        std::array<pollfd, 2> files = {pollfd{listener_, POLLIN, 0},
                                       pollfd{cable_ ? cable_->descriptor() : -1, POLLIN, 0}};
        if (poll(files.data(), files.size(), milliseconds()) < 0 && errno != EINTR)
            throw std::runtime_error("poll");
        try {
            if (files[1].revents != 0)
                serve(cable_->receive());
            if (cable_)
                answer_what_is_due();
        } catch (const std::runtime_error&) {
            unplug(); // by the kernel: the driver was unloaded
        }
        if (files[0].revents != 0)
            listen();
    }
}

void Server::listen() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0)
        return;
    std::string word, fault;
    std::array<char, 512> part{};
    for (ssize_t count = 0; (count = recv(client, part.data(), part.size(), 0)) > 0;)
        word.append(part.data(), static_cast<std::size_t>(count));
    try {
        obey(word);
    } catch (const std::exception& error) {
        fault = error.what();
    }
    send(client, fault.data(), fault.size(), MSG_NOSIGNAL);
    close(client);
}

void Server::obey(const std::string& word) {
    if (word == "unplug") {
        unplug();
    } else if (word == "plug") {
        if (cable_)
            return;
        device_ = std::make_unique<Device>(settings_.formats, std::to_string(port_));
        cable_ = std::make_unique<Cable>(port_);
    } else {
        apply(word, settings_);
    }
}

void Server::serve(Submission submission) {
    const auto is = [&](const auto& one) { return one.number == submission.unlinked; };
    if (submission.unlinked != 0) {
        const std::size_t found = std::erase_if(waiting_, is) + std::erase_if(late_, is);
        cable_->unlinked(submission.number, found != 0);
    } else if (submission.endpoint == video_endpoint && submission.in) {
        waiting_.push_back(std::move(submission));
    } else if (submission.endpoint == 0) {
        // One after the other, as on a bus.
        const auto begin = late_.empty() ? Clock::now() : late_.back().due;
        late_.push_back({submission.number, begin + settings_.slow, submission.in, submission.room,
                         device_->control(submission, stream_)});
    } else {
        cable_->stall(submission.number);
    }
}

void Server::answer_what_is_due() {
    const auto now = Clock::now();
    for (; !late_.empty() && late_.front().due <= now; late_.pop_front()) {
        const Late& late = late_.front();
        if (!late.answer)
            cable_->stall(late.number);
        else if (late.in)
            cable_->answer(late.number, *late.answer);
        else
            cable_->took(late.number, late.room);
    }
    while (!waiting_.empty()) {
        const auto part = stream_.take(waiting_.front().room, settings_, device_->brightness(), now);
        if (!part)
            break;
        cable_->answer(waiting_.front().number, *part);
        waiting_.pop_front();
    }
}

// Until there is something to answer; -1: for ever.
int Server::milliseconds() const {
    std::optional<Clock::time_point> due;
    if (!waiting_.empty())
        due = stream_.due(settings_);
    if (!late_.empty())
        due = std::min(due.value_or(Clock::time_point::max()), late_.front().due);
    if (!due)
        return -1;
    const auto now = Clock::now();
    if (*due <= now)
        return 0;
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(*due - now).count());
}

void Server::unplug() {
    cable_.reset();
    device_.reset();
    stream_.stop();
    late_.clear();
    waiting_.clear();
}

} // namespace webcam
