/*
 * What loading the library brings into a process: itself, and nothing that was
 * not there.  This program links neither the library nor any thread or math
 * library of its own.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count_one(struct dl_phdr_info *info, size_t size, void *count) {
  (void)info;
  (void)size;
  ++*(int *)count;
  return 0;
}

static int objects_loaded(void) {
  int count = 0;
  dl_iterate_phdr(count_one, &count);
  return count;
}

static int threads_running(void) {
  char line[256];
  int threads = -1;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) return -1;
  while (fgets(line, sizeof line, file))
    if (strncmp(line, "Threads:", 8) == 0) threads = atoi(line + 8);
  fclose(file);
  return threads;
}

static int fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  return 1;
}

int main(int argc, char **argv) {
  int before = objects_loaded(), round;
  if (argc != 2) return fail("usage: dlopen_test LIBRARY");
  for (round = 0; round < 3; round++) {
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    union { void *data; unsigned (*call)(void); } version;
    if (!library) return fail(dlerror());
    if (objects_loaded() != before + 1) return fail("it brought others along");
    if (threads_running() != 1) return fail("it started a thread");
    version.data = dlsym(library, "cachecore_version");
    if (!version.data || version.call() == 0) return fail("no version");
    if (dlsym(library, "swift_retain")) return fail("it shows its runtime");
    dlclose(library);
  }
  return 0;
}
