/*
 * Scheduler.h - for tests alone: one thread plays all threads.
 *
 * A library built with PLATFORM_SCHEDULED asks the scheduler of the calling
 * thread, where there is one, before every access to memory that threads share
 * (`step`), wherever it would wait (`wait`), and for whatever else the system
 * would answer differently each time.  So a test decides who goes on at each of
 * these places, and can do the same again (Tests/Schedules).
 */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <stddef.h>
#include <stdint.h>

typedef struct platform_scheduler {
  /* Others may go on before this thread does. */
  void (*step)(void);
  /* As `step`, when this thread can do nothing until others have; for so long,
   * or until something changes: UINT64_MAX. */
  void (*wait)(uint64_t ns);
  /* A futex's: sleeps while *word is `expected`, until woken or for so long;
   * UINT64_MAX: no limit. */
  void (*futex_wait)(const void *word, uint32_t expected, uint64_t ns);
  void (*futex_wake)(const void *word, int count);
  uint64_t (*now_ns)(void);
  uint32_t (*thread_number)(void);
  int (*thread_start)(uint64_t *thread_out, void *(*main)(void *),
                      void *context);
  void (*thread_join)(uint64_t thread);
} platform_scheduler_t;

extern __thread const platform_scheduler_t *platform_scheduler;

/* Whom the calling thread asks from now on; NULL: nobody. */
void platform_schedule(const platform_scheduler_t *scheduler);

static inline void platform_step(void) {
  if (platform_scheduler != NULL) platform_scheduler->step();
}

/* A copy that others may come in the middle of. */
static inline void platform_copy_scheduled(void *to, const void *from,
                                           size_t size) {
  __builtin_memcpy(to, from, size / 2);
  platform_scheduler->step();
  __builtin_memcpy((char *)to + size / 2, (const char *)from + size / 2,
                   size - size / 2);
}

#endif
