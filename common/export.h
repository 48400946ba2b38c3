// What every public header begins with: the language it needs, and marks for declarations.
#pragma once

#if __cplusplus <= 201703L
#error "hwalloc needs C++20 or later: compile with -std=c++20 (CMake: CXX_STANDARD 20)"
#include <hwalloc needs C++20> // is no file: ends the compilation before hundreds of errors that say less
#endif

// Marks what the shared library offers; everything else is hidden by default.
#define HWALLOC_API [[gnu::visibility("default")]]
// On a class declared inside a class that is offered: its members are not.
#define HWALLOC_LOCAL [[gnu::visibility("hidden")]]

// On a member function whose result is valid as long as the object is: clang warns (-Wdangling) where the
// object is a temporary and the result is kept.
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(clang::lifetimebound)
#define HWALLOC_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef HWALLOC_LIFETIMEBOUND
#define HWALLOC_LIFETIMEBOUND
#endif
