// Each public operation with its first, second, third ... fallible call of the driver or the kernel failing,
// until it succeeds: nothing may be left over, and the error must name the call and the device.
#include <gmock/gmock.h>

#include <cerrno>

#include "hwalloc/capabilities.h"
#include "tests/vulkan/fake_driver_fixture.h"
#include "tests/vulkan/short_memory.h"

namespace hwalloc::vulkan::testing {
namespace {

using hwalloc::testing::KernelWatch;

// What an operation works on. Gone before the device is.
struct Things {
    explicit Things(Device made) : device(std::move(made)) {}
    Device device;
    AllocatorRef allocator;
    AllocatorRef target;
    MemoryRef memory;
    UniqueFd fd;
};

struct Operation {
    const char* name;
    std::function<void(Things&)> prepare;
    std::function<Result<void>(Things&)> run;
};

template<class T>
Result<void> told(Result<T> result) {
    if (!result)
        return std::move(result).error();
    return {};
}

// Pieces the library makes out of blocks that VMA may keep.
struct Usage {
    std::map<std::string, std::size_t> live;
    std::uint32_t suballocations = 0, imports = 0, exports = 0;
    std::uint64_t bytes = 0;

    friend bool operator==(const Usage&, const Usage&) = default;
};
void PrintTo(const Usage& usage, std::ostream* out) {
    for (const auto& [kind, count] : usage.live)
        *out << count << " " << kind << ", ";
    *out << usage.suballocations << " pieces, " << usage.imports << " imports, " << usage.bytes << " bytes";
}

class LeftoversTest : public FakeDriverTest, public ::testing::WithParamInterface<bool> {
protected:
    void SetUp() override {
        FakeDriverTest::SetUp();
        if (!app || !GetParam()) // memory that has to be flushed and invalidated
            return;
        watch->memory_properties = [](VkPhysicalDeviceMemoryProperties& memory) {
            for (auto& type : memory.memoryTypes)
                type.propertyFlags &= ~VkMemoryPropertyFlags{VK_MEMORY_PROPERTY_HOST_COHERENT_BIT};
        };
    }

    Usage usage(const Device& device) const {
        Usage now{.live = watch->live()};
        // VMA keeps a block, mapped, after its last piece is gone.
        now.live.erase("VkDeviceMemory");
        now.live.erase("mapped");
        const auto heaps = device.heaps().value();
        for (const HeapStatistics& heap : heaps) {
            now.suballocations += heap.suballocations;
            now.imports += heap.imports;
            now.bytes += heap.suballocated + heap.imported;
        }
        return now;
    }

    void fails_without_trace(const Operation& operation, VkResult result) {
        SCOPED_TRACE(std::string(operation.name) + " under " + std::string(vk_result_name(result)));
        bool succeeded = false;
        for (int n = 1; n < 100 && !succeeded; ++n) {
            const auto fds_before = open_fds();
            {
                Things things(wrap_fake());
                operation.prepare(things);
                const Usage before = usage(things.device);
                const auto fds = open_fds();
                watch->fail_call(n, result);
                auto done = operation.run(things);
                const std::string failed = watch->failed();
                const std::size_t memories = watch->allocations().size();
                watch->clear();
                SCOPED_TRACE("call " + std::to_string(n) + ": " + (failed.empty() ? "none" : failed));
                succeeded = failed.empty();
                if (succeeded) {
                    EXPECT_TRUE(done) << why(done);
                    EXPECT_GT(n, 1) << "this operation calls nothing that can fail";
                }
                if (!done) {
                    EXPECT_EQ(done.error().domain(), ErrorDomain::vulkan) << why(done);
                    EXPECT_EQ(done.error().code(), result) << why(done);
                    EXPECT_EQ(done.error().device(), things.device.name()) << why(done);
                    if (memories < 2) { // VMA makes several attempts and tells of the last
                        EXPECT_THAT(std::string(done.error().call()), ::testing::HasSubstr(failed))
                            << why(done);
                    }
                }
                EXPECT_EQ(usage(things.device), before);
                EXPECT_EQ(open_fds(), fds);
                auto again = operation.run(things);
                EXPECT_TRUE(again) << "afterwards the same works: " << why(again);
                EXPECT_EQ(usage(things.device), before);
            }
            EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{}));
            EXPECT_EQ(open_fds(), fds_before);
            if (HasFailure())
                return;
        }
        EXPECT_TRUE(succeeded);
    }

