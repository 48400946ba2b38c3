// Who shares memory: a camera, a GPU, a display, the CPU. A plan (hwalloc/plan.h) asks each what it needs,
// and tries memory on each.
//
// Where participants come from:
//   hwalloc::v4l2::capture_participant(camera)     frames that a camera writes        (hwalloc/v4l2.h)
//   hwalloc::v4l2::output_participant(path)        frames that an encoder or output reads
//   hwalloc::vulkan::participant(device)           a GPU, as VkImage or VkBuffer      (hwalloc/vulkan.h)
//   hwalloc::drm::participant(device, use)         a card: imported, or on its screen (hwalloc/drm.h)
//   hwalloc::cpu_participant(access)               the CPU, which reads or writes
//   participant_of("vulkan/0")                     the device of an allocator, by name, without its header
// An application with a device of another kind subclasses Participant.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/export.h"
#include "hwalloc/flags.h"
#include "hwalloc/image.h"
#include "hwalloc/image_layout.h"
#include "hwalloc/memory.h"
#include "hwalloc/result.h"

namespace hwalloc {

// What is to be shared: pixels, or, with a fourcc of 0, so many bytes.
struct ImageSpec {
    std::uint32_t fourcc = 0; // by its name in drm_fourcc.h: fourcc('X', 'R', '2', '4')
    std::uint32_t width = 0;  // in pixels
    std::uint32_t height = 0;
    std::uint64_t size = 0; // bytes that the memory must have at least, whatever the pixels need; 0: no more
    // Of bytes in several memories, those of each beyond the first; of pixels 0.
    std::array<std::uint64_t, ImageLayout::max_planes - 1> more_sizes{};
    // Each plane of the pixels in a memory of its own (with_memory_per_plane()); false: only where
    // a participant takes them in no other way.
    bool memory_per_plane = false;

    bool pixels() const noexcept { return fourcc != 0; }
    // Of bytes: in how many memories.
    std::uint32_t memory_count() const noexcept {
        std::uint32_t count = 1;
        while (count < ImageLayout::max_planes && more_sizes[count - 1] > 0)
            ++count;
        return count;
    }
    friend bool operator==(const ImageSpec&, const ImageSpec&) noexcept = default;
};

// Whether the device with this number (stat::st_rdev of its node) sees what the CPU's caches hold, so that
// nobody needs to maintain them for it. The architecture says so (x86), or the device tree for the device or
// what is above it (dma-coherent, dma-noncoherent: Linux Documentation/devicetree/bindings, "dma-coherent";
// on ARM a device without either is not coherent). Unknown where neither does. Thread-safe.
HWALLOC_API Answer sees_cpu_caches(dev_t device) noexcept;
#if defined(__x86_64__) || defined(__i386__)
inline constexpr Answer devices_see_cpu_caches = Answer::yes; // of this architecture, whichever device it is
#else
inline constexpr Answer devices_see_cpu_caches = Answer::unknown;
#endif

// What a participant needs of memory, as far as it can be told in numbers. The defaults need nothing.
struct Constraints {
    std::uint64_t min_size = 0;   // bytes; where an image lies in several memories, of the first
    std::uint64_t size_align = 1; // the size is a multiple of this
    // Whether it must be one run of physical addresses. `unknown` is an honest answer, and most devices'
    // (no interface of the kernel tells): then the plan finds out by trial.
    Answer contiguous = Answer::no;
    bool prefers_cached = false; // the CPU reads it: uncached memory does, slowly
    bool needs_dma_buf = true;
    // It sees memory through the CPU's caches: the CPU itself, or a driver that fills memory by it. Devices
    // that do not see these share memory with it only where the exporter maintains them for every importer
    // (SyncQuality::importer_aware), where the CPU does not cache it, or where they are the exporter
    // themselves.
    bool through_cpu_caches = false;
    // It makes the exporter's calls around what it does by the CPU (DMA_BUF_IOCTL_SYNC), or its Recipe says
    // who makes them: memory of an importer_aware exporter is then right for it beside any device.
    bool syncs_cpu_access = false;
    Answer sees_cpu_caches = devices_see_cpu_caches; // of a device
    // The layouts of pixels that will do, as in drm_fourcc.h; 0 is linear. Empty: all.
    std::vector<std::uint64_t> modifiers{};
    // It takes these pixels in no other way than with each plane in a memory of its own.
    bool memory_per_plane = false;
    // Of the first plane's rows, in bytes.
    std::uint32_t pitch_align = 1;
    std::uint32_t pitch_min = 0;
    std::uint32_t pitch_max = 0xffffffff;
};

// What suits both: alignments by least common multiple, sizes by maximum, limits by the narrower, modifiers
// by intersection, assurances by the weaker. Thread-safe. Errors: incompatible (no modifier, or no pitch, is
// left), limit (an alignment does not fit), exhausted.
HWALLOC_API Result<Constraints> merge(const Constraints& one, const Constraints& other) noexcept;

// How a participant uses memory that it accepted. The texts live for ever; each is a sentence for people.
struct Recipe {
    const char* use = "";   // what it becomes: "VkImage", "VkBuffer", "framebuffer", "V4L2 buffer", ...
    const char* once = "";  // for each buffer, before the first frame
    const char* begin = ""; // for each frame, before the participant uses it
    const char* end = "";   // and afterwards, before anybody else does
};

// Thread-safety: one thread at a time, unless a participant says otherwise.
class HWALLOC_API Participant {
public:
    virtual ~Participant();

