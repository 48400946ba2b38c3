#include "usbip.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

namespace webcam {
namespace {

constexpr const char* attach = "/sys/devices/platform/vhci_hcd.0/attach";
constexpr unsigned high_speed = 3;
constexpr std::uint32_t submit = 1, unlink_one = 2;
constexpr std::size_t header_bytes = 48;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

} // namespace

Cable::Cable(unsigned port) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
        fail("socketpair");
    fd_ = ends[0];
    // Port, socket, number of the device on its bus at home (any), speed.
    const std::string words = std::to_string(port) + " " + std::to_string(ends[1]) + " " +
                              std::to_string(1u << 16 | (port + 1)) + " " + std::to_string(high_speed);
    const int file = open(attach, O_WRONLY | O_CLOEXEC);
    const bool written = file >= 0 && write(file, words.data(), words.size()) > 0;
    const int error = errno;
    if (file >= 0)
        close(file);
    close(ends[1]); // the kernel has one of its own
    if (!written) {
        close(fd_);
        errno = error;
        fail(std::string(attach) + " (port " + std::to_string(port) + ", modprobe vhci-hcd)");
    }
}

Cable::~Cable() {
    close(fd_);
}

void Cable::read(void* to, std::size_t size) {
    for (auto* at = static_cast<char*>(to); size > 0;) {
        const ssize_t count = recv(fd_, at, size, MSG_WAITALL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            throw std::runtime_error("unplugged by the kernel");
        at += count;
        size -= static_cast<std::size_t>(count);
    }
}

Submission Cable::receive() {
    // Of all: command, number, device, direction, endpoint. Of a submission: flags, length, three for
    // isochronous transfers, and the setup packet.
    std::array<std::uint8_t, header_bytes> header{};
    read(header.data(), header.size());
    const auto word = [&](std::size_t index) { return get_big(header.data() + 4 * index); };
    Submission got;
    got.number = word(1);
    if (word(0) == unlink_one) {
        got.unlinked = word(5);
        return got;
    }
    if (word(0) != submit)
        throw std::runtime_error("the kernel sent no submission: " + std::to_string(word(0)));
    got.in = word(3) == 1;
    got.endpoint = word(4);
    got.room = word(6);
    got.setup.assign(header.begin() + 40, header.end());
    if (!got.in && got.room > 0) {
        got.data.resize(got.room);
        read(got.data.data(), got.data.size());
    }
    return got;
}

void Cable::send(std::uint32_t command, std::uint32_t number, std::int32_t status, const Bytes* data,
                 std::size_t size) {
    Bytes all;
    all.reserve(header_bytes + (data ? size : 0));
    put_big(all, 4,
            {command, number, 0, 0, 0, static_cast<std::uint32_t>(status), static_cast<std::uint32_t>(size)});
    all.resize(header_bytes);
    if (data)
        all.insert(all.end(), data->begin(), data->end());
    for (std::size_t sent = 0; sent < all.size();) {
        const ssize_t count = ::send(fd_, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw std::runtime_error("unplugged by the kernel");
        sent += static_cast<std::size_t>(count);
    }
}

} // namespace webcam
