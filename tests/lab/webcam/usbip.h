// The device's end of USB/IP (Documentation/usb/usbip_protocol.rst of the kernel): the kernel's virtual host
// controller sends what a driver submits, and is sent what the device answers.
#pragma once
#include <cstdint>
#include <optional>

#include "bytes.h"

namespace webcam {

struct Submission {
    std::uint32_t number = 0;
    std::uint32_t endpoint = 0; // 0: control
    bool in = false;            // to the host
    std::uint32_t room = 0;     // bytes that the host takes
    Bytes setup;                // eight bytes, of a control transfer
    Bytes data;                 // from the host
    std::uint32_t unlinked = 0; // no submission: this earlier one is to be forgotten
};

// Numbers of errno, as USB/IP sends them from machine to machine.
constexpr std::int32_t stalled = -32, forgotten = -104;

// A cable: plugged into a port of the virtual host controller for as long as the object lives. Every call
// throws std::runtime_error when the kernel has pulled it out.
class Cable {
public:
    explicit Cable(unsigned port);
    Cable(Cable&&) = delete;
    ~Cable();

    [[nodiscard]] int descriptor() const { return fd_; } // readable: receive() does not wait
    Submission receive();
    void answer(std::uint32_t number, const Bytes& data) { send(3, number, 0, &data, data.size()); }
    void took(std::uint32_t number, std::size_t bytes) { send(3, number, 0, nullptr, bytes); }
    void stall(std::uint32_t number) { send(3, number, stalled, nullptr, 0); }
    // `found`: it had not been answered, and will not be.
    void unlinked(std::uint32_t number, bool found) { send(4, number, found ? forgotten : 0, nullptr, 0); }

private:
    void read(void* to, std::size_t size);
    void send(std::uint32_t command, std::uint32_t number, std::int32_t status, const Bytes* data,
              std::size_t size);

    int fd_ = -1;
};

} // namespace webcam
