// Where the interfaces of C and of C++ meet: an object of one as the other has it. For a library that offers
// both, as libhwalloc-vulkan does, and for programs in which both are used.
#pragma once

#include "hwalloc/allocator.h"
#include "hwalloc/c_allocator.h"
#include "hwalloc/c_error.h"
#include "hwalloc/c_memory.h"
#include "hwalloc/c_plan.h"
#include "hwalloc/export.h"
#include "hwalloc/memory.h"
#include "hwalloc/participant.h"
#include "hwalloc/result.h"

namespace hwalloc::c {

// An allocator and a memory of C are the C++ objects themselves: a handle on a memory is what
// MemoryRef::detach() gives and MemoryRef::adopt() takes.
inline Allocator* of(hwalloc_allocator* allocator) noexcept {
    return reinterpret_cast<Allocator*>(allocator);
}
inline const Allocator* of(const hwalloc_allocator* allocator) noexcept {
    return reinterpret_cast<const Allocator*>(allocator);
}
inline Memory* of(hwalloc_memory* memory) noexcept {
    return reinterpret_cast<Memory*>(memory);
}
inline const Memory* of(const hwalloc_memory* memory) noexcept {
    return reinterpret_cast<const Memory*>(memory);
}
inline hwalloc_allocator* to_c(Allocator* allocator) noexcept {
    return reinterpret_cast<hwalloc_allocator*>(allocator);
}
inline hwalloc_memory* to_c(Memory* memory) noexcept {
    return reinterpret_cast<hwalloc_memory*>(memory);
}

// What a function of C answers for an error: its negative errno, and at `out`, unless that is null, a new
// error object, which is the caller's; null where there was no memory for it. Any thread.
[[gnu::cold]] HWALLOC_API int refuse(const Error& error, hwalloc_error** out) noexcept;
// What one answers that makes a participant: 0, and the participant, which is the caller's, at `participant`.
// Error: that of `made`; invalid where there is no place. Any thread.
HWALLOC_API int answer_participant(Result<ParticipantRef> made, hwalloc_participant** participant,
                                   hwalloc_error** error) noexcept;

} // namespace hwalloc::c
