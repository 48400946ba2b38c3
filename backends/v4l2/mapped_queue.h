// The buffers of a driver that imports nothing: its own, mapped, out of which each frame is copied.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "common/mapped_region.h"
#include "hwalloc/image_layout.h"

namespace hwalloc::v4l2::detail {

class MappedQueue {
public:
    // The next one of the queue, which has no memory yet. May throw std::bad_alloc.
    void add() { buffers_.emplace_back(); }
    // The next memory of the last one, which may have as many as an image.
    void add_memory(MappedRegion region, std::size_t length) noexcept {
        Buffer& last = buffers_.back();
        last.memories[last.count++] = {std::move(region), length};
    }
    std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(buffers_.size()); }
    std::span<const std::uint8_t> bytes(std::uint32_t index, std::uint32_t which) const noexcept {
        const Part& part = buffers_[index].memories[which];
        return {part.region.base(), part.length};
    }

    std::span<std::uint8_t> writable(std::uint32_t index, std::uint32_t which) const noexcept { // an output's
        const Part& part = buffers_[index].memories[which];
        return {part.region.base(), part.length};
    }

    // Which of them the driver has.
    bool is_queued(std::uint32_t index) const noexcept { return buffers_[index].queued; }
    void set_queued(std::uint32_t index, bool queued) noexcept { buffers_[index].queued = queued; }
    void set_none_queued() noexcept {
        for (Buffer& buffer : buffers_)
            buffer.queued = false;
    }

private:
    struct Part {
        MappedRegion region;
        std::size_t length = 0;
    };
    struct Buffer {
        std::array<Part, ImageLayout::max_planes> memories{};
        std::uint32_t count = 0;
        bool queued = false;
    };
    std::vector<Buffer> buffers_;
};

} // namespace hwalloc::v4l2::detail
