// What the objects of C's Vulkan are behind their opaque names.
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

#include "bindings/c/answer.h"
#include "hwalloc/c_vulkan.h"
#include "hwalloc/vulkan.h"

struct hwalloc_vulkan_device {
    hwalloc::vulkan::Device device;
    std::mutex* locked = nullptr; // the queue's, while somebody holds it
};
struct hwalloc_vulkan_buffer {
    hwalloc::vulkan::Buffer buffer;
};
struct hwalloc_vulkan_texture {
    hwalloc::vulkan::Texture texture;
};
struct hwalloc_vulkan_conversion {
    hwalloc::vulkan::SamplerConversion conversion;
};

namespace hwalloc::c {

inline constexpr const char *no_vulkan_device = "there is no Vulkan device",
                            *no_vulkan_place = "there is no place for what is made";

// What was made goes to the caller as a new object.
template<class Object, class T>
int answer_vulkan(Result<T> made, Object** to, hwalloc_error** error) noexcept {
    if (!made)
        return refuse(made.error(), error);
    return give(new (std::nothrow) Object{*std::move(made)}, to, error);
}

// At most `most` of what there is, and how much there is.
template<class From, class To, class F>
int answer_some(const Result<From>& has, To* to, std::size_t most, std::size_t* count, hwalloc_error** error,
                F&& convert) noexcept {
    if (!has)
        return refuse(has.error(), error);
    std::transform(has->begin(), has->begin() + static_cast<std::ptrdiff_t>(std::min(most, has->size())), to,
                   convert);
    *count = has->size();
    return 0;
}

} // namespace hwalloc::c
