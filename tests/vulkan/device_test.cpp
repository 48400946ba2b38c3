// Ways to a device: the library's own by what it is called, and an application's beside its own VMA.
#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <future>

#include "backends/vulkan/allocators.h"
#include "backends/vulkan/instance.h"
#include "backends/vulkan/vma.h"
#include "hwalloc/capabilities.h"
#include "tests/vulkan/fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using ::testing::HasSubstr;

// The library's own VkInstance lives as long as the process, so nothing watches it here.
class OpenTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto opened = Device::open();
        if (!opened)
            MISSING("no Vulkan here: " + opened.error().message());
        device.emplace(std::move(*opened));
    }
    void expect_same(const Result<Device>& other) const {
        ASSERT_TRUE(other) << other.error().message();
        EXPECT_EQ(other->device(), device->device());
        EXPECT_EQ(other->index(), device->index());
    }
    std::optional<Device> device;
};

TEST_F(OpenTest, ByIndexNameAndNode) {
    expect_same(Device::open());
    expect_same(Device::open(device->index()));
    expect_same(Device::open(device->name()));
    std::string part = device->name().substr(0, 5);
    for (char& letter : part)
        letter = static_cast<char>(std::toupper(letter));
    expect_same(Device::open(part));
    const detail::PhysicalDevice* physical = (*detail::Instance::get())->choose(device->index()).value();
    for (const std::string& node : {physical->render_node, physical->primary_node})
        if (!node.empty()) {
            expect_same(Device::open(node));
            expect_same(Device::open("/dev/dri/" + node));
        }
}

TEST_F(OpenTest, AnUnknownNameIsToldWhatThereIs) {
    for (const char* which : {"no such GPU", "99", "renderD999", "/dev/dri/card99", "/dev/dri/", " "}) {
        if (device->name().find(which) != std::string::npos)
            continue;
        auto refused = Device::open(which);
        ASSERT_FALSE(refused) << '"' << which << '"';
        EXPECT_EQ(refused.error().kind(), ErrorKind::unavailable);
        EXPECT_THAT(refused.error().message(), HasSubstr(which));
        EXPECT_THAT(std::string(refused.error().remedy()), HasSubstr(device->name()));
        EXPECT_THAT(std::string(refused.error().remedy()), HasSubstr(device->index() + " ("));
    }
}

TEST_F(OpenTest, EveryCallerSharesOneVkDevice) {
    std::vector<std::future<VkDevice>> opened;
    for (int i = 0; i < 4; ++i)
        opened.push_back(std::async(std::launch::async, [] { return Device::open()->device(); }));
    for (auto& one : opened)
        EXPECT_EQ(one.get(), device->device());
}

TEST_F(OpenTest, ADeviceOfAnAllocatorIsItsOwn) {
    for (const Placement placement : {Placement::host, Placement::device_local}) {
        AllocatorRef from = device->allocator(placement).value();
        auto of = Device::of(*from);
        expect_same(of);
    }
    auto refused = Device::of(*Allocator::find("sysmem"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), ErrorKind::invalid);
}

TEST_F(OpenTest, WhatWasMovedFromAnswersEmptyAndRefuses) {
    auto opened = Device::open(static_cast<const char*>(nullptr));
    ASSERT_TRUE(opened);
    auto allocator = opened->allocator(Placement::host);
    ASSERT_TRUE(allocator);
    auto memory = (*allocator)->alloc(4096);
    ASSERT_TRUE(memory);
    auto buffer = opened->buffer(*memory);
    ASSERT_TRUE(buffer);
    Device from = *std::move(opened);
    const Device to = std::move(from);
    EXPECT_EQ(from.instance(), VkInstance(VK_NULL_HANDLE));
    EXPECT_EQ(from.physical_device(), VkPhysicalDevice(VK_NULL_HANDLE));
    EXPECT_EQ(from.device(), VkDevice(VK_NULL_HANDLE));
    EXPECT_EQ(from.queue(), VkQueue(VK_NULL_HANDLE));
    EXPECT_EQ(from.queue_family(), 0u);
    EXPECT_FALSE(from.queue_lock().owns_lock());
    EXPECT_EQ(from.name(), "");
    EXPECT_EQ(from.index(), "");
    EXPECT_FALSE(from.features().sampler_ycbcr_conversion);
    EXPECT_FALSE(from.imports_dma_buf());
    EXPECT_FALSE(from.exports_dma_buf());
    EXPECT_EQ(from.sees_cpu_caches(), Answer::unknown);
    EXPECT_EQ(from.acquire_barrier(*buffer, VK_ACCESS_SHADER_READ_BIT).buffer, VkBuffer(VK_NULL_HANDLE));
    EXPECT_EQ(from.release_barrier(*buffer, VK_ACCESS_SHADER_READ_BIT).buffer, VkBuffer(VK_NULL_HANDLE));
    const auto kind = [](const auto& result) { return result ? ErrorKind::busy : result.error().kind(); };
    EXPECT_EQ(kind(from.allocator(Placement::host)), ErrorKind::invalid);
    EXPECT_EQ(kind(from.buffer(**memory)), ErrorKind::invalid);
    EXPECT_EQ(kind(from.memory_size_for_buffer(100)), ErrorKind::invalid);
    EXPECT_EQ(kind(from.texture(**memory, ImageLayout())), ErrorKind::invalid);
    EXPECT_EQ(kind(from.sampler_conversion(ImageLayout())), ErrorKind::invalid);
    EXPECT_EQ(kind(from.modifiers(0, VK_IMAGE_USAGE_SAMPLED_BIT)), ErrorKind::invalid);
    EXPECT_EQ(kind(from.heaps()), ErrorKind::invalid);
    EXPECT_EQ(kind(participant(from)), ErrorKind::invalid);
}

