// What the kernel made of a camera.
#pragma once
#include <string>

namespace webcam {

// Waits until the camera at `port` has its nodes, and gives that of its pictures: /dev/videoN.
std::string wait_until_there(unsigned port);
// Waits until it has none, and its port is free.
void wait_until_gone(unsigned port);
// Both throw std::runtime_error after two minutes.

} // namespace webcam
