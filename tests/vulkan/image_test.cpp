// Pictures: allocated with a layout that is read back, imported with an explicit one. Real drivers only;
// where there are no modifiers, that the refusal says so.
#include <gmock/gmock.h>

#include "hwalloc/capabilities.h"
#include "hwalloc/image.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t width = 61, height = 37; // nothing that a pitch is likely to be by itself
constexpr VkImageUsageFlags both_ways = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT;

class ImageTest : public DmaBufVulkanTest {
protected:
    void SetUp() override {
        DmaBufVulkanTest::SetUp();
        if (HasFatalFailure() || IsSkipped())
            return;
        Device device = wrap();
        if (auto modifiers = device.modifiers(xrgb, both_ways); !modifiers)
            MISSING("the Vulkan driver has no XRGB8888 images in dma-bufs: " + modifiers.error().message());
        // The layer judges by VkDrmFormatModifierPropertiesList2EXT, which Mesa 25's lavapipe answers with
        // nothing; its VkDrmFormatModifierPropertiesListEXT has the features.
        expected_complaints.push_back("VkFormatFeatureFlags2(0)");
    }
    static std::uint8_t pixel_byte(std::uint32_t x, std::uint32_t y, std::uint32_t c, unsigned seed) {
        return static_cast<std::uint8_t>(x * 5 + y * 11 + c * 59 + seed);
    }
    static void draw(Memory& memory, const ImageLayout& layout, unsigned seed) {
        auto mapping = memory.map(MapFlags::write).value();
        for (std::uint32_t y = 0; y < layout.height; ++y)
            for (std::uint32_t x = 0; x < layout.width; ++x)
                for (std::uint32_t c = 0; c < 4; ++c)
                    mapping.data()[layout.planes[0].offset + std::size_t{y} * layout.planes[0].stride +
                                   x * 4 + c] = pixel_byte(x, y, c, seed);
    }
    static void expect_picture(Memory& memory, std::size_t offset, std::size_t stride, unsigned seed) {
        auto mapping = memory.map(MapFlags::read).value();
        for (std::uint32_t y = 0; y < height; ++y)
            for (std::uint32_t x = 0; x < width; ++x)
                for (std::uint32_t c = 0; c < 4; ++c)
                    ASSERT_EQ(mapping.data()[offset + y * stride + x * 4 + c], pixel_byte(x, y, c, seed))
                        << x << ", " << y << ", " << c;
    }
    enum class Way { from_texture, to_texture, to_fresh_texture };
    // Between a texture and the tight rows of a buffer.
    void copy(Device& device, const Texture& texture, const Buffer& buffer, Way way) {
        const bool out = way == Way::from_texture;
        const VkAccessFlags access = out ? VK_ACCESS_TRANSFER_READ_BIT : VK_ACCESS_TRANSFER_WRITE_BIT;
        const VkImageLayout layout =
            out ? VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL : VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
        run([&](VkCommandBuffer commands) {
            const VkImageMemoryBarrier before = way == Way::to_fresh_texture
                                                    ? device.discard_barrier(texture, access, layout)
                                                    : device.acquire_barrier(texture, access, layout);
            vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
                                 0, 0, nullptr, 0, nullptr, 1, &before);
            VkBufferImageCopy region{};
            region.bufferOffset = buffer.offset();
            region.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
            region.imageExtent = {texture.extent().width, texture.extent().height, 1};
            if (out)
                vkCmdCopyImageToBuffer(commands, texture.handle(), layout, buffer.handle(), 1, &region);
            else
                vkCmdCopyBufferToImage(commands, buffer.handle(), texture.handle(), layout, 1, &region);
            const VkImageMemoryBarrier after = device.release_barrier(texture, access, layout);
            vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
                                 0, 0, nullptr, 0, nullptr, 1, &after);
        });
    }
    // That the GPU sees in `texture` what lies in `memory`, both ways.
    void expect_one_picture(Device& device, Memory& memory, const ImageLayout& layout,
                            const Texture& texture) {
        const std::size_t tight = std::size_t{4} * width;
        AllocatorRef host = allocator(device, Placement::host);
        MemoryRef rows = alloc(*host, tight * height);
        draw(memory, layout, 3);
        copy(device, texture, *device.buffer(*rows), Way::from_texture);
        expect_picture(*rows, 0, tight, 3);
        ImageLayout in_rows = layout;
        in_rows.planes[0] = {0, 0, static_cast<std::uint32_t>(tight), tight * height};
        draw(*rows, in_rows, 99);
        copy(device, texture, *device.buffer(*rows), Way::to_texture);
        expect_picture(memory, layout.planes[0].offset, layout.planes[0].stride, 99);
    }
    Image image(Allocator& from, std::span<const std::uint64_t> modifiers = {}) {
        auto made =
            alloc_image(from, {.fourcc = xrgb, .width = width, .height = height, .modifiers = modifiers});
        if (!made)
            throw std::runtime_error(made.error().message());
        return std::move(*made);
    }
};

