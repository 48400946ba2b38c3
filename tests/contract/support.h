// What every contract test stands on: which allocators there are, memory from one of them, and how to say
// "done" and "refused with this kind".
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hwalloc/allocator.h"
#include "hwalloc/capabilities.h"
#include "hwalloc/inventory.h"

namespace hwalloc::contract {

inline constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();
inline constexpr MemoryFlags zeroed = MemoryFlags::zero_prefixed | MemoryFlags::zero_padded;

// In the lab every device is there by construction, so that a missing one is a failure and not a skip.
bool in_lab();

// One registered allocator and what it claims (Describes::claims).
struct Subject {
    std::string name, family;
    Allocator* allocator = nullptr;
    Describes::Claims claims;
    Properties properties;
    std::string absent; // why it cannot be used now; empty when it can
    std::vector<std::string> aliases;
};

// Every name the library knows at the start of the program, heaps found by listing and the application's own
// included.
const std::vector<Subject>& subjects();
const Subject& subject(std::string_view name);

// The names to run a suite over.
std::vector<std::string> all_names();        // everything registered or known to be missing
std::vector<std::string> allocating_names(); // can be used now, claims alloc and map
std::vector<std::string> mapping_names();    // the same, and importers that a dma-buf was found for

// What must be there in the lab.
std::vector<std::string> required_names();

// New memory of `size` bytes: by alloc, or for an importer by importing a dma-buf of another allocator.
// Empty, with a test failure, when that is refused.
MemoryRef make_memory(const Subject& subject, std::size_t size, const AllocationParams& params = {});

// The rule of Geometry::of, written again.
std::size_t expected_maxsize(const Subject& subject, std::size_t want, std::size_t align = 7);

// How many descriptors this process has open.
std::size_t open_fds();

template<class T>
testing::AssertionResult ok(const Result<T>& result) {
    if (result)
        return testing::AssertionSuccess();
    return testing::AssertionFailure()
           << to_string(result.error().kind()) << ": " << result.error().message();
}

template<class T>
testing::AssertionResult refused(const Result<T>& result, ErrorKind kind) {
    if (result)
        return testing::AssertionFailure() << "done, where \"" << to_string(kind) << "\" was expected";
    if (result.error().kind() != kind)
        return testing::AssertionFailure()
               << to_string(result.error().kind()) << " (" << result.error().message() << "), where \""
               << to_string(kind) << "\" was expected";
    if (result.error().message().empty())
        return testing::AssertionFailure() << "refused without a word";
    return testing::AssertionSuccess();
}

// Neither mapped, locked nor shared: what a refused or completed operation must leave behind. Looks by trying
// to unlock, which tells every kind of count apart, and takes nothing.
testing::AssertionResult idle(Memory& memory);

// Writes and reads bytes through a map of their own.
void fill(Memory& memory, std::uint8_t first); // first, first + 1, ...
std::vector<std::uint8_t> contents(Memory& memory);
std::vector<std::uint8_t> counting(std::size_t size, std::uint8_t first);

class ContractTest : public testing::TestWithParam<std::string> {
protected:
    const Subject& self() const { return subject(GetParam()); }
    Allocator& allocator() const { return *self().allocator; }
    MemoryRef make(std::size_t size, const AllocationParams& params = {}) const {
        return make_memory(self(), size, params);
    }
    // Whatever the test did, nothing of the application's allocators is left over.
    void TearDown() override;
};
class EveryAllocator : public ContractTest {};

// "dma-heap/system" as a test's name: dma_heap_system.
std::string test_name(const testing::TestParamInfo<std::string>& info);

// Each for one theme's fixture: over which allocators it runs.
#define HWALLOC_OVER_ALLOCATING(fixture)                                                                     \
    INSTANTIATE_TEST_SUITE_P(Over, fixture, testing::ValuesIn(::hwalloc::contract::allocating_names()),      \
                             ::hwalloc::contract::test_name)
#define HWALLOC_OVER_MAPPING(fixture)                                                                        \
    INSTANTIATE_TEST_SUITE_P(Over, fixture, testing::ValuesIn(::hwalloc::contract::mapping_names()),         \
                             ::hwalloc::contract::test_name)

} // namespace hwalloc::contract