// Runs in a process of its own, because the library looks for devices once.
[[noreturn]] void two_of_one_name() {
    detail::on_functions_loaded = [](detail::Functions& functions) {
        static PFN_vkEnumeratePhysicalDevices below = functions.EnumeratePhysicalDevices;
        functions.EnumeratePhysicalDevices = [](VkInstance instance, std::uint32_t* count,
                                                VkPhysicalDevice* devices) {
            std::uint32_t one = 1;
            if (devices) {
                below(instance, &one, devices);
                devices[1] = devices[0];
            }
            *count = 2;
            return VK_SUCCESS;
        };
    };
    auto first = Device::open("0"), second = Device::open("1");
    if (!first || !second || first->name() != second->name())
        std::_Exit(1);
    auto by_name = Device::open(first->name());
    const bool good = by_name && by_name->device() == first->device() && second->index() == "1" &&
                      second->device() != first->device();
    auto unknown = Device::open("2");
    const bool told = !unknown && unknown.error().remedy().find("0 (") != std::string_view::npos &&
                      unknown.error().remedy().find("1 (") != std::string_view::npos;
    std::_Exit(good && told ? 0 : 2);
}

// Runs in a process of its own, because the library's own device is one for all.
int wrong_after_a_loss() {
    static std::atomic<bool> gone{false};
    detail::on_functions_loaded = [](detail::Functions& functions) {
        static PFN_vkAllocateMemory below = nullptr;
        const PFN_vkAllocateMemory watched = [](VkDevice device, const VkMemoryAllocateInfo* info,
                                                const VkAllocationCallbacks* callbacks, VkDeviceMemory* out) {
            return gone ? VK_ERROR_DEVICE_LOST : below(device, info, callbacks, out);
        };
        if (functions.AllocateMemory && functions.AllocateMemory != watched) {
            below = functions.AllocateMemory;
            functions.AllocateMemory = watched;
        }
    };
    int wrong = 0;
    const auto expect = [&](bool right, const char* what) {
        if (!right)
            std::fprintf(stderr, "not so: %s\n", what);
        wrong += !right;
    };
    detail::Instance& instance = **detail::Instance::get();
    const detail::PhysicalDevice& physical = *instance.choose("0").value();
    AllocatorRef host = detail::make_allocator(instance, physical, Placement::host).value(),
                 gpu = detail::make_allocator(instance, physical, Placement::device_local).value();
    const Device before = *Device::of(*host);
    constexpr std::size_t size = 100000;
    MemoryRef memory = *host->alloc(size);
    std::memset(memory->map(MapFlags::write)->data(), 7, size);
    gone = true;
    const auto lost = host->alloc(std::size_t{300} << 20);
    expect(!lost && lost.error().kind() == ErrorKind::device_lost, "the loss is told");
    gone = false;

    auto again = host->alloc(std::size_t{300} << 20);
    expect(again.has_value(), "the next use has a device");
    const Device after = *Device::of(*host);
    expect(after.device() != before.device(), "which is a new one");
    expect(Device::of(*gpu)->device() == after.device(), "for every allocator");
    expect(Device::open("0")->device() == after.device(), "and every application");
    expect(Device::of(*host)->device() == after.device(), "and it stays");
    // What there was can be looked at and released.
    auto mapping = memory->map(MapFlags::read);
    expect(mapping && mapping->data()[size - 1] == 7, "memory of the lost device keeps its bytes");
    mapping = Error(ErrorKind::invalid, "ended");
    memory.reset();
    expect(host->alloc(size).has_value(), "and goes back where it came from");
    return wrong;
}

