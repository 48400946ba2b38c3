// Uses hwalloc as an application would, from what was installed alone: finds an allocator by name, allocates,
// writes, shares and reads. Prints the version; any surprise is a message and exit code 1.
#include <cstdio>
#include <cstring>

#include "hwalloc/allocator.h"
#include "hwalloc/inventory.h"

static_assert(__cplusplus >= 202002L, "hwalloc's users need C++20, and its package says so");

namespace {

int fail(const char* what, const hwalloc::Error& error) {
    std::fprintf(stderr, "%s: %s\n", what, error.message().c_str());
    return 1;
}

} // namespace

int main(int argc, char** argv) {
    const char* name = argc > 1 ? argv[1] : "sysmem";
    auto allocator = hwalloc::Allocator::resolve(name);
    if (!allocator)
        return fail("resolve", allocator.error());
    auto memory = (*allocator)->alloc(64);
    if (!memory)
        return fail("alloc", memory.error());
    {
        auto mapping = (*memory)->map(hwalloc::MapFlags::write);
        if (!mapping)
            return fail("map", mapping.error());
        std::memcpy(mapping->data() + 16, "hello", 6);
    }
    auto view = (*memory)->share(16, 6);
    if (!view)
        return fail("share", view.error());
    auto mapping = (*view)->map(hwalloc::MapFlags::read);
    if (!mapping)
        return fail("map of the share", mapping.error());
    if (mapping->size() != 6 || std::memcmp(mapping->data(), "hello", 6) != 0) {
        std::fprintf(stderr, "the share shows something else\n");
        return 1;
    }
    const auto version = hwalloc::version();
    std::printf("%.*s\n", static_cast<int>(version.size()), version.data());
    return 0;
}
