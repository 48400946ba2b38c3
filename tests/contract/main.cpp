// Registers the application's own allocators before the tests are named, so that the suite runs over them
// too.
#include <cstdio>

#include "hooked.h"
#include "support.h"

// Absurd sizes are refused by malloc, as without a sanitizer, and are not a report.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options() {
    return "allocator_may_return_null=1";
}
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
    return "allocator_may_return_null=1";
}

int main(int argc, char** argv) {
    hwalloc::contract::register_application_allocators();
    testing::InitGoogleTest(&argc, argv);
    const int result = RUN_ALL_TESTS();
    for (const hwalloc::contract::Subject& subject : hwalloc::contract::subjects())
        if (!subject.absent.empty())
            std::fprintf(stderr, "ABSENT, not tested: %s: %s\n", subject.name.c_str(),
                         subject.absent.c_str());
    return result;
}
