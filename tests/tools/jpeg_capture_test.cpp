// `hwalloc capture` from a camera that sends JPEG: pictures of it, and frames that are none.
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

namespace hwalloc::tools {
namespace {

using jpeg_camera::cut;
using jpeg_camera::JpegCamera;
using jpeg_reference::Bytes;
using jpeg_reference::Image;
using ::testing::AllOf;
using ::testing::HasSubstr;

// What each camera of the machine sends.
std::vector<std::deque<Bytes>> sent;

Result<std::vector<v4l2::CameraEntry>> list_senders() {
    std::vector<v4l2::CameraEntry> found;
    for (std::size_t i = 0; i < sent.size(); ++i)
        found.push_back({"/dev/sender" + std::to_string(i), "a fake", "fake", "", {}});
    return found;
}

Result<std::unique_ptr<FrameSource>> open_sender(const std::string& path) {
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
    Result<void> picture(std::vector<std::uint8_t>&) override {
        return Error(ErrorKind::unavailable, "it makes none");
    }
    std::uint64_t copies() const override { return 0; }
    void report(Json&) const override {}
    std::string summary() const override { return "kept"; }

private:
    static constexpr std::uint32_t taken_[] = {fourcc('Y', 'U', 'Y', 'V'), fourcc('X', 'R', '2', '4')};
    std::vector<MemoryRef> memories_;
};

Result<std::unique_ptr<FrameConsumer>> open_keeper(const ConsumerRequest&) {
    Keeper::kept.clear();
    Keeper::memories.clear();
    return std::make_unique<Keeper>();
}

Image test_image(unsigned seed) {
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

TEST_F(JpegCapture, APictureIsThatOfTheLastFrame) {
    sent = {{first.encode(), first.encode(), last.encode()}};
    const auto answer = capture(FrameWriter::Kind::png);
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_EQ(answer.document["format"], "MJPG");
    EXPECT_EQ(answer.document["errors"], 0);
    EXPECT_EQ(answer.told, "");
    expect_picture(answer.file, last);
}

TEST_F(JpegCapture, AJpegFileIsTheFrameAsItWasSentButForTables) {
    const Bytes whole = last.encode(), bare = jpeg_reference::without_huffman_tables(whole);
    sent = {{first.encode(), whole}};
    auto answer = capture(FrameWriter::Kind::jpeg);
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_EQ(bytes_in(answer.file), whole);
    sent = {{bare}};
    answer = capture(FrameWriter::Kind::jpeg);
    ASSERT_EQ(answer.code, 0) << answer.document;
    const Bytes mended = bytes_in(answer.file);
    EXPECT_TRUE(read_jpeg_markers(mended).value().has_huffman_tables);
    EXPECT_EQ(jpeg_reference::without_huffman_tables(mended), bare);
    answer = capture(FrameWriter::Kind::raw, 1);
    EXPECT_EQ(bytes_in(answer.file), bare) << "the bytes of frames stay as they are";
    answer = capture(FrameWriter::Kind::png);
    ASSERT_EQ(answer.code, 0) << answer.document;
    expect_picture(answer.file, last);
}

TEST_F(JpegCapture, FramesThatAreCutOffAreCountedAndLeftOut) {
    const Bytes good = last.encode(), half = cut(first.encode());
    sent = {{half, {}, good, half, good, half}};
    const auto answer = capture(FrameWriter::Kind::png, 5); // after those before the first whole one
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_EQ(answer.document["frames"], 7);
    EXPECT_EQ(answer.document["errors"], 5);
    expect_picture(answer.file, last);
    EXPECT_EQ(capture(FrameWriter::Kind::raw, 5).document["errors"], 1) << "the driver's: it is empty";
}

TEST_F(JpegCapture, ACameraOfBrokenFramesIsPassedOverInWords) {
    sent = {{cut(first.encode())}, {last.encode()}};
    const auto answer = capture(FrameWriter::Kind::png);
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_EQ(answer.document["device"], "/dev/sender1");
    EXPECT_THAT(answer.told, AllOf(HasSubstr("passed over /dev/sender0"),
                                   HasSubstr("every frame was damaged"), HasSubstr("cut off")));
    expect_picture(answer.file, last);
}

TEST_F(JpegCapture, AFrameThatIsBrokenInTheMiddleIsNoPicture) {
    Bytes file = last.encode();
    const auto middle = file.begin() + static_cast<std::ptrdiff_t>(file.size() - 60);
    file.erase(middle, middle + 40);
    sent = {{file}};
    const auto answer = capture(FrameWriter::Kind::png);
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.document.dump(), HasSubstr("decoding a JPEG"));
    EXPECT_FALSE(std::filesystem::exists(answer.file));
}

TEST_F(JpegCapture, OnlyACameraMakesAJpegFile) {
    const auto answer = capture(FrameWriter::Kind::jpeg, 3, "test");
    EXPECT_EQ(answer.code, 1);
    EXPECT_EQ(answer.document["error"]["kind"], "unsupported");
    EXPECT_THAT(answer.document["error"]["message"].get<std::string>(), HasSubstr("YUYV"));
    EXPECT_THAT(answer.document["error"]["remedy"].get<std::string>(), HasSubstr(".png"));
}

TEST_F(JpegCapture, WhoTakesNoJpegGetsItDecodedInTheNamedMemory) {
    sent = {{first.encode(), last.encode()}};
    const auto answer = capture_to_keeper(5);
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_THAT(answer.told, HasSubstr("sends MJPG: the CPU decodes every frame"));
    const Json& document = answer.document;
    EXPECT_EQ(document["format"], "MJPG");
    EXPECT_EQ(document["allocator"], "memfd");
    EXPECT_EQ(document["frames"], 5);
    EXPECT_EQ(document["errors"], 0);
    EXPECT_EQ(document["copies"], 0);
    EXPECT_EQ(document["decodes"], 5);
    EXPECT_EQ(document["decoded"]["fourcc"], "XR24");
    EXPECT_EQ(document["decoded"]["stride"], 256);
    EXPECT_EQ(document["decoded"]["from"]["buffers"], 4);
    EXPECT_EQ(Keeper::told.layout.fourcc, fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(Keeper::memories, std::vector<std::string>(4, "memfd"));
    ASSERT_EQ(Keeper::kept.size(), 5u);
    expect_decoded(Keeper::kept.front(), first);
    expect_decoded(Keeper::kept.back(), last);
    EXPECT_EQ(capture(FrameWriter::Kind::none).document["decodes"], 0) << "nobody looks at them";
    EXPECT_EQ(capture(FrameWriter::Kind::png).document["decodes"], 1) << "the last one";
}

TEST_F(JpegCapture, BrokenFramesAreDecodedForNobody) {
    Bytes lost = first.encode();
    const auto middle = lost.begin() + static_cast<std::ptrdiff_t>(lost.size() - 60);
    lost.erase(middle, middle + 40);
    const Bytes good = last.encode();
    sent = {{lost, {}, good, lost, {}, cut(good), good}};
    const auto answer = capture_to_keeper(8); // after those before the first whole one
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_EQ(answer.document["frames"], 10);
    EXPECT_EQ(answer.document["errors"], 5);
    EXPECT_EQ(answer.document["decodes"], 5);
    ASSERT_EQ(Keeper::kept.size(), 5u);
    for (const Bytes& frame : Keeper::kept)
        expect_decoded(frame, last);
}

TEST_F(JpegCapture, ACameraOfNothingThatCanBeDecodedIsPassedOver) {
    Bytes lost = first.encode();
    const auto middle = lost.begin() + static_cast<std::ptrdiff_t>(lost.size() - 60);
    lost.erase(middle, middle + 40);
    sent = {{lost}, {last.encode()}};
    const auto answer = capture_to_keeper(3);
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_EQ(answer.document["device"], "/dev/sender1");
    EXPECT_THAT(answer.told, AllOf(HasSubstr("every frame was damaged"), HasSubstr("decoding a JPEG: ")));
    expect_decoded(Keeper::kept.back(), last);
}

TEST_F(JpegCapture, MemoryThatIsRefusedForDecodedFramesLeavesNothingBound) {
    sent = {{last.encode()}};
    Keeper::refuses_memory = true;
    const auto answer = capture_to_keeper(3);
    Keeper::refuses_memory = false;
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.document.dump(), HasSubstr("not this memory"));
}

} // namespace
} // namespace hwalloc::tools