TEST(OpenDeathTest, ADeviceThatIsLostIsOpenedAnew) {
    try {
        const Application there; // which touches nothing of the library's
    } catch (const std::runtime_error& missing) {
        MISSING(std::string("no Vulkan here: ") + missing.what());
    }
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(std::_Exit(wrong_after_a_loss()), ::testing::ExitedWithCode(0), "");
}

TEST(OpenDeathTest, OfTwoDevicesOfOneNameTheNameIsTheFirsts) {
    try {
        const Application there; // which touches nothing of the library's
    } catch (const std::runtime_error& missing) {
        MISSING(std::string("no Vulkan here: ") + missing.what());
    }
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(two_of_one_name(), ::testing::ExitedWithCode(0), "");
}

class WrapTest : public VulkanTest {};

TEST_F(WrapTest, NullHandlesAndOldVersionsAreRefused) {
    for (int missing = 0; missing < 3; ++missing) {
        Handles handles = app->handles();
        if (missing == 0)
            handles.instance = VK_NULL_HANDLE;
        if (missing == 1)
            handles.physical_device = VK_NULL_HANDLE;
        if (missing == 2)
            handles.device = VK_NULL_HANDLE;
        auto refused = Device::wrap(handles);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().kind(), ErrorKind::invalid);
    }
    Handles old = app->handles();
    old.api_version = VK_API_VERSION_1_0;
    EXPECT_EQ(Device::wrap(old).error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(device_extensions(VK_NULL_HANDLE, nullptr, app->instance).error().kind(), ErrorKind::invalid);
    EXPECT_EQ(device_extensions(app->physical_device, nullptr, VK_NULL_HANDLE).error().kind(),
              ErrorKind::invalid);
}

TEST_F(WrapTest, ItIsTheApplicationsDevice) {
    {
        Device device = wrap();
        EXPECT_EQ(device.instance(), app->instance);
        EXPECT_EQ(device.physical_device(), app->physical_device);
        EXPECT_EQ(device.device(), app->device);
        EXPECT_EQ(device.queue(), app->queue);
        EXPECT_EQ(device.queue_family(), app->queue_family);
        EXPECT_EQ(device.index(), "");
        EXPECT_NE(device.name(), "");
        const auto lock = device.queue_lock();
        EXPECT_FALSE(std::async(std::launch::async, [&] { return app->queue_mutex.try_lock(); }).get())
            << "it is the application's mutex";
    }
    EXPECT_EQ(watch->count("vkDestroyDevice"), 0);
    EXPECT_EQ(vkDeviceWaitIdle(app->device), VK_SUCCESS);
}

TEST_F(WrapTest, TheLoaderIsFoundWithoutItsFunction) {
    Handles handles = app->handles();
    handles.get_instance_proc_addr = nullptr;
    EXPECT_TRUE(Device::wrap(handles));
    EXPECT_TRUE(device_extensions(app->physical_device, nullptr, app->instance));
}

TEST_F(WrapTest, TheExtensionsOfTheListsThatTheDeviceHas) {
    std::uint32_t count = 0;
    vkEnumerateDeviceExtensionProperties(app->physical_device, nullptr, &count, nullptr);
    std::vector<VkExtensionProperties> there(count);
    vkEnumerateDeviceExtensionProperties(app->physical_device, nullptr, &count, there.data());
    std::vector<std::string> expected;
    for (const auto list : {required_device_extensions(), optional_device_extensions()})
        for (const std::string name : list)
            for (const VkExtensionProperties& one : there)
                if (name == one.extensionName)
                    expected.push_back(name);
    const std::vector<std::string> got(app->extensions.begin(), app->extensions.end());
    EXPECT_THAT(got, ::testing::UnorderedElementsAreArray(expected));
}

