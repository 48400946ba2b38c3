// Names in the structures that drivers fill in: not always ended by a zero.
#pragma once

#include <linux/types.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace hwalloc::v4l2::detail {

// May throw std::bad_alloc.
template<std::size_t Size>
std::string driver_text(const __u8 (&field)[Size]) {
    const char* start = reinterpret_cast<const char*>(field);
    return {start, strnlen(start, Size)};
}

} // namespace hwalloc::v4l2::detail