    // For people: "camera /dev/video0 (vivid)". Valid as long as the participant.
    virtual std::string_view name() const noexcept HWALLOC_LIFETIMEBOUND = 0;
    // Which device, in which use and state: two participants with equal keys accept and refuse the same
    // memory. Plans are remembered by it; empty: they are not. Valid until the next call.
    virtual std::string_view cache_key() const noexcept HWALLOC_LIFETIMEBOUND = 0;

    // Allocators of memory that only this device can offer, such as a camera's own buffers: candidates of a
    // plan, and taken to be contiguous enough for this very device. Default: none.
    virtual std::vector<AllocatorRef> own_allocators() noexcept;

    // What it needs. No side effect on the device. Errors: unsupported (it does not take this format or
    // size), and what the device answers.
    virtual Result<Constraints> ask(const ImageSpec& image) noexcept = 0;
    // The layout nearest to `layout` that it can use: equal when it can use that; memory_sizes may grow, and
    // their number stays. No side effect on the device. Errors: incompatible (nothing near it). Default: any
    // layout will do.
    virtual Result<ImageLayout> settle(const ImageLayout& layout) noexcept;
    // What all trials of a plan have in common, so that a slow device is set once: called before the first
    // attempt() with the layout that all agree on, if they do, and after the last attempt(), also where this
    // failed. Errors: as attempt(), for all of them. Default: nothing.
    virtual Result<void> begin_trials(const ImageLayout& layout) noexcept;
    virtual void end_trials() noexcept;
    // Imports `memory` with this layout as it would be used, and undoes it. Errors: busy (the device is in
    // use), exhausted (it ran short): the answer is unknown. Anything else: refused, with the call, its errno
    // or VkResult, and the reason in words. Recipe::use of the answer is not empty.
    virtual Result<Recipe> attempt(Memory& memory, const ImageLayout& layout) noexcept = 0;
    // The same of an image in as many memories as image.layout says. Two of them may be one. Errors:
    // invalid, too (a memory is missing, or the layout says none or more than four). Default: attempt() of
    // the only one; unsupported where there are several.
    virtual Result<Recipe> attempt_image(const Image& image) noexcept;

    Participant(const Participant&) = delete;
    Participant& operator=(const Participant&) = delete;

protected:
    Participant() noexcept = default;
};

using ParticipantRef = std::shared_ptr<Participant>;

// The CPU, with its pattern of access: READ, WRITE or both, by Memory::map(). It takes any memory that can be
// mapped so; for reading, cached memory is preferred. Thread-safe. Errors: invalid (no access), exhausted.
HWALLOC_API Result<ParticipantRef> cpu_participant(MapFlags access) noexcept;

// On an Allocator: its device takes part itself.
class OffersParticipant {
public:
    static constexpr std::string_view extension_id = "hwalloc.offers-participant.v1";
    // A new participant; opens the device. Errors: those of opening.
    virtual Result<ParticipantRef> participant() noexcept = 0;

protected:
    ~OffersParticipant() = default;
};

// The device behind an allocator, by the allocator's name: "vulkan/0", "drm-dumb/card0" (importing),
// "v4l2/video0". Resolves the name as Allocator::resolve(). Errors: those; unsupported (an allocator that no
// device stands behind).
HWALLOC_API Result<ParticipantRef> participant_of(std::string_view allocator) noexcept;
inline Result<ParticipantRef> participant_of(const char* allocator) noexcept { // invalid where it is null
    return allocator ? participant_of(std::string_view(allocator))
                     : Error(ErrorKind::invalid, "no allocator is named");
}

} // namespace hwalloc
