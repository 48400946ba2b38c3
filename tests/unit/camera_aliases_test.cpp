// "v4l2/videoN": what else a camera is called, by what /sys and udev's links say.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <map>
#include <string>

#include "tests/unit/fake_devices.h"

namespace hwalloc {
namespace {

using namespace testing;

// Links by path; a directory has those below it.
class CameraAliases : public ::testing::Test {
protected:
    CameraAliases() {
        links = &camera_links;
        refused_directory.clear();
        kernel.list_directory = [](const char* path, bool (*each)(const char*, void*), void* user) {
            const std::string_view directory = path;
            if (directory != "/dev" && !directory.starts_with("/dev/v4l/"))
                return real_kernel().list_directory(path, each, user);
            if (directory == refused_directory)
                return -refusal;
            for (const auto& [link, target] : *links)
                if (directory == "/dev" && link.starts_with("/sys/class/video4linux/"))
                    each(link.substr(23, link.find('/', 23) - 23).c_str(), user);
                else if (directory != "/dev" && link.starts_with(directory))
                    each(link.c_str() + directory.size(), user);
            return 0;
        };
        kernel.readlink = [](const char* path, char* buffer, std::size_t size) -> ssize_t {
            const auto link = links->find(path);
            return link == links->end() ? real_kernel().readlink(path, buffer, size)
                                        : static_cast<ssize_t>(link->second.copy(buffer, size));
        };
        kernel.open = [](const char* path, int flags) {
            EXPECT_FALSE(std::string_view(path).starts_with("/dev/")) << path << " is opened";
            return real_kernel().open(path, flags);
        };
    }
    void camera(const std::string& node, const std::string& driver) {
        camera_links["/sys/class/video4linux/" + node + "/device/driver"] =
            driver.empty() ? "" : "../../../../bus/usb/drivers/" + driver;
    }
    std::string found(std::string_view name) {
        Allocator* const allocator = registry.find(name);
        return allocator ? std::string(allocator->name()) : "nothing";
    }

    const KernelOverride restore;
    static inline std::map<std::string, std::string>* links = nullptr;
    static inline std::string refused_directory; // what listing it answers is -refusal
    static inline int refusal = 0;
    std::map<std::string, std::string> camera_links;
    Registry& registry = fresh_registry();
};

TEST_F(CameraAliases, AreTheDriversAndThoseOfUdevsLinks) {
    camera("video0", "");
    camera("video1", "uvcvideo");
    camera("video2", "uvcvideo");
    camera("video10", "vivid");
    camera_links["/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0"] = "../../video1";
    camera_links["/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index1"] = "../../video2";
    camera_links["/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-vbi-index0"] = "../../vbi0";
    camera_links["/dev/v4l/by-id/usb-046d_Webcam-video-index0"] = "../../video1";
    EXPECT_EQ(found("v4l2/uvcvideo"), "v4l2/video1");
    EXPECT_EQ(found("v4l2/vivid"), "v4l2/video10");
    EXPECT_EQ(found("v4l2/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0"), "v4l2/video1");
    EXPECT_EQ(found("v4l2/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index1"), "v4l2/video2");
    EXPECT_EQ(found("v4l2/by-id/usb-046d_Webcam-video-index0"), "v4l2/video1");
    EXPECT_EQ(found("/dev/video0"), "v4l2/video0");
    EXPECT_EQ(found("v4l2"), "nothing");
    EXPECT_EQ(found("v4l2/"), "nothing");
}

// "docker run --device /dev/video2:/dev/video0": /sys is the machine's.
TEST_F(CameraAliases, TheDriversAreThoseOfTheDevicesBehindTheNodes) {
    camera("video0", "uvcvideo");
    camera_links["/sys/dev/char/81:2"] = "../../devices/platform/vivid.0/video4linux/video2";
    kernel.stat = [](const char* path, struct stat* status) {
        if (std::string_view(path) != "/dev/video0")
            return real_kernel().stat(path, status);
        status->st_rdev = makedev(81, 2);
        return 0;
    };
    EXPECT_EQ(found("v4l2/uvcvideo"), "nothing");
    camera_links["/sys/class/video4linux/video2/device/driver"] = "../../bus/platform/drivers/vivid";
    (void)registry.rescan();
    EXPECT_EQ(found("v4l2/vivid"), "v4l2/video0");
}

TEST_F(CameraAliases, FollowTheCamera) {
    const std::string by_path = "/dev/v4l/by-path/platform-vivid.0-video-index0";
    camera("video0", "vivid");
    camera("video1", "uvcvideo");
    camera_links[by_path] = "../../video0";
    EXPECT_EQ(found("v4l2/by-path/platform-vivid.0-video-index0"), "v4l2/video0");
    camera("video0", "uvcvideo");
    camera("video1", "vivid");
    camera_links[by_path] = "../../video1";
    (void)registry.rescan();
    EXPECT_EQ(found("v4l2/by-path/platform-vivid.0-video-index0"), "v4l2/video1");
    EXPECT_EQ(found("v4l2/vivid"), "v4l2/video1");
    EXPECT_EQ(found("v4l2/uvcvideo"), "v4l2/video0");
    camera_links.erase(by_path);
    camera_links.erase("/sys/class/video4linux/video1/device/driver");
    (void)registry.rescan();
    for (const char* gone : {"v4l2/video1", "v4l2/vivid", "v4l2/by-path/platform-vivid.0-video-index0"})
        EXPECT_EQ(found(gone), "nothing") << gone;
}

TEST_F(CameraAliases, ADirectoryThatCannotBeReadTakesNoCameraAway) {
    camera("video0", "uvcvideo");
    Allocator* const known = registry.find("v4l2/uvcvideo");
    ASSERT_TRUE(known);
    for (const auto refuse : {+[](const char*, bool (*)(const char*, void*), void*) { return -EMFILE; },
                              +[](const char*, bool (*)(const char*, void*), void*) { return -EACCES; }}) {
        kernel.list_directory = refuse;
        (void)registry.rescan();
        EXPECT_EQ(registry.find("v4l2/uvcvideo"), known);
    }
}

TEST_F(CameraAliases, ADirectoryOfLinksThatCannotBeReadTakesNoNameAway) {
    camera("video0", "uvcvideo");
    camera_links["/dev/v4l/by-path/pci-1-video-index0"] = "../../video0";
    camera_links["/dev/v4l/by-id/usb-2-video-index0"] = "../../video0";
    ASSERT_EQ(found("v4l2/uvcvideo"), "v4l2/video0");
    for (const char* directory : {"/dev/v4l/by-path/", "/dev/v4l/by-id/"})
        for (const int error : {EMFILE, EACCES, EIO}) {
            SCOPED_TRACE(std::string(directory) + ": " + std::to_string(error));
            refused_directory = directory;
            refusal = error;
            (void)registry.rescan();
            EXPECT_EQ(found("v4l2/by-path/pci-1-video-index0"), "v4l2/video0");
            EXPECT_EQ(found("v4l2/by-id/usb-2-video-index0"), "v4l2/video0");
        }
}

TEST_F(CameraAliases, WithoutTheRightToReadTheLinksCamerasAreThereByTheirNodes) {
    camera("video0", "uvcvideo");
    refused_directory = "/dev/v4l/by-path/";
    refusal = EACCES;
    EXPECT_EQ(found("/dev/video0"), "v4l2/video0");
    camera("video1", "vivid");
    (void)registry.rescan();
    EXPECT_EQ(found("/dev/video1"), "v4l2/video1");
}

} // namespace
} // namespace hwalloc
