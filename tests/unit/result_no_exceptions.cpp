// Compiled without exceptions and without the checks: a part of an application that is built so.
#define HWALLOC_CHECK_RESULTS 0

#include "hwalloc/result.h"

#ifdef __cpp_exceptions
#error "tests/unit/CMakeLists.txt compiles this file without exceptions"
#endif

namespace hwalloc {

int value_without_exceptions(Result<int>&& result);
int value_without_exceptions(Result<int>&& result) {
    return std::move(result).value();
}

void value_without_exceptions(Result<void>&& result);
void value_without_exceptions(Result<void>&& result) {
    result.value();
}

} // namespace hwalloc
