# What cross-builds for the Debian architectures have in common: Debian's cross compiler, and a sysroot of that architecture's
# packages, which scripts/cross makes. Included by the toolchain file of each architecture, which sets
#   debian_architecture  Debian's name of it
#   compiler_triplet     the prefix of the cross compiler's programs
#   library_directory    the architecture's own directory below /usr/lib
#   emulator             the user-mode emulator that runs its programs
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${compiler_triplet}-gcc)
set(CMAKE_CXX_COMPILER ${compiler_triplet}-g++)
set(CMAKE_LIBRARY_ARCHITECTURE ${library_directory})

if(NOT HWALLOC_SYSROOT)
    set(HWALLOC_SYSROOT $ENV{HWALLOC_SYSROOT})
endif()
if(NOT IS_DIRECTORY "${HWALLOC_SYSROOT}/usr/lib/${library_directory}")
    message(FATAL_ERROR "HWALLOC_SYSROOT (\"${HWALLOC_SYSROOT}\") is no sysroot of ${debian_architecture}: "
        "set it to what `scripts/cross ${debian_architecture} sysroot` prints")
endif()
set(HWALLOC_SYSROOT ${HWALLOC_SYSROOT} CACHE PATH "Root of a file system with the ${debian_architecture} libraries")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HWALLOC_SYSROOT)

set(CMAKE_SYSROOT ${HWALLOC_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${HWALLOC_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${HWALLOC_SYSROOT}/usr/lib/${library_directory}/pkgconfig:${HWALLOC_SYSROOT}/usr/share/pkgconfig)

find_program(HWALLOC_EMULATOR NAMES ${emulator} ${emulator}-static)
if(HWALLOC_EMULATOR)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${HWALLOC_EMULATOR} -L ${HWALLOC_SYSROOT})
endif()
