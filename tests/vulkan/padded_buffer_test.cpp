// Drivers that need more memory for a VkBuffer than the VkBuffer has bytes, made up with the habits of real
// ones. A dma-buf has the size that it has, so its VkBuffer is made smaller.
#include <gmock/gmock.h>

#include "hwalloc/capabilities.h"
#include "hwalloc/plan.h"
#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using hwalloc::testing::FakeDmaBufs;
using ::testing::HasSubstr;

// Mesa's PowerVR: more behind a buffer that ends where a page does.
VkDeviceSize power_vr(VkDeviceSize size) {
    return size % 4096 == 0 ? size + 4 : size;
}
VkDeviceSize whole_64k(VkDeviceSize size) {
    return (size + 65535) / 65536 * 65536;
}
// Both: what is prefetched, and then rounding.
VkDeviceSize behind_and_whole(VkDeviceSize size) {
    return (size + 64 + 4095) / 4096 * 4096;
}

struct Habit {
    const char* name;
    VkDeviceSize (*needs)(VkDeviceSize);
    VkDeviceSize of_614400; // the largest VkBuffer in that many bytes
};
constexpr std::size_t held = 614400; // a picture of 640x480 YUYV, which is 150 pages

class PaddedBufferTest : public FakeDriverTest, public ::testing::WithParamInterface<Habit> {
protected:
    void SetUp() override {
        FakeDriverTest::SetUp();
        if (watch)
            watch->buffer_needs = GetParam().needs;
    }
    static MemoryRef imported(std::size_t size, std::size_t offset = 0) {
        const UniqueFd fd = FakeDmaBufs::make(size);
        auto memory = import_dmabuf(fd.get(), offset, whole);
        if (!memory)
            throw std::runtime_error(memory.error().message());
        return std::move(*memory);
    }
};

TEST_P(PaddedBufferTest, ADmaBufIsTheLargestBufferThatFitsIt) {
    Device device = wrap_fake();
    MemoryRef memory = imported(held);
    watch->clear();
    auto buffer = device.buffer(*memory);
    ASSERT_TRUE(buffer) << why(buffer);
    EXPECT_EQ(buffer->size(), GetParam().of_614400);
    EXPECT_LE(watch->buffer_sizes().size(), 24u);
    EXPECT_LE(watch->allocations().at(0).size, held);
    // A window inside is as it is; one that reaches beyond ends where the VkBuffer does.
    MemoryRef front = std::move(*memory->share(0, 4096)), back = std::move(*memory->share(4096));
    EXPECT_EQ(device.buffer(*front)->size(), 4096u);
    EXPECT_EQ(device.buffer(*back)->size(), GetParam().of_614400 - 4096);
    MemoryRef end = std::move(*memory->share(held - 4));
    auto refused = device.buffer(*end);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::incompatible) << why(refused);
    EXPECT_THAT(std::string(refused.error().remedy()), HasSubstr("memory_size_for_buffer"));
}

TEST_P(PaddedBufferTest, MemoryOfTheSizeThatIsToldHasAllOfIt) {
    Device device = wrap_fake();
    for (const VkDeviceSize wanted : {VkDeviceSize{1}, VkDeviceSize{4096}, VkDeviceSize{held}}) {
        SCOPED_TRACE(wanted);
        const VkDeviceSize size = device.memory_size_for_buffer(wanted).value();
        EXPECT_GE(size, GetParam().needs(wanted));
        MemoryRef memory = imported((size + 4095) / 4096 * 4096);
        EXPECT_GE(device.buffer(*memory)->size(), wanted);
    }
}

TEST_P(PaddedBufferTest, APictureThatFitsIsUsedAndOneThatDoesNotIsRefused) {
    Device device = wrap_fake();
    const ParticipantRef gpu = participant(device, 0).value();
    const ImageLayout layout = *linear_layout(fourcc('Y', 'U', 'Y', 'V'), 640, 480);
    ASSERT_EQ(layout.planes[0].size, held);
    auto refused = gpu->attempt(*imported(held), layout);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::incompatible) << why(refused);
    EXPECT_EQ(refused.error().size_wanted(), held);
    EXPECT_EQ(refused.error().size_held(), GetParam().of_614400);
    EXPECT_THAT(std::string(refused.error().remedy()), HasSubstr("pads"));
    auto used = gpu->attempt(*imported(held + 65536), layout);
    ASSERT_TRUE(used) << why(used);
    EXPECT_THAT(used->once, HasSubstr("pads")) << "the VkBuffer ends before the memory";
    // So a plan asks for more.
    const ImageLayout settled = gpu->settle(layout).value();
    EXPECT_GE(settled.memory_sizes[0], GetParam().needs(held));
    EXPECT_EQ(settled.planes, layout.planes);
    EXPECT_EQ(gpu->settle(settled).value(), settled);
    EXPECT_GE(gpu->ask({.size = held})->min_size, GetParam().needs(held));
}

TEST_P(PaddedBufferTest, EveryPieceHasABufferOfAllOfIt) {
    Device device = wrap_fake();
    for (const Placement placement : {Placement::host, Placement::device_local, Placement::exportable}) {
        AllocatorRef from = allocator(device, placement);
        for (const std::size_t size : {1u, 4u, 60u, 4089u, 4092u, 4096u, 8192u, 12288u, 65536u, 614400u}) {
            SCOPED_TRACE(size);
            MemoryRef memory = alloc(*from, size);
            auto buffer = device.buffer(*memory);
            ASSERT_TRUE(buffer) << why(buffer);
            EXPECT_EQ(buffer->size(), size);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Drivers, PaddedBufferTest,
                         ::testing::Values(Habit{"PowerVR", power_vr, held - 4},
                                           Habit{"Whole64K", whole_64k, 589824},
                                           Habit{"BehindAndWhole", behind_and_whole, held - 64}),
                         [](const auto& habit) { return std::string(habit.param.name); });

} // namespace
} // namespace hwalloc::vulkan::testing
