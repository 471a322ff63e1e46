#include "guard.h"

#include <stdlib.h>
#include <time.h>

guard_t *guard_new(cachecore_t *cache) {
  guard_t *guard = aligned_alloc(alignof(guard_t), sizeof *guard);
  int i;
  if (guard == NULL) return NULL;
  guard->cache = cache;
  atomic_init(&guard->is_shut, false);
  for (i = 0; i < GUARD_LINES; i++) atomic_init(&guard->lines[i].inside, 0);
  return guard;
}

static guard_line_t *line_of_this_thread(guard_t *guard) {
  static atomic_uint threads;
  static _Thread_local unsigned number;
  if (number == 0)
    number = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) %
                     GUARD_LINES;
  return &guard->lines[number - 1];
}

guard_line_t *guard_enter(guard_t *guard) {
  guard_line_t *line = line_of_this_thread(guard);
  atomic_fetch_add(&line->inside, 1);
  if (!atomic_load(&guard->is_shut)) return line;
  guard_leave(line);
  return NULL;
}

/* Pairs with the acquiring look of guard_close: what the call did comes before
 * the close. */
void guard_leave(guard_line_t *line) {
  atomic_fetch_sub_explicit(&line->inside, 1, memory_order_release);
}

void guard_close(guard_t *guard) {
  const struct timespec pause = {0, 100000};
  int i;
  if (atomic_exchange(&guard->is_shut, true)) return;
  cachecore_sweeper_stop(guard->cache, 0); /* ends triggers that wait */
  for (i = 0; i < GUARD_LINES; i++)
    while (atomic_load(&guard->lines[i].inside) != 0) nanosleep(&pause, NULL);
  cachecore_close(guard->cache);
}
