// `hwalloc capture` from a camera that sends JPEG: pictures of it, and frames that are none.
#include <gmock/gmock.h>
#include <png.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

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
    Answer capture(FrameWriter::Kind kind, std::uint64_t frames = 3, const std::string& device = "auto") {
        const std::string file = directory + "/output";
        Output out(true);
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const CaptureOptions options{.device = device,
                                     .allocator = "memfd",
                                     .frames = frames,
                                     .output = file,
                                     .output_kind = kind,
                                     .consumer = std::nullopt};
        const int code = run_capture_command(options, nullptr, out, {list_senders, open_sender});
        EXPECT_TRUE(out.flush());
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

} // namespace
} // namespace hwalloc::tools
