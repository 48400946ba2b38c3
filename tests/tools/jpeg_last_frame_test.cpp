// Which frame of a camera that sends JPEG becomes the file, where some of them are broken inside.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/tools/jpeg_capture.h"

namespace hwalloc::tools {
namespace {

using jpeg_capture::JpegCapture;
using jpeg_capture::sent;
using jpeg_capture::without_middle;
using jpeg_reference::Bytes;
using ::testing::AllOf;
using ::testing::HasSubstr;

class JpegLastFrame : public JpegCapture {};

TEST_F(JpegLastFrame, IsTheLastWholeOne) {
    const Bytes good = last.encode(), lost = without_middle(first.encode());
    sent = {{first.encode(), good, lost}};
    for (const auto kind : {FrameWriter::Kind::png, FrameWriter::Kind::jpeg}) {
        const auto answer = capture(kind, 9); // more than there are buffers
        ASSERT_EQ(answer.code, 0) << answer.document;
        EXPECT_EQ(answer.document["frames"], 9);
        EXPECT_EQ(answer.document["errors"], 7);
        EXPECT_EQ(answer.document["decodes"], 2);
        EXPECT_EQ(answer.told, "");
        if (kind == FrameWriter::Kind::png)
            expect_picture(answer.file, last);
        else
            EXPECT_EQ(bytes_in(answer.file), good);
    }
    EXPECT_THAT(words(FrameWriter::Kind::png, 9), HasSubstr("7 damaged"));
}

TEST_F(JpegLastFrame, ComesBetweenBrokenOnes) {
    const Bytes lost = without_middle(first.encode());
    sent = {{lost, lost, last.encode(), lost}};
    const auto answer = capture(FrameWriter::Kind::png, 5); // after those before the first whole one
    ASSERT_EQ(answer.code, 0) << answer.document;
    EXPECT_EQ(answer.document["frames"], 7);
    EXPECT_EQ(answer.document["errors"], 6);
    expect_picture(answer.file, last);
}

TEST_F(JpegLastFrame, IsNoneWhereAllAreBroken) {
    sent = {{without_middle(last.encode())}};
    const auto answer = capture(FrameWriter::Kind::png);
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.document.dump(),
                AllOf(HasSubstr("every frame was damaged"), HasSubstr("decoding a JPEG: ")));
    EXPECT_FALSE(std::filesystem::exists(answer.file)) << "no empty file is left";
}

TEST_F(JpegLastFrame, LeavesTheFileThatWasThereWhereAllAreBroken) {
    sent = {{without_middle(last.encode())}};
    const std::string file = directory + "/output";
    std::ofstream(file) << "mine";
    const auto answer = capture(FrameWriter::Kind::jpeg);
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.document.dump(), HasSubstr("every frame was damaged"));
    EXPECT_EQ(bytes_in(file), (Bytes{'m', 'i', 'n', 'e'}));
}

} // namespace
} // namespace hwalloc::tools
