// Which format a capture takes, with sources whose formats have different sizes and rates each.
#include "tools/capture/negotiation.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "tools/capture/format_options.h"
#include "tools/capture/offers.h"

namespace hwalloc::tools {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Each format has discrete sizes, and rates for each. A size that is not there becomes the first, a rate the
// fastest.
class Offering final : public FrameSource {
public:
    using Rates = std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>>;
    std::vector<std::pair<std::string, Rates>> offers;
    std::string current = "YUYV";
    v4l2::Field field = v4l2::Field::progressive;
    std::pair<std::uint32_t, std::uint32_t> stands_at;
    bool tells_rates = true, tells_sizes = true;
    std::set<std::string> emulated;
    int negotiated = 0;

    const v4l2::DeviceInfo& info() const override { return info_; }
    bool needs_dma_buf() const override { return false; }
    Result<ParticipantRef> participant() override { return cpu_participant(MapFlags::write); }
    Result<std::vector<v4l2::FormatInfo>> list_formats() override {
        std::vector<v4l2::FormatInfo> formats;
        for (const auto& [name, rates] : offers) {
            v4l2::FormatInfo format{.pixel_format = parse_format(name),
                                    .description = name,
                                    .emulated = emulated.contains(name),
                                    .sizes = {}};
            for (const auto& [size, all] : rates)
                if (tells_sizes)
                    format.sizes.push_back({size.first, size.first, 1, size.second, size.second, 1});
            formats.push_back(std::move(format));
        }
        return formats;
    }
    Result<std::vector<v4l2::RateRange>> list_rates(std::uint32_t code, std::uint32_t width,
                                                    std::uint32_t height) override {
        std::vector<v4l2::RateRange> told;
        if (tells_rates)
            for (const std::uint32_t rate : rates_of(code, width, height))
                told.push_back({{rate, 1}, {rate, 1}});
        return told;
    }
    Result<void> use_input(const std::string&, std::vector<std::string>&) override { return {}; }
    Result<v4l2::CaptureFormat> negotiate(const v4l2::FormatRequest& request) override {
        ++negotiated;
        const std::uint32_t code = request.pixel_format ? request.pixel_format : parse_format(current);
        const Rates& all = rates_of(code);
        auto size = request.width ? std::pair(request.width, request.height) : stands_at;
        if (!all.contains(size))
            size = all.begin()->first;
        const auto rates = rates_of(code, size.first, size.second);
        std::uint32_t rate = *std::max_element(rates.begin(), rates.end());
        if (std::find(rates.begin(), rates.end(), request.rate.frames) != rates.end())
            rate = request.rate.frames;
        v4l2::CaptureFormat format{.pixel_format = code, .rate = {rate, 1}, .field = field};
        format.layout.width = size.first;
        format.layout.height = size.second;
        return format;
    }
    std::uint32_t min_buffers() override { return 1; }
    Result<std::uint32_t> reserve(std::uint32_t count) override { return count; }
    Result<void> bind(std::span<const MemoryRef>) override { return {}; }
    Result<void> unbind() override { return {}; }
    std::uint32_t bound() const override { return 0; }
    Memory* memory(std::uint32_t, std::uint32_t) const override { return nullptr; }
    Result<void> start() override { return {}; }
    Result<void> stop() override { return {}; }
    Result<v4l2::Frame> dequeue(int) override { return Error(ErrorKind::busy, "no frame"); }
    Result<void> queue(std::uint32_t) override { return {}; }

private:
    const Rates& rates_of(std::uint32_t code) {
        for (const auto& [name, rates] : offers)
            if (parse_format(name) == code)
                return rates;
        return offers.front().second;
    }
    std::vector<std::uint32_t> rates_of(std::uint32_t code, std::uint32_t width, std::uint32_t height) {
        const auto found = rates_of(code).find({width, height});
        return found == rates_of(code).end() ? std::vector<std::uint32_t>() : found->second;
    }

