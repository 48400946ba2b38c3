// `hwalloc capture` from cameras that send the JPEGs that they are told to, run in this process.
#pragma once

#include <gmock/gmock.h>
#include <png.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "hwalloc/allocator.h"
#include "tests/tools/jpeg_camera.h"
#include "tools/capture/run.h"
#include "tools/image/jpeg_markers.h"

namespace hwalloc::tools::jpeg_capture {

using jpeg_camera::JpegCamera;
using jpeg_reference::Bytes;
using jpeg_reference::Image;

// What each camera of the machine sends.
inline std::vector<std::deque<Bytes>> sent;

inline Result<std::vector<v4l2::CameraEntry>> list_senders() {
    std::vector<v4l2::CameraEntry> found;
    for (std::size_t i = 0; i < sent.size(); ++i)
        found.push_back({"/dev/sender" + std::to_string(i), "a fake", "fake", "", {}});
    return found;
}

inline Result<std::unique_ptr<FrameSource>> open_sender(const std::string& path) {
    return std::make_unique<JpegCamera>(path, sent.at(static_cast<std::size_t>(path.back() - '0')));
}

// Takes no JPEG, and keeps each frame as the CPU sees it.
class Keeper final : public FrameConsumer {
public:
    static inline std::vector<Bytes> kept;           // the bytes of each frame
    static inline v4l2::CaptureFormat told;          // what it was told that they are
    static inline bool refuses_memory = false;       // whichever
    static inline std::vector<std::string> memories; // by the names of their allocators

    std::span<const std::uint32_t> formats() const override { return taken_; }
    Result<void> set_format(const v4l2::CaptureFormat& format) override {
        told = format;
        return {};
    }
    std::uint64_t memory_size(std::uint32_t) const override { return told.layout.memory_sizes[0]; }
    Result<ParticipantRef> participant() const override { return cpu_participant(MapFlags::read); }
    Result<void> bind(std::span<const MemoryRef> bound) override {
        if (refuses_memory)
            return Error(ErrorKind::incompatible, "not this memory");
        for (const MemoryRef& memory : bound) {
            memories_.push_back(memory->ref().value());
            memories.emplace_back(memory->allocator().name());
        }
        return {};
    }
    void unbind() override { memories_.clear(); }
    Result<void> take(const v4l2::Frame& frame) override {
        auto mapping = memories_.at(frame.index)->map(MapFlags::read).value();
        const auto bytes = bytes_of(frame.part(0), mapping.bytes()).value();
        kept.emplace_back(bytes.begin(), bytes.end());
        return {};
    }
    Result<void> finish() override { return {}; }
    Result<void> picture(Picture&) override { return Error(ErrorKind::unavailable, "it makes none"); }
    std::uint64_t copies() const override { return 0; }
    void report(Json&) const override {}
    std::string summary() const override { return "kept"; }

private:
    static constexpr std::uint32_t taken_[] = {fourcc('Y', 'U', 'Y', 'V'), fourcc('X', 'R', '2', '4')};
    std::vector<MemoryRef> memories_;
};

inline Result<std::unique_ptr<FrameConsumer>> open_keeper(const ConsumerRequest&) {
    Keeper::kept.clear();
    Keeper::memories.clear();
    return std::make_unique<Keeper>();
}

inline Image test_image(unsigned seed) {
    return {jpeg_reference::half_chroma, JpegCamera::width, JpegCamera::height, seed};
}

class JpegCapture : public ::testing::Test {
protected:
    JpegCapture() {
        std::string name = (std::filesystem::temp_directory_path() / "hwalloc-jpeg-XXXXXX").string();
        directory = ::mkdtemp(name.data());
    }
    ~JpegCapture() override { std::filesystem::remove_all(directory); }

    struct Answer {
        int code;
        Json document;
        std::string told, file; // on standard error; where the output is
    };
    Answer capture(FrameWriter::Kind kind, std::uint64_t frames = 3, const std::string& device = "auto",
                   bool to_keeper = false) {
        const std::string file = directory + "/output";
        Output out(true);
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const CaptureOptions options{.device = device,
                                     .allocator = "memfd",
                                     .frames = frames,
                                     .output = file,
                                     .output_kind = kind,
                                     .consumer = to_keeper ? std::optional(ConsumerRequest()) : std::nullopt};
        const int code = run_capture_command(options, open_keeper, out, {list_senders, open_sender});
        EXPECT_TRUE(out.flush());
        EXPECT_EQ(JpegCamera::held, 0u) << "all memory is let go, whatever happened";
        Json document = Json::parse(::testing::internal::GetCapturedStdout());
        return {code, std::move(document), ::testing::internal::GetCapturedStderr(), file};
    }

    // What people are told.
    std::string words(FrameWriter::Kind kind, std::uint64_t frames) {
        Output out(false);
        ::testing::internal::CaptureStdout();
        const CaptureOptions options{.device = "auto",
                                     .allocator = "memfd",
                                     .frames = frames,
                                     .output = directory + "/output",
                                     .output_kind = kind,
                                     .consumer = std::nullopt};
        EXPECT_EQ(run_capture_command(options, open_keeper, out, {list_senders, open_sender}), 0);
        EXPECT_TRUE(out.flush());
        return ::testing::internal::GetCapturedStdout();
    }

    static Bytes bytes_in(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    static void expect_picture(const std::string& path, const Image& expected) {
        png_image image;
        std::memset(&image, 0, sizeof image);
        image.version = PNG_IMAGE_VERSION;
        ASSERT_TRUE(png_image_begin_read_from_file(&image, path.c_str())) << path;
        image.format = PNG_FORMAT_RGB;
        ASSERT_EQ(image.width, expected.width());
        ASSERT_EQ(image.height, expected.height());
        Bytes rgb(PNG_IMAGE_SIZE(image));
        ASSERT_TRUE(png_image_finish_read(&image, nullptr, rgb.data(), 0, nullptr));
        for (std::uint32_t y = 0; y < image.height; ++y)
            for (std::uint32_t x = 0; x < image.width; ++x)
                for (std::size_t i = 0; i < 3; ++i)
                    ASSERT_NEAR(rgb[3 * (std::size_t{y} * image.width + x) + i],
                                std::clamp(expected.pixel(x, y)[i], 0.0, 255.0), 1.01)
                        << x << "," << y;
    }

    Answer capture_to_keeper(std::uint64_t frames) {
        return capture(FrameWriter::Kind::none, frames, "auto", true);
    }

    // As it lies in the memory.
    static void expect_decoded(const Bytes& bytes, const Image& expected) {
        const ImageLayout& layout = Keeper::told.layout;
        ASSERT_EQ(bytes.size(), layout.memory_sizes[0]);
        for (std::uint32_t y = 0; y < expected.height(); ++y)
            for (std::uint32_t x = 0; x < expected.width(); ++x)
                for (std::size_t i = 0; i < 3; ++i)
                    ASSERT_NEAR(bytes[std::size_t{layout.planes[0].stride} * y + std::size_t{4} * x + 2 - i],
                                std::clamp(expected.pixel(x, y)[i], 0.0, 255.0), 1.01)
                        << x << "," << y;
    }

    std::string directory;
    const Image first = test_image(1), last = test_image(2);
};

// Its bytes without some in the middle: its ends are there.
inline Bytes without_middle(Bytes file) {
    const auto middle = file.begin() + static_cast<std::ptrdiff_t>(file.size() - 60);
    file.erase(middle, middle + 40);
    return file;
}

} // namespace hwalloc::tools::jpeg_capture
