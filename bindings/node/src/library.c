#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

library_t lib;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static void *loaded;

/* The same major number and at least our minor; before 1.0, the same minor. */
static int is_compatible(uint32_t theirs) {
  uint32_t ours = CACHECORE_VERSION;
  if (ours < 0x10000) return theirs >> 8 == ours >> 8;
  return theirs >> 16 == ours >> 16 && theirs >> 8 >= ours >> 8;
}

static const char *load(const char *path) {
  static _Thread_local char sentence[512];
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  library_t found;
  if (handle == NULL) return dlerror();
#define LOOK_UP(name)                                                         \
  *(void **)&found.name = dlsym(handle, "cachecore_" #name);                  \
  if (found.name == NULL) {                                                   \
    snprintf(sentence, sizeof sentence, "%s has no cachecore_" #name, path);  \
    dlclose(handle);                                                          \
    return sentence;                                                          \
  }
  CACHECORE_FUNCTIONS(LOOK_UP)
#undef LOOK_UP
  if (!is_compatible(found.version())) {
    snprintf(sentence, sizeof sentence, "%s has version 0x%06x, not 0x%06x",
             path, (unsigned)found.version(), (unsigned)CACHECORE_VERSION);
    dlclose(handle);
    return sentence;
  }
  lib = found;
  loaded = handle; /* and never closed: sweepers run its code */
  return NULL;
}

const char *library_load(const char *path) {
  const char *why;
  pthread_mutex_lock(&loading);
  why = loaded != NULL ? NULL : load(path);
  pthread_mutex_unlock(&loading);
  return why;
}
