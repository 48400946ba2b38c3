// The VkFormats of the table of pixel formats against Vulkan's header, and what the library makes of them.
#include <gtest/gtest.h>

#include "backends/vulkan/ycbcr.h"

namespace hwalloc::vulkan {
namespace {

// Vulkan's names tell the components: words with _PACK from the highest bit down, others as the bytes come.
TEST(VulkanFormats, AreThoseOfItsHeader) {
    struct Row {
        const char* name;
        VkFormat format;
    };
    constexpr Row known[] = {
        {"YUYV", VK_FORMAT_G8B8G8R8_422_UNORM},
        {"UYVY", VK_FORMAT_B8G8R8G8_422_UNORM},
        {"Y210", VK_FORMAT_G10X6B10X6G10X6R10X6_422_UNORM_4PACK16},
        {"Y212", VK_FORMAT_G12X4B12X4G12X4R12X4_422_UNORM_4PACK16},
        {"Y216", VK_FORMAT_G16B16G16R16_422_UNORM},
        {"NV12", VK_FORMAT_G8_B8R8_2PLANE_420_UNORM},
        {"NV16", VK_FORMAT_G8_B8R8_2PLANE_422_UNORM},
        {"P010", VK_FORMAT_G10X6_B10X6R10X6_2PLANE_420_UNORM_3PACK16},
        {"P012", VK_FORMAT_G12X4_B12X4R12X4_2PLANE_420_UNORM_3PACK16},
        {"P016", VK_FORMAT_G16_B16R16_2PLANE_420_UNORM},
        {"P210", VK_FORMAT_G10X6_B10X6R10X6_2PLANE_422_UNORM_3PACK16},
        {"YU12", VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM},
        {"422P", VK_FORMAT_G8_B8_R8_3PLANE_422_UNORM},
        {"YU24", VK_FORMAT_G8_B8_R8_3PLANE_444_UNORM},
        {"GREY", VK_FORMAT_R8_UNORM},
        {"Y16", VK_FORMAT_R16_UNORM},
        {"RGB24", VK_FORMAT_R8G8B8_UNORM},
        {"BGR24", VK_FORMAT_B8G8R8_UNORM},
        {"XR24", VK_FORMAT_B8G8R8A8_UNORM},
        {"AR24", VK_FORMAT_B8G8R8A8_UNORM},
        {"XB24", VK_FORMAT_R8G8B8A8_UNORM},
        {"AB24", VK_FORMAT_R8G8B8A8_UNORM},
        {"RGBP", VK_FORMAT_R5G6B5_UNORM_PACK16},
        {"BG16", VK_FORMAT_B5G6R5_UNORM_PACK16},
        {"XR15", VK_FORMAT_A1R5G5B5_UNORM_PACK16},
        {"AR15", VK_FORMAT_A1R5G5B5_UNORM_PACK16},
        {"RX15", VK_FORMAT_R5G5B5A1_UNORM_PACK16},
        {"RA15", VK_FORMAT_R5G5B5A1_UNORM_PACK16},
        {"BX15", VK_FORMAT_B5G5R5A1_UNORM_PACK16},
        {"BA15", VK_FORMAT_B5G5R5A1_UNORM_PACK16},
        {"RX12", VK_FORMAT_R4G4B4A4_UNORM_PACK16},
        {"RA12", VK_FORMAT_R4G4B4A4_UNORM_PACK16},
        {"BX12", VK_FORMAT_B4G4R4A4_UNORM_PACK16},
        {"GA12", VK_FORMAT_B4G4R4A4_UNORM_PACK16},
        {"XR30", VK_FORMAT_A2R10G10B10_UNORM_PACK32},
        {"AR30", VK_FORMAT_A2R10G10B10_UNORM_PACK32},
        {"XB30", VK_FORMAT_A2B10G10R10_UNORM_PACK32},
        {"AB30", VK_FORMAT_A2B10G10R10_UNORM_PACK32},
        {"XB48", VK_FORMAT_R16G16B16A16_UNORM},
        {"AB48", VK_FORMAT_R16G16B16A16_UNORM},
        {"AB4H", VK_FORMAT_R16G16B16A16_SFLOAT},
        {"XB4H", VK_FORMAT_R16G16B16A16_SFLOAT},
        {"GR88", VK_FORMAT_R8G8_UNORM},
        {"GR32", VK_FORMAT_R16G16_UNORM},
    };
    std::map<std::string, VkFormat> listed;
    for (const Row& row : known)
        listed[row.name] = row.format;
    for (const PixelFormat& format : pixel_formats()) {
        const auto row = listed.find(format.name);
        EXPECT_EQ(format.vulkan.code, row == listed.end() ? 0u : static_cast<std::uint32_t>(row->second))
            << format.name;
        listed.erase(format.name);
    }
    EXPECT_TRUE(listed.empty()) << listed.begin()->first << " is no name of the table";
}

TEST(VulkanFormats, AreTheTables) {
    for (const PixelFormat& format : pixel_formats()) {
        if (!format.drm) {
            EXPECT_FALSE(format.vulkan) << format.name << " is shared by no dma-buf's format";
            continue;
        }
        const VkFormat vulkan = format_of_drm(format.drm.code);
        EXPECT_EQ(static_cast<std::uint32_t>(vulkan), format.vulkan.code) << format.name;
        if (format.vulkan) {
            EXPECT_EQ(format_of_drm(drm_of_format(vulkan)), vulkan) << format.name;
        }
    }
    EXPECT_EQ(drm_of_format(VK_FORMAT_B8G8R8A8_UNORM), fourcc('X', 'R', '2', '4'));
    EXPECT_EQ(drm_of_format(VK_FORMAT_R16G16B16A16_SFLOAT), fourcc('A', 'B', '4', 'H'));
    EXPECT_EQ(drm_of_format(VK_FORMAT_UNDEFINED), 0u);
    EXPECT_EQ(drm_of_format(VK_FORMAT_D16_UNORM), 0u);
    EXPECT_EQ(format_of_drm(fourcc('Z', 'Z', 'Z', 'Z')), VK_FORMAT_UNDEFINED);
}

TEST(VulkanFormats, OfYcbcrHavePlanesOfTheSizeOfTheirNumbers) {
    for (const PixelFormat& format : pixel_formats()) {
        if (!format.vulkan)
            continue;
        SCOPED_TRACE(format.name);
        const auto ycbcr = detail::ycbcr_format(static_cast<VkFormat>(format.vulkan.code));
        ASSERT_EQ(ycbcr.has_value(), format.kind == PixelKind::yuv);
        if (!ycbcr)
            continue;
        EXPECT_EQ(ycbcr->planes.size(), format.plane_count > 1 ? format.plane_count : 0u);
        EXPECT_EQ(ycbcr->takes(3, 2), format.chroma_columns == 1);
        EXPECT_EQ(ycbcr->takes(4, 3), format.chroma_rows == 1);
        for (std::size_t i = 0; i < ycbcr->planes.size(); ++i) {
            const VkFormat plane = ycbcr->planes[i];
            const int bytes = plane == VK_FORMAT_R8_UNORM                                     ? 1
                              : plane == VK_FORMAT_R8G8_UNORM || plane == VK_FORMAT_R16_UNORM ? 2
                                                                                              : 4;
            EXPECT_EQ(bytes, format.planes[i].bytes) << i;
        }
    }
}

} // namespace
} // namespace hwalloc::vulkan
