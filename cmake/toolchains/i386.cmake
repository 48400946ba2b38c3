# 32-bit x86. Its packages lie below another name than its compiler has.
set(CMAKE_SYSTEM_PROCESSOR i686)
set(debian_architecture i386)
set(compiler_triplet i686-linux-gnu)
set(library_directory i386-linux-gnu)
set(emulator qemu-i386)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
