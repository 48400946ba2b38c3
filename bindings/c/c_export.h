/* How the C interface is declared, for C and for C++ compilers. */
#pragma once

#ifdef __cplusplus
#define HWALLOC_C_BEGIN extern "C" {
#define HWALLOC_C_END }
#define HWALLOC_C_NOEXCEPT noexcept
#else
#define HWALLOC_C_BEGIN
#define HWALLOC_C_END
#define HWALLOC_C_NOEXCEPT
#endif
#define HWALLOC_C_API __attribute__((visibility("default")))
