# Programs for a library built with a sanitizer: they bring its runtime.  Used
# by tools/sanitize.sh, with the clang that is part of the Swift toolchain.
add_compile_options(-fsanitize=${CACHECORE_SANITIZE})
add_link_options(-fsanitize=${CACHECORE_SANITIZE} -fuse-ld=lld)
if(CACHECORE_SANITIZE STREQUAL "thread")
  # That runtime watches libdispatch too, and so refers to it.
  get_filename_component(clang "${CMAKE_C_COMPILER}" REALPATH)
  get_filename_component(runtime "${clang}/../../lib/swift/linux" ABSOLUTE)
  add_link_options("-L${runtime}" "-Wl,-rpath,${runtime}")
  link_libraries(dispatch BlocksRuntime)
endif()