    v4l2::DeviceInfo info_{.path = "/dev/webcam", .driver = "fake", .card = "a fake", .bus = {}};
};

class Negotiation : public ::testing::Test {
protected:
    // A webcam has little room on its bus for pictures that are not compressed.
    Negotiation() {
        source.offers = {{"YUYV", {{{640, 480}, {30, 15}}, {{1280, 720}, {10}}}},
                         {"NV12", {{{640, 480}, {60}}}},
                         {"MJPG", {{{640, 480}, {60}}, {{1280, 720}, {30}}}}};
    }
    v4l2::CaptureFormat agreed(v4l2::FormatRequest request, std::vector<std::string> wanted) {
        std::vector<std::uint32_t> codes;
        for (const std::string& name : wanted)
            codes.push_back(parse_format(name));
        notes.clear();
        return agree(source, request, codes, notes).value();
    }
    static v4l2::FormatRequest asked(std::uint32_t width, std::uint32_t height, std::uint32_t rate) {
        return {.width = width, .height = height, .rate = {rate, rate ? 1u : 0u}};
    }

    Offering source;
    std::vector<std::string> notes;
};

TEST_F(Negotiation, TakesTheFirstFormatWithTheSizeAndRate) {
    struct Row {
        v4l2::FormatRequest request;
        std::vector<std::string> wanted;
        const char* taken;
        std::uint32_t width, rate;
    };
    const Row rows[] = {
        {asked(640, 480, 30), {"YUYV", "NV12"}, "YUYV", 640, 30},
        {asked(640, 480, 60), {"YUYV", "NV12"}, "NV12", 640, 60},
        {asked(640, 480, 0), {"NV12", "YUYV"}, "NV12", 640, 60},
        {asked(1280, 720, 0), {"NV12", "YUYV"}, "YUYV", 1280, 10},
        {asked(1280, 720, 30), {"YUYV", "NV12", "MJPG"}, "MJPG", 1280, 30},
        {asked(1280, 720, 10), {"YUYV", "NV12", "MJPG"}, "YUYV", 1280, 10},
        {asked(1280, 720, 30), {}, "MJPG", 1280, 30}, // whatever it is
        {asked(640, 480, 60), {}, "NV12", 640, 60},
        {asked(640, 480, 15), {}, "YUYV", 640, 15}, // the current one does
        {asked(0, 0, 60), {"YUYV", "NV12"}, "NV12", 640, 60},
    };
    for (const Row& row : rows) {
        const auto format = agreed(row.request, row.wanted);
        EXPECT_EQ(format_name(format.pixel_format), row.taken) << &row - rows;
        EXPECT_EQ(format.layout.width, row.width) << &row - rows;
        EXPECT_EQ(format.rate.frames, row.rate) << &row - rows;
        EXPECT_THAT(notes, IsEmpty()) << &row - rows;
    }
}

TEST_F(Negotiation, ARateIsFoundAtAnotherSizeOrFormatThanTheCameraStandsAt) {
    struct Row {
        const char* named;
        std::vector<std::string> wanted;
        std::uint32_t rate;
        const char* taken;
        std::uint32_t width;
    };
    source.stands_at = {1280, 720}; // where YUYV has 10 frames a second
    const Row rows[] = {
        {"", {"YUYV", "NV12", "MJPG"}, 30, "MJPG", 1280}, // of that size
        {"", {}, 30, "MJPG", 1280},
        {"", {"YUYV", "NV12"}, 30, "YUYV", 640},
        {"", {}, 15, "YUYV", 640},
        {"YUYV", {}, 30, "YUYV", 640}, // a format that is named is not exchanged
        {"YUYV", {"YUYV", "MJPG"}, 10, "YUYV", 1280},
    };
    for (const Row& row : rows) {
        auto request = asked(0, 0, row.rate);
        request.pixel_format = parse_format(row.named);
        const auto format = agreed(request, row.wanted);
        EXPECT_EQ(format_name(format.pixel_format), row.taken) << &row - rows;
        EXPECT_EQ(format.layout.width, row.width) << &row - rows;
        EXPECT_EQ(format.rate.frames, row.rate) << &row - rows;
        EXPECT_THAT(notes, IsEmpty()) << &row - rows;
    }
    EXPECT_EQ(agreed(asked(0, 0, 90), {}).layout.width, 1280u) << "what nothing has leaves it there";
    EXPECT_THAT(notes, ElementsAre("/dev/webcam gives 10 frames a second instead of 90"));
}

TEST_F(Negotiation, TellsWhichOtherFormatHasWhatIsMissing) {
    EXPECT_EQ(agreed(asked(1280, 720, 30), {"YUYV", "NV12"}).rate.frames, 10u);
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_THAT(notes[0], AllOf(HasSubstr("/dev/webcam gives 10 frames a second instead of 30"),
                                HasSubstr("1280x720 at 30 frames a second in MJPG"), HasSubstr(".raw")));
    auto named = asked(640, 480, 60);
    named.pixel_format = parse_format("YUYV");
    EXPECT_EQ(agreed(named, {}).rate.frames, 30u) << "a format that is named is not exchanged";
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_THAT(notes[0], HasSubstr("in NV12, MJPG (--format)"));
    agreed(asked(1920, 1080, 0), {"YUYV"});
    EXPECT_THAT(notes, ElementsAre("/dev/webcam gives 640x480 instead of 1920x1080"));
    source.emulated = {"NV12", "MJPG"};
    EXPECT_EQ(agreed(asked(640, 480, 60), {"NV12", "YUYV"}).pixel_format, parse_format("YUYV"));
    EXPECT_THAT(notes, ElementsAre("/dev/webcam gives 30 frames a second instead of 60"));
}

TEST_F(Negotiation, TakesWhatASourceDoesNotTellForPossible) {
    source.tells_rates = false;
    EXPECT_EQ(agreed(asked(1280, 720, 30), {"YUYV", "MJPG"}).pixel_format, parse_format("YUYV"));
    source.tells_sizes = false;
    EXPECT_EQ(agreed(asked(1920, 1080, 30), {"NV12", "MJPG"}).pixel_format, parse_format("NV12"));
    source.current = "MJPG";
    EXPECT_EQ(agreed({}, {}).pixel_format, parse_format("MJPG")) << "nothing is asked for";
    EXPECT_THAT(notes, IsEmpty());
}

TEST_F(Negotiation, SaysOfFieldsWhatAPictureShows) {
    const auto told = [&](v4l2::Field field) {
        source.field = field;
        agreed({}, {});
        return notes.empty() ? std::string() : notes.front();
    };
    EXPECT_EQ(told(v4l2::Field::progressive), "");
    for (const auto field : {v4l2::Field::top, v4l2::Field::bottom, v4l2::Field::alternate})
        EXPECT_THAT(told(field), AllOf(HasSubstr("each frame is one field"), Not(HasSubstr("two fields"))));
    for (const auto field :
         {v4l2::Field::interlaced, v4l2::Field::interlaced_top, v4l2::Field::interlaced_bottom})
        EXPECT_THAT(told(field), HasSubstr("two fields at once"));
    for (const auto field : {v4l2::Field::top_then_bottom, v4l2::Field::bottom_then_top})
        EXPECT_THAT(told(field), HasSubstr("one above the other"));
}

TEST_F(Negotiation, OffersAreListedWithTheirRates) {
    const auto offers = list_offers(source).value();
    ASSERT_EQ(offers.size(), 3u);
    ASSERT_EQ(offers[0].sizes.size(), 2u);
    EXPECT_EQ(offers[0].sizes[1].rates.size(), 1u);
    ::testing::internal::CaptureStdout();
    Output out(false);
    EXPECT_EQ(show_offers(source,
                          {offers[0],
                           {.format = {.description = "x", .sizes = {}},
                            .sizes = {{{16, 16384, 2, 16, 8640, 2}, {{{1, 2}, {60, 1}}}},
                                      {{1, 64, 1, 1, 48, 1}, {}}}}},
                          out),
              0);
    EXPECT_TRUE(out.flush());
    const std::string text = ::testing::internal::GetCapturedStdout();
    EXPECT_THAT(text, AllOf(HasSubstr("640x480"), HasSubstr("30, 15"), HasSubstr("1280x720")));
    EXPECT_THAT(text, AllOf(HasSubstr("16x16 to 16384x8640 in steps of 2x2"), HasSubstr("0.5 to 60"),
                            HasSubstr("1x1 to 64x48"), HasSubstr("unknown")));
}

} // namespace
} // namespace hwalloc::tools
