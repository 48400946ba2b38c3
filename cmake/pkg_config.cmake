# hwalloc_install_pc(NAME): makes NAME.pc of cmake/NAME.pc.in, with the variables pc_prefix, pc_libdir, pc_includedir and
# pc_moduledir, and installs it. Which prefix it is for is known when it is installed.
function(hwalloc_install_pc name)
    file(RELATIVE_PATH to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
    string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")
    hwalloc_below_prefix(${CMAKE_INSTALL_FULL_LIBDIR} pc_libdir)
    hwalloc_below_prefix(${CMAKE_INSTALL_FULL_INCLUDEDIR} pc_includedir)
    set(pc_moduledir ${HWALLOC_INSTALL_MODULEDIR})
    if(NOT IS_ABSOLUTE "${HWALLOC_INSTALL_MODULEDIR}")
        set(pc_moduledir "\${libdir}/${HWALLOC_INSTALL_MODULEDIR}")
    endif()
    set(pc_requires "")
    set(pc_link_options "")
    if(hwalloc_kind STREQUAL STATIC)
        set(pc_requires libudev) # who links the archive links what it uses
        set(pc_link_options " -Wl,-z,nodelete") # as CMakeLists.txt says of the target
    endif()

    set(pc_prefix "\${pcfiledir}/${to_prefix}")
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/pkgconfig/${name}.pc @ONLY)
    set(pc_prefix /usr)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/pkgconfig/usr/${name}.pc @ONLY)
    install(CODE "
        set(file \"${PROJECT_BINARY_DIR}/pkgconfig/${name}.pc\")
        if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
            set(file \"${PROJECT_BINARY_DIR}/pkgconfig/usr/${name}.pc\")
        endif()
        set(directory \"${CMAKE_INSTALL_LIBDIR}/pkgconfig\")
        cmake_path(ABSOLUTE_PATH directory BASE_DIRECTORY \"\${CMAKE_INSTALL_PREFIX}\")
        file(INSTALL DESTINATION \"\${directory}\" TYPE FILE FILES \"\${file}\")" COMPONENT Development)
endfunction()

# hwalloc_below_prefix(DIRECTORY VARIABLE): "${prefix}/…" where it is below the prefix, else the directory itself.
function(hwalloc_below_prefix directory variable)
    file(RELATIVE_PATH below ${CMAKE_INSTALL_PREFIX} ${directory})
    if(below MATCHES "^\\.\\.")
        set(${variable} ${directory} PARENT_SCOPE)
    else()
        set(${variable} "\${prefix}/${below}" PARENT_SCOPE)
    endif()
endfunction()
