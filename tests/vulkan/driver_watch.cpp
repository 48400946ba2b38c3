#include "tests/vulkan/driver_watch.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <type_traits>

#include "tests/vulkan/short_memory.h"

namespace hwalloc::vulkan::testing {
namespace {

template<auto Member>
struct Tag {};
template<auto A, auto B>
constexpr bool same = std::is_same_v<Tag<A>, Tag<B>>;

template<class Handle>
std::uint64_t number(Handle handle) {
    if constexpr (std::is_pointer_v<Handle>)
        return reinterpret_cast<std::uintptr_t>(handle);
    else
        return handle;
}

// What is left where a failed call would have put a handle, an address or a descriptor.
template<class T>
void spoil(T) {}
template<class T>
void spoil(T** out) {
    if constexpr (!std::is_const_v<T>)
        if (out)
            *out = reinterpret_cast<T*>(std::uintptr_t{0xdead0});
}
void spoil(int* out) {
    *out = 0xdead;
}

template<class... A>
auto last(A... arguments) {
    return std::get<sizeof...(A) - 1>(std::tuple<A...>(arguments...));
}

} // namespace

DriverWatch::DriverWatch() {
    if (active_)
        throw std::logic_error("there is a DriverWatch already");
    active_ = this;
    detail::on_functions_loaded = patch;
}
DriverWatch::~DriverWatch() {
    detail::on_functions_loaded = nullptr;
    active_ = nullptr;
}

void DriverWatch::fail_call(int n, VkResult result) {
    std::lock_guard guard(mutex_);
    calls_ = 0;
    failing_ = n;
    error_ = result;
    failed_.clear();
    failing_name_.clear();
    counts_.clear();
    allocations_.clear();
    flushed_.clear();
    invalidated_.clear();
    images_.clear();
    buffer_sizes_.clear();
    buffer_barriers_.clear();
}
void DriverWatch::fail_name(const std::string& name, VkResult result) {
    fail_call(0, result);
    std::lock_guard guard(mutex_);
    failing_name_ = name;
}
std::string DriverWatch::failed() const {
    std::lock_guard guard(mutex_);
    return failed_;
}
int DriverWatch::count(const std::string& name) const {
    std::lock_guard guard(mutex_);
    const auto found = counts_.find(name);
    return found == counts_.end() ? 0 : found->second;
}
std::map<std::string, std::size_t> DriverWatch::live() const {
    std::lock_guard guard(mutex_);
    std::map<std::string, std::size_t> counts;
    for (const auto& [kind, handles] : live_)
        if (!handles.empty())
            counts[kind] = handles.size();
    return counts;
}
std::vector<std::string> DriverWatch::faults() const {
    return copy_of(faults_);
}
VkDeviceSize DriverWatch::size_of(VkDeviceMemory memory) const {
    std::lock_guard guard(mutex_);
    const auto found = sizes_.find(number(memory));
    return found == sizes_.end() ? 0 : found->second;
}

VkResult DriverWatch::enter(const char* name, bool can_fail) {
    if (on_call)
        on_call(name);
    std::lock_guard guard(mutex_);
    ++counts_[name];
    if (!can_fail || (++calls_ != failing_ && failing_name_ != name))
        return VK_SUCCESS;
    failed_ = name;
    return error_;
}
void DriverWatch::born(const char* kind, std::uint64_t handle) {
    if (!live_[kind].insert(handle).second)
        fault(std::string(kind) + " made twice, or mapped twice");
}
void DriverWatch::gone(const char* kind, std::uint64_t handle) {
    if (handle && live_[kind].erase(handle) == 0)
        fault(std::string("ending a ") + kind + " that does not live");
}

void DriverWatch::pad(VkBuffer buffer, VkMemoryRequirements& needs) {
    std::lock_guard guard(mutex_);
    if (buffer_needs)
        needs.size = std::max(needs.size, buffer_needs(bytes_of_[number(buffer)]));
}

// ---- the way down

template<auto Member, class R, class... A>
R DriverWatch::forward(A... arguments) {
    auto next = below_.*Member;
    if constexpr (same<Member, &Functions::CreateBuffer>) {
        const auto make = [&](VkDevice device, const VkBufferCreateInfo* info, const VkAllocationCallbacks*,
                              VkBuffer* out) {
            return create_buffer ? create_buffer(next, device, *info, out) : next(device, info, nullptr, out);
        };
        return make(arguments...);
    } else if constexpr (same<Member, &Functions::CreateDevice>) {
        const auto make = [&](VkPhysicalDevice device, const VkDeviceCreateInfo* info,
                              const VkAllocationCallbacks*, VkDevice* out) {
            return create_device ? create_device(next, device, *info, out) : next(device, info, nullptr, out);
        };
        return make(arguments...);
    } else if constexpr (same<Member, &Functions::CreateSamplerYcbcrConversion>) {
        const auto make = [&](VkDevice device, const VkSamplerYcbcrConversionCreateInfo* info,
                              const VkAllocationCallbacks*, VkSamplerYcbcrConversion* out) {
            return create_conversion ? create_conversion(*info, out) : next(device, info, nullptr, out);
        };
        return make(arguments...);
    } else if constexpr (same<Member, &Functions::DestroySamplerYcbcrConversion>) {
        if (!create_conversion)
            next(arguments...);
    } else if constexpr (same<Member, &Functions::CreateImage>) {
        const auto make = [&](VkDevice device, const VkImageCreateInfo* info, const VkAllocationCallbacks*,
                              VkImage* out) {
            return create_image ? create_image(next, device, *info, out) : next(device, info, nullptr, out);
        };
        return make(arguments...);
    } else if constexpr (same<Member, &Functions::GetPhysicalDeviceFormatProperties2>) {
        const auto get = [&](VkPhysicalDevice device, VkFormat format, VkFormatProperties2* out) {
            return format_properties ? format_properties(format, *out) : next(device, format, out);
        };
        return get(arguments...);
    } else if constexpr (same<Member, &Functions::GetPhysicalDeviceImageFormatProperties2>) {
        const auto get = [&](VkPhysicalDevice device, const VkPhysicalDeviceImageFormatInfo2* info,
                             VkImageFormatProperties2* out) {
            return image_format_properties ? image_format_properties(*info, *out) : next(device, info, out);
        };
        return get(arguments...);
    } else if constexpr (same<Member, &Functions::GetImageDrmFormatModifierPropertiesEXT>) {
        const auto get = [&](VkDevice device, VkImage image, VkImageDrmFormatModifierPropertiesEXT* out) {
            return image_modifier ? image_modifier(image, *out) : next(device, image, out);
        };
        return get(arguments...);
    } else if constexpr (same<Member, &Functions::GetImageSubresourceLayout>) {
        const auto get = [&](VkDevice device, VkImage image, const VkImageSubresource* which,
                             VkSubresourceLayout* out) {
            return subresource_layout ? subresource_layout(image, *which, *out)
                                      : next(device, image, which, out);
        };
        return get(arguments...);
    } else if constexpr (same<Member, &Functions::AllocateMemory>) {
        const auto make = [&](VkDevice device, const VkMemoryAllocateInfo* info, const VkAllocationCallbacks*,
                              VkDeviceMemory* out) {
            return allocate ? allocate(next, device, *info, out) : next(device, info, nullptr, out);
        };
        return make(arguments...);
    } else if constexpr (same<Member, &Functions::GetMemoryFdKHR>) {
        const auto get = [&](VkDevice device, const VkMemoryGetFdInfoKHR* info, int* out) {
            return get_fd ? get_fd(info->memory, out) : next(device, info, out);
        };
        return get(arguments...);
    } else if constexpr (same<Member, &Functions::GetMemoryFdPropertiesKHR>) {
        const auto get = [&](VkDevice device, VkExternalMemoryHandleTypeFlagBits type, int fd,
                             VkMemoryFdPropertiesKHR* out) {
            return fd_properties ? fd_properties(fd, out) : next(device, type, fd, out);
        };
        return get(arguments...);
    } else {
        return next(arguments...);
    }
}

// After a call of any kind; `result` is VK_SUCCESS for those that cannot fail.
template<auto Member, class... A>
void DriverWatch::done(VkResult result, A... arguments) {
    auto out = last(arguments...);
    const bool made = result == VK_SUCCESS;
    if constexpr (same<Member, &Functions::GetPhysicalDeviceProperties>) {
        if (properties)
            properties(*out);
    } else if constexpr (same<Member, &Functions::GetPhysicalDeviceProperties2>) {
        if (properties)
            properties(out->properties);
    } else if constexpr (same<Member, &Functions::GetPhysicalDeviceFeatures2>) {
        if (device_features)
            device_features(*out);
    } else if constexpr (same<Member, &Functions::GetPhysicalDeviceMemoryProperties>) {
        if (memory_properties)
            memory_properties(*out);
    } else if constexpr (same<Member, &Functions::GetPhysicalDeviceMemoryProperties2>) {
        if (memory_properties)
            memory_properties(out->memoryProperties);
    } else if constexpr (same<Member, &Functions::GetPhysicalDeviceExternalBufferProperties>) {
        if (external_buffers)
            external_buffers(*out);
    } else if constexpr (same<Member, &Functions::GetBufferMemoryRequirements> ||
                         same<Member, &Functions::GetImageMemoryRequirements>) {
        VkMemoryRequirements2 all{};
        all.memoryRequirements = *out;
        if (requirements)
            requirements(all);
        if constexpr (same<Member, &Functions::GetBufferMemoryRequirements>)
            pad(std::get<1>(std::tuple<A...>(arguments...)), all.memoryRequirements);
        *out = all.memoryRequirements;
    } else if constexpr (same<Member, &Functions::GetBufferMemoryRequirements2> ||
                         same<Member, &Functions::GetImageMemoryRequirements2>) {
        if (requirements)
            requirements(*out);
        if constexpr (same<Member, &Functions::GetBufferMemoryRequirements2>)
            pad(std::get<1>(std::tuple<A...>(arguments...))->buffer, out->memoryRequirements);
    }
    std::lock_guard guard(mutex_);
    if constexpr (same<Member, &Functions::CreateBuffer>) {
        const auto note = [&](VkDevice, const VkBufferCreateInfo* info, auto...) {
            buffer_sizes_.push_back(info->size);
            if (made)
                bytes_of_[number(*out)] = info->size;
        };
        note(arguments...);
        if (made)
            born("VkBuffer", number(*out));
    } else if constexpr (same<Member, &Functions::CreateImage>) {
        const auto note = [&](VkDevice, const VkImageCreateInfo* info, auto...) { images_.push_back(*info); };
        note(arguments...);
        if (made)
            born("VkImage", number(*out));
    } else if constexpr (same<Member, &Functions::CreateSamplerYcbcrConversion>) {
        if (made)
            born("VkSamplerYcbcrConversion", number(*out));
    } else if constexpr (same<Member, &Functions::CreateFence>) {
        if (made)
            born("VkFence", number(*out));
    } else if constexpr (same<Member, &Functions::CreateCommandPool>) {
        if (made)
            born("VkCommandPool", number(*out));
    } else if constexpr (same<Member, &Functions::AllocateMemory>) {
        const auto note = [&](VkDevice, const VkMemoryAllocateInfo* info, const VkAllocationCallbacks*,
                              VkDeviceMemory* memory) {
            Allocation one{.size = info->allocationSize, .type = info->memoryTypeIndex, .result = result};
            one.exported = find_in_chain<VkExportMemoryAllocateInfo>(
                info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);
            if (const auto* import = find_in_chain<VkImportMemoryFdInfoKHR>(
                    info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR))
                one.import_fd = import->fd;
            if (const auto* alone = find_in_chain<VkMemoryDedicatedAllocateInfo>(
                    info->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO)) {
                one.dedicated = true;
                one.for_buffer = alone->buffer;
                one.for_image = alone->image;
            }
            allocations_.push_back(one);
            if (!made)
                return;
            born("VkDeviceMemory", number(*memory));
            sizes_[number(*memory)] = info->allocationSize;
        };
        note(arguments...);
    } else if constexpr (same<Member, &Functions::MapMemory>) {
        const auto note = [&](VkDevice, VkDeviceMemory memory, auto...) { born("mapped", number(memory)); };
        if (made)
            note(arguments...);
    } else if constexpr (same<Member, &Functions::FlushMappedMemoryRanges> ||
                         same<Member, &Functions::InvalidateMappedMemoryRanges>) {
        const auto note = [&](VkDevice, std::uint32_t count, const VkMappedMemoryRange* ranges) {
            auto& list = same<Member, &Functions::FlushMappedMemoryRanges> ? flushed_ : invalidated_;
            list.insert(list.end(), ranges, ranges + count);
        };
        note(arguments...);
    } else if constexpr (same<Member, &Functions::CmdPipelineBarrier>) {
        const auto note = [&](VkCommandBuffer, VkPipelineStageFlags, VkPipelineStageFlags, VkDependencyFlags,
                              std::uint32_t, const VkMemoryBarrier*, std::uint32_t count,
                              const VkBufferMemoryBarrier* barriers, auto...) {
            buffer_barriers_.insert(buffer_barriers_.end(), barriers, barriers + count);
        };
        note(arguments...);
    } else if constexpr (same<Member, &Functions::QueueSubmit>) {
        if (made && out && !submitted_.insert(number(out)).second)
            fault("a fence was given to vkQueueSubmit that was not reset");
    } else if constexpr (same<Member, &Functions::ResetFences>) {
        const auto note = [&](VkDevice, std::uint32_t count, const VkFence* fences) {
            for (std::uint32_t i = 0; i < count; ++i)
                submitted_.erase(number(fences[i]));
        };
        if (made)
            note(arguments...);
    }
}

template<auto Member, class R, class... A>
R DriverWatch::pass(const char* name, A... arguments) {
    const ShortMemory::Pause pause;
    if constexpr (std::is_same_v<R, VkResult>) {
        if (const VkResult failure = enter(name, true); failure != VK_SUCCESS) {
            spoil(last(arguments...));
            if constexpr (same<Member, &Functions::EndCommandBuffer>)
                forward<Member, R>(arguments...); // which ends recording in any case
            return failure;
        }
        const VkResult result = forward<Member, R>(arguments...);
        done<Member>(result, arguments...);
        return result;
    } else {
        enter(name, false);
        const auto end = [&](const char* kind, auto handle) {
            std::lock_guard guard(mutex_);
            gone(kind, number(handle));
        };
        const auto second = [](auto, auto handle, auto...) { return handle; };
        if constexpr (same<Member, &Functions::DestroyBuffer>)
            end("VkBuffer", second(arguments...));
        else if constexpr (same<Member, &Functions::DestroyImage>)
            end("VkImage", second(arguments...));
        else if constexpr (same<Member, &Functions::DestroySamplerYcbcrConversion>)
            end("VkSamplerYcbcrConversion", second(arguments...));
        else if constexpr (same<Member, &Functions::DestroyFence>) {
            end("VkFence", second(arguments...));
            std::lock_guard guard(mutex_);
            submitted_.erase(number(second(arguments...)));
        } else if constexpr (same<Member, &Functions::DestroyCommandPool>)
            end("VkCommandPool", second(arguments...));
        else if constexpr (same<Member, &Functions::UnmapMemory>)
            end("mapped", second(arguments...));
        else if constexpr (same<Member, &Functions::FreeMemory>) {
            end("VkDeviceMemory", second(arguments...));
            std::lock_guard guard(mutex_);
            live_["mapped"].erase(number(second(arguments...))); // freeing unmaps
            sizes_.erase(number(second(arguments...)));
        }
        if constexpr (std::is_void_v<R>) {
            forward<Member, R>(arguments...);
            done<Member>(VK_SUCCESS, arguments...);
        } else {
            return forward<Member, R>(arguments...);
        }
    }
}

namespace {

// One function of the table, with the same type.
template<auto Member>
struct Thunk {
    static inline const char* name = "";

