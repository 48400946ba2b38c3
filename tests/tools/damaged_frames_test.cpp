// Which frames `hwalloc capture` counts as damaged, whatever their format.
#include <gtest/gtest.h>

#include <deque>

#include "tools/capture/loop.h"
#include "tools/capture/source_around.h"

namespace hwalloc::tools {
namespace {

// A camera of images in two memories, which delivers what it is told to.
class TwoMemories final : public SourceAround {
public:
    TwoMemories(FrameSource& inner, std::deque<v4l2::Frame> frames)
        : SourceAround(inner), frames_(std::move(frames)) {}

    static v4l2::CaptureFormat format() {
        v4l2::CaptureFormat format{.pixel_format = fourcc('N', 'M', '1', '2'), .rate = {1000, 1}};
        format.layout.plane_count = format.layout.memory_count = 2;
        return format;
    }
    std::uint32_t bound() const override { return 1; }
    Memory* memory(std::uint32_t, std::uint32_t) const override { return nullptr; }
    Result<void> stop() override { return {}; }
    Result<void> queue(std::uint32_t) override { return {}; }
    Result<v4l2::Frame> dequeue(int) override {
        if (frames_.empty())
            return Error(ErrorKind::device_lost, "the camera is gone");
        const v4l2::Frame frame = frames_.front();
        frames_.pop_front();
        return frame;
    }

private:
    std::deque<v4l2::Frame> frames_;
};

v4l2::Frame frame_of(std::uint64_t luma_bytes, std::uint64_t chroma_bytes, bool error = false) {
    v4l2::Frame frame{.error = error, .bytes_used = luma_bytes};
    frame.more_parts[0].bytes_used = chroma_bytes;
    return frame;
}

TEST(DamagedFrames, AnEmptyMemoryOfSeveralIsDamage) {
    const auto bars = test_source();
    TwoMemories camera(*bars, {frame_of(70, 0), frame_of(0, 0), frame_of(70, 35), frame_of(70, 0),
                               frame_of(70, 35), frame_of(0, 35), frame_of(70, 35, true)});
    const v4l2::CaptureFormat format = TwoMemories::format();
    const auto first = wait_for_whole_frame(camera, format);
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_EQ(first->damaged, 2u);
    FrameWriter nowhere(FrameWriter::Kind::none);
    std::optional<Error> failed;
    const Statistics statistics = run_capture(camera, format, *first, 5, nullptr, nowhere, {}, failed);
    EXPECT_FALSE(failed) << failed->message();
    EXPECT_EQ(statistics.frames, 7u);
    EXPECT_EQ(statistics.errors, 5u);
}

// What an image does not have is not missing.
TEST(DamagedFrames, OfOneMemoryTheOthersDoNotCount) {
    const auto bars = test_source();
    TwoMemories camera(*bars, {frame_of(0, 35), frame_of(70, 0)});
    v4l2::CaptureFormat format = TwoMemories::format();
    format.layout.plane_count = format.layout.memory_count = 1;
    const auto first = wait_for_whole_frame(camera, format);
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_EQ(first->damaged, 1u);
}

} // namespace
} // namespace hwalloc::tools
