// Who sees the CPU's caches, as the kernel shows its device tree.
#include "common/device_tree.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "hwalloc/participant.h"
#include "tests/unit/kernel_override.h"

namespace hwalloc {
namespace {

using namespace testing;

// A machine in a directory: a camera below a bus, an image of a device tree, and a card on a bus of its own.
class DeviceTreeTest : public ::testing::Test {
protected:
    DeviceTreeTest() {
        tree = std::filesystem::path(::testing::TempDir()) / ("hwalloc-tree-" + std::to_string(::getpid()));
        for (const char* node : {"", "/soc", "/soc/camera", "/pcie"})
            touch("/sys/firmware/devicetree/base" + std::string(node) + "/name");
        for (const char* device : {"/soc.bus", "/soc.bus/camera", "/soc.bus/camera/video4linux/video0",
                                   "/pcie", "/pcie/card", "/pcie/card/drm/card0", "/virtual"})
            touch("/sys/devices" + std::string(device) + "/uevent");
        link("/sys/devices/soc.bus/camera/of_node", "/sys/firmware/devicetree/base/soc/camera");
        link("/sys/devices/pcie/of_node", "/sys/firmware/devicetree/base/pcie");
        link("/sys/dev/char/81:0", "/sys/devices/soc.bus/camera/video4linux/video0");
        link("/sys/devices/soc.bus/camera/video4linux/video0/device", "/sys/devices/soc.bus/camera");
        link("/sys/dev/char/226:0", "/sys/devices/pcie/card/drm/card0");
        link("/sys/devices/pcie/card/drm/card0/device", "/sys/devices/pcie/card");
        link("/sys/dev/char/81:1", "/sys/devices/virtual");
        link("/sys/devices/virtual/device", "/sys/devices/virtual");
        kernel.stat = [](const char* path, struct stat* status) {
            return real_kernel().stat((tree.string() + path).c_str(), status);
        };
    }
    ~DeviceTreeTest() override { std::filesystem::remove_all(tree); }

    static void touch(const std::string& path) {
        const std::filesystem::path file = tree.string() + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << "";
    }
    static void link(const std::string& from, const std::string& to) {
        const std::filesystem::path name = tree.string() + from;
        std::filesystem::create_directories(name.parent_path());
        std::filesystem::create_directory_symlink(tree.string() + to, name);
    }
    static std::optional<bool> camera() { return dma_coherent_by_device_tree(makedev(81, 0)); }
    static std::optional<bool> card() { return dma_coherent_by_device_tree(makedev(226, 0)); }

#if defined(__arm__) || defined(__aarch64__)
    static constexpr std::optional<bool> silent = false;
#else
    static constexpr std::optional<bool> silent = std::nullopt;
#endif
    static inline std::filesystem::path tree;
    KernelOverride restore;
};

TEST_F(DeviceTreeTest, WithoutAWordItIsAsTheArchitectureHasIt) {
    EXPECT_EQ(camera(), silent);
    EXPECT_EQ(card(), silent);
}

TEST_F(DeviceTreeTest, ADevicesOwnNodeSaysIt) {
    touch("/sys/firmware/devicetree/base/soc/camera/dma-coherent");
    EXPECT_EQ(camera(), true);
    EXPECT_EQ(card(), silent);
}

TEST_F(DeviceTreeTest, TheNearestNodeDecides) {
    touch("/sys/firmware/devicetree/base/soc/dma-coherent");
    EXPECT_EQ(camera(), true);
    touch("/sys/firmware/devicetree/base/soc/camera/dma-noncoherent");
    EXPECT_EQ(camera(), false);
}

TEST_F(DeviceTreeTest, ACardIsAsItsBridge) {
    touch("/sys/firmware/devicetree/base/pcie/dma-coherent");
    EXPECT_EQ(card(), true);
}

TEST_F(DeviceTreeTest, NobodyTellsOfADeviceThatIsInNoTree) {
    touch("/sys/firmware/devicetree/base/dma-coherent");
    EXPECT_EQ(dma_coherent_by_device_tree(makedev(81, 1)), std::nullopt);
    EXPECT_EQ(dma_coherent_by_device_tree(makedev(81, 2)), std::nullopt) << "there is no such device";
}

TEST(SeesCpuCachesTest, OnThisArchitectureAllDevicesDoOrTheTreeTells) {
    if (devices_see_cpu_caches == Answer::yes)
        EXPECT_EQ(sees_cpu_caches(makedev(81, 99)), Answer::yes);
    else
        EXPECT_EQ(sees_cpu_caches(makedev(81, 99)), Answer::unknown);
}

} // namespace
} // namespace hwalloc