TEST_F(ImageTest, TheLayoutIsReadBackAndIsWhereThePixelsAre) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable);
    constexpr std::uint64_t unknown_and_linear[] = {0x00fedcba98765432, 0};
    for (const std::span<const std::uint64_t> modifiers :
         {std::span<const std::uint64_t>(), std::span<const std::uint64_t>(unknown_and_linear)}) {
        Image made = image(*from, modifiers);
        const ImageLayout& layout = made.layout;
        EXPECT_EQ(layout.fourcc, xrgb);
        EXPECT_EQ(layout.modifier, 0u);
        EXPECT_EQ(layout.width, width);
        EXPECT_EQ(layout.height, height);
        ASSERT_EQ(layout.plane_count, 1u);
        EXPECT_EQ(layout.memory_count, 1u);
        EXPECT_GE(layout.planes[0].stride, width * 4);
        EXPECT_GE(layout.planes[0].size, std::uint64_t{layout.planes[0].stride} * (height - 1) + width * 4);
        EXPECT_LE(layout.planes[0].offset + layout.planes[0].size, made.memory->size());
        EXPECT_LE(layout.memory_sizes[0], made.memory->size());
        auto texture = device.texture(*made.memory, layout);
        ASSERT_TRUE(texture) << why(texture);
        EXPECT_EQ(texture->format(), VK_FORMAT_B8G8R8A8_UNORM);
        EXPECT_EQ(texture->modifier(), 0u);
        EXPECT_EQ(texture->handle(), device.texture(*made.memory, layout)->handle()) << "its own VkImage";
        EXPECT_EQ(device.heaps()->at(0).imports, 0u);
        expect_one_picture(device, *made.memory, layout, *texture);
    }
}

TEST_F(ImageTest, TheBarriersHandOverInOneLayout) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable);
    Image made = image(*from);
    const Texture texture = *device.texture(*made.memory, made.layout);
    constexpr VkImageLayout inside = VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL;
    constexpr VkAccessFlags writes = VK_ACCESS_TRANSFER_WRITE_BIT;
    const auto acquire = device.acquire_barrier(texture, writes, inside);
    const auto release = device.release_barrier(texture, writes, inside);
    const auto discard = device.discard_barrier(texture, writes, inside);
    for (const auto& barrier : {acquire, release, discard}) {
        EXPECT_EQ(barrier.sType, VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER);
        EXPECT_EQ(barrier.image, texture.handle());
        EXPECT_EQ(barrier.subresourceRange.aspectMask, VkImageAspectFlags{VK_IMAGE_ASPECT_COLOR_BIT});
        EXPECT_EQ(barrier.subresourceRange.levelCount, 1u);
        EXPECT_EQ(barrier.subresourceRange.layerCount, 1u);
    }
    const std::uint32_t outside =
        device.acquire_barrier(*device.buffer(*made.memory), writes).srcQueueFamilyIndex;
    EXPECT_EQ(acquire.srcQueueFamilyIndex, outside);
    EXPECT_EQ(acquire.dstQueueFamilyIndex, device.queue_family());
    EXPECT_EQ(acquire.oldLayout, VK_IMAGE_LAYOUT_GENERAL) << "which keeps the pixels, as UNDEFINED need not";
    EXPECT_EQ(acquire.newLayout, inside);
    EXPECT_EQ(acquire.srcAccessMask, 0u);
    EXPECT_EQ(acquire.dstAccessMask, writes);
    EXPECT_EQ(release.srcQueueFamilyIndex, device.queue_family());
    EXPECT_EQ(release.dstQueueFamilyIndex, outside);
    EXPECT_EQ(release.oldLayout, inside);
    EXPECT_EQ(release.newLayout, VK_IMAGE_LAYOUT_GENERAL);
    EXPECT_EQ(release.srcAccessMask, writes);
    EXPECT_EQ(release.dstAccessMask, 0u);
    EXPECT_EQ(discard.oldLayout, VK_IMAGE_LAYOUT_UNDEFINED);
    EXPECT_EQ(discard.newLayout, inside);
    EXPECT_EQ(discard.srcQueueFamilyIndex, VK_QUEUE_FAMILY_IGNORED);
    EXPECT_EQ(discard.dstQueueFamilyIndex, VK_QUEUE_FAMILY_IGNORED);
    EXPECT_EQ(device.acquire_barrier(Texture(), writes).image, VkImage{VK_NULL_HANDLE});
}

