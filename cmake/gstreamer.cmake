# libhwalloc-gst.so: hwalloc's allocators as GstAllocators, hwalloc/gst.h; and the plugin of GStreamer that uses it.
set(HWALLOC_GSTREAMER AUTO CACHE STRING "Build the GStreamer library and plugin: ON, OFF, or AUTO (when what they need is found)")
set_property(CACHE HWALLOC_GSTREAMER PROPERTY STRINGS AUTO ON OFF)

set(gstreamer_missing "")
if(HWALLOC_GSTREAMER)
    pkg_check_modules(GSTREAMER QUIET IMPORTED_TARGET GLOBAL gstreamer-1.0>=1.22 gstreamer-base-1.0)
    pkg_check_modules(GSTREAMER_VIDEO QUIET IMPORTED_TARGET GLOBAL gstreamer-video-1.0>=1.22 gstreamer-allocators-1.0>=1.22)
    if(NOT GSTREAMER_FOUND)
        list(APPEND gstreamer_missing "gstreamer-1.0 1.22 or later (Debian: libgstreamer1.0-dev)")
    endif()
    if(NOT GSTREAMER_VIDEO_FOUND)
        list(APPEND gstreamer_missing
            "gstreamer-allocators-1.0 and gstreamer-video-1.0 1.22 or later (Debian: libgstreamer-plugins-base1.0-dev)")
    endif()
    if(hwalloc_kind STREQUAL STATIC)
        list(APPEND gstreamer_missing "shared libhwalloc, which the plugin and the application use together (BUILD_SHARED_LIBS)")
    endif()
endif()
list(JOIN gstreamer_missing ", and no " gstreamer_missing)
if(gstreamer_missing AND NOT HWALLOC_GSTREAMER STREQUAL AUTO)
    message(FATAL_ERROR "HWALLOC_GSTREAMER is ${HWALLOC_GSTREAMER}, and there is no ${gstreamer_missing}")
endif()
set(HWALLOC_GST_HEADERS "")
if(NOT HWALLOC_GSTREAMER OR gstreamer_missing)
    if(gstreamer_missing)
        message(STATUS "No GStreamer: there is no ${gstreamer_missing}")
    endif()
    file(REMOVE ${public_include}/hwalloc/gst.h)
    return()
endif()

set(HWALLOC_GST_HEADERS integrations/gstreamer/gst.h)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/integrations/gstreamer/gst.h ${public_include}/hwalloc/gst.h SYMBOLIC)
set(gst_room ${PROJECT_SOURCE_DIR}/integrations/gstreamer)

# The macros of GLib and GStreamer cast in C's way, and compare functions with pointers to data.
add_library(hwalloc_gst_warnings INTERFACE)
target_compile_options(hwalloc_gst_warnings INTERFACE -Wno-old-style-cast -Wno-cast-align
    $<$<CXX_COMPILER_ID:Clang>:-Wno-pedantic>)

add_library(hwalloc-gst SHARED ${gst_room}/access.cpp ${gst_room}/allocator.cpp ${gst_room}/memory.cpp ${gst_room}/registry.cpp ${gst_room}/keeping.cpp
    ${gst_room}/part.cpp ${gst_room}/views.cpp)
add_library(hwalloc::gst ALIAS hwalloc-gst)
target_compile_options(hwalloc-gst PRIVATE -fno-semantic-interposition -fno-plt ${debug_information})
target_link_libraries(hwalloc-gst PRIVATE hwalloc_warnings hwalloc_gst_warnings PkgConfig::GSTREAMER_VIDEO
    PUBLIC hwalloc::hwalloc PkgConfig::GSTREAMER)
# GObject's types are never unloaded.
set_target_properties(hwalloc-gst PROPERTIES EXPORT_NAME gst
    VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/hwalloc-gst.map)
target_link_options(hwalloc-gst PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/hwalloc-gst.map -Wl,--no-undefined -Wl,-z,relro,-z,now,-z,nodelete)

# In a directory of its own, which a build's GST_PLUGIN_PATH names.
add_library(gsthwalloc MODULE ${gst_room}/plugin.cpp ${gst_room}/hwallocate.cpp ${gst_room}/choice.cpp
    ${gst_room}/frame_size.cpp ${gst_room}/buffer_pool.cpp)
target_compile_definitions(gsthwalloc PRIVATE HWALLOC_VERSION="${PROJECT_VERSION}")
target_link_libraries(gsthwalloc PRIVATE hwalloc-gst hwalloc_warnings hwalloc_gst_warnings PkgConfig::GSTREAMER_VIDEO ${CMAKE_DL_LIBS})
set_target_properties(gsthwalloc PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/gstreamer-1.0)
target_link_options(gsthwalloc PRIVATE -Wl,--no-undefined -Wl,-z,relro,-z,now,-z,nodelete)
