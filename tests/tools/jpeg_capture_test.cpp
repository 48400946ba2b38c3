// `hwalloc capture` from a camera that sends JPEG: pictures of it, and frames that are none.
#include "tests/tools/jpeg_capture.h"

#include <gmock/gmock.h>

namespace hwalloc::tools {
namespace {

using jpeg_camera::cut;
using jpeg_capture::JpegCapture;
using jpeg_capture::Keeper;
using jpeg_capture::sent;
using jpeg_capture::without_middle;
using jpeg_reference::Bytes;
using ::testing::AllOf;
using ::testing::HasSubstr;

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
    EXPECT_EQ(capture(FrameWriter::Kind::raw).document["decodes"], 0) << "they are written as they are";
    EXPECT_EQ(capture(FrameWriter::Kind::png).document["decodes"], 3) << "each may be the last whole one";
}

TEST_F(JpegCapture, BrokenFramesAreDecodedForNobody) {
    const Bytes lost = without_middle(first.encode());
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
    const Bytes lost = without_middle(first.encode());
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