    template<class R, class... A>
    static R VKAPI_CALL call(A... arguments) {
        return DriverWatch::active().pass<Member, R>(name, arguments...);
    }
    template<class R, class... A>
    static constexpr auto like(R(VKAPI_PTR*)(A...)) {
        return &call<R, A...>;
    }
};

template<auto Member>
void patch_one(Functions& functions, Functions& below, const char* name, bool in_any_case) {
    auto& entry = functions.*Member;
    const auto thunk = Thunk<Member>::like(entry);
    Thunk<Member>::name = name;
    if (entry == thunk)
        return; // loaded before
    if (!entry && !in_any_case)
        return;
    below.*Member = entry;
    entry = thunk;
}

} // namespace

void DriverWatch::patch(Functions& functions) {
    DriverWatch& watch = active();
    std::lock_guard guard(watch.mutex_);
#define HWALLOC_PATCH(name) patch_one<&Functions::name>(functions, watch.below_, "vk" #name, false);
    HWALLOC_VULKAN_INSTANCE(HWALLOC_PATCH)
    HWALLOC_VULKAN_DEVICE(HWALLOC_PATCH)
    HWALLOC_VULKAN_OPTIONAL(HWALLOC_PATCH)
#undef HWALLOC_PATCH
    if (watch.get_fd)
        patch_one<&Functions::GetMemoryFdKHR>(functions, watch.below_, "vkGetMemoryFdKHR", true);
    if (watch.fd_properties)
        patch_one<&Functions::GetMemoryFdPropertiesKHR>(functions, watch.below_, "vkGetMemoryFdPropertiesKHR",
                                                        true);
    if (watch.image_modifier)
        patch_one<&Functions::GetImageDrmFormatModifierPropertiesEXT>(
            functions, watch.below_, "vkGetImageDrmFormatModifierPropertiesEXT", true);
}

} // namespace hwalloc::vulkan::testing
