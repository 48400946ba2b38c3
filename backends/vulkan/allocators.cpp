#include "backends/vulkan/allocators.h"

#include <new>

#include "allocators/interface_of.h"
#include "common/addressable.h"
#include "common/fixed_text.h"

namespace hwalloc::vulkan::detail {

Result<Session*> DeviceSource::open() noexcept {
    return without_exceptions([&]() -> Result<Session*> {
        {
            const std::lock_guard guard(mutex_);
            if (open_ && !open_->of_this_process())
                return open_->check_process().error();
            if (open_ && (!open_->lost() || !instance_))
                return open_.get();
        }
        // Without the lock: loaders, layers and drivers run now, and may wait for threads that use this
        // allocator.
        auto session = instance_->session(*device_);
        if (!session)
            return std::move(session).error();
        const std::lock_guard guard(mutex_);
        if (open_ && !open_->lost())
            return open_.get();
        lost_.reserve(lost_.size() + 1);
        if (open_)
            lost_.push_back(std::move(open_));
        open_ = *std::move(session);
        ready_.store(open_.get(), std::memory_order_release);
        return open_.get();
    });
}

Result<std::shared_ptr<Session>> DeviceSource::shared() noexcept {
    auto session = get();
    if (!session)
        return std::move(session).error();
    return (*session)->shared();
}

Result<void> VulkanAllocator::available() noexcept {
    auto session = source_.get();
    if (!session)
        return std::move(session).error();
    return usable(**session);
}

void* VulkanAllocator::do_extension(std::string_view id) noexcept {
    return interface_of<Describes, OnVulkanDevice>(this, id);
}

namespace {

template<class... Source>
Result<AllocatorRef> make(Placement placement, Source&&... source) noexcept {
    return without_exceptions([&]() -> Result<AllocatorRef> {
        switch (placement) {
        case Placement::exportable:
            return new_exporter(std::forward<Source>(source)...);
        case Placement::host:
            return new_suballocator(std::forward<Source>(source)..., true);
        case Placement::device_local:
            return new_suballocator(std::forward<Source>(source)..., false);
        }
        return Error(ErrorKind::invalid, "there is no such placement of memory");
    });
}

} // namespace

Result<AllocatorRef> make_allocator(std::shared_ptr<Session> session, Placement placement) noexcept {
    auto made = make(placement, std::move(session));
    if (!made)
        return made;
    if (auto usable = (*made)->extension<Describes>()->available(); !usable)
        return std::move(usable).error();
    return made;
}

Result<AllocatorRef> make_allocator(Instance& instance, const PhysicalDevice& device,
                                    Placement placement) noexcept {
    return make(placement, instance, device);
}

Result<void> check_size(const Session& session, std::uint64_t bytes) noexcept {
    if (auto size = addressable(bytes); !size)
        return std::move(size).error().on(session.name);
    std::uint64_t largest = 0;
    for (std::uint32_t i = 0; i < session.memory.memoryHeapCount; ++i)
        largest = std::max<std::uint64_t>(largest, session.memory.memoryHeaps[i].size);
    if (session.max_allocation)
        largest = std::min<std::uint64_t>(largest, session.max_allocation);
    if (bytes <= largest)
        return {};
    return Error(ErrorKind::limit, "allocating")
        .doing(FixedText("allocating ", bytes, " bytes"))
        .on(session.name)
        .wanted(bytes)
        .held(largest)
        .remedy("the driver allocates no more at once (VkPhysicalDeviceMaintenance3Properties::"
                "maxMemoryAllocationSize, and the size of its heaps)");
}

} // namespace hwalloc::vulkan::detail
