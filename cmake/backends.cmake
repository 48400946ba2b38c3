# hwalloc_backends(NAME...): compiles backends/NAME/*.cpp into the library and lists each backend's description
# (`backend_NAME`) in a constant table, in this order: the first is the built-in default allocator's. A constant table
# instead of static constructors works for static linking and link-time optimisation alike.
function(hwalloc_backends)
    set(declarations "")
    set(rows "")
    foreach(name IN LISTS ARGN)
        file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/backends/${name}/*.cpp)
        target_sources(hwalloc_objects PRIVATE ${sources})
        hwalloc_rooms(${sources})
        string(APPEND declarations "extern const Backend backend_${name};\n")
        string(APPEND rows "    &backend_${name},\n")
    endforeach()
    set(table ${PROJECT_BINARY_DIR}/generated/built_in_backends.cpp)
    file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [[
// Made by cmake/backends.cmake: what is built into this library.
#include "allocators/registry/registry.h"

namespace hwalloc {
@declarations@
extern const Backend* const built_in_backends[];
const Backend* const built_in_backends[] = {
@rows@    nullptr,
};
} // namespace hwalloc
]])
    target_sources(hwalloc_objects PRIVATE ${table})
endfunction()

# hwalloc_companions(FAMILIES SONAME REMEDY ...): the constant table of libraries that are not in the process until a name of
# one of their families is asked for.
function(hwalloc_companions)
    set(rows "")
    while(ARGN)
        list(POP_FRONT ARGN families soname remedy)
        string(APPEND rows "    {\"${families}\", \"${soname}\", \"${remedy}\"},\n")
    endwhile()
    set(table ${PROJECT_BINARY_DIR}/generated/companions.cpp)
    file(CONFIGURE OUTPUT ${table} @ONLY CONTENT [[
// Made by cmake/backends.cmake: what is loaded when it is asked for.
#include "allocators/registry/loader.h"

namespace hwalloc {
extern const Companion companions[];
const Companion companions[] = {
@rows@    {nullptr, nullptr, nullptr},
};
} // namespace hwalloc
]])
    target_sources(hwalloc_objects PRIVATE ${table})
endfunction()