    void kernel_fails_without_trace(const Operation& operation, int error) {
        SCOPED_TRACE(std::string(operation.name) + " under " + std::string(errno_name(error)));
        bool succeeded = false;
        for (int n = 1; n < 100 && !succeeded; ++n) {
            const auto fds_before = open_fds();
            {
                Things things(wrap_fake());
                operation.prepare(things);
                const Usage before = usage(things.device);
                const auto fds = open_fds();
                KernelWatch kernel_watch;
                kernel_watch.fail_call(n, error);
                auto done = operation.run(things);
                const std::string failed = kernel_watch.failed_name;
                kernel_watch.clear();
                SCOPED_TRACE("call " + std::to_string(n) + ": " + (failed.empty() ? "none" : failed));
                succeeded = failed.empty();
                if (succeeded) {
                    EXPECT_TRUE(done) << why(done);
                }
                if (!done) {
                    EXPECT_EQ(done.error().domain(), ErrorDomain::system) << why(done);
                    EXPECT_NE(done.error().call(), "") << why(done);
                }
                EXPECT_EQ(usage(things.device), before);
                EXPECT_EQ(open_fds(), fds);
                auto again = operation.run(things);
                EXPECT_TRUE(again) << "afterwards the same works: " << why(again);
            }
            EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{}));
            EXPECT_EQ(open_fds(), fds_before);
            if (HasFailure())
                return;
        }
        EXPECT_TRUE(succeeded);
    }

    // An allocation of the library's own fails. The error's text may be among what there was no memory for.
    void short_memory_leaves_no_trace(const Operation& operation) {
        SCOPED_TRACE(operation.name);
        bool succeeded = false;
        for (int n = 1; n < 100 && !succeeded; ++n) {
            SCOPED_TRACE(n);
            const auto fds_before = open_fds();
            {
                Things things(wrap_fake());
                operation.prepare(things);
                const Usage before = usage(things.device);
                const auto fds = open_fds();
                std::optional<ErrorKind> kind;
                {
                    const ShortMemory memory(n);
                    auto done = operation.run(things);
                    succeeded = !ShortMemory::reached();
                    if (!done)
                        kind = done.error().kind();
                }
                if (succeeded) {
                    EXPECT_EQ(kind, std::nullopt);
                }
                EXPECT_EQ(kind.value_or(ErrorKind::exhausted), ErrorKind::exhausted);
                EXPECT_EQ(usage(things.device), before);
                EXPECT_EQ(open_fds(), fds);
                auto again = operation.run(things);
                EXPECT_TRUE(again) << "afterwards the same works: " << why(again);
            }
            EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{}));
            EXPECT_EQ(open_fds(), fds_before);
            if (HasFailure())
                return;
        }
        EXPECT_TRUE(succeeded);
    }
};

constexpr AllocationParams edges{
    .flags = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded, .prefix = 64, .padding = 64};

void from(Things& things, Placement placement) {
    things.allocator = things.device.allocator(placement).value();
}
void with_memory(Things& things, Placement placement) {
    from(things, placement);
    things.memory = things.allocator->alloc(10000).value();
}
// Memory keeps the VkBuffer that was once made of it.
void with_gpu_memory(Things& things) {
    with_memory(things, Placement::device_local);
    (void)things.device.buffer(*things.memory);
}

const Operation allocations[] = {
    {"alloc exportable", [](Things& things) { from(things, Placement::exportable); },
     [](Things& things) { return told(things.allocator->alloc(10000)); }},
    {"alloc host", [](Things& things) { from(things, Placement::host); },
     [](Things& things) { return told(things.allocator->alloc(10000, edges)); }},
    {"alloc device-local", [](Things& things) { from(things, Placement::device_local); },
     [](Things& things) { return told(things.allocator->alloc(10000)); }},
    {"alloc host, small", [](Things& things) { from(things, Placement::host); },
     [](Things& things) { return told(things.allocator->alloc(100, edges)); }},
    {"alloc device-local, zeroed", [](Things& things) { from(things, Placement::device_local); },
     [](Things& things) { return told(things.allocator->alloc(10000, edges)); }},
    {"alloc host, large", [](Things& things) { from(things, Placement::host); },
     [](Things& things) { return told(things.allocator->alloc(std::size_t{160} << 20)); }},
};
const Operation uses[] = {
    // The first time makes the VkBuffer, which the memory keeps; so each run has memory of its own.
    {"buffer of a piece", [](Things& things) { from(things, Placement::host); },
     [](Things& things) {
         auto memory = things.allocator->alloc(10000);
         return memory ? told(things.device.buffer(**memory)) : told(std::move(memory));
     }},
    {"buffer of an import",
     [](Things& things) {
         things.fd = hwalloc::testing::FakeDmaBufs::make(8192);
         things.memory = hwalloc::import_dmabuf(things.fd.get()).value();
     },
     [](Things& things) { return told(things.device.buffer(*things.memory)); }},
    {"import_dmabuf",
     [](Things& things) {
         from(things, Placement::exportable);
         things.fd = hwalloc::testing::FakeDmaBufs::make(8192);
     },
     [](Things& things) {
         auto* imports = things.allocator->extension<ImportsDmaBuf>();
         return told(imports->import_dmabuf(things.fd.get(), 4096, whole, MemoryFlags::none));
     }},
    {"copy by the GPU", [](Things& things) { with_gpu_memory(things); },
     [](Things& things) { return told(things.memory->copy(16, 5000)); }},
    {"copy to the host",
     [](Things& things) {
         with_gpu_memory(things);
         things.target = things.device.allocator(Placement::host).value();
     },
     [](Things& things) { return told(things.memory->copy(16, 5000, things.target.get())); }},
    {"copy to system memory",
     [](Things& things) {
         with_gpu_memory(things);
         things.target = AllocatorRef(Allocator::find("sysmem"));
     },
     [](Things& things) { return told(things.memory->copy(0, whole, things.target.get())); }},
    {"copy to a dma-buf",
     [](Things& things) {
         with_gpu_memory(things);
         things.target = things.device.allocator(Placement::exportable).value();
     },
     [](Things& things) { return told(things.memory->copy(0, whole, things.target.get())); }},
};
const Operation copy_by_cpu{"copy by the CPU", [](Things& things) { with_memory(things, Placement::host); },
                            [](Things& things) { return told(things.memory->copy()); }};
