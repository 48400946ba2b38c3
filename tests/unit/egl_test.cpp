// The numbers that EGL hears, by the text of EGL_EXT_image_dma_buf_import and ..._modifiers.
#include "hwalloc/egl.h"

#include <gtest/gtest.h>

#include <map>

#include "fake_dma_buf.h"
#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"

namespace hwalloc {
namespace {

std::map<std::intptr_t, std::intptr_t> table(const EglImageAttributes& list) {
    std::map<std::intptr_t, std::intptr_t> values;
    for (std::size_t i = 0; i + 1 < list.size(); i += 2)
        EXPECT_TRUE(values.emplace(list.data()[i], list.data()[i + 1]).second) << "told twice";
    EXPECT_EQ(list.size() % 2, 1u);
    EXPECT_EQ(list.data()[list.size() - 1], 0x3038) << "EGL_NONE ends it";
    return values;
}

TEST(Egl, TellsSizeFormatPlanesModifierAndColours) {
    ImageLayout layout = linear_layout(fourcc('N', 'V', '1', '2'), 640, 480, 704).value();
    layout.modifier = 0x0300'0000'8765'4321;
    layout.matrix = ColorMatrix::bt709;
    layout.range = ColorRange::limited;
    const int fd = 42;
    const auto values = table(egl_image_attributes(layout, {&fd, 1}).value());
    EXPECT_EQ(values.at(0x3057), 640);
    EXPECT_EQ(values.at(0x3056), 480);
    EXPECT_EQ(values.at(0x3271), 0x3231564e);
    EXPECT_EQ(values.at(0x3272), 42);
    EXPECT_EQ(values.at(0x3273), 0);
    EXPECT_EQ(values.at(0x3274), 704);
    EXPECT_EQ(values.at(0x3275), 42);
    EXPECT_EQ(values.at(0x3276), 704 * 480);
    EXPECT_EQ(values.at(0x3277), 704);
    for (const std::intptr_t low : {0x3443, 0x3445}) {
        EXPECT_EQ(static_cast<std::uint32_t>(values.at(low)), 0x87654321u);
        EXPECT_EQ(values.at(low + 1), 0x03000000);
    }
    EXPECT_EQ(values.at(0x327B), 0x3280);
    EXPECT_EQ(values.at(0x327C), 0x3283);
    EXPECT_EQ(values.size(), 3u + 2 * 5 + 2);
}

TEST(Egl, LeavesOutWhatIsNotKnown) {
    ImageLayout layout = linear_layout(fourcc('X', 'R', '2', '4'), 16, 8).value();
    layout.range = ColorRange::full; // no hint for R'G'B'
    const int fd = 0;                // a valid descriptor
    EXPECT_EQ(table(egl_image_attributes(layout, {&fd, 1}, EglModifiers::omit).value()).size(), 6u);
    layout.modifier = 0x00ff'ffff'ffff'ffff; // DRM_FORMAT_MOD_INVALID: the driver knows by itself
    EXPECT_EQ(table(egl_image_attributes(layout, {&fd, 1}).value()).size(), 6u);
}

TEST(Egl, RefusesWhatItCannotTell) {
    ImageLayout layout = linear_layout(fourcc('X', 'R', '2', '4'), 16, 8).value();
    const int fds[] = {5, -1};
    const auto kind = [&](std::span<const int> given, EglModifiers modifiers = EglModifiers::tell) {
        const auto list = egl_image_attributes(layout, given, modifiers);
        return list ? ErrorKind{} : list.error().kind();
    };
    EXPECT_EQ(kind({}), ErrorKind::invalid);
    EXPECT_EQ(kind({fds + 1, 1}), ErrorKind::invalid);
    layout.planes[0].memory = 1;
    EXPECT_EQ(kind({fds, 1}), ErrorKind::invalid);
    layout.planes[0] = {0, std::uint64_t{1} << 31, 64, 512};
    EXPECT_EQ(kind({fds, 1}), ErrorKind::unsupported);
    layout = linear_layout(fourcc('X', 'R', '2', '4'), 16, 8).value();
    layout.modifier = 1;
    EXPECT_EQ(kind({fds, 1}, EglModifiers::omit), ErrorKind::unsupported);
    layout.fourcc = 0;
    EXPECT_EQ(kind({fds, 1}), ErrorKind::unsupported);
    layout.plane_count = 5;
    EXPECT_EQ(kind({fds, 1}), ErrorKind::invalid);
}

TEST(Egl, MemoryWithoutADmaBufIsRefused) {
    const auto memory = Allocator::find("sysmem")->alloc(4096).value();
    const ImageLayout layout = linear_layout(fourcc('X', 'R', '2', '4'), 16, 8).value();
    const auto list = egl_image_attributes(*memory, layout);
    ASSERT_FALSE(list);
    EXPECT_EQ(list.error().kind(), ErrorKind::unsupported);
}

TEST(Egl, AWindowBeginsWhereItBeginsInItsDmaBuf) {
    testing::FakeDmaBufs fakes;
    const UniqueFd fd = fakes.make(3 * 4096);
    const auto memory = import_dmabuf(fd.get(), 4096, 8192).value();
    const auto share = memory->share(512, 512).value();
    const ImageLayout layout = linear_layout(fourcc('X', 'R', '2', '4'), 16, 8).value();
    const auto values = table(egl_image_attributes(*share, layout).value());
    EXPECT_EQ(values.at(0x3273), 4096 + 512);
    EXPECT_EQ(values.at(0x3272), borrow_fd(*memory, FdKind::dmabuf)->fd);
}

} // namespace
} // namespace hwalloc
