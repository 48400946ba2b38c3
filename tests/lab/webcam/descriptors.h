// What the camera tells of itself: USB 2.0 and USB Video Class 1.1.
#pragma once
#include <string>
#include <vector>

#include "bytes.h"
#include "modes.h"

namespace webcam {

// Numbers that requests name again.
constexpr std::uint32_t control_interface = 0, streaming_interface = 1;
constexpr std::uint32_t camera_terminal = 1, processing_unit = 2, output_terminal = 3;
constexpr std::uint32_t video_endpoint = 1; // to the host

Bytes device_descriptor();
Bytes qualifier_descriptor();
Bytes configuration_descriptor(const std::vector<Format>& formats);
// Of the maker, the product and the serial number, by `index` from 1; 0 tells the language. Empty: there is
// none.
Bytes string_descriptor(std::uint32_t index, const std::string& serial);

} // namespace webcam
