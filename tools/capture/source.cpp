#include "tools/capture/source.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace hwalloc::tools {
namespace {

class CameraSource final : public FrameSource {
public:
    explicit CameraSource(v4l2::Camera camera) : camera_(std::move(camera)) {}

    const v4l2::DeviceInfo& info() const override { return camera_.info(); }
    bool needs_dma_buf() const override { return true; }
    Result<ParticipantRef> participant() override { return v4l2::capture_participant(camera_); }
    Result<std::vector<v4l2::FormatInfo>> list_formats() override { return camera_.list_formats(); }
    Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest& request) override {
        return camera_.negotiate(request);
    }
    std::uint32_t min_buffers() override { return camera_.min_buffers(); }
    Result<std::uint32_t> reserve(std::uint32_t count) override { return camera_.reserve(count); }
    Result<void> bind(std::span<const MemoryRef> memories) override { return camera_.bind(memories); }
    Result<void> unbind() override { return camera_.unbind(); }
    std::uint32_t bound() const override { return camera_.bound(); }
    Memory* memory(std::uint32_t index) const override { return camera_.memory(index); }
    Result<void> start() override { return camera_.start(); }
    Result<void> stop() override { return camera_.stop(); }
    Result<v4l2::Frame> dequeue(int timeout_ms) override { return camera_.dequeue(timeout_ms); }
    Result<void> queue(std::uint32_t index) override { return camera_.queue(index); }

private:
    v4l2::Camera camera_;
};

struct Alias {
    const char* name; // in capitals
    std::uint32_t code;
};
// Names that are not the code itself. The first one for a code is the one that is shown.
constexpr Alias aliases[] = {
    {"RGB24", fourcc('R', 'G', 'B', '3')}, {"BGR24", fourcc('B', 'G', 'R', '3')},
    {"XR24", fourcc('X', 'R', '2', '4')},  {"XRGB8888", fourcc('X', 'R', '2', '4')},
    {"BGRX", fourcc('X', 'R', '2', '4')},  {"MJPG", fourcc('M', 'J', 'P', 'G')},
    {"MJPEG", fourcc('M', 'J', 'P', 'G')},
};

} // namespace

std::unique_ptr<FrameSource> camera_source(v4l2::Camera camera) {
    return std::make_unique<CameraSource>(std::move(camera));
}

bool parse_number(std::string_view text, std::uint32_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

bool parse_size(std::string_view text, std::uint32_t& width, std::uint32_t& height) {
    const auto x = text.find_first_of("xX");
    return x != text.npos && parse_number(text.substr(0, x), width) &&
           parse_number(text.substr(x + 1), height) && width && height;
}

std::uint32_t parse_format(const std::string& name) {
    std::string capitals = name;
    std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    for (const Alias& alias : aliases)
        if (capitals == alias.name)
            return alias.code;
    const bool big_endian = capitals.size() > 3 && capitals.ends_with("-BE");
    std::string letters = name.substr(0, big_endian ? name.size() - 3 : name.size());
    if (letters.empty() || letters.size() > 4)
        return 0;
    letters.resize(4, ' ');
    // Codes in small letters exist ("pBAA"), but not for the formats everybody knows.
    const std::string known = capitals.substr(0, 4);
    if (known == "YUYV" || known == "UYVY" || known == "NV12" || known == "GREY")
        letters = known;
    const std::uint32_t code = fourcc(letters[0], letters[1], letters[2], letters[3]);
    return big_endian ? code | 1u << 31 : code;
}

std::string format_name(std::uint32_t pixel_format) {
    for (const Alias& alias : aliases)
        if (alias.code == pixel_format)
            return alias.name;
    return fourcc_name(pixel_format);
}

Result<std::unique_ptr<FrameSource>>
open_source(const std::string& device, const v4l2::FormatRequest& request, std::vector<Error>& passed_over) {
    if (device == "test")
        return test_source();
    if (device != "auto") {
        auto camera = v4l2::Camera::open(device);
        if (!camera)
            return std::move(camera).error();
        return camera_source(std::move(*camera));
    }
    auto cameras = v4l2::list_cameras();
    if (!cameras)
        return std::move(cameras).error();
    for (const v4l2::CameraEntry& entry : *cameras) {
        if (entry.why) {
            passed_over.push_back(*entry.why);
            continue;
        }
        auto camera = v4l2::Camera::open(entry.path);
        if (!camera) {
            passed_over.push_back(camera.error());
            continue;
        }
        if (auto taken = camera->negotiate(request); !taken) {
            passed_over.push_back(taken.error());
            continue;
        }
        return camera_source(std::move(*camera));
    }
    return test_source();
}

} // namespace hwalloc::tools
