// `hwalloc capture --device auto` with cameras that fail at one step each; the lab has real ones.
#include <gmock/gmock.h>
#include <time.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "allocators/interface_of.h"
#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "tools/capture/run.h"

namespace hwalloc::tools {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;

// The test source, but for the one step that it refuses.
class FailingCamera final : public FrameSource {
public:
    FailingCamera(std::string path, std::string_view fails_at)
        : info_{.path = std::move(path), .driver = "fake", .card = "a fake", .bus = {}}, fails_at_(fails_at) {
        ++alive;
    }
    ~FailingCamera() override { --alive; }

    const v4l2::DeviceInfo& info() const override { return info_; }
    bool needs_dma_buf() const override { return fails("no dma-buf"); }
    Result<ParticipantRef> participant() override { return bars_->participant(); }
    Result<std::vector<v4l2::FormatInfo>> list_formats() override {
        if (fails("ENUM_FMT"))
            return refusal("ENUM_FMT");
        return bars_->list_formats();
    }
    Result<void> use_input(const std::string& input, std::vector<std::string>& notes) override {
        if (fails("no signal"))
            return Error(ErrorKind::unavailable, ENOLINK, "there is no signal").on(info_.path);
        if (input == "1")
            notes.emplace_back("input 1 is selected");
        return input.empty() || input == "1" ? Result<void>() : refusal("S_INPUT");
    }
    Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest& request) override {
        if (fails("S_FMT"))
            return refusal("S_FMT");
        return bars_->negotiate(request);
    }
    std::uint32_t min_buffers() override { return bars_->min_buffers(); }
    Result<std::uint32_t> reserve(std::uint32_t count) override {
        if (fails("REQBUFS"))
            return refusal("REQBUFS");
        return bars_->reserve(count);
    }
    Result<void> bind(std::span<const MemoryRef> memories) override {
        if (fails("QBUF") || (fails("QBUF once") && !std::exchange(refused_, true)))
            return refusal("QBUF");
        return bars_->bind(memories);
    }
    Result<void> unbind() override { return bars_->unbind(); }
    std::uint32_t bound() const override { return bars_->bound(); }
    Memory* memory(std::uint32_t index, std::uint32_t which) const override {
        return bars_->memory(index, which);
    }
    Result<void> start() override {
        if (fails("STREAMON"))
            return refusal("STREAMON");
        return bars_->start();
    }
    Result<void> stop() override { return bars_->stop(); }
    Result<v4l2::Frame> dequeue(int timeout_ms) override {
        if (fails("DQBUF"))
            return refusal("DQBUF");
        if (fails("no frame")) {
            const timespec wait{.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1'000'000L};
            ::nanosleep(&wait, nullptr);
            return Error(ErrorKind::busy, ETIMEDOUT, "no frame came in time");
        }
        auto frame = bars_->dequeue(timeout_ms);
        if (frame && fails("ends") && ++delivered_ >= 3) {
            frame->last = true;
            EXPECT_EQ(delivered_, 3);
        }
        if (frame && fails("ends empty") && ++delivered_ >= 4) {
            frame->last = true;
            frame->bytes_used = 0;
            EXPECT_EQ(delivered_, 4);
        }
        if (frame && (fails("damaged") || (fails("damaged at first") && damaged_ < 3))) {
            ++damaged_;
            frame->error = damaged_ % 2 == 1;
            frame->bytes_used = 0;
        }
        return frame;
    }
    Result<void> queue(std::uint32_t index) override { return bars_->queue(index); }

    static Error refusal(const char* step) {
        return Error(ErrorKind::exhausted, ENOSPC, "starting")
            .call(step)
            .because(Error(ErrorKind::invalid, "a cause of its own"));
    }
    static inline int alive = 0;

private:
    bool fails(std::string_view step) const { return fails_at_ == step; }

    v4l2::DeviceInfo info_;
    std::string fails_at_;
    bool refused_ = false;
    int damaged_ = 0, delivered_ = 0;
    std::unique_ptr<FrameSource> bars_ = test_source();
};

// What each node refuses; "": nothing.
std::vector<std::string> nodes;

Result<std::vector<v4l2::CameraEntry>> list() {
    std::vector<v4l2::CameraEntry> found;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        v4l2::CameraEntry entry{"/dev/fake" + std::to_string(i), "a fake", "fake", "", {}};
        if (nodes[i] == "listed")
            entry.why = Error(ErrorKind::unsupported, "a node for libcamera");
        found.push_back(std::move(entry));
    }
    return found;
}

Result<std::unique_ptr<FrameSource>> open(const std::string& path) {
    EXPECT_EQ(FailingCamera::alive, 0) << "the one before is closed first";
    const std::string& fails_at = nodes.at(static_cast<std::size_t>(path.back() - '0'));
    EXPECT_NE(fails_at, "listed");
    if (fails_at == "open")
        return FailingCamera::refusal("open");
    return std::make_unique<FailingCamera>(path, fails_at);
}

