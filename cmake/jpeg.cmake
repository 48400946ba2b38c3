# The library that decodes a camera's JPEGs: libjpeg-turbo 1.5 or later. CMake's own module takes any libjpeg, and knows no
# version but that of the interface (6.2), which is older than libjpeg-turbo.
include(CheckCXXSourceCompiles)

find_package(JPEG REQUIRED)
# What is called that others do not have: pixels in B, G, R and a byte more (1.2), a source in memory (1.3, unless it is built
# without) which need not be writable (1.5). Without Huffman tables in a file those of the standard are taken (1.4), which
# shows only when it is decoded; the number of the version came with 1.5.
set(CMAKE_REQUIRED_LIBRARIES JPEG::JPEG)
check_cxx_source_compiles("
    #include <cstdio>
    #include <jpeglib.h>
    #if LIBJPEG_TURBO_VERSION_NUMBER < 1005000
    #error too old, or not libjpeg-turbo
    #endif
    int main() {
        static const unsigned char file[1] = {0};
        jpeg_decompress_struct decoder{};
        decoder.out_color_space = JCS_EXT_BGRX;
        jpeg_mem_src(&decoder, file, sizeof file);
    }" HWALLOC_JPEG_DOES)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT HWALLOC_JPEG_DOES)
    unset(HWALLOC_JPEG_DOES CACHE) # looked at again when another one is there
    message(FATAL_ERROR "The hwalloc command needs libjpeg-turbo 1.5 or later, and the libjpeg that was found is none "
        "(${JPEG_LIBRARIES}, with its headers in ${JPEG_INCLUDE_DIRS}): install it (Debian: libjpeg62-turbo-dev; Ubuntu: "
        "libjpeg-turbo8-dev), name it with -DJPEG_INCLUDE_DIR and -DJPEG_LIBRARY, or leave the command out with "
        "-DHWALLOC_TOOLS=OFF. What the compiler said is in CMakeFiles/CMakeError.log, or CMakeConfigureLog.yaml beside it.")
endif()
