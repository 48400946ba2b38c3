#include "nodes.h"

#include <glob.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace webcam {
namespace {

constexpr const char* controller = "/sys/devices/platform/vhci_hcd.0";
constexpr std::chrono::seconds limit{120};

// The video nodes' directories in sysfs.
std::vector<std::string> nodes_of(unsigned port) {
    const std::string pattern =
        std::string(controller) + "/usb*/*-" + std::to_string(port + 1) + "/*/video4linux/video*";
    glob_t found{};
    std::vector<std::string> paths;
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
        paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    globfree(&found);
    return paths;
}

bool port_is_free(unsigned port) {
    std::ifstream status(std::string(controller) + "/status");
    for (std::string line; std::getline(status, line);) {
        std::istringstream words(line);
        std::string hub;
        unsigned number = 0, state = 0;
        if (words >> hub >> number >> state && hub == "hs" && number == port)
            return state == 4;
    }
    return false;
}

template<class Condition>
void wait_until(Condition condition, const std::string& fault) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error(fault + " after " + std::to_string(limit.count()) + " s");
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

} // namespace

std::string wait_until_there(unsigned port) {
    std::string pictures;
    // One for the pictures and one for what is told beside them.
    const auto all_there = [&] {
        std::size_t there = 0;
        for (const std::string& path : nodes_of(port)) {
            const std::string node = "/dev/" + path.substr(path.rfind('/') + 1);
            int index = -1;
            std::ifstream(path + "/index") >> index;
            if (index < 0 || access(node.c_str(), F_OK) != 0)
                continue;
            ++there;
            if (index == 0)
                pictures = node;
        }
        return there == 2 && !pictures.empty();
    };
    wait_until(all_there, "the camera at port " + std::to_string(port) + " has no nodes");
    return pictures;
}

void wait_until_gone(unsigned port) {
    wait_until([&] { return nodes_of(port).empty() && port_is_free(port); },
               "the camera at port " + std::to_string(port) + " has not gone");
}

} // namespace webcam
