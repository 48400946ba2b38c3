// Which names somebody may have meant who typed one that does not exist.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hwalloc::tools {

// Of `names`, those that differ from `word` by a few letters or contain it, the nearest first, three at most.
// Capitals do not count.
std::vector<std::string> near_names(std::string_view word, std::span<const std::string> names);

// "video0", "video0 or video1", "video0, video1 or video2"; and the same with "and".
std::string either_of(std::span<const std::string> names);
std::string all_of(std::span<const std::string> names);

} // namespace hwalloc::tools
