// What a Vulkan driver is and has, for people who look for what is missing.
#pragma once

#include <string>
#include <vector>

namespace hwalloc::tools {

struct GpuFacts {
    struct Extension {
        std::string name;
        bool required = false; // for dma-bufs; else used where it is there
        bool there = false;
    };
    std::string name;                      // of the device: "llvmpipe (LLVM 19.1.7, 256 bits)"
    std::string driver;                    // "llvmpipe: Mesa 25.0.7"; empty where the driver does not tell
    std::string version;                   // of Vulkan, "1.4.305"
    bool imports = false, exports = false; // dma-bufs
    std::vector<Extension> extensions;     // those that the library knows what to do with
};

} // namespace hwalloc::tools
