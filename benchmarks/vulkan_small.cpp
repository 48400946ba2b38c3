// Many small pieces of Vulkan memory: a program that keeps `alive` of them and replaces one after another, in
// no order. The peers are one vkAllocateMemory for each, and VMA by hand: with a VkBuffer (vmaCreateBuffer,
// what programs mostly use it for), and without (vmaAllocateMemory, the very call that the library makes
// itself).
#include <cstdint>
#include <vector>

#include "gpu.h"

namespace {

constexpr std::uint32_t alive = 1024;

// Sizes and places by a small generator of fixed seed: the same for each side and thread.
class Choice {
public:
    std::uint32_t operator()() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        return state_ ^= state_ << 5;
    }

private:
    std::uint32_t state_ = 2463534242;
};

struct Ours {
    using Piece = hwalloc::MemoryRef;
    Ours(const bench::Gpu& on, bool host) : allocator(host ? *on.host : *on.device_local) {}
    bool alloc(Piece& piece, std::size_t size) {
        auto memory = allocator.alloc(size);
        if (!memory)
            return false;
        piece = *std::move(memory);
        return true;
    }
    void free(Piece& piece) { piece.reset(); }

    hwalloc::Allocator& allocator;
};

struct OneEach {
    using Piece = VkDeviceMemory;
    OneEach(const bench::Gpu& on, bool host) : gpu(on), type(host ? on.host_type : on.device_type) {}
    bool alloc(Piece& piece, std::size_t size) {
        VkMemoryAllocateInfo info{};
        info.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
        info.allocationSize = size;
        info.memoryTypeIndex = type;
        return gpu.allocate_memory(gpu.handle(), &info, nullptr, &piece) == VK_SUCCESS;
    }
    void free(Piece& piece) { gpu.free_memory(gpu.handle(), piece, nullptr); }

    const bench::Gpu& gpu;
    std::uint32_t type;
};

struct VmaBuffer {
    struct Piece {
        VkBuffer buffer;
        VmaAllocation allocation;
    };
    VmaBuffer(const bench::Gpu& on, bool host) : vma(on.vma), wanted(bench::wanted(host)) {}
    bool alloc(Piece& piece, std::size_t size) {
        const VkBufferCreateInfo buffer = bench::buffer_info(size);
        VmaAllocationInfo got;
        return vmaCreateBuffer(vma, &buffer, &wanted, &piece.buffer, &piece.allocation, &got) == VK_SUCCESS;
    }
    void free(Piece& piece) { vmaDestroyBuffer(vma, piece.buffer, piece.allocation); }

    VmaAllocator vma;
    VmaAllocationCreateInfo wanted;
};

struct VmaMemory {
    using Piece = VmaAllocation;
    VmaMemory(const bench::Gpu& on, bool host) : vma(on.vma), needs(on.needs), wanted(bench::wanted(host)) {}
    bool alloc(Piece& piece, std::size_t size) {
        needs.size = size;
        VmaAllocationInfo got;
        return vmaAllocateMemory(vma, &needs, &wanted, &piece, &got) == VK_SUCCESS;
    }
    void free(Piece& piece) { vmaFreeMemory(vma, piece); }

    VmaAllocator vma;
    VkMemoryRequirements needs;
    VmaAllocationCreateInfo wanted;
};

// Size 0: between 64 bytes and 4 KiB, small ones more often.
std::uint32_t size_by(const benchmark::State& state, Choice& choice) {
    if (bench::size_of(state) != 0)
        return static_cast<std::uint32_t>(bench::size_of(state));
    const std::uint32_t octave = 64u << (choice() >> 8) % 6;
    return octave + (choice() >> 8) % octave;
}

template<class Side, bool host>
void small(benchmark::State& state) {
    const bench::Pin pin(state);
    const bench::Gpu* gpu = bench::gpu(state);
    if (!gpu)
        return;
    Choice choice;
    struct Step {
        std::uint32_t place, size;
    };
    std::vector<Step> steps(4096);
    for (Step& step : steps)
        step = {(choice() >> 8) % alive, size_by(state, choice)};

    Side side(*gpu, host);
    std::vector<typename Side::Piece> pieces(alive);
    for (auto& piece : pieces)
        if (!side.alloc(piece, size_by(state, choice)))
            return state.SkipWithError("there is no memory to begin with");
    std::size_t next = 0;
    for (auto _ : state) {
        const Step& step = steps[next++ % steps.size()];
        auto& piece = pieces[step.place];
        side.free(piece);
        if (!side.alloc(piece, step.size)) {
            piece = {};
            state.SkipWithError("there is no memory");
            break;
        }
    }
    for (auto& piece : pieces)
        side.free(piece);
}

#define HWALLOC_BENCH_SMALL(row, host, size)                                                                 \
    HWALLOC_BENCH(row, "ours", (small<Ours, host>), size);                                                   \
    HWALLOC_BENCH(row, "vkAllocateMemory", (small<OneEach, host>), size);                                    \
    HWALLOC_BENCH(row, "vmaCreateBuffer", (small<VmaBuffer, host>), size);                                   \
    HWALLOC_BENCH(row, "vmaAllocateMemory", (small<VmaMemory, host>), size)

HWALLOC_BENCH_SMALL("vulkan-host", true, 0);
HWALLOC_BENCH_SMALL("vulkan-host", true, 64);
HWALLOC_BENCH_SMALL("vulkan-host", true, 4096);
HWALLOC_BENCH_SMALL("vulkan-device-local", false, 0);
HWALLOC_BENCH_SMALL("vulkan-device-local", false, 64);
HWALLOC_BENCH_SMALL("vulkan-device-local", false, 4096);

} // namespace