struct Told {
    int code;
    Json document;
    std::string err;
};

class AutoCamera : public ::testing::Test {
protected:
    Told capture(std::vector<std::string> cameras, bool list_formats = false,
                 const std::string& allocator = "memfd", std::uint64_t frames = 2) {
        nodes = std::move(cameras);
        Output out(true);
        ::testing::internal::CaptureStdout();
        ::testing::internal::CaptureStderr();
        const CaptureOptions options{.device = "auto",
                                     .allocator = allocator,
                                     .format = {.width = 32, .height = 32, .rate = {1000, 1}},
                                     .frames = frames,
                                     .output = {},
                                     .list_formats = list_formats,
                                     .consumer = std::nullopt};
        const int code = run_capture_command(options, nullptr, out, {list, open});
        EXPECT_TRUE(out.flush());
        Told told{code, Json::parse(::testing::internal::GetCapturedStdout()),
                  ::testing::internal::GetCapturedStderr()};
        EXPECT_EQ(FailingCamera::alive, 0);
        return told;
    }
    static auto lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }
};

TEST_F(AutoCamera, TriesTheNextOneWhateverTheFirstRefuses) {
    for (const std::string step : {"open", "listed", "no signal", "S_FMT", "REQBUFS", "QBUF", "STREAMON",
                                   "DQBUF", "no frame", "damaged"})
        for (const std::string allocator : {"memfd", "auto"}) {
            if ((step == "no frame" || step == "damaged") && allocator == "auto")
                continue; // waits 5 seconds
            const Told told = capture({step, ""}, false, allocator);
            ASSERT_EQ(told.code, 0) << step << told.document << told.err;
            EXPECT_EQ(told.document["device"], "/dev/fake1") << step;
            EXPECT_EQ(told.document["frames"], 2);
            ASSERT_EQ(told.document["cameras_passed_over"].size(), 1u) << step;
            const Json& why = told.document["cameras_passed_over"][0];
            EXPECT_THAT(why["message"], HasSubstr("/dev/fake0"));
            EXPECT_THAT(told.err,
                        AllOf(HasSubstr("passed over /dev/fake0: "), Not(HasSubstr("test source"))));
            EXPECT_EQ(lines(told.err), 1) << told.err;
            if (step == "no frame") {
                EXPECT_THAT(told.err, HasSubstr("no frame came for 5 s"));
            } else if (step == "damaged") {
                EXPECT_THAT(told.err, HasSubstr("every frame was damaged"));
            } else if (step == "no signal") {
                EXPECT_THAT(told.err, HasSubstr("there is no signal"));
            } else if (step != "listed" && allocator == "memfd") {
                EXPECT_THAT(told.err, AllOf(HasSubstr(step), HasSubstr("ENOSPC")));
            }
        }
}

TEST_F(AutoCamera, TakesACameraThatBeginsWithDamagedFrames) {
    const Told told = capture({"damaged at first", ""});
    ASSERT_EQ(told.code, 0) << told.document << told.err;
    EXPECT_EQ(told.document["device"], "/dev/fake0");
    EXPECT_EQ(told.document["errors"], 3);
    EXPECT_EQ(told.document["frames"], 3 + 2);
    EXPECT_EQ(told.err, "");
}

TEST_F(AutoCamera, EndsWithTheLastFrameOfASourceThatHasNoMore) {
    for (const std::string source : {"ends", "ends empty"})
        for (const std::uint64_t frames : {0u, 10u}) {
            const Told told = capture({source}, false, "memfd", frames);
            ASSERT_EQ(told.code, 0) << told.document << told.err;
            EXPECT_EQ(told.document["frames"], 3);
            EXPECT_EQ(told.document["errors"], 0);
        }
}

TEST_F(AutoCamera, WithNoneThatWorksNamesAllAndFails) {
    const Told told = capture({"open", "listed", "STREAMON"});
    EXPECT_EQ(told.code, 1);
    const Json error = told.document.value("error", Json());
    ASSERT_TRUE(error.is_object()) << told.document;
    EXPECT_EQ(error["kind"], "unavailable");
    ASSERT_EQ(error["causes"].size(), 3u);
    for (std::size_t i = 0; i < 3; ++i)
        EXPECT_THAT(error["causes"][i]["message"], HasSubstr("/dev/fake" + std::to_string(i)));
    EXPECT_EQ(lines(told.err), 3) << told.err;
    // A program can decide by the kind where it is the same for all.
    EXPECT_EQ(capture({"STREAMON", "open"}).document["error"]["kind"], "exhausted");
}