const Operation map_host{"map a piece", [](Things& things) { with_memory(things, Placement::host); },
                         [](Things& things) {
                             auto mapping = things.memory->map(MapFlags::readwrite);
                             return mapping ? mapping->unmap() : told(std::move(mapping));
                         }};
const Operation map_exported{"map an export",
                             [](Things& things) { with_memory(things, Placement::exportable); },
                             [](Things& things) {
                                 auto mapping = things.memory->map(MapFlags::readwrite);
                                 return mapping ? mapping->unmap() : told(std::move(mapping));
                             }};

TEST_P(LeftoversTest, NothingIsLeftOfAnAllocationThatFails) {
    for (const VkResult result : {VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_ERROR_DEVICE_LOST})
        for (const Operation& operation : allocations)
            fails_without_trace(operation, result);
}

TEST_P(LeftoversTest, NothingIsLeftOfAUseThatFails) {
    for (const VkResult result : {VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_DEVICE_LOST})
        for (const Operation& operation : uses)
            fails_without_trace(operation, result);
}

TEST_P(LeftoversTest, NothingIsLeftOfAMapThatFails) {
    for (const Operation* operation : {&map_host, &map_exported, &copy_by_cpu}) {
        if (GetParam())
            fails_without_trace(*operation, VK_ERROR_OUT_OF_HOST_MEMORY);
    }
    kernel_fails_without_trace(map_exported, EIO);
}

TEST_P(LeftoversTest, NothingIsLeftWhenACallOfTheKernelFails) {
    for (const int error : {EMFILE, ENOMEM}) {
        for (const Operation& operation : allocations)
            kernel_fails_without_trace(operation, error);
        for (const Operation& operation : uses)
            kernel_fails_without_trace(operation, error);
    }
}

TEST_P(LeftoversTest, NothingIsLeftWhenMemoryIsShort) {
    for (const Operation& operation : allocations)
        short_memory_leaves_no_trace(operation);
    for (const Operation& operation : uses)
        short_memory_leaves_no_trace(operation);
    bool succeeded = false;
    for (int n = 1; n < 100 && !succeeded; ++n) {
        const ShortMemory memory(n);
        auto device = Device::wrap(app->handles());
        succeeded = !ShortMemory::reached();
        const ShortMemory::Pause pause;
        EXPECT_EQ(succeeded, static_cast<bool>(device)) << n;
        if (!device) {
            EXPECT_EQ(device.error().kind(), ErrorKind::exhausted);
        }
        device = Error(ErrorKind::invalid, "gone");
        EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{})) << n;
    }
    EXPECT_TRUE(succeeded);
}

TEST_P(LeftoversTest, NothingIsLeftOfAWrapThatFails) {
    bool succeeded = false;
    for (int n = 1; n < 100 && !succeeded; ++n) {
        watch->fail_call(n, VK_ERROR_OUT_OF_HOST_MEMORY);
        auto device = Device::wrap(app->handles());
        const std::string failed = watch->failed();
        succeeded = failed.empty();
        EXPECT_EQ(succeeded, static_cast<bool>(device)) << failed;
        if (!device) {
            EXPECT_EQ(device.error().kind(), ErrorKind::exhausted) << why(device);
            EXPECT_EQ(std::string(device.error().call()), failed);
            EXPECT_NE(device.error().device(), "") << why(device);
            EXPECT_EQ(watch->live(), (std::map<std::string, std::size_t>{})) << failed;
        }
    }
    EXPECT_TRUE(succeeded);
}

INSTANTIATE_TEST_SUITE_P(Memory, LeftoversTest, ::testing::Bool(),
                         [](const auto& chosen) { return chosen.param ? "NotCoherent" : "AsItIs"; });

} // namespace
} // namespace hwalloc::vulkan::testing
