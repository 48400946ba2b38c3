// Errors of the C interface while there is no memory for them, or for the first few requests only: the number
// is answered all the same, and what was asked for is not half made.
#include <cerrno>
#include <cstring>

#include "hwalloc/hwalloc.h"
#include "tests/process/case.h"
#include "tests/process/refused_memory.h"

namespace {

constexpr int no_limit = -1;
int requests_left = no_limit;

bool refuse() {
    if (requests_left == no_limit)
        return false;
    if (requests_left == 0)
        return true;
    --requests_left;
    return false;
}

} // namespace

int main() {
    REQUIRE(hwalloc_find("sysmem") != nullptr);
    int without = 0, with = 0, lists = 0;
    for (int requests = 0; with == 0 || lists == 0;
         ++requests) { // a machine with many devices has long lists
        int unset = 0;
        auto* error = reinterpret_cast<hwalloc_error*>(&unset);
        hwalloc_allocator* none = nullptr;
        requests_left = requests;
        const int answer = hwalloc_resolve("no-such-thing", &none, &error);
        const char* const json = hwalloc_error_json(error);
        requests_left = no_limit;
        REQUIRE(answer == -ENOENT || answer == -ENOMEM);
        REQUIRE(none == nullptr);
        REQUIRE(std::strlen(hwalloc_error_message(error)) > 0 && std::strlen(json) > 20);
        ++(error ? with : without);
        hwalloc_error_free(error);

        hwalloc_inventory* all = nullptr;
        error = nullptr;
        requests_left = requests;
        const int listed = hwalloc_inventory_new(HWALLOC_SCAN_QUICK, &all, &error);
        requests_left = no_limit;
        REQUIRE(listed == 0 || listed == -ENOMEM);
        REQUIRE((listed == 0) == (all != nullptr));
        lists += listed == 0;
        hwalloc_error_free(error);
        hwalloc_inventory_free(all);
    }
    REQUIRE(without > 0);
}
