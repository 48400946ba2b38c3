#include "descriptors.h"

#include <linux/usb/ch9.h>
#include <linux/usb/video.h>

#include <algorithm>
#include <array>

namespace webcam {
namespace {

constexpr std::uint32_t clock_hertz = 1'000'000;

// Appends a descriptor behind its length.
void put(Bytes& to, const Bytes& content) {
    to.push_back(static_cast<std::uint8_t>(content.size() + 1));
    to.insert(to.end(), content.begin(), content.end());
}

// Class, subclass and protocol of a device of several interfaces that belong together.
constexpr std::array<std::uint8_t, 3> several = {USB_CLASS_MISC, 2, 1};

Bytes interface_descriptor(std::uint32_t number, std::uint8_t endpoints, std::uint8_t subclass) {
    return {
        USB_DT_INTERFACE, static_cast<std::uint8_t>(number), 0, endpoints, USB_CLASS_VIDEO, subclass, 0, 0};
}

Bytes control_descriptors() {
    Bytes entities;
    Bytes camera = {USB_DT_CS_INTERFACE, UVC_VC_INPUT_TERMINAL, camera_terminal};
    put_little(camera, 2, {UVC_ITT_CAMERA});
    camera.insert(camera.end(), {0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0}); // no lens, no controls
    put(entities, camera);
    // Brightness and sharpness.
    put(entities, {USB_DT_CS_INTERFACE, UVC_VC_PROCESSING_UNIT, processing_unit, camera_terminal, 0, 0, 2,
                   0x11, 0, 0, 0});
    Bytes output = {USB_DT_CS_INTERFACE, UVC_VC_OUTPUT_TERMINAL, output_terminal};
    put_little(output, 2, {UVC_TT_STREAMING});
    output.insert(output.end(), {0, processing_unit, 0});
    put(entities, output);

    Bytes header = {USB_DT_CS_INTERFACE, UVC_VC_HEADER};
    put_little(header, 2, {0x0110, static_cast<std::uint32_t>(13 + entities.size())});
    put_little(header, 4, {clock_hertz});
    header.insert(header.end(), {1, streaming_interface});
    Bytes all;
    put(all, interface_descriptor(control_interface, 0, UVC_SC_VIDEOCONTROL));
    put(all, header);
    all.insert(all.end(), entities.begin(), entities.end());
    return all;
}

void put_size(Bytes& to, const Size& size, std::uint8_t index, bool compressed) {
    const std::uint8_t subtype = compressed ? UVC_VS_FRAME_MJPEG : UVC_VS_FRAME_UNCOMPRESSED;
    Bytes one = {USB_DT_CS_INTERFACE, subtype, index, 0};
    put_little(one, 2, {size.width, size.height});
    const auto [slowest, fastest] = std::minmax_element(size.rates.begin(), size.rates.end());
    put_little(one, 4,
               {frame_bytes(size) * 8 * *slowest, frame_bytes(size) * 8 * *fastest, frame_bytes(size),
                ticks / size.rates.front()});
    one.push_back(static_cast<std::uint8_t>(size.rates.size()));
    for (const std::uint32_t rate : size.rates)
        put_little(one, 4, {ticks / rate});
    put(to, one);
}

void put_format(Bytes& to, const Format& format, std::uint8_t index) {
    const bool compressed = format.name == "MJPG";
    const auto sizes = static_cast<std::uint8_t>(format.sizes.size());
    if (compressed) {
        put(to, {USB_DT_CS_INTERFACE, UVC_VS_FORMAT_MJPEG, index, sizes, 1, 1, 0, 0, 0, 0});
    } else {
        Bytes one = {USB_DT_CS_INTERFACE, UVC_VS_FORMAT_UNCOMPRESSED, index, sizes, 'Y', 'U', 'Y', '2'};
        one.insert(one.end(), {0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71});
        one.insert(one.end(), {16, 1, 0, 0, 0, 0}); // bits, default size
        put(to, one);
    }
    std::uint8_t number = 0;
    for (const Size& size : format.sizes)
        put_size(to, size, ++number, compressed);
    put(to, {USB_DT_CS_INTERFACE, UVC_VS_COLORFORMAT, 1, 1, 4}); // BT.709, sRGB; the matrix of BT.601
}

Bytes streaming_descriptors(const std::vector<Format>& formats) {
    Bytes modes;
    std::uint8_t number = 0;
    for (const Format& format : formats)
        put_format(modes, format, ++number);
    Bytes header = {USB_DT_CS_INTERFACE, UVC_VS_INPUT_HEADER, number};
    put_little(header, 2, {static_cast<std::uint32_t>(13 + number + modes.size())});
    header.insert(header.end(), {USB_DIR_IN | video_endpoint, 0, output_terminal, 0, 0, 0, 1});
    header.resize(header.size() + number); // no controls of formats
    Bytes all;
    put(all, interface_descriptor(streaming_interface, 1, UVC_SC_VIDEOSTREAMING));
    put(all, header);
    all.insert(all.end(), modes.begin(), modes.end());
    Bytes endpoint = {USB_DT_ENDPOINT, USB_DIR_IN | video_endpoint, USB_ENDPOINT_XFER_BULK};
    put_little(endpoint, 2, {512});
    endpoint.push_back(0);
    put(all, endpoint);
    return all;
}

} // namespace

Bytes device_descriptor() {
    Bytes one = {USB_DT_DEVICE};
    put_little(one, 2, {0x0200});
    one.insert(one.end(), several.begin(), several.end());
    one.push_back(64);
    put_little(one, 2, {0x1d6b, 0x0102, 0x0100}); // the Linux Foundation's webcam
    one.insert(one.end(), {1, 2, 3, 1});
    Bytes all;
    put(all, one);
    return all;
}

Bytes qualifier_descriptor() {
    Bytes one = {USB_DT_DEVICE_QUALIFIER};
    put_little(one, 2, {0x0200});
    one.insert(one.end(), several.begin(), several.end());
    one.insert(one.end(), {64, 1, 0});
    Bytes all;
    put(all, one);
    return all;
}

Bytes configuration_descriptor(const std::vector<Format>& formats) {
    Bytes rest;
    put(rest, {USB_DT_INTERFACE_ASSOCIATION, control_interface, 2, USB_CLASS_VIDEO, 3, 0, 0});
    for (const Bytes& part : {control_descriptors(), streaming_descriptors(formats)})
        rest.insert(rest.end(), part.begin(), part.end());
    Bytes one = {USB_DT_CONFIG};
    put_little(one, 2, {static_cast<std::uint32_t>(9 + rest.size())});
    one.insert(one.end(), {2, 1, 0, USB_CONFIG_ATT_ONE, 50});
    Bytes all;
    put(all, one);
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
}

Bytes string_descriptor(std::uint32_t index, const std::string& serial) {
    const std::array<std::string, 3> texts = {"hwalloc", "Lab webcam", serial};
    if (index > texts.size())
        return {};
    Bytes one = {USB_DT_STRING};
    if (index == 0)
        put_little(one, 2, {0x0409}); // English
    else
        for (const char letter : texts[index - 1])
            put_little(one, 2, {static_cast<std::uint8_t>(letter)});
    Bytes all;
    put(all, one);
    return all;
}

} // namespace webcam
