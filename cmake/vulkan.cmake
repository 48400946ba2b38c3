# libhwalloc-vulkan.so: the backend "vulkan" and hwalloc/vulkan.h. A library of its own, so that libhwalloc needs no Vulkan:
# applications link it, or libhwalloc loads it when a name "vulkan/…" is asked for.
set(HWALLOC_VULKAN AUTO CACHE STRING "Build the Vulkan library: ON, OFF, or AUTO (when what it needs is found)")
set_property(CACHE HWALLOC_VULKAN PROPERTY STRINGS AUTO ON OFF)

# Where scripts/setup keeps the header of VMA on systems whose packages have none.
if(DEFINED ENV{HWALLOC_CACHE})
    set(vma_cache $ENV{HWALLOC_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(vma_cache $ENV{XDG_CACHE_HOME}/hwalloc)
else()
    set(vma_cache $ENV{HOME}/.cache/hwalloc)
endif()

set(vulkan_missing "")
if(HWALLOC_VULKAN)
    find_package(Vulkan QUIET GLOBAL)
    find_path(HWALLOC_VMA_INCLUDE_DIR vk_mem_alloc.h PATH_SUFFIXES vma DOC "Where vk_mem_alloc.h is")
    find_path(HWALLOC_VMA_INCLUDE_DIR vk_mem_alloc.h PATHS ${vma_cache}/vma-trixie NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
    find_program(HWALLOC_GLSLANG glslangValidator DOC "Compiles GLSL to SPIR-V")
    if(NOT Vulkan_FOUND)
        list(APPEND vulkan_missing "Vulkan's headers and loader (Debian: libvulkan-dev)")
    endif()
    if(NOT HWALLOC_VMA_INCLUDE_DIR)
        list(APPEND vulkan_missing "vk_mem_alloc.h (Debian 13: libvulkan-memory-allocator-dev, Debian 12: by scripts/setup)")
    endif()
    if(NOT HWALLOC_GLSLANG)
        list(APPEND vulkan_missing "glslangValidator (Debian: glslang-tools)")
    endif()
    if(hwalloc_kind STREQUAL STATIC)
        list(APPEND vulkan_missing "shared libhwalloc, which the Vulkan library and the application use together (BUILD_SHARED_LIBS)")
    endif()
endif()
list(JOIN vulkan_missing ", and no " vulkan_missing)
if(vulkan_missing AND NOT HWALLOC_VULKAN STREQUAL AUTO)
    message(FATAL_ERROR "HWALLOC_VULKAN is ${HWALLOC_VULKAN}, and there is no ${vulkan_missing}")
endif()

# hwalloc_shaders(TARGET FILE...): compiles each GLSL file to SPIR-V when TARGET is built. `bars.comp` becomes the array
# hwalloc_shaders::bars_comp of 32-bit words in the header "shaders/bars.comp.h".
function(hwalloc_shaders target)
    set(directory ${CMAKE_CURRENT_BINARY_DIR}/${target}.shaders)
    set(headers "")
    foreach(source IN LISTS ARGN)
        get_filename_component(source ${source} ABSOLUTE)
        get_filename_component(name ${source} NAME)
        string(MAKE_C_IDENTIFIER ${name} array)
        set(words ${directory}/shaders/${name}.words)
        add_custom_command(OUTPUT ${words} DEPENDS ${source} DEPFILE ${words}.d VERBATIM
            COMMAND ${HWALLOC_GLSLANG} --quiet --target-env vulkan1.1 --depfile ${words}.d -x -o ${words} ${source}
            COMMENT "Compiling shader ${name}")
        file(CONFIGURE OUTPUT ${directory}/shaders/${name}.h @ONLY CONTENT [[
// Made by cmake/vulkan.cmake from @name@: SPIR-V.
#pragma once

#include <cstdint>

namespace hwalloc_shaders {
inline constexpr std::uint32_t @array@[] = {
#include "@name@.words"
};
} // namespace hwalloc_shaders
]])
        list(APPEND headers ${words} ${directory}/shaders/${name}.h)
    endforeach()
    target_sources(${target} PRIVATE ${headers})
    target_include_directories(${target} SYSTEM PRIVATE ${directory})
endfunction()

set(HWALLOC_VULKAN_HEADERS "")
if(NOT HWALLOC_VULKAN OR vulkan_missing)
    if(vulkan_missing)
        message(STATUS "No Vulkan: there is no ${vulkan_missing}")
    endif()
    # A build that had it before must not go on offering the header.
    file(REMOVE ${public_include}/hwalloc/vulkan.h ${public_include}/hwalloc/c_vulkan.h)
    return()
endif()

set(HWALLOC_VULKAN_HEADERS backends/vulkan/vulkan.h bindings/vulkan/c_vulkan.h)
foreach(header IN LISTS HWALLOC_VULKAN_HEADERS)
    get_filename_component(name ${header} NAME)
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${header} ${public_include}/hwalloc/${name} SYMBOLIC)
endforeach()

file(GLOB vulkan_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/backends/vulkan/*.cpp)
file(GLOB vulkan_c_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bindings/vulkan/*.cpp)
set_source_files_properties(${vulkan_c_sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON) # of another directory
# VMA's own code, with its warnings left out, is compiled alone.
set_source_files_properties(${PROJECT_SOURCE_DIR}/backends/vulkan/vma.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
# Vulkan's structures have many members, and those that an initializer leaves out are zero, which is what Vulkan wants.
# Linked after hwalloc_warnings: for clang the last word counts.
add_library(hwalloc_vulkan_warnings INTERFACE)
target_compile_options(hwalloc_vulkan_warnings INTERFACE -Wno-missing-field-initializers)

# As hwalloc_objects: for the library, and straight into tests that look inside.
add_library(hwalloc_vulkan_objects OBJECT ${vulkan_sources} ${vulkan_c_sources})
target_include_directories(hwalloc_vulkan_objects PUBLIC ${PROJECT_SOURCE_DIR} ${public_include})
target_include_directories(hwalloc_vulkan_objects SYSTEM PUBLIC ${HWALLOC_VMA_INCLUDE_DIR})
target_compile_options(hwalloc_vulkan_objects PRIVATE -fno-semantic-interposition -fno-plt ${debug_information})
target_link_libraries(hwalloc_vulkan_objects PRIVATE hwalloc_warnings hwalloc_vulkan_warnings PUBLIC Vulkan::Vulkan)

# It uses libhwalloc as any module does, by what that exports, so it has a kernel table of its own, and the layouts of C.
add_library(hwalloc-vulkan SHARED ${PROJECT_SOURCE_DIR}/common/fork_safe_mutex.cpp ${PROJECT_SOURCE_DIR}/common/kernel.cpp
    ${PROJECT_SOURCE_DIR}/bindings/c/layout.cpp)
set_target_properties(hwalloc-vulkan PROPERTIES UNITY_BUILD OFF)
add_library(hwalloc::vulkan ALIAS hwalloc-vulkan)
target_link_libraries(hwalloc-vulkan PRIVATE hwalloc_vulkan_objects PUBLIC hwalloc::hwalloc Vulkan::Headers)
set_target_properties(hwalloc-vulkan PROPERTIES EXPORT_NAME vulkan
    VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/hwalloc-vulkan.map)
target_link_options(hwalloc-vulkan PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/hwalloc-vulkan.map -Wl,--no-undefined -Wl,-z,relro,-z,now,-z,nodelete)