TEST_F(ImageTest, FreshMemoryIsDrawnFirstAndReadByTheCpu) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable), host = allocator(device, Placement::host);
    Image made = image(*from);
    const Texture texture = *device.texture(*made.memory, made.layout, both_ways);
    const std::size_t tight = std::size_t{4} * width;
    MemoryRef rows = alloc(*host, tight * height);
    ImageLayout in_rows = made.layout;
    in_rows.planes[0] = {0, 0, static_cast<std::uint32_t>(tight), tight * height};
    draw(*rows, in_rows, 23);
    copy(device, texture, *device.buffer(*rows), Way::to_fresh_texture);
    expect_picture(*made.memory, made.layout.planes[0].offset, made.layout.planes[0].stride, 23);
    copy(device, texture, *device.buffer(*rows), Way::from_texture);
    expect_picture(*rows, 0, tight, 23);
}

TEST_F(ImageTest, ModifiersThatTheDriverLacksAreRefused) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable);
    constexpr std::uint64_t unknown[] = {0x00fedcba98765432};
    auto refused =
        alloc_image(*from, {.fourcc = xrgb, .width = width, .height = height, .modifiers = unknown});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(refused.error().message(), HasSubstr("modifiers"));
    EXPECT_THAT(*device.modifiers(xrgb, both_ways), ::testing::Contains(0u));
    Image made = image(*from);
    ImageLayout layout = made.layout;
    layout.modifier = unknown[0];
    auto texture = device.texture(*made.memory, layout);
    ASSERT_FALSE(texture);
    EXPECT_EQ(texture.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(texture.error().message(), HasSubstr("fedcba98765432"));
}

// As a camera has it: the system heap's memory, rows wider than the picture, not at the start.
TEST_F(ImageTest, AnExplicitLayoutInSomebodyElsesMemory) {
    Device device = wrap();
    Allocator* heap = *Allocator::resolve("dma-heap/system");
    for (const std::uint32_t stride : {256u, 320u, 1024u})
        for (const std::size_t offset : {std::size_t{0}, std::size_t{4096}}) {
            SCOPED_TRACE(stride + offset);
            MemoryRef memory = alloc(*heap, 4096 + std::size_t{1024} * height);
            ImageLayout layout = *linear_layout(xrgb, width, height, stride);
            layout.planes[0].offset = offset;
            const auto before = open_fds();
            {
                auto texture = device.texture(*memory, layout, both_ways);
                ASSERT_TRUE(texture) << why(texture);
                EXPECT_EQ(texture->extent().width, width);
                EXPECT_EQ(device.heaps()->at(0).imports, 1u);
                EXPECT_EQ(device.texture(*memory, layout, both_ways)->handle(), texture->handle());
                EXPECT_EQ(device.heaps()->at(0).imports, 1u) << "once";
                expect_one_picture(device, *memory, layout, *texture);
            }
            EXPECT_EQ(open_fds(), before);
            EXPECT_EQ(device.heaps()->at(0).imports, 0u);
        }
}

