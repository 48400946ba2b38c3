// A webcam without hardware, for the kernel's own driver uvcvideo: it answers the kernel's virtual USB host
// controller (`modprobe -a vhci-hcd uvcvideo`), as root.
//
// webcam serve PORT [SETTING...]
//   Makes the camera of a port, 0 to 7, in the background. It is not plugged in yet.
// webcam tell PORT WORD...
//   Plugs it in (`plug`, which prints the node of the pictures), pulls it out (`unplug`), or changes a
//   setting; returns when that is so.
//
// The settings:
//   formats=YUYV,MJPG   those it has, from the next `plug` on
//   frames=whole        or short, some, or none
//   stop-after=N        it has no more frames after N of a stream; 0: never
//   huffman=yes         or no: MJPG without Huffman tables
//   slow=MS             how much longer each control transfer takes
//
// The frames of a stream are all the test picture (picture.h).
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "nodes.h"
#include "server.h"

namespace {

using namespace webcam;

[[noreturn]] void give_up(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

sockaddr_un address_of(unsigned port) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof(address.sun_path), "/run/webcam%u", port);
    return address;
}

int new_socket() {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        give_up("socket");
    return fd;
}

int serve(unsigned port, const std::vector<std::string>& words) {
    Settings settings;
    for (const std::string& word : words)
        apply(word, settings);
    const sockaddr_un address = address_of(port);
    const int listener = new_socket();
    unlink(address.sun_path);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0 ||
        listen(listener, 4) < 0)
        give_up(address.sun_path);
    // Whoever called may tell it something now.
    const pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child > 0)
        return 0;
    setsid();
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    Server(port, listener, settings).run();
}

// What the camera has to say to a word: nothing, or what is wrong.
std::string answer_to(const std::string& word, unsigned port) {
    const sockaddr_un address = address_of(port);
    const int fd = new_socket();
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0)
        give_up(std::string(address.sun_path) + " (webcam serve " + std::to_string(port) + ")");
    if (send(fd, word.data(), word.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(word.size()))
        give_up(address.sun_path);
    shutdown(fd, SHUT_WR);
    std::string answer;
    std::array<char, 512> part{};
    for (ssize_t count = 0; (count = recv(fd, part.data(), part.size(), 0)) > 0;)
        answer.append(part.data(), static_cast<std::size_t>(count));
    close(fd);
    return answer;
}

int tell(unsigned port, const std::vector<std::string>& words) {
    for (const std::string& word : words) {
        if (const std::string fault = answer_to(word, port); !fault.empty())
            throw std::runtime_error(fault);
        if (word == "unplug")
            wait_until_gone(port);
        else if (word == "plug")
            std::puts(wait_until_there(port).c_str());
    }
    return 0;
}

} // namespace

int main(int count, char** arguments) {
    const std::vector<std::string> words(arguments + 1, arguments + count);
    try {
        if (words.size() >= 2 && number(words[1]) < 8) {
            const std::vector<std::string> rest(words.begin() + 2, words.end());
            if (words[0] == "serve")
                return serve(number(words[1]), rest);
            if (words[0] == "tell" && !rest.empty())
                return tell(number(words[1]), rest);
        }
        std::fputs("usage: webcam serve PORT [SETTING...] | webcam tell PORT WORD...\n", stderr);
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "webcam: %s\n", error.what());
        return 1;
    }
}
