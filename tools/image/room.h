// Room for the numbers of a whole picture, whose size somebody else told.
#pragma once

#include <cstdint>
#include <vector>

#include "hwalloc/result.h"

namespace hwalloc::tools {

// Makes `numbers`, of 8 or of 16 bits, as many as `count`, if the machine has the memory that this takes;
// what was in them is not kept. Error: exhausted, with both sizes in bytes.
template<class Number>
Result<void> make_room(std::vector<Number>& numbers, std::uint64_t count);

} // namespace hwalloc::tools