// Two allocators on one VkDevice, neither knowing of the other.
TEST_F(WrapTest, ItWorksBesideTheApplicationsOwnVma) {
    detail::Functions vk;
    ASSERT_TRUE(vk.load_global(vkGetInstanceProcAddr));
    ASSERT_TRUE(vk.load_instance(app->instance));
    ASSERT_TRUE(vk.load_device(app->device));
    const VmaVulkanFunctions table{
        .vkGetPhysicalDeviceProperties = vk.GetPhysicalDeviceProperties,
        .vkGetPhysicalDeviceMemoryProperties = vk.GetPhysicalDeviceMemoryProperties,
        .vkAllocateMemory = vk.AllocateMemory,
        .vkFreeMemory = vk.FreeMemory,
        .vkMapMemory = vk.MapMemory,
        .vkUnmapMemory = vk.UnmapMemory,
        .vkFlushMappedMemoryRanges = vk.FlushMappedMemoryRanges,
        .vkInvalidateMappedMemoryRanges = vk.InvalidateMappedMemoryRanges,
        .vkBindBufferMemory = vk.BindBufferMemory,
        .vkBindImageMemory = vk.BindImageMemory,
        .vkGetBufferMemoryRequirements = vk.GetBufferMemoryRequirements,
        .vkGetImageMemoryRequirements = vk.GetImageMemoryRequirements,
        .vkCreateBuffer = vk.CreateBuffer,
        .vkDestroyBuffer = vk.DestroyBuffer,
        .vkCreateImage = vk.CreateImage,
        .vkDestroyImage = vk.DestroyImage,
        .vkCmdCopyBuffer = vk.CmdCopyBuffer,
        .vkGetBufferMemoryRequirements2KHR = vk.GetBufferMemoryRequirements2,
        .vkGetImageMemoryRequirements2KHR = vk.GetImageMemoryRequirements2,
        .vkBindBufferMemory2KHR = vk.BindBufferMemory2,
        .vkBindImageMemory2KHR = vk.BindImageMemory2,
        .vkGetPhysicalDeviceMemoryProperties2KHR = vk.GetPhysicalDeviceMemoryProperties2};
    VmaAllocatorCreateInfo info{};
    info.physicalDevice = app->physical_device;
    info.device = app->device;
    info.instance = app->instance;
    info.pVulkanFunctions = &table;
    info.vulkanApiVersion = VK_API_VERSION_1_1;
    VmaAllocator own;
    ASSERT_EQ(vmaCreateAllocator(&info, &own), VK_SUCCESS);
    VkBufferCreateInfo buffer_info{};
    buffer_info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
    buffer_info.size = 3000;
    buffer_info.usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT;
    VmaAllocationCreateInfo mapped{};
    mapped.usage = VMA_MEMORY_USAGE_AUTO;
    mapped.flags = VMA_ALLOCATION_CREATE_HOST_ACCESS_RANDOM_BIT | VMA_ALLOCATION_CREATE_MAPPED_BIT;
    VkBuffer buffer;
    VmaAllocation allocation;
    VmaAllocationInfo where{};
    {
        Device device = wrap();
        AllocatorRef from = allocator(device, Placement::host);
        MemoryRef memory = alloc(*from, 3000);
        fill(*memory, 11);
        ASSERT_EQ(vmaCreateBuffer(own, &buffer_info, &mapped, &buffer, &allocation, &where), VK_SUCCESS);
        const Buffer source = *device.buffer(*memory);
        EXPECT_NE(source.device_memory(), where.deviceMemory);
        run([&](VkCommandBuffer commands) {
            const VkBufferCopy region{source.offset(), 0, 3000};
            vkCmdCopyBuffer(commands, source.handle(), buffer, 1, &region);
        });
    }
    for (std::size_t i = 0; i < 3000; ++i)
        ASSERT_EQ(static_cast<std::uint8_t*>(where.pMappedData)[i],
                  static_cast<std::uint8_t>(i * 7 + i / 251 + 11));
    vmaDestroyBuffer(own, buffer, allocation);
    vmaDestroyAllocator(own);
}

TEST_F(WrapTest, BarriersOfMemoryThatIsNotForeignMoveNoOwnership) {
    Device device = wrap();
    AllocatorRef from = allocator(device, Placement::host);
    MemoryRef memory = alloc(*from, 3000);
    const Buffer buffer = *device.buffer(*memory);
    const auto acquire = device.acquire_barrier(buffer, VK_ACCESS_SHADER_READ_BIT);
    const auto release = device.release_barrier(buffer, VK_ACCESS_SHADER_READ_BIT);
    for (const auto& barrier : {acquire, release}) {
        EXPECT_EQ(barrier.sType, VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER);
        EXPECT_EQ(barrier.buffer, buffer.handle());
        EXPECT_EQ(barrier.srcQueueFamilyIndex, VK_QUEUE_FAMILY_IGNORED);
        EXPECT_EQ(barrier.dstQueueFamilyIndex, VK_QUEUE_FAMILY_IGNORED);
    }
    EXPECT_EQ(acquire.dstAccessMask, VkAccessFlags{VK_ACCESS_SHADER_READ_BIT});
    EXPECT_EQ(release.srcAccessMask, VkAccessFlags{VK_ACCESS_SHADER_READ_BIT});
    EXPECT_EQ(Buffer().handle(), VkBuffer{VK_NULL_HANDLE});
    EXPECT_FALSE(Buffer());
    EXPECT_FALSE(Texture());
}

} // namespace
} // namespace hwalloc::vulkan::testing
