// Percentiles of something that is measured for each frame.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hwalloc::tools {

// Keeps the last 65536 measurements, in room that is there from the beginning: add() allocates nothing.
class Samples {
public:
    // `expected`: how many will come; 0: unknown.
    explicit Samples(std::uint64_t expected = 0)
        : kept_(static_cast<std::size_t>(expected ? std::min(expected, most) : most)) {}

    void add(std::int64_t value) { kept_[static_cast<std::size_t>(count_++ % kept_.size())] = value; }
    std::uint64_t count() const { return count_; }

    struct Percentiles {
        std::optional<double> p50, p99; // in thousandths of the unit: nanoseconds come out as microseconds
    };
    // Empty without a measurement.
    Percentiles percentiles() const {
        if (count_ == 0)
            return {};
        std::vector<std::int64_t> sorted(
            kept_.begin(),
            kept_.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(count_, kept_.size())));
        std::sort(sorted.begin(), sorted.end());
        const auto at = [&](std::size_t percent) {
            return static_cast<double>(sorted[(sorted.size() - 1) * percent / 100]) / 1000.0;
        };
        return {at(50), at(99)};
    }

private:
    static constexpr std::uint64_t most = 65536;
    std::vector<std::int64_t> kept_;
    std::uint64_t count_ = 0;
};

} // namespace hwalloc::tools
