// The rectangles of a camera, where the driver does not play along; vivid's are in the lab.
#include <gmock/gmock.h>

#include "hwalloc/v4l2_selection.h"
#include "tests/unit/fake_camera.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using v4l2::Rectangle;
using v4l2::Selection;

TEST_F(CameraTest, RectanglesAreReadAndSetAsTheDriverMakesThem) {
    for (const bool multi_planar : {false, true}) {
        fake.multi_planar = multi_planar;
        fake.has_selections = true;
        fake.crop = {8, 4, 48, 40};
        auto camera = ready();
        EXPECT_EQ(v4l2::get_selection(camera, Selection::crop).value(), (Rectangle{8, 4, 48, 40}));
        EXPECT_EQ(v4l2::set_selection(camera, Selection::compose, {-2, 0, 32, 24}).value(),
                  (Rectangle{-2, 0, 32, 24}));
        EXPECT_EQ(fake.compose.left, -2);
        EXPECT_NE(camera.format(), nullptr) << "the device scales";
        for (const auto which : {Selection::crop_default, Selection::crop_bounds, Selection::native_size,
                                 Selection::compose_padded})
            EXPECT_EQ(v4l2::set_selection(camera, which, {0, 0, 8, 8}).error().kind(), ErrorKind::invalid);
    }
}

TEST_F(CameraTest, ARectangleThatChangesTheFormatMeansNegotiating) {
    auto camera = ready();
    fake.has_selections = true;
    fake.width = 32; // what cropping does without a scaler
    ASSERT_TRUE(v4l2::set_selection(camera, Selection::crop, {0, 0, 32, 48}));
    EXPECT_EQ(camera.format(), nullptr);
    EXPECT_EQ(camera.bind(memories(2)).error().kind(), ErrorKind::invalid);
    EXPECT_TRUE(camera.negotiate(yuyv(32, 48)));
}

TEST_F(CameraTest, ARectangleThatIsRefusedIsNamed) {
    auto camera = ready();
    const auto missing = v4l2::get_selection(camera, Selection::crop).error();
    EXPECT_EQ(missing.kind(), ErrorKind::unsupported);
    EXPECT_THAT(missing.message(), AllOf(HasSubstr("asking for crop"), HasSubstr("no such rectangle")));
    fake.has_selections = true;
    fake.calls = 0;
    fake.fails_at = 1;
    fake.failure = -EBUSY;
    const auto busy = v4l2::set_selection(camera, Selection::crop, {1, 2, 30, 40}).error();
    EXPECT_EQ(busy.kind(), ErrorKind::busy);
    EXPECT_THAT(busy.message(), HasSubstr("setting crop to 30x40 at 1,2"));
    ASSERT_TRUE(camera.close());
    EXPECT_EQ(v4l2::get_selection(camera, Selection::crop).error().kind(), ErrorKind::invalid);
}

} // namespace
} // namespace hwalloc
