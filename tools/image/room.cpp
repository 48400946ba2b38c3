#include "tools/image/room.h"

#include <exception>

#include "hwalloc/machine_memory.h"

namespace hwalloc::tools {

template<class Number>
Result<void> make_room(std::vector<Number>& numbers, std::uint64_t count) {
    const std::uint64_t most = numbers.max_size();
    if (count > most)
        return Error(ErrorKind::exhausted, "making a picture of more than a process can have")
            .wanted(count > UINT64_MAX / sizeof(Number) ? UINT64_MAX : count * sizeof(Number))
            .held(most * sizeof(Number));
    if (count <= numbers.capacity()) {
        numbers.resize(static_cast<std::size_t>(count));
        return {};
    }
    // Memory is given page by page, as it is written: there is no refusal then.
    const std::uint64_t bytes = count * sizeof(Number);
    if (auto enough = check_machine_has(bytes); !enough)
        return Error(enough.error()).doing("making a picture");
    try {
        numbers = std::vector<Number>(static_cast<std::size_t>(count));
    } catch (const std::exception&) {
        return Error(ErrorKind::exhausted, "making a picture").wanted(bytes);
    }
    return {};
}

template Result<void> make_room(std::vector<std::uint8_t>& numbers, std::uint64_t count);
template Result<void> make_room(std::vector<std::uint16_t>& numbers, std::uint64_t count);

} // namespace hwalloc::tools
