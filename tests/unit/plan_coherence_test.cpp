// Memory that the CPU and a device would see differently.
#include <gmock/gmock.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "allocators/plan/planner.h"
#include "tests/unit/plan_fixture.h"

namespace hwalloc {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class PlanCoherenceTest : public PlanTest {
protected:
    PlanCoherenceTest() {
        camera->needs.sees_cpu_caches = Answer::no;
        memory.about.sync = SyncQuality::exporter_only;
        all.push_back(*cpu_participant(MapFlags::read));
    }
    // Of the CPU, as the plan is made now.
    const PlanCell& cell() {
        forget_plans();
        plan = made();
        return plan->candidates()[0].cells[1];
    }
    std::shared_ptr<FakeParticipant> camera = participant("camera");
    FakeAllocator& memory = allocator("plan-test/memory");
    PlanRef plan;
};

TEST_F(PlanCoherenceTest, CachesThatNobodyMaintainsAreARefusal) {
    EXPECT_EQ(cell().verdict, Verdict::refused);
    EXPECT_EQ(cell().why->kind(), ErrorKind::incompatible);
    EXPECT_THAT(cell().why->message(), HasSubstr("camera"));
    EXPECT_EQ(plan->choice(), nullptr);
    EXPECT_EQ(plan->candidates()[0].cells[0].verdict, Verdict::accepted) << "the camera takes it";
}

TEST_F(PlanCoherenceTest, WhatMaintainsThemForImportersDoes) {
    memory.about.sync = SyncQuality::importer_aware;
    EXPECT_EQ(cell().verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, WhatTheCpuDoesNotCacheDoes) {
    memory.about.cached = Answer::no;
    EXPECT_EQ(cell().verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, ADeviceThatSeesTheCachesDoesAnywhere) {
    camera->needs.sees_cpu_caches = Answer::yes;
    EXPECT_EQ(cell().verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, ADevicesOwnMemoryIsKeptRightByItsDriver) {
    auto own = AllocatorRef::adopt(new FakeAllocator);
    static_cast<FakeAllocator&>(*own).about.sync = SyncQuality::exporter_only;
    camera->own = {own};
    auto lenient =
        hwalloc::plan({.participants = all, .image = image, .policy = PlanPolicy::prefer, .complete = true});
    ASSERT_TRUE(lenient);
    EXPECT_EQ(candidate(**lenient, "own memory of camera").verdict, Verdict::accepted);
}

TEST_F(PlanCoherenceTest, WhatNobodyKnowsIsUntestedAndTakenWhenNothingElseDoes) {
    camera->needs.sees_cpu_caches = Answer::unknown;
    EXPECT_EQ(cell().verdict, Verdict::untested);
    EXPECT_EQ(plan->choice(), nullptr) << "strict takes nothing that is not known to be right";
    // What this machine really has may be proved, and comes before it.
    const PlanRef lenient = made(PlanPolicy::prefer);
    ASSERT_TRUE(lenient->choice());
    const auto at = std::find_if(lenient->ranking().begin(), lenient->ranking().end(), [&](std::size_t one) {
        return lenient->candidates()[one].verdict != Verdict::accepted;
    });
    ASSERT_NE(at, lenient->ranking().end());
    EXPECT_EQ(lenient->candidates()[*at].name, "plan-test/memory");
    EXPECT_EQ(lenient->candidates()[*at].verdict, Verdict::untested);
}

// Nobody makes the calls for the caches then, so memory that answers them is no better.
TEST_F(PlanCoherenceTest, ADriverThatFillsMemoryByTheCpuMaintainsNothing) {
    all.pop_back();
    auto usb = participant("usb camera");
    usb->needs.through_cpu_caches = true;
    memory.about.sync = SyncQuality::importer_aware;
    EXPECT_EQ(cell().verdict, Verdict::refused);
    EXPECT_STREQ(cell().recipe.use, "") << "what is refused has no recipe";
    camera->needs.sees_cpu_caches = Answer::yes;
    usb->needs.sees_cpu_caches = Answer::unknown; // of itself
    EXPECT_EQ(cell().verdict, Verdict::accepted) << "it is not compared with itself";
}

TEST_F(PlanCoherenceTest, WithoutTheCpuNoCacheMatters) {
    all.pop_back();
    EXPECT_EQ(made()->choice()->verdict, Verdict::accepted);
}

// ---- who sees them, as the kernel shows its device tree

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
    static Answer camera() { return planning::told_to_see_cpu_caches(makedev(81, 0)); }
    static Answer card() { return planning::told_to_see_cpu_caches(makedev(226, 0)); }

#if defined(__arm__) || defined(__aarch64__)
    static constexpr Answer silent = Answer::no;
#else
    static constexpr Answer silent = Answer::unknown;
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
    EXPECT_EQ(camera(), Answer::yes);
    EXPECT_EQ(card(), silent);
}

TEST_F(DeviceTreeTest, TheNearestNodeDecides) {
    touch("/sys/firmware/devicetree/base/soc/dma-coherent");
    EXPECT_EQ(camera(), Answer::yes);
    touch("/sys/firmware/devicetree/base/soc/camera/dma-noncoherent");
    EXPECT_EQ(camera(), Answer::no);
}

TEST_F(DeviceTreeTest, ACardIsAsItsBridge) {
    touch("/sys/firmware/devicetree/base/pcie/dma-coherent");
    EXPECT_EQ(card(), Answer::yes);
}

TEST_F(DeviceTreeTest, NobodyTellsOfADeviceThatIsInNoTree) {
    touch("/sys/firmware/devicetree/base/dma-coherent");
    EXPECT_EQ(planning::told_to_see_cpu_caches(makedev(81, 1)), Answer::unknown);
    EXPECT_EQ(planning::told_to_see_cpu_caches(makedev(81, 2)), Answer::unknown) << "there is no such device";
}

TEST(SeesCpuCachesTest, OnThisArchitectureAllDevicesDoOrTheTreeTells) {
    if (devices_see_cpu_caches == Answer::yes)
        EXPECT_EQ(sees_cpu_caches(makedev(81, 99)), Answer::yes);
    else
        EXPECT_EQ(sees_cpu_caches(makedev(81, 99)), planning::told_to_see_cpu_caches(makedev(81, 99)));
}

} // namespace
} // namespace hwalloc
