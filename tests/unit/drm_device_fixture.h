// What the tests of hwalloc/drm.h have in common: made-up cards, and a dma-buf from elsewhere.
#pragma once

#include <gtest/gtest.h>

#include "hwalloc/drm.h"
#include "hwalloc/image.h"
#include "tests/unit/fake_cards.h"

namespace hwalloc::testing {

using drm::Device;

inline constexpr std::uint32_t xrgb = fourcc('X', 'R', '2', '4');

class DrmDevice : public ::testing::Test {
protected:
    DrmDevice() {
        fake.node_status.st_mode = S_IFCHR | 0660;
        fake.cards[0] = {};
        foreign = make_foreign(64);
    }
    static MemoryRef make_foreign(std::size_t pages) {
        const UniqueFd fd = FakeDmaBufs::make(pages * page_size());
        auto memory = import_dmabuf(fd.get());
        EXPECT_TRUE(memory);
        return std::move(*memory);
    }
    static Device opened(std::string_view which = "card0") {
        auto device = Device::open(which);
        EXPECT_TRUE(device) << device.error().message();
        return *device;
    }
    static ImageLayout picture(std::uint32_t width = 64, std::uint32_t height = 64) {
        return *linear_layout(xrgb, width, height);
    }
    FakeCards fake;
    MemoryRef foreign;
};

} // namespace hwalloc::testing
