#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *must_allocate(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL) fail("no memory for %zu bytes", size);
  memset(memory, 0, size);
  return memory;
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("bench: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

uint64_t resident_bytes(int process) {
  /* smaps_rollup is exact; statm lags behind by what each thread has not yet
   * added to the common count. */
  char path[64], line[256];
  unsigned long long kilobytes = 0;
  snprintf(path, sizeof path, "/proc/%d/smaps_rollup",
           process != 0 ? process : (int)getpid());
  FILE *file = fopen(path, "r");
  if (file == NULL) fail("cannot read %s", path);
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Rss: %llu kB", &kilobytes) == 1) break;
  }
  fclose(file);
  return kilobytes * 1024;
}

uint64_t roughly_resident_bytes(void) {
  unsigned long long size, pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%llu %llu", &size, &pages) != 2) {
    fail("cannot read /proc/self/statm");
  }
  fclose(file);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
