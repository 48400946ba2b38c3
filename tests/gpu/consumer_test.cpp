// The picture that `hwalloc capture --to gpu` writes: with as many bits as the format's, where the GPU can.
#include "tools/gpu/consumer.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "hwalloc/vulkan.h"

namespace {

// What the GPU says that it sees of a buffer; 0: what it says itself.
std::uint32_t visible_bytes = 0;

} // namespace

// Found before the loader's, by everything in this program.
void VKAPI_CALL vkGetPhysicalDeviceProperties(VkPhysicalDevice device,
                                              VkPhysicalDeviceProperties* properties) {
    static const auto next = reinterpret_cast<PFN_vkGetPhysicalDeviceProperties>(
        dlsym(RTLD_NEXT, "vkGetPhysicalDeviceProperties"));
    next(device, properties);
    if (visible_bytes)
        properties->limits.maxStorageBufferRange = visible_bytes;
}

namespace hwalloc::tools {
namespace {

constexpr std::uint32_t grey_wide = 3, grey_high = 2;
constexpr std::uint16_t grey_numbers[grey_high][grey_wide] = {{0, 1, 0x1234}, {0x80ff, 0xfffe, 0xffff}};

class GpuConsumerTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto device = vulkan::Device::open();
        auto allocator =
            device ? device->allocator(vulkan::Placement::host) : Result<AllocatorRef>(Error(device.error()));
        const char* lab = std::getenv("HWALLOC_LAB");
        if (!allocator && lab && std::string_view(lab) == "1")
            FAIL() << allocator.error().message() << ", and this is the lab";
        if (!allocator)
            GTEST_SKIP() << "no GPU here: " << allocator.error().message();
        allocator_ = std::move(*allocator);
    }
    void TearDown() override { visible_bytes = 0; }

    // What the GPU makes of the numbers above as frames of that format, in full range.
    Picture picture_of(std::uint32_t drm, std::uint32_t v4l2) {
        auto consumer = open_gpu({.to = "gpu", .gpu = {}}).value();
        v4l2::CaptureFormat format{.pixel_format = v4l2,
                                   .layout = linear_layout(drm, grey_wide, grey_high, 0).value()};
        format.layout.range = ColorRange::full;
        EXPECT_TRUE(consumer->set_format(format));
        notes_ = consumer->notes();
        MemoryRef memory = allocator_->alloc(static_cast<std::size_t>(consumer->memory_size(0))).value();
        {
            auto mapping = memory->map(MapFlags::write).value();
            for (std::uint32_t y = 0; y < grey_high; ++y)
                std::memcpy(mapping.data() + y * format.layout.planes[0].stride, grey_numbers[y],
                            format.layout.planes[0].stride);
        }
        EXPECT_TRUE(consumer->bind({&memory, 1}));
        EXPECT_TRUE(consumer->take({.bytes_used = format.layout.memory_sizes[0]}));
        EXPECT_TRUE(consumer->finish());
        Picture picture;
        EXPECT_TRUE(consumer->picture(picture));
        consumer->unbind();
        EXPECT_EQ(picture.width, grey_wide);
        EXPECT_EQ(picture.height, grey_high);
        return picture;
    }

    AllocatorRef allocator_;
    std::vector<std::string> notes_;
};

constexpr std::uint32_t y16 = fourcc('Y', '1', '6', ' '), r16 = fourcc('R', '1', '6', ' ');

// Of grey in full range the picture has the very numbers, the high byte first.
TEST_F(GpuConsumerTest, SixteenBitsAreKept) {
    const Picture picture = picture_of(r16, y16);
    EXPECT_EQ(picture.depth, 16u);
    std::vector<std::uint8_t> wanted;
    for (const auto& row : grey_numbers)
        for (const std::uint16_t number : row)
            for (int channel = 0; channel < 3; ++channel) {
                wanted.push_back(static_cast<std::uint8_t>(number >> 8));
                wanted.push_back(static_cast<std::uint8_t>(number));
            }
    EXPECT_EQ(picture.bytes, wanted);
    EXPECT_TRUE(notes_.empty());
}

TEST_F(GpuConsumerTest, EightBitsStayEight) {
    const Picture picture = picture_of(fourcc('R', '8', ' ', ' '), fourcc('G', 'R', 'E', 'Y'));
    EXPECT_EQ(picture.depth, 8u);
    EXPECT_EQ(picture.bytes.size(), std::size_t{3} * grey_wide * grey_high);
    EXPECT_TRUE(notes_.empty());
}

TEST_F(GpuConsumerTest, AGpuThatSeesTooLittleAtOnceMakesEightAndSaysSo) {
    visible_bytes = 8 * grey_wide * grey_high - 1;
    const Picture picture = picture_of(r16, y16);
    EXPECT_EQ(picture.depth, 8u);
    std::vector<std::uint8_t> wanted;
    for (const auto& row : grey_numbers)
        for (const std::uint16_t number : row)
            wanted.insert(wanted.end(), 3, static_cast<std::uint8_t>((number * 255 + 32767) / 65535));
    EXPECT_EQ(picture.bytes, wanted);
    ASSERT_EQ(notes_.size(), 1u);
    EXPECT_NE(notes_[0].find("8 bits"), std::string::npos) << notes_[0];
}

} // namespace
} // namespace hwalloc::tools
