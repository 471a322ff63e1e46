# Header, library, CMake package, pkg-config file, licence.  Nothing installed
# contains the prefix: the whole may be moved afterwards.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/cachecore")

install(FILES include/cachecore.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(PROGRAMS "${library}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES "${lib_dir}/libcachecore.so.1" "${lib_dir}/libcachecore.so"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")

configure_package_config_file(cmake/cachecoreConfig.cmake.in
  cachecoreConfig.cmake INSTALL_DESTINATION "${package_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(cachecoreConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/cachecoreConfig.cmake"
              "${PROJECT_BINARY_DIR}/cachecoreConfigVersion.cmake"
        DESTINATION "${package_dir}")

file(RELATIVE_PATH prefix_from_pc
     "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(cachecore.pc.in cachecore.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/cachecore.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
