# The library itself: a command that calls SwiftPM, and cachecore::cachecore to
# link what it leaves.  `make lib` leaves the same files in the same place; the
# compiler's own files go to the build folder, none to the source tree.
set(lib_dir "${PROJECT_BINARY_DIR}/lib")
set(library "${lib_dir}/libcachecore.so.${PROJECT_VERSION}")
# The same without its symbols and debug information, which lie beside it.
set(release_dir "${lib_dir}/release")

file(GLOB_RECURSE library_sources CONFIGURE_DEPENDS
     "${PROJECT_SOURCE_DIR}/Sources/*" "${PROJECT_SOURCE_DIR}/include/*")
add_custom_command(
  OUTPUT "${library}"
         "${lib_dir}/libcachecore.so.1" "${lib_dir}/libcachecore.so"
  BYPRODUCTS "${release_dir}/libcachecore.so.${PROJECT_VERSION}"
             "${release_dir}/libcachecore.so.${PROJECT_VERSION}.debug"
             "${release_dir}/libcachecore.a"
  COMMAND "${CMAKE_COMMAND}" -E env "SANITIZE=${CACHECORE_SANITIZE}"
          "${PROJECT_SOURCE_DIR}/tools/build-library.sh" "${lib_dir}"
  DEPENDS ${library_sources} "${PROJECT_SOURCE_DIR}/Package.swift"
          "${PROJECT_SOURCE_DIR}/cachecore.map"
          "${PROJECT_SOURCE_DIR}/tools/build-library.sh"
          "${PROJECT_SOURCE_DIR}/tools/finish-library.sh"
          "${PROJECT_SOURCE_DIR}/tools/static-library.sh"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "Building libcachecore.so with SwiftPM"
  VERBATIM)
add_custom_target(cachecore_library ALL DEPENDS "${library}")

add_library(cachecore::cachecore SHARED IMPORTED GLOBAL)
set_target_properties(cachecore::cachecore PROPERTIES
  IMPORTED_LOCATION "${library}"
  IMPORTED_SONAME libcachecore.so.1
  INTERFACE_INCLUDE_DIRECTORIES "${PROJECT_SOURCE_DIR}/include")
add_dependencies(cachecore::cachecore cachecore_library)
