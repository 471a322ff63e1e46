#include "CPlatform.h"

#ifdef PLATFORM_SCHEDULED
__thread const platform_scheduler_t *platform_scheduler;

void platform_schedule(const platform_scheduler_t *scheduler) {
  platform_scheduler = scheduler;
}
#endif

/* Embedded Swift's standard library seeds its hashing, which the engine does
 * not use, with a function that glibc has only since 2.36.  Ours, seen by
 * nobody else, keeps the library loadable on older systems. */
__attribute__((visibility("hidden"))) void arc4random_buf(void *buffer,
                                                          size_t size);

void arc4random_buf(void *buffer, size_t size) {
  unsigned char *at = buffer;
  while (size > 0) {
    uint64_t word = platform_entropy();
    size_t part = size < sizeof word ? size : sizeof word;
    memcpy(at, &word, part);
    at += part;
    size -= part;
  }
}