TEST_F(AutoCamera, TakesColourBarsOnlyWhereThereIsNoCamera) {
    const Told told = capture({});
    ASSERT_EQ(told.code, 0) << told.document;
    EXPECT_EQ(told.document["device"], "test");
    EXPECT_THAT(told.err, HasSubstr("there is no camera"));
    EXPECT_EQ(capture({"S_FMT"}).code, 1);
    EXPECT_EQ(capture({"listed"}).code, 1);
}

TEST_F(AutoCamera, PassesNothingOverWhereTheFirstWorks) {
    const Told told = capture({"", "STREAMON"});
    EXPECT_EQ(told.code, 0);
    EXPECT_EQ(told.document["device"], "/dev/fake0");
    EXPECT_EQ(told.document["cameras_passed_over"], Json::array());
    EXPECT_EQ(told.err, "");
}

TEST_F(AutoCamera, ListsTheFormatsOfTheFirstThatTellsThem) {
    const Told told = capture({"open", "ENUM_FMT", "STREAMON"}, true);
    ASSERT_EQ(told.code, 0) << told.document;
    EXPECT_EQ(told.document["device"], "/dev/fake2");
    EXPECT_EQ(lines(told.err), 2) << told.err;
}

TEST_F(AutoCamera, BlamesNoCameraForAWrongAllocator) {
    const Told told = capture({"", ""}, false, "nonsense");
    EXPECT_EQ(told.code, 1);
    EXPECT_EQ(told.err, "");
    EXPECT_THAT(told.document["error"]["message"], HasSubstr("nonsense"));
}

TEST_F(AutoCamera, TellsTheErrnoOfMemoryThatItFellBackFrom) {
    const Told told = capture({"QBUF once"}, false, "auto");
    ASSERT_EQ(told.code, 0) << told.document;
    EXPECT_EQ(told.document["device"], "/dev/fake0");
    ASSERT_EQ(told.document["passed_over"].size(), 1u);
    EXPECT_THAT(told.err, AllOf(HasSubstr("passed over "), HasSubstr("QBUF"), HasSubstr("ENOSPC")));
    EXPECT_EQ(lines(told.err), 1) << told.err;
}

// Its memory runs out at once.
class Dry final : public Allocator, public Describes {
public:
    Dry() noexcept : Allocator("dry") {}

    Properties properties() noexcept override { return {}; }
    Claims claims() noexcept override { return {.alloc = true, .map = true, .export_dmabuf = true}; }
    Result<void> available() noexcept override { return {}; }

private:
    void* do_extension(std::string_view id) noexcept override { return interface_of<Describes>(this, id); }
    Result<Block*> do_alloc(std::size_t, const AllocationParams&) noexcept override {
        return Error(ErrorKind::exhausted, EDQUOT, "making memory of the test's");
    }
};

TEST_F(AutoCamera, TellsOfAllMemoryWhereWhatWasTakenOnceIsRefused) {
    ASSERT_TRUE(Allocator::register_allocator("dry", AllocatorRef::adopt(new Dry)));
    const Told told = capture({"QBUF"}, false, "auto");
    ASSERT_TRUE(Allocator::unregister("dry"));
    EXPECT_EQ(told.code, 1);
    const Json& camera = told.document["error"]["causes"][0];
    EXPECT_THAT(camera["message"], HasSubstr("what was taken once cannot be had or bound"));
    std::string causes;
    for (const Json& cause : camera["causes"])
        causes += cause["message"].get<std::string>() + "\n";
    EXPECT_THAT(causes, AllOf(HasSubstr("QBUF"), HasSubstr("dry: "), HasSubstr("EDQUOT")));
}

// A machine without a device that makes dma-bufs; then it says so.
TEST_F(AutoCamera, NamesOnlyAllocatorsThatMakeMemoryForACamera) {
    const Told told = capture({"no dma-buf"}, false, "memfd");
    EXPECT_EQ(told.code, 1);
    const std::string remedy = told.document["error"]["causes"][0]["remedy"];
    EXPECT_THAT(remedy, ::testing::AnyOf(HasSubstr("make dma-bufs"), HasSubstr("makes dma-bufs")));
    const std::string names = remedy.substr(0, remedy.find("leave --allocator out"));
    EXPECT_THAT(names, Not(::testing::ContainsRegex("[ ,:]dmabuf[,; ]")));
}

TEST_F(AutoCamera, SaysHowToFindWhatDoesWhereNamedMemoryIsRefused) {
    const Told told = capture({"QBUF"}, false, "memfd");
    EXPECT_EQ(told.code, 1);
    EXPECT_THAT(told.document["error"]["causes"][0]["remedy"], HasSubstr("leave --allocator out"));
}

} // namespace
} // namespace hwalloc::tools
