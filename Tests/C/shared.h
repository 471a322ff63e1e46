/* shared.h - what tests of shared caches have in common. */
#ifndef SHARED_H
#define SHARED_H

#include "harness.h"

#include <stdbool.h>
#include <unistd.h>

/* A path in memory where nothing is yet; CACHECORE_TEST_DIR says where else. */
static inline void new_path(char *path, size_t size) {
  const char *place = getenv("CACHECORE_TEST_DIR");
  snprintf(path, size, "%s/cachecore-%d", place != NULL ? place : "/dev/shm",
           (int)getpid());
  unlink(path);
}

/* NULL: a file without a name. */
static inline cachecore_t *open_path(const char *path,
                                     const cachecore_options_t *options) {
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_t *cache = NULL;
  shared.path = path;
  if (cachecore_open_shared(options, &shared, &cache) != CACHECORE_OK)
    check_failed(__FILE__, __LINE__, "%s", cachecore_open_error());
  return cache;
}

#endif
