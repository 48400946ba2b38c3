// Every name that `hwalloc list` prints, in every option, on a made-up machine.
#include "tools/device_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tools/near_names.h"

namespace hwalloc::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DeviceNames : public testing::Test {
protected:
    static InventoryItem item(std::string name, std::vector<std::string> aliases) {
        const std::string family = name.substr(0, name.find('/'));
        InventoryItem made;
        made.name = std::move(name);
        made.family = made.backend = family;
        made.aliases = std::move(aliases);
        return made;
    }
    const std::vector<InventoryItem> machine{
        item("dma-heap/system", {"/dev/dma_heap/system", "dma-heap"}),
        item("drm-dumb/card0",
             {"/dev/dri/card0", "drm-dumb/virtio_gpu", "drm-dumb/by-path/pci-0000:00:02.0", "drm-dumb"}),
        item("drm-dumb/card1", {"/dev/dri/card1", "drm-dumb/vgem"}),
        item("v4l2/video0",
             {"/dev/video0", "v4l2/vivid", "v4l2/by-path/platform-vivid.0", "v4l2/by-id/usb-webcam-index0"}),
        item("v4l2/video1", {"/dev/video1"}),
        item("vulkan/0", {"vulkan/venus", "vulkan/renderD128", "vulkan/card0", "vulkan"}),
        item("vulkan/0/host", {"vulkan/venus/host"}),
    };

    std::string find(DeviceKind kind, const std::string& word) const {
        const auto found = find_device(kind, word, machine);
        return found ? *found : "error: " + found.error().message();
    }
    ErrorKind kind_of(DeviceKind kind, const std::string& word) const {
        return find_device(kind, word, machine).error().kind();
    }
};

TEST_F(DeviceNames, CamerasGoByEveryNameOfTheirMemory) {
    for (const char* word :
         {"v4l2/video0", "video0", "/dev/video0", "v4l2/vivid", "vivid", "v4l2/by-path/platform-vivid.0",
          "by-path/platform-vivid.0", "v4l2/by-id/usb-webcam-index0", "by-id/usb-webcam-index0"})
        for (const DeviceKind kind : {DeviceKind::camera, DeviceKind::video_output})
            EXPECT_EQ(find(kind, word), "/dev/video0") << word;
    EXPECT_EQ(find(DeviceKind::camera, "video1"), "/dev/video1");
}

TEST_F(DeviceNames, CardsGoByEveryNameAndByThatOfTheirGpu) {
    for (const char* word : {"drm-dumb/card0", "card0", "/dev/dri/card0", "drm-dumb/virtio_gpu", "virtio_gpu",
                             "drm-dumb", "drm-dumb/by-path/pci-0000:00:02.0", "by-path/pci-0000:00:02.0",
                             "vulkan/0", "vulkan/card0", "vulkan/venus", "vulkan/renderD128"})
        EXPECT_EQ(find(DeviceKind::card, word), "/dev/dri/card0") << word;
    EXPECT_EQ(find(DeviceKind::card, "vgem"), "/dev/dri/card1");
    // What a driver calls itself, perhaps: opening a card tells.
    EXPECT_EQ(find(DeviceKind::card, "bochs"), "bochs");
}

TEST_F(DeviceNames, GpusGoByEveryNameAndByThatOfTheirCard) {
    for (const char* word : {"vulkan/0", "0", "vulkan/0/host", "vulkan/0/device-local"})
        EXPECT_EQ(find(DeviceKind::gpu, word), "0") << word;
    for (const char* word : {"card0", "drm-dumb/card0", "/dev/dri/card0", "virtio_gpu", "drm-dumb/virtio_gpu",
                             "by-path/pci-0000:00:02.0", "vulkan/card0"})
        EXPECT_EQ(find(DeviceKind::gpu, word), "card0") << word;
    EXPECT_EQ(find(DeviceKind::gpu, "vulkan"), "");
    EXPECT_EQ(find(DeviceKind::gpu, "Radeon"), "Radeon");
}

TEST_F(DeviceNames, AllocatorsGoByWhatTheirFamilyCallsThem) {
    EXPECT_EQ(find(DeviceKind::allocator, "system"), "dma-heap/system");
    EXPECT_EQ(find(DeviceKind::allocator, "/dev/dma_heap/system"), "dma-heap/system");
    EXPECT_EQ(find(DeviceKind::allocator, "vivid"), "v4l2/video0");
    EXPECT_EQ(find(DeviceKind::allocator, "0"), "vulkan/0");
    EXPECT_EQ(find(DeviceKind::allocator, "0/host"), "vulkan/0/host");
    EXPECT_EQ(find(DeviceKind::allocator, "vgem"), "drm-dumb/card1");
}

TEST_F(DeviceNames, ANameOfTwoAsksWhichOneIsMeant) {
    EXPECT_EQ(kind_of(DeviceKind::allocator, "card0"), ErrorKind::invalid);
    EXPECT_THAT(find(DeviceKind::allocator, "card0"), HasSubstr("drm-dumb/card0 or vulkan/0"));
}

TEST_F(DeviceNames, AnUnknownNameIsToldWithThoseNearIt) {
    EXPECT_EQ(kind_of(DeviceKind::camera, "vido0"), ErrorKind::unavailable);
    EXPECT_THAT(find(DeviceKind::camera, "vido0"), HasSubstr("perhaps video0 or video1 is meant"));
    EXPECT_THAT(find(DeviceKind::camera, "/dev/video9"), HasSubstr("/dev/video0 or /dev/video1"));
    EXPECT_THAT(find(DeviceKind::allocator, "dma-heap/sytem"), HasSubstr("perhaps dma-heap/system is"));
    // Nothing like it: all there are.
    EXPECT_THAT(find(DeviceKind::camera, "a-film"), HasSubstr("there is v4l2/video0, v4l2/video1;"));
}

TEST_F(DeviceNames, WithoutCamerasOpeningTellsWhatIsWrong) {
    EXPECT_EQ(find_device(DeviceKind::camera, "/dev/video9", {}).value(), "/dev/video9");
    EXPECT_THAT(find_device(DeviceKind::camera, "video9", {}).error().message(),
                HasSubstr("this machine shows no camera at all"));
}

TEST(NearNames, AreFewAndTheNearestFirst) {
    const std::vector<std::string> names{"sysmem", "memfd", "system", "SystemMemory", "udmabuf"};
    EXPECT_THAT(near_names("sysme", names), ElementsAre("sysmem", "system"));
    EXPECT_THAT(near_names("MEMFD", names), ElementsAre("memfd"));
    EXPECT_THAT(near_names("vulkan", names), IsEmpty());
    EXPECT_EQ(either_of(std::vector<std::string>{"a", "b", "c"}), "a, b or c");
    EXPECT_EQ(either_of(std::vector<std::string>{"a"}), "a");
}

} // namespace
} // namespace hwalloc::tools
