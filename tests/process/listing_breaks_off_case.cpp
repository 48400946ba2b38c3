// A directory that cannot be read to its end: what was not told is not taken for gone.
#include <dirent.h>
#include <dlfcn.h>

#include <cerrno>

#include "hwalloc/allocator.h"
#include "hwalloc/inventory.h"
#include "tests/process/case.h"

namespace {

bool breaks = false;
int asked = 0;

template<class Entry>
Entry* next(const char* name, DIR* directory) {
    if (!breaks)
        return reinterpret_cast<Entry* (*)(DIR*)>(::dlsym(RTLD_NEXT, name))(directory);
    ++asked;
    errno = EIO;
    return nullptr;
}

} // namespace

// These take the place of the C library's, for the library as well, whichever of them it was built with.
extern "C" [[gnu::visibility("default")]] dirent* readdir(DIR* directory) {
    return next<dirent>("readdir", directory);
}
extern "C" [[gnu::visibility("default")]] dirent64* readdir64(DIR* directory) {
    return next<dirent64>("readdir64", directory);
}

int main() {
    (void)hwalloc::inventory(hwalloc::InventoryScan::quick);
    breaks = true;
    const auto items = hwalloc::inventory();
    REQUIRE(asked > 0);
    REQUIRE(items);
    // Cameras are looked for in /dev, which every machine has.
    bool told = false;
    for (const hwalloc::InventoryItem& item : *items)
        told = told || (item.why && item.why->code() == EIO);
    REQUIRE(told);
}
