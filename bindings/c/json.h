// An error as a JSON object.
#pragma once

#include <string>

#include "bindings/c/answer.h"

namespace hwalloc::c {

// As docs/schemas/common.json has it. May throw std::bad_alloc.
std::string json_of(const hwalloc_error& error);

// The same of a shortage of memory.
inline constexpr const char* no_memory_json =
    R"({"kind": "exhausted", "message": "out of memory", "operation": "out of memory", "device": null, "call": null, )"
    R"("errno": null, "vk_result": null, "size_wanted": null, "size_held": null, "remedy": null, "mend": null, )"
    R"("causes": []})";

} // namespace hwalloc::c
