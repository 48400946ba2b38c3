# Cross-build for 64-bit ARM with Debian's cross compiler and a sysroot of arm64 packages, which scripts/arm64 makes. Tests
# run under user-mode emulation.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

if(NOT HWALLOC_SYSROOT)
    set(HWALLOC_SYSROOT $ENV{HWALLOC_SYSROOT})
endif()
if(NOT IS_DIRECTORY "${HWALLOC_SYSROOT}/usr/include")
    message(FATAL_ERROR "HWALLOC_SYSROOT (\"${HWALLOC_SYSROOT}\") is no sysroot: run scripts/arm64, or set it")
endif()
set(HWALLOC_SYSROOT ${HWALLOC_SYSROOT} CACHE PATH "Root of a file system with the arm64 libraries")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HWALLOC_SYSROOT)

set(CMAKE_SYSROOT ${HWALLOC_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${HWALLOC_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${HWALLOC_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${HWALLOC_SYSROOT}/usr/share/pkgconfig)

find_program(HWALLOC_QEMU_AARCH64 NAMES qemu-aarch64 qemu-aarch64-static)
if(HWALLOC_QEMU_AARCH64)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${HWALLOC_QEMU_AARCH64} -L ${HWALLOC_SYSROOT})
endif()
