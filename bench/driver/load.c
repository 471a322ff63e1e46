/* load - how long it takes to load a library, in microseconds. */
#include <dlfcn.h>
#include <stdio.h>

#include "clock.h"

int main(int count, char **arguments) {
  if (count != 2) return 2;
  uint64_t start = now_ns();
  void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  uint64_t took = now_ns() - start;
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  printf("%.1f\n", (double)took / 1e3);
  return 0;
}
