#include "CPlatform.h"

#ifdef PLATFORM_SCHEDULED
__thread const platform_scheduler_t *platform_scheduler;

void platform_schedule(const platform_scheduler_t *scheduler) {
  platform_scheduler = scheduler;
}
#endif

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN __thread uint32_t platform_thread_word;
HIDDEN __thread uint8_t platform_thread_refusal;

HIDDEN void *platform_process_memory(void) {
  static uint64_t memory[8] __attribute__((aligned(64)));
  return memory;
}

HIDDEN uint64_t platform_clock_ns_otherwise(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_MONOTONIC, &t) != 0 &&
      syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) != 0)
    return 0;
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Embedded Swift's standard library seeds its hashing, which the engine does
 * not use, with a function that glibc has only since 2.36.  Ours, seen by
 * nobody else, keeps the library loadable on older systems. */
HIDDEN void arc4random_buf(void *buffer, size_t size);

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
