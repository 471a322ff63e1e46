/* The library as a plug-in: found at run time, nothing linked.
 *
 *   dlopen [/path/to/libcachecore.so] */
#undef NDEBUG
#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cachecore.h>

/* ISO C has no cast from an object pointer to a function; bytes can be copied.
 * __typeof__ takes the type from the header, so the two cannot drift apart. */
#define LOAD(name)                                  \
  __typeof__(&cachecore_##name) name;               \
  load(library, "cachecore_" #name, &name, sizeof name)

static void load(void *library, const char *name, void *out, size_t size) {
  void *symbol = dlsym(library, name);
  if (!symbol) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  assert(size == sizeof symbol);
  memcpy(out, &symbol, size);
}

static int run(void *library) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  char buffer[16];
  size_t size;
  LOAD(version);
  LOAD(open);
  LOAD(set);
  LOAD(get);
  LOAD(close);

  /* The header we were compiled with, and the library we found. */
  printf("header %06x, library %06x\n", CACHECORE_VERSION, version());
  assert(version() >> 16 == CACHECORE_VERSION >> 16);

  options.max_entries = 100;
  assert(open(&options, &cache) == CACHECORE_OK);
  assert(set(cache, "key", 3, "value", 5, 0) == CACHECORE_OK);
  assert(get(cache, "key", 3, buffer, sizeof buffer, &size) == CACHECORE_OK);
  assert(size == 5 && memcmp(buffer, "value", 5) == 0);
  close(cache);
  return 0;
}

int main(int argc, char **argv) {
  void *library = dlopen(argc > 1 ? argv[1] : "libcachecore.so.1",
                         RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  return run(library);
}
