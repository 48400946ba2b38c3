// Looks the default allocator up and uses it, then shows which files the process has mapped.
#include <cstdio>
#include <fstream>
#include <iostream>

#include "hwalloc/allocator.h"

int main() {
    hwalloc::Allocator* sysmem = hwalloc::Allocator::find("sysmem");
    if (!sysmem || !sysmem->alloc(100) || !hwalloc::Allocator::resolve("sysmem")) {
        std::fputs("sysmem does not work\n", stderr);
        return 1;
    }
    std::cout << std::ifstream("/proc/self/maps").rdbuf();
    return 0;
}
