# Header and flat declarations, shared and static library, CMake package,
# pkg-config file, suppressions for ThreadSanitizer, licence.  Nothing that is
# installed contains the prefix, unless CMAKE_INSTALL_LIBDIR is an absolute
# path: the whole may be moved afterwards.  The library is stripped; its debug
# information is a component of its own, where gdb looks for it:
#
#   cmake --install build --component debug
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/cachecore")

install(FILES include/cachecore.h include/cachecore.cdef
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY bindings/cpp/include/
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
set(library_name "libcachecore.so.${PROJECT_VERSION}")
install(PROGRAMS "${release_dir}/${library_name}"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${release_dir}/libcachecore.so.1"
              "${release_dir}/libcachecore.so"
              "${release_dir}/libcachecore.a"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${release_dir}/${library_name}.debug"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/.debug"
        COMPONENT debug EXCLUDE_FROM_ALL)
install(FILES cachecore.tsan.supp
        DESTINATION "${CMAKE_INSTALL_DATADIR}/cachecore")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file(cmake/cachecoreConfig.cmake.in
  cachecoreConfig.cmake INSTALL_DESTINATION "${package_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
# A program goes on working with every later library of the same SONAME, so a
# later version will do.  A library with another SONAME needs another rule here.
write_basic_package_version_file(cachecoreConfigVersion.cmake
  COMPATIBILITY AnyNewerVersion)
install(FILES "${PROJECT_BINARY_DIR}/cachecoreConfig.cmake"
              "${PROJECT_BINARY_DIR}/cachecoreConfigVersion.cmake"
        DESTINATION "${package_dir}")

if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
  set(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH prefix_from_pc
       "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
  set(pc_prefix "\${pcfiledir}/${prefix_from_pc}")
  set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(cachecore.pc.in cachecore.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cachecore.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
