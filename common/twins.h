#pragma once
#include <array>
#include "hwalloc/result.h"
#include "hwalloc/unique_fd.h"
namespace hwalloc {
Result<std::array<UniqueFd, 2>> make_twins(std::size_t size) noexcept;
}
