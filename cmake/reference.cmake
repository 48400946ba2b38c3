# Manual pages of the C interface (man 3 hwalloc_alloc), from the comments in its headers. Python makes them, where it is.
find_package(Python3 QUIET COMPONENTS Interpreter)
if(NOT Python3_Interpreter_FOUND)
    message(STATUS "No manual pages of the C interface: there is no Python 3")
    return()
endif()
set(reference ${PROJECT_BINARY_DIR}/man3)
set(reference_headers ${HWALLOC_C_HEADERS} ${HWALLOC_VULKAN_HEADERS})
list(FILTER reference_headers INCLUDE REGEX "^bindings/.*(c_[a-z_]+|/hwalloc)\\.h$")
list(APPEND reference_headers ${HWALLOC_GST_HEADERS})
list(TRANSFORM reference_headers PREPEND ${PROJECT_SOURCE_DIR}/)
add_custom_command(OUTPUT ${reference}.stamp VERBATIM DEPENDS ${reference_headers} ${PROJECT_SOURCE_DIR}/cmake/reference.py
    COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/cmake/reference.py ${PROJECT_VERSION} ${reference} ${reference_headers}
    COMMAND ${CMAKE_COMMAND} -E touch ${reference}.stamp
    COMMENT "Writing the manual pages of the C interface")
add_custom_target(hwalloc_reference ALL DEPENDS ${reference}.stamp)
install(DIRECTORY ${reference}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT Development FILES_MATCHING PATTERN "*.3")
