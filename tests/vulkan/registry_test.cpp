// What the registry calls a machine's Vulkan devices. In a process of its own, because devices are looked for
// once; there are two that cannot be told apart but by their numbers, with a render node and no other.
#include <gtest/gtest.h>

#include "backends/vulkan/functions.h"
#include "common/kernel.h"
#include "hwalloc/backend.h"
#include "tests/vulkan/fixture.h"

extern "C" const hwalloc::Backend hwalloc_backend_v1; // the Vulkan library's, which is linked in here

namespace hwalloc::vulkan::testing {
namespace {

void make_two_devices() {
    detail::on_functions_loaded = [](detail::Functions& functions) {
        static const detail::Functions below = functions;
        functions.EnumeratePhysicalDevices = [](VkInstance instance, std::uint32_t* count,
                                                VkPhysicalDevice* devices) {
            std::uint32_t one = 1;
            if (devices) {
                below.EnumeratePhysicalDevices(instance, &one, devices);
                devices[1] = devices[0];
            }
            *count = 2;
            return VK_SUCCESS;
        };
        functions.EnumerateDeviceExtensionProperties = [](VkPhysicalDevice device, const char* layer,
                                                          std::uint32_t* count, VkExtensionProperties* list) {
            std::uint32_t real = 0;
            below.EnumerateDeviceExtensionProperties(device, layer, &real, nullptr);
            if (list) {
                below.EnumerateDeviceExtensionProperties(device, layer, &real, list);
                list[real] = {VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME, 1};
            }
            *count = real + 1;
            return VK_SUCCESS;
        };
        functions.GetPhysicalDeviceProperties2 = [](VkPhysicalDevice device,
                                                    VkPhysicalDeviceProperties2* out) {
            auto* drm = static_cast<VkPhysicalDeviceDrmPropertiesEXT*>(out->pNext);
            if (drm && drm->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT) {
                drm->hasRender = VK_TRUE;
                drm->renderMajor = 226;
                drm->renderMinor = 128;
            }
            VkPhysicalDeviceProperties2 plain{.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
            below.GetPhysicalDeviceProperties2(device, &plain);
            out->properties = plain.properties;
        };
    };
    kernel.readlink = [](const char* path, char* buffer, std::size_t size) -> ssize_t {
        if (std::string(path) != "/sys/dev/char/226:128")
            return real_kernel().readlink(path, buffer, size);
        const std::string node = "../../devices/gpu/drm/renderD128";
        node.copy(buffer, size);
        return static_cast<ssize_t>(node.size());
    };
    // The library that is asked for is this program.
    kernel.dlopen = [](const char* path, int flags, const char** text) -> void* {
        static int handle;
        return std::string(path).find("hwalloc-vulkan") != std::string::npos
                   ? &handle
                   : real_kernel().dlopen(path, flags, text);
    };
    kernel.dlsym = [](void*, const char* symbol) -> void* {
        return std::string(symbol) == "hwalloc_backend_v1" ? const_cast<Backend*>(&hwalloc_backend_v1)
                                                           : nullptr;
    };
}

int wrong_names() {
    make_two_devices();
    int wrong = 0;
    const auto expect = [&](const std::string& name, const std::string& same) {
        Allocator* found = Allocator::find(name);
        if (!found || found != Allocator::find(same)) {
            std::fprintf(stderr, "%s is not %s\n", name.c_str(), same.c_str());
            ++wrong;
        }
    };
    auto first = Allocator::resolve("vulkan/0");
    if (!first) {
        std::fprintf(stderr, "%s\n", first.error().message().c_str());
        return 100;
    }
    const auto device = Device::open("0");
    std::string word = device->name().substr(0, device->name().find_first_of(" (/"));
    for (char& letter : word)
        letter = static_cast<char>(std::tolower(letter));
    expect("vulkan", "vulkan/0");
    for (const std::string placement : {"", "/host", "/device-local"}) {
        expect("vulkan/1" + placement, "vulkan/1" + placement);
        wrong += Allocator::find("vulkan/0" + placement) == Allocator::find("vulkan/1" + placement);
        expect("vulkan/" + word + placement, "vulkan/0" + placement);
        expect("vulkan/renderD128" + placement, "vulkan/0" + placement);
        wrong += Allocator::find("vulkan/" + placement) != nullptr; // the primary node that there is not
    }
    // What a look-up does not know is found as Device::open() finds it, once it is asked for.
    const std::string name = device->name(); // "llvmpipe (LLVM 15.0.6, 256 bits)"
    std::string shouted = word;
    for (char& letter : shouted)
        letter = static_cast<char>(std::toupper(letter));
    for (const std::string& way : {name, shouted, name.substr(1), std::string("/dev/dri/renderD128")})
        for (const std::string placement : {"", "/host", "/device-local"}) {
            wrong += Allocator::find("vulkan/" + way + placement) != nullptr;
            auto found = Allocator::resolve("vulkan/" + way + placement);
            if (!found) {
                std::fprintf(stderr, "%s\n", found.error().message().c_str());
                ++wrong;
            }
            expect("vulkan/" + way + placement, "vulkan/0" + placement);
        }
    for (const std::string way :
         {"", "/host", "no such GPU", "no such GPU/host", "7", "/dev/dri/", "0/ghost"})
        wrong += Allocator::resolve("vulkan/" + way).has_value();
    const auto told = Allocator::resolve("vulkan/no such GPU/host");
    if (told.error().remedy().find("1 (" + name) == std::string_view::npos) {
        std::fprintf(stderr, "not told what there is: %s\n", told.error().message().c_str());
        ++wrong;
    }
    // As Device::open() understands the same words.
    for (const char* which : {"", "0", "renderD128"})
        wrong += Device::open(which)->device() != device->device();
    wrong += Device::open("1")->device() == device->device();
    auto of = Device::of(**first);
    wrong += !of || of->device() != device->device();
    return wrong;
}

TEST(RegistryDeathTest, OfTwoDevicesThatAreAlikeTheSharedNamesAreTheFirsts) {
    try {
        const Application there; // which touches nothing of the library's
    } catch (const std::runtime_error& missing) {
        MISSING(std::string("no Vulkan here: ") + missing.what());
    }
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(std::_Exit(wrong_names()), ::testing::ExitedWithCode(0), "");
}

} // namespace
} // namespace hwalloc::vulkan::testing
