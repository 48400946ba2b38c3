// A device that was open when its process forked: all of it is the parent's. In the child no function of
// Vulkan is called any more, and what would call one is refused.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <future>
#include <latch>

#include "backends/vulkan/allocators.h"
#include "tests/vulkan/fake_driver_fixture.h"

namespace hwalloc::vulkan::testing {
namespace {

using hwalloc::testing::FakeDmaBufs;
using ::testing::HasSubstr;

constexpr unsigned longest = 60; // seconds that a child may take before it counts as hanging

// Whether nothing fails in a child.
template<class Check>
bool holds_in_child(Check&& check) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(longest);
        check();
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = -1;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

template<class T>
void expect_refused(const Result<T>& result, const char* what) {
    ASSERT_FALSE(result) << what;
    EXPECT_EQ(result.error().kind(), ErrorKind::invalid) << what << ": " << result.error().message();
    EXPECT_THAT(result.error().message(), HasSubstr("fork()")) << what;
}

#ifdef __SANITIZE_THREAD__
#define NEEDS_FORK()                                                                                         \
    GTEST_SKIP() << "fork holds every lock of the library at once, and ThreadSanitizer bears 63 of them"
#else
#define NEEDS_FORK() static_cast<void>(0)
#endif

class ForkTest : public FakeDriverTest {
protected:
    void SetUp() override {
        NEEDS_FORK();
        FakeDriverTest::SetUp();
    }
    // The same, where nothing is asked of the driver either.
    template<class Check>
    bool in_child(Check&& check) {
        return holds_in_child([&] {
            watch->on_call = [](const char* name) {
                std::fprintf(stderr, "%s was called in the child\n", name);
                ::_exit(2);
            };
            check();
        });
    }
    MemoryRef foreign() {
        const UniqueFd fd = FakeDmaBufs::make(8192);
        auto memory = import_dmabuf(fd.get());
        return memory ? std::move(*memory) : MemoryRef();
    }
};

TEST_F(ForkTest, WhatEndsInTheChildCallsNoDriver) {
    std::optional<Device> device = wrap_fake();
    AllocatorRef host = allocator(*device, Placement::host),
                 gpu = allocator(*device, Placement::device_local),
                 exporter = allocator(*device, Placement::exportable);
    // Out of slabs, whose last piece gives its chunk back, and each a memory of its own.
    std::vector<MemoryRef> memories;
    for (Allocator* from : {host.get(), gpu.get()})
        for (const std::size_t size : {100u, 8000u, 1u << 20})
            for (int i = 0; i < 10; ++i)
                memories.push_back(alloc(*from, size));
    memories.push_back(alloc(*exporter, 8192));
    MemoryRef elsewhere = foreign();
    std::vector<Buffer> buffers;
    for (const MemoryRef* memory : {&memories.front(), &memories.back(), &elsewhere})
        buffers.push_back(*device->buffer(*memory));
    EXPECT_TRUE(in_child([&] {
        buffers.clear();
        memories.clear();
        elsewhere.reset();
        host = gpu = exporter = AllocatorRef();
        device.reset();
    }));
    EXPECT_TRUE(in_child([&] {
        device.reset();
        host = gpu = exporter = AllocatorRef();
        elsewhere.reset();
        memories.clear();
        buffers.clear();
    }));
    EXPECT_TRUE(device->buffer(memories[1])) << "the parent's is whole";
    auto copy = memories[20]->copy();
    EXPECT_TRUE(copy) << why(copy);
}

TEST_F(ForkTest, WhatTheChildAsksIsRefused) {
    Device device = wrap_fake_with_images();
    AllocatorRef host = allocator(device, Placement::host), gpu = allocator(device, Placement::device_local),
                 exporter = allocator(device, Placement::exportable);
    MemoryRef small = alloc(*host, 100), hidden = alloc(*gpu, 100), exported = alloc(*exporter, 8192),
              elsewhere = foreign();
    const auto participant = vulkan::participant(device);
    ASSERT_TRUE(participant);
    constexpr auto usage = VK_IMAGE_USAGE_SAMPLED_BIT;
    const auto layout = linear_layout(fourcc('X', 'R', '2', '4'), 32, 32, 128);
    ASSERT_TRUE(layout);
    const UniqueFd fd = FakeDmaBufs::make(8192);
    EXPECT_TRUE(in_child([&] {
        for (Allocator* from : {host.get(), gpu.get(), exporter.get()}) {
            expect_refused(from->alloc(100), "alloc");
            expect_refused(from->extension<Describes>()->available(), "available");
            expect_refused(Device::of(*from), "Device::of");
        }
        expect_refused(exporter->extension<ImportsDmaBuf>()->import_dmabuf(fd.get(), 0, whole, {}), "import");
        expect_refused(exporter->extension<AllocatesImages>()->alloc_image(
                           {.fourcc = fourcc('X', 'R', '2', '4'), .width = 16, .height = 16}),
                       "alloc_image");
        for (const MemoryRef* memory : {&small, &hidden, &exported, &elsewhere}) {
            expect_refused(device.buffer(*memory), "buffer");
            expect_refused(device.texture(*memory, *layout, usage), "texture");
        }
        expect_refused(hidden->copy(), "copy");
        expect_refused(device.allocator(Placement::host), "allocator");
        expect_refused(device.memory_size_for_buffer(100), "memory_size_for_buffer");
        expect_refused(device.modifiers(fourcc('X', 'R', '2', '4'), usage), "modifiers");
        expect_refused(device.sampler_conversion(*layout), "sampler_conversion");
        expect_refused(device.heaps(), "heaps");
        expect_refused((*participant)->attempt(*exported, *layout), "a participant");
        EXPECT_EQ(device.sees_cpu_caches(), Answer::unknown);
    }));
}

// A thread that holds it is not in the child, and would be waited for there for ever.
TEST_F(ForkTest, TheParentsQueueIsNotWaitedFor) {
    Device device = wrap_fake();
    std::latch held(1), over(1);
    const auto user = std::async(std::launch::async, [&] {
        const auto lock = device.queue_lock();
        held.count_down();
        over.wait();
    });
    held.wait();
    EXPECT_TRUE(in_child([&] { EXPECT_FALSE(device.queue_lock()) << "it is not the child's"; }));
    over.count_down();
    user.wait();
    EXPECT_TRUE(device.queue_lock());
}

TEST_F(ForkTest, MemoryThatIsMappedIsStillMemory) {
    Device device = wrap_fake();
    AllocatorRef host = allocator(device, Placement::host),
                 exporter = allocator(device, Placement::exportable);
    for (Allocator* from : {host.get(), exporter.get()}) {
        MemoryRef memory = alloc(*from, 8192);
        fill(*memory, 3);
        MemoryRef share = std::move(*memory->share(100, 200));
        EXPECT_TRUE(in_child([&] {
            expect_filled(*memory, 3);
            expect_filled(*share, 3, 100);
            auto copy = memory->copy(0, whole, Allocator::find("sysmem"));
            ASSERT_TRUE(copy) << why(copy);
            expect_filled(**copy, 3);
        }));
    }
}

// Whose bytes only the driver moves between the CPU's cache and memory.
TEST_F(ForkTest, MemoryThatIsNotCoherentIsNotMappedInTheChild) {
    watch->memory_properties = [](VkPhysicalDeviceMemoryProperties& memory) {
        for (auto& type : memory.memoryTypes)
            type.propertyFlags &= ~VkMemoryPropertyFlags{VK_MEMORY_PROPERTY_HOST_COHERENT_BIT};
    };
    Device device = wrap_fake();
    AllocatorRef host = allocator(device, Placement::host),
                 exporter = allocator(device, Placement::exportable);
    for (Allocator* from : {host.get(), exporter.get()}) {
        MemoryRef memory = alloc(*from, 8192);
        auto writing = memory->map(MapFlags::write);
        ASSERT_TRUE(writing) << why(writing);
        EXPECT_TRUE(in_child([&] {
            expect_refused(writing->unmap(), "the end of the parent's map");
            expect_refused(memory->map(MapFlags::read), "map");
            memory.reset();
        }));
        EXPECT_TRUE(writing->unmap());
        EXPECT_TRUE(memory->map(MapFlags::read));
    }
}

// Nothing watches these: the library's own VkInstance lives as long as the process.
TEST(OwnDeviceForkTest, TheLibrarysDevicesAreTheParentsToo) {
    NEEDS_FORK();
    auto instance = detail::Instance::get();
    if (!instance)
        MISSING("no Vulkan here: " + instance.error().message());
    const detail::PhysicalDevice& chosen = **(*instance)->choose({});
    // As those that the registry has: one that has opened its device, and one that nobody has used.
    AllocatorRef used = *detail::make_allocator(**instance, chosen, Placement::host),
                 fresh = *detail::make_allocator(**instance, chosen, Placement::device_local);
    ASSERT_TRUE(used->alloc(100));
    EXPECT_TRUE(holds_in_child([&] {
        expect_refused(Device::open(), "open");
        expect_refused(Device::open(chosen.index), "open by index");
        expect_refused(used->alloc(100), "alloc");
        expect_refused(fresh->alloc(100), "the first alloc");
        expect_refused(fresh->extension<Describes>()->available(), "available");
        used = fresh = AllocatorRef();
    }));
    EXPECT_TRUE(used->alloc(100));
    EXPECT_TRUE(fresh->alloc(100));
}

} // namespace
} // namespace hwalloc::vulkan::testing
