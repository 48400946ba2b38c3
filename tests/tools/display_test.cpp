// What the display half decides without a display: which mode, and which buffer may be drawn into.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "tools/display/back_buffers.h"
#include "tools/display/card.h"
#include "tools/display/connector.h"
#include "tools/display/route.h"

namespace {

// What the made-up connector says of itself; none: its driver has no such property. No emulated card can be
// told that a head-mounted display is connected to it.
std::optional<std::uint64_t> non_desktop;

template<class T>
T* made() {
    return static_cast<T*>(std::calloc(1, sizeof(T))); // libdrm frees it
}

} // namespace

// These are found before libdrm's, by everything in this program.
drmModeObjectPropertiesPtr drmModeObjectGetProperties(int, std::uint32_t, std::uint32_t) {
    auto* listed = made<drmModeObjectProperties>();
    listed->count_props = non_desktop ? 1 : 0;
    listed->props = made<std::uint32_t>();
    listed->prop_values = made<std::uint64_t>();
    listed->props[0] = 7;
    listed->prop_values[0] = non_desktop.value_or(0);
    return listed;
}
drmModePropertyPtr drmModeGetProperty(int, std::uint32_t id) {
    auto* property = made<drmModePropertyRes>();
    property->prop_id = id;
    std::strcpy(property->name, "non-desktop");
    return property;
}

namespace hwalloc::tools {
namespace {

// `rate` in Hz, with totals of 10 % more than what is seen.
drmModeModeInfo mode(std::uint16_t width, std::uint16_t height, unsigned rate, bool preferred = false) {
    drmModeModeInfo made{};
    made.hdisplay = width;
    made.vdisplay = height;
    made.htotal = static_cast<std::uint16_t>(width + width / 10);
    made.vtotal = static_cast<std::uint16_t>(height + height / 10);
    made.clock = (rate * made.htotal * made.vtotal + 500) / 1000;
    made.vrefresh = rate;
    made.type = preferred ? DRM_MODE_TYPE_PREFERRED : 0;
    return made;
}

TEST(Mode, ThePreferredOneIsTakenWhereThePictureFits) {
    const std::vector modes{mode(640, 480, 60), mode(1280, 800, 75, true), mode(1920, 1080, 60)};
    EXPECT_EQ(choose_mode(modes, 640, 480), 1u);
    EXPECT_EQ(choose_mode(modes, 1280, 800), 1u);
}

TEST(Mode, ALargerPictureGetsTheSmallestThatHoldsIt) {
    const std::vector modes{mode(1280, 800, 75, true), mode(3840, 2160, 60), mode(1920, 1080, 50),
                            mode(1920, 1080, 60), mode(1024, 768, 60)};
    EXPECT_EQ(choose_mode(modes, 1281, 800), 3u) << "of two alike, the faster";
    EXPECT_EQ(choose_mode(modes, 1280, 801), 3u) << "height counts like width";
    EXPECT_EQ(choose_mode(modes, 1921, 10), 1u);
    EXPECT_EQ(choose_mode(modes, 3841, 10), std::nullopt);
    EXPECT_EQ(choose_mode({}, 1, 1), std::nullopt);
}

TEST(Mode, InterlacedOnesComeLast) {
    std::vector modes{mode(1920, 1080, 60), mode(3840, 2160, 30)};
    modes[0].flags = DRM_MODE_FLAG_INTERLACE;
    EXPECT_EQ(choose_mode(modes, 1920, 1080), 1u);
    EXPECT_EQ(choose_mode({modes.data(), 1}, 1920, 1080), 0u) << "but before none";
}

TEST(Mode, ItsNameHasTheRate) {
    EXPECT_EQ(mode_name(mode(1280, 800, 75)), "1280x800@75");
    drmModeModeInfo fields = mode(1920, 1080, 30);
    fields.flags = DRM_MODE_FLAG_INTERLACE;
    EXPECT_EQ(mode_name(fields), "1920x1080i@60") << "fields, not frames";
}

TEST(BackBuffers, TwoWaitForTheFlip) {
    BackBuffers buffers(2);
    EXPECT_EQ(buffers.free(), 0u);
    buffers.flipped(0);
    buffers.arrived();
    EXPECT_EQ(buffers.free(), 1u);
    buffers.flipped(1);
    EXPECT_EQ(buffers.free(), std::nullopt) << "0 is on the screen, 1 on its way there";
    buffers.arrived();
    EXPECT_EQ(buffers.free(), 0u);
}

TEST(BackBuffers, OfThreeOneIsAlwaysFree) {
    BackBuffers buffers(3);
    std::vector<unsigned> drawn;
    for (int frame = 0; frame < 7; ++frame) {
        const auto free = buffers.free();
        ASSERT_TRUE(free);
        drawn.push_back(*free);
        buffers.arrived(); // the flip before, late
        buffers.flipped(*free);
        EXPECT_TRUE(buffers.free()) << "while the flip is on its way";
    }
    EXPECT_THAT(drawn, testing::ElementsAre(0, 1, 2, 0, 1, 2, 0));
}

TEST(BackBuffers, NothingArrivesThatWasNotOnItsWay) {
    BackBuffers buffers(2);
    buffers.arrived();
    EXPECT_EQ(buffers.free(), 0u);
}

TEST(Connector, APictureGoesToMonitorsThatAreThere) {
    drmModeConnector connector{};
    connector.connection = DRM_MODE_CONNECTED;
    connector.count_modes = 1;
    non_desktop.reset();
    EXPECT_TRUE(shows_pictures(-1, &connector));
    non_desktop = 0;
    EXPECT_TRUE(shows_pictures(-1, &connector));
    non_desktop = 1;
    EXPECT_FALSE(shows_pictures(-1, &connector)) << "it is worn on a head";
    non_desktop = 0;
    connector.count_modes = 0;
    EXPECT_FALSE(shows_pictures(-1, &connector));
    connector.count_modes = 1;
    connector.connection = DRM_MODE_DISCONNECTED;
    EXPECT_FALSE(shows_pictures(-1, &connector));
    EXPECT_FALSE(shows_pictures(-1, nullptr)) << "the kernel did not tell";
}

TEST(Card, OneThatIsNotThereIsToldByName) {
    const auto node = open_card("card987");
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().kind(), ErrorKind::unavailable);
    EXPECT_THAT(node.error().message(), testing::HasSubstr("/dev/dri/card987"));
    EXPECT_NE(node.error().remedy(), "") << "which cards there are";
    const auto driver = open_card("no-such-driver");
    ASSERT_FALSE(driver);
    EXPECT_EQ(driver.error().kind(), ErrorKind::unavailable);
    EXPECT_THAT(driver.error().message(), testing::HasSubstr("no-such-driver"));
    EXPECT_NE(driver.error().remedy(), "");
}

TEST(Card, AFileThatIsNoCardIsRefused) {
    const auto card = open_card("/dev/null");
    ASSERT_FALSE(card);
    EXPECT_EQ(card.error().kind(), ErrorKind::unsupported);
}

} // namespace
} // namespace hwalloc::tools
