# 32-bit ARM with hardware floating point: ARMv7.
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(debian_architecture armhf)
set(compiler_triplet arm-linux-gnueabihf)
set(library_directory arm-linux-gnueabihf)
set(emulator qemu-arm)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