TEST_F(ImageTest, AShareIsAPictureOfItsOwn) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable);
    Image made = image(*from);
    // Its rows from the 4th on: a smaller picture in the same memory.
    const std::size_t start = std::size_t{4} * made.layout.planes[0].stride;
    MemoryRef share = std::move(*made.memory->share(start));
    EXPECT_FALSE(device.texture(*share, made.layout)) << "of which it has less";
    ImageLayout lower = made.layout;
    lower.height -= 4;
    lower.planes[0].size -= start;
    lower.memory_sizes[0] -= start;
    auto texture = device.texture(*share, lower, both_ways);
    if (!texture) { // a driver may refuse the offset; what it may not do is give the root's picture
        EXPECT_EQ(texture.error().kind(), ErrorKind::incompatible) << why(texture);
        return;
    }
    EXPECT_NE(texture->handle(), device.texture(*made.memory, made.layout)->handle());
    draw(*made.memory, made.layout, 3);
    AllocatorRef host = allocator(device, Placement::host);
    MemoryRef rows = alloc(*host, std::size_t{4} * width * height);
    copy(device, *texture, *device.buffer(*rows), Way::from_texture);
    auto mapping = rows->map(MapFlags::read);
    EXPECT_EQ(mapping->data()[0], pixel_byte(0, 4, 0, 3));
}

TEST_F(ImageTest, WhatCannotLieInTheMemoryIsRefusedBeforeTheDriverSeesIt) {
    Device device = wrap();
    Allocator* heap = *Allocator::resolve("dma-heap/system");
    MemoryRef memory = alloc(*heap, 65536);
    MemoryRef share = std::move(*memory->share(4096));
    const ImageLayout good = *linear_layout(xrgb, width, height, 256);
    ASSERT_TRUE(device.texture(*share, good, both_ways));
    struct Case {
        const char* what;
        void (*spoil)(ImageLayout&);
        ErrorKind kind;
    };
    const Case cases[] = {
        {"offset past the end", [](ImageLayout& layout) { layout.planes[0].offset = 65536; },
         ErrorKind::incompatible},
        {"offset that wraps with the window's",
         [](ImageLayout& layout) { layout.planes[0].offset = ~std::uint64_t{0} - 4095; },
         ErrorKind::incompatible},
        {"size past the window", [](ImageLayout& layout) { layout.planes[0].size = 65536; },
         ErrorKind::incompatible},
        {"no width", [](ImageLayout& layout) { layout.width = 0; }, ErrorKind::invalid},
        {"no height", [](ImageLayout& layout) { layout.height = 0; }, ErrorKind::invalid},
        {"no planes", [](ImageLayout& layout) { layout.plane_count = 0; }, ErrorKind::invalid},
        {"five planes", [](ImageLayout& layout) { layout.plane_count = 5; }, ErrorKind::invalid},
    };
    watch->clear();
    for (const Case& one : cases) {
        SCOPED_TRACE(one.what);
        ImageLayout layout = good;
        one.spoil(layout);
        auto refused = device.texture(*share, layout, both_ways);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), one.kind) << why(refused);
    }
    EXPECT_FALSE(device.texture(*share, good, 0));
    EXPECT_FALSE(device.modifiers(xrgb, 0));
    EXPECT_EQ(watch->count("vkCreateImage"), 0);
}

TEST_F(ImageTest, APitchThatCannotBeIsIncompatible) {
    Device device = wrap();
    Allocator* heap = *Allocator::resolve("dma-heap/system");
    MemoryRef memory = alloc(*heap, 65536);
    for (const std::uint32_t stride : {0u, 4u, width * 4 - 1}) {
        SCOPED_TRACE(stride);
        ImageLayout layout = *linear_layout(xrgb, width, height);
        layout.planes[0].stride = stride;
        auto refused = device.texture(*memory, layout, both_ways);
        ASSERT_FALSE(refused) << "rows that overlap";
        EXPECT_EQ(refused.error().kind(), ErrorKind::incompatible) << why(refused);
        EXPECT_THAT(refused.error().message(), HasSubstr("buffer"));
        EXPECT_TRUE(device.buffer(*memory)) << "and that is true";
    }
}

