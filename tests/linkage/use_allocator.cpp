// Resolves an allocator by its name and uses it, then shows which files the process has mapped. Exit code 1,
// and why on standard error: it cannot be had; the files are shown all the same.
#include <cstdio>
#include <fstream>
#include <iostream>

#include "hwalloc/allocator.h"

int main(int argc, char** argv) {
    const char* name = argc > 1 ? argv[1] : "";
    int code = 0;
    if (auto allocator = hwalloc::Allocator::resolve(name); !allocator) {
        std::fprintf(stderr, "%s\n", allocator.error().message().c_str());
        code = 1;
    } else if (auto memory = (*allocator)->alloc(100);
               !memory || hwalloc::Allocator::find(name) != *allocator) {
        std::fprintf(stderr, "%s does not work\n", name);
        code = 2;
    }
    std::cout << std::ifstream("/proc/self/maps").rdbuf();
    return code;
}
