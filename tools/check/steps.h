// The steps of `hwalloc check`: the contract of the public headers, tried on one allocator of the running
// machine. The steps' names are part of the command's output and are kept stable.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"

namespace hwalloc::tools::checks {

// What a step throws: the contract is broken; what() says where, what was expected and what was found.
struct Failed : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// The allocator or the machine honestly cannot; what() says why.
struct Unsupported : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// The allocator under test.
struct Subject {
    std::string name;
    Allocator* allocator = nullptr;
    bool describes = false;       // it has the interface Describes; else claims and properties are guesses
    Describes::Claims claims;     // what it says it can do
    Properties properties;        // what it says it is
    Allocator* donor = nullptr;   // another allocator that makes dma-bufs, for what imports them
    Allocator* another = nullptr; // any other allocator that can make memory

    // Memory of `size` visible bytes: allocated, or, where the allocator only imports, imported from the
    // donor.
    MemoryRef make(std::size_t size) const;
    // Allocated with parameters; only where alloc is claimed.
    MemoryRef make(std::size_t size, const AllocationParams& params) const;
};

// How a WRITE map of memory that is READONLY is refused: where nothing can be mapped, that is said first.
inline ErrorKind write_refusal(const Subject& subject) {
    return subject.claims.map ? ErrorKind::conflict : ErrorKind::unsupported;
}

// What a step needs of the allocator's claims; without it the step is unsupported.
enum Need : unsigned {
    nothing = 0,
    alloc = 1,
    memory = 2, // alloc or import
    map = 4,
    export_dmabuf = 8,
    export_memfd = 16,
    import_dmabuf = 32,
    image = 64,
};

struct Step {
    const char* name;
    unsigned needs; // bits of Need
    const char* shows;
    // Returns when the step passed; what it found on the way, or nothing.
    std::string (*run)(const Subject& subject);
    bool base = false; // when it fails the others say nothing, and are not run
};

// Every step in the order they run.
std::span<const Step> steps();

// ---- what the steps are written with

std::string flags_text(MemoryFlags flags);

inline void holds(std::string_view what, bool condition) {
    if (!condition)
        throw Failed(fmt::format("expected: {}", what));
}

template<class A, class B>
void equal(std::string_view what, const A& expected, const B& found) {
    if (!(expected == found))
        throw Failed(fmt::format("{}: expected {}, found {}", what, expected, found));
}

// The value of a call that must succeed.
template<class T>
T must(std::string_view what, Result<T> result) {
    if (!result)
        throw Failed(fmt::format("{}: expected success, found: {}", what, result.error().message()));
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

void refused_as(std::string_view what, const Error* error, std::initializer_list<ErrorKind> kinds);
// A call that must fail, with one of `kinds`, or with any kind when there are none.
template<class T>
void refused(std::string_view what, const Result<T>& result, std::initializer_list<ErrorKind> kinds = {}) {
    refused_as(what, result ? nullptr : &result.error(), kinds);
}

// Bytes that differ from their neighbours and between seeds.
std::uint8_t pattern(std::size_t at, unsigned seed) noexcept;
void fill(std::span<std::uint8_t> bytes, unsigned seed) noexcept;
void expect_pattern(std::string_view what, std::span<const std::uint8_t> bytes, unsigned seed,
                    std::size_t first = 0);
void expect_all(std::string_view what, std::span<const std::uint8_t> bytes, std::uint8_t value);

// Writes the pattern through a WRITE map; reads it through a READ map. `first`: the pattern's index of the
// first byte.
void write_pattern(Memory& memory, unsigned seed);
void read_pattern(std::string_view what, Memory& memory, unsigned seed, std::size_t first = 0);

// ---- the steps, by subject
std::string alloc_sizes(const Subject& subject);
std::string alloc_zero_size(const Subject& subject);
std::string alloc_alignment(const Subject& subject);
std::string alloc_window(const Subject& subject);
std::string alloc_zeroing(const Subject& subject);
std::string alloc_fresh_zero(const Subject& subject);
std::string alloc_flags(const Subject& subject);
std::string alloc_bad_parameters(const Subject& subject);
std::string free_memory(const Subject& subject);
std::string handles(const Subject& subject);
std::string map_bytes(const Subject& subject);
std::string map_nesting(const Subject& subject);
std::string map_unmap_order(const Subject& subject);
std::string map_keeps_alive(const Subject& subject);
std::string map_refusals(const Subject& subject);
std::string locks(const Subject& subject);
std::string share_window(const Subject& subject);
std::string share_bounds(const Subject& subject);
std::string share_readonly(const Subject& subject);
std::string share_exclusion(const Subject& subject);
std::string resize_window(const Subject& subject);
std::string copy_memory(const Subject& subject);
std::string is_span(const Subject& subject);
std::string wrap_memory(const Subject& subject);
std::string claims_hold(const Subject& subject);
std::string export_a_dmabuf(const Subject& subject);
std::string export_a_memfd(const Subject& subject);
std::string import_a_dmabuf(const Subject& subject);
std::string allocate_images(const Subject& subject);
std::string threads(const Subject& subject);
std::string no_leak(const Subject& subject);

} // namespace hwalloc::tools::checks