TEST_F(ImageTest, CameraFormatsThatVulkanLacksPointToTheBuffer) {
    Device device = wrap();
    Allocator* heap = *Allocator::resolve("dma-heap/system");
    AllocatorRef from = allocator(device, Placement::exportable);
    for (const std::uint32_t code : {nv12, yuyv, fourcc('M', 'J', 'P', 'G')}) {
        SCOPED_TRACE(fourcc_name(code));
        auto layout = linear_layout(code, 64, 48);
        MemoryRef memory = alloc(*heap, 65536);
        if (layout) {
            auto texture = device.texture(*memory, *layout);
            if (!texture) {
                EXPECT_EQ(texture.error().kind(), ErrorKind::unsupported) << why(texture);
                EXPECT_THAT(texture.error().message(), HasSubstr("as a buffer"));
                EXPECT_THAT(texture.error().message(), HasSubstr(fourcc_name(code)));
            }
        }
        auto made = alloc_image(*from, {.fourcc = code, .width = 64, .height = 48});
        EXPECT_TRUE(made || made.error().kind() == ErrorKind::unsupported) << why(made);
        EXPECT_TRUE(device.buffer(*memory));
    }
}

TEST_F(ImageTest, TheMemoryOfAnImageIsABufferToo) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::exportable), host = allocator(device, Placement::host);
    Image made = image(*from);
    draw(*made.memory, made.layout, 7);
    auto buffer = device.buffer(*made.memory);
    ASSERT_TRUE(buffer) << why(buffer);
    EXPECT_EQ(buffer->size(), made.memory->size());
    MemoryRef rows = alloc(*host, made.memory->size());
    const Buffer target = *device.buffer(*rows);
    run([&](VkCommandBuffer commands) {
        const VkBufferCopy region{buffer->offset(), target.offset(), buffer->size()};
        vkCmdCopyBuffer(commands, buffer->handle(), target.handle(), 1, &region);
    });
    expect_picture(*rows, made.layout.planes[0].offset, made.layout.planes[0].stride, 7);
}

TEST_F(ImageTest, NothingIsLeftOfAnImageThatFails) {
    Allocator* heap = *Allocator::resolve("dma-heap/system");
    MemoryRef memory = alloc(*heap, 65536);
    const ImageLayout layout = *linear_layout(xrgb, width, height, 256);
    for (const bool allocates : {true, false}) {
        bool succeeded = false;
        for (int n = 1; n < 50 && !succeeded; ++n) {
            Device device = wrap();
            AllocatorRef from = allocator(device, Placement::exportable);
            const auto fds = open_fds();
            const auto live = watch->live();
            watch->fail_call(n, VK_ERROR_OUT_OF_HOST_MEMORY);
            const auto told = [&]() -> Result<void> {
                if (allocates) {
                    auto made = alloc_image(*from, {.fourcc = xrgb, .width = width, .height = height});
                    return made ? Result<void>() : std::move(made).error();
                }
                auto made = device.texture(*memory, layout, both_ways);
                return made ? Result<void>() : std::move(made).error();
            }();
            const std::string failed = watch->failed();
            watch->clear();
            SCOPED_TRACE(failed);
            succeeded = failed.empty();
            EXPECT_EQ(succeeded, static_cast<bool>(told));
            // What the driver answers about formats is an answer, whatever it is.
            if (!told && failed != "vkGetPhysicalDeviceImageFormatProperties2") {
                EXPECT_THAT(std::string(told.error().call()), HasSubstr(failed)) << why(told);
                EXPECT_EQ(told.error().device(), device.name());
            }
            EXPECT_EQ(open_fds(), fds);
            EXPECT_EQ(watch->live(), live);
        }
        EXPECT_TRUE(succeeded);
    }
}

class NoModifiersTest : public VulkanTest {};

TEST_F(NoModifiersTest, WithoutTheExtensionABufferIsOffered) {
    Handles handles = app->handles();
    handles.enabled_extensions = {};
    Device device = wrap(handles);
    auto memory = Allocator::find("sysmem")->alloc(65536);
    auto refused = device.texture(**memory, *linear_layout(xrgb, width, height));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
    auto none = device.modifiers(xrgb, both_ways);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind(), ErrorKind::unsupported);
    EXPECT_THAT(none.error().message(), HasSubstr("as a buffer"));
    EXPECT_THAT(none.error().message(), HasSubstr("VK_EXT_image_drm_format_modifier"));
}

} // namespace
} // namespace hwalloc::vulkan::testing
