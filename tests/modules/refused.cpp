// Modules that the library has to refuse before it runs any of their code.
#include <cstdlib>

#include "hwalloc/backend.h"

#if defined(HWALLOC_TEST_NO_SYMBOL)

extern "C" __attribute__((visibility("default"))) int hwalloc_test_something_else() {
    return 1;
}

#else

namespace {
[[maybe_unused]] hwalloc::Result<void> discover(hwalloc::BackendHost&) noexcept {
    std::abort(); // a module that is refused is never asked
}
} // namespace

extern "C" __attribute__((visibility("default"))) const hwalloc::Backend hwalloc_backend_v1 = {
#if defined(HWALLOC_TEST_OTHER_ABI)
    sizeof(hwalloc::Backend), "hwalloc-99.7", "other_abi", "test", nullptr, discover
#elif defined(HWALLOC_TEST_EARLIER_ABI)
    sizeof(hwalloc::Backend), "hwalloc-0.1", "earlier_abi", "test", nullptr, discover
#elif defined(HWALLOC_TEST_SHORT)
    16,      HWALLOC_BACKEND_ABI, "short", "test", nullptr,
    discover
#elif defined(HWALLOC_TEST_INCOMPLETE)
    sizeof(hwalloc::Backend), HWALLOC_BACKEND_ABI, "incomplete", "test", nullptr, nullptr
#endif
};

#endif
