# What `cmake --install` gives: the public headers, libhwalloc.so, hwalloc.pc, the CMake package hwalloc::hwalloc, the
# hwalloc command, the manual pages, the documents and the examples; and where it was built libhwalloc-vulkan.so,
# hwalloc-vulkan.pc and the package's component vulkan, and libhwalloc-gst.so, hwalloc-gst.pc and GStreamer's plugin. Nothing installed names the build directory, and the prefix can be
# moved, by `cmake --install --prefix` and later.
include(CMakePackageConfigHelpers)

# hwalloc_install_program(TARGET): into bin, finding the library beside it wherever the prefix is moved to.
# hwalloc_install_part(TARGET DIRECTORY): a module of a program, likewise.
function(hwalloc_install_program target)
    if(NOT HWALLOC_INSTALL)
        return()
    endif()
    hwalloc_find_library_from(${target} ${CMAKE_INSTALL_FULL_BINDIR})
    install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT Runtime)
endfunction()
function(hwalloc_install_part target directory)
    if(NOT HWALLOC_INSTALL)
        return()
    endif()
    cmake_path(ABSOLUTE_PATH directory BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX} OUTPUT_VARIABLE full)
    hwalloc_find_library_from(${target} ${full})
    install(TARGETS ${target} LIBRARY DESTINATION ${directory} COMPONENT Runtime)
endfunction()
function(hwalloc_find_library_from target directory)
    file(RELATIVE_PATH to_lib ${directory} ${CMAKE_INSTALL_FULL_LIBDIR})
    if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
        set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_lib}")
    endif()
endfunction()
if(NOT HWALLOC_INSTALL)
    return()
endif()

install(FILES ${HWALLOC_PUBLIC_HEADERS} ${HWALLOC_C_HEADERS} ${PROJECT_BINARY_DIR}/include/hwalloc/all.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hwalloc COMPONENT Development)
install(TARGETS hwalloc EXPORT hwalloc_targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Runtime NAMELINK_COMPONENT Development
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Development)

# For pkg-config, which leaves out -I and -L of directories that compilers search anyway, if it knows them by their own names:
# so a file for the prefix /usr names that. All others are relative to where the file itself is.
include(cmake/pkg_config.cmake)
hwalloc_install_pc(hwalloc)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hwalloc)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/hwalloc-config.cmake.in
    ${PROJECT_BINARY_DIR}/hwalloc-config.cmake INSTALL_DESTINATION ${package_dir}
    NO_SET_AND_CHECK_MACRO)
# Before 1.0 every minor version may break the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hwalloc-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/hwalloc-config.cmake ${PROJECT_BINARY_DIR}/hwalloc-config-version.cmake
    DESTINATION ${package_dir} COMPONENT Development)
install(EXPORT hwalloc_targets FILE hwalloc-targets.cmake NAMESPACE hwalloc:: DESTINATION ${package_dir}
    COMPONENT Development)

if(TARGET hwalloc-vulkan)
    # Beside the library, as libhwalloc.so looks for it.
    set_target_properties(hwalloc-vulkan PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(FILES ${HWALLOC_VULKAN_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hwalloc COMPONENT Development)
    install(TARGETS hwalloc-vulkan EXPORT hwalloc_vulkan_targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Runtime NAMELINK_COMPONENT Development)
    install(EXPORT hwalloc_vulkan_targets FILE hwalloc-vulkan-targets.cmake NAMESPACE hwalloc:: DESTINATION ${package_dir}
        COMPONENT Development)
    hwalloc_install_pc(hwalloc-vulkan)
endif()

if(TARGET hwalloc-gst)
    set_target_properties(hwalloc-gst PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(FILES ${HWALLOC_GST_HEADERS} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/hwalloc COMPONENT Development)
    install(TARGETS hwalloc-gst
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT Runtime NAMELINK_COMPONENT Development)
    hwalloc_install_pc(hwalloc-gst)
    # Where GStreamer of the same prefix looks; of another prefix GST_PLUGIN_PATH names it.
    hwalloc_install_part(gsthwalloc ${CMAKE_INSTALL_LIBDIR}/gstreamer-1.0)
endif()

file(GLOB manual_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-8])
foreach(page IN LISTS manual_pages)
    string(REGEX REPLACE ".*\\." "" section ${page})
    install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT Runtime)
endforeach()
include(cmake/reference.cmake)
if(HWALLOC_TOOLS)
    # Shells look there for what a command's arguments can be, by the command's name.
    set(completion ${PROJECT_SOURCE_DIR}/tools/completion)
    install(FILES ${completion}/hwalloc.bash RENAME hwalloc
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT Runtime)
    install(FILES ${completion}/_hwalloc DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT Runtime)
    install(FILES ${completion}/hwalloc.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT Runtime)
endif()

# Rules for udev (docs/permissions.md): components of their own, because they let people into what the kernel leaves to
# root. udev reads lib/udev/rules.d below /usr and /usr/local, and /etc/udev/rules.d.
set(HWALLOC_UDEV_RULES_DIR lib/udev/rules.d CACHE STRING "Where udev rules are installed; relative to the prefix, or absolute")
option(HWALLOC_UDEV_RULES "Install the udev rules with everything else, not only as component UdevRules" OFF)
option(HWALLOC_UDEV_RULES_CONTIGUOUS "The same for the contiguous heap's, component UdevRulesContiguous" OFF)
function(hwalloc_install_rules component with_everything)
    set(apart EXCLUDE_FROM_ALL)
    if(with_everything)
        set(apart "")
    endif()
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/udev-rules/ OUTPUT_VARIABLE files)
    install(FILES ${files} DESTINATION ${HWALLOC_UDEV_RULES_DIR} COMPONENT ${component} ${apart})
endfunction()
hwalloc_install_rules(UdevRules ${HWALLOC_UDEV_RULES} 55-hwalloc-dma-heap.rules 70-hwalloc-udmabuf.rules)
hwalloc_install_rules(UdevRulesContiguous ${HWALLOC_UDEV_RULES_CONTIGUOUS} 55-hwalloc-dma-heap-contiguous.rules)

# What the doctor and the manual refer to; then the other documents and the examples, as the sources have them, so that
# links from one to another lead somewhere.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/docs/permissions.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT Runtime)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
    DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT Documents)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs ${PROJECT_SOURCE_DIR}/examples
    DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT Documents PATTERN man EXCLUDE)
