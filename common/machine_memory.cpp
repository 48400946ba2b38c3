#include "common/machine_memory.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "common/read_file.h"

namespace hwalloc {
namespace {

// The bytes of a line "KEY:    123 kB".
std::optional<std::uint64_t> bytes_of(std::string_view key, std::string_view text) noexcept {
    auto at = text.find(key);
    if (at == std::string_view::npos)
        return std::nullopt;
    at = text.find_first_not_of(' ', at + key.size());
    if (at == std::string_view::npos)
        return std::nullopt;
    const auto kilobytes = leading_number(text.substr(at));
    return kilobytes ? std::optional(*kilobytes * 1024) : std::nullopt;
}

} // namespace

Result<MachineMemory> machine_memory() noexcept {
    auto text = read_file("/proc/meminfo", 16384);
    if (!text)
        return std::move(text).error();
    const auto total = bytes_of("MemTotal:", *text);
    const auto available = bytes_of("MemAvailable:", *text);
    if (!total || !available)
        return Error(ErrorKind::unsupported, "/proc/meminfo does not tell how much memory there is");
    return MachineMemory{.total = *total, .available = *available + bytes_of("SwapFree:", *text).value_or(0)};
}

Result<void> check_machine_has(std::uint64_t bytes) noexcept {
    const auto memory = machine_memory();
    // No less than what allocators take between two looks (common/memory_watch.h), but on the smallest
    // machines.
    constexpr std::uint64_t least = 16 << 20;
    const std::uint64_t kept = memory ? std::min(std::max(memory->total / 64, least), memory->total / 8) : 0;
    if (!memory || (kept < memory->available && bytes <= memory->available - kept))
        return {};
    return Error(ErrorKind::exhausted, "looking for free memory")
        .wanted(bytes)
        .held(memory->available)
        .remedy("the machine has not that much memory free, and its kernel would rather end a process than "
                "refuse: "
                "ask for less, or end what takes the memory");
}

} // namespace hwalloc
