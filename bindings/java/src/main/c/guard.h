/*
 * A cache that may be closed while other threads are in calls on it.
 *
 * The header demands that `close` is the last call on its cache. Java cannot
 * promise that of its threads. So each call enters the guard and leaves it, and
 * `close` shuts the guard, waits until nobody is inside, and closes. Who comes
 * later finds it shut.
 *
 * To enter is one atomic addition to a counter that few threads share: they are
 * spread over lines of their own. The addition and the look at `is_shut` are
 * sequentially consistent, as are the store of `is_shut` and the look at the
 * counters: so either the caller sees it shut, or the closer sees the caller.
 *
 * The guard lives as long as the Java object, which frees it from its Cleaner:
 * a native method has a reference to the object, so none is under way then.
 */
#ifndef CACHECORE_JAVA_GUARD_H
#define CACHECORE_JAVA_GUARD_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <cachecore.h>

#define GUARD_LINES 32

typedef struct {
  alignas(64) atomic_long inside;
} guard_line_t;

typedef struct {
  cachecore_t *cache;
  atomic_bool is_shut;
  guard_line_t lines[GUARD_LINES];
} guard_t;

/* Takes the cache over.  NULL: no memory, and the cache is the caller's. */
guard_t *guard_new(cachecore_t *cache);

/* The line to leave by; NULL: it is shut. */
guard_line_t *guard_enter(guard_t *guard);
void guard_leave(guard_line_t *line);

/* Shuts it, waits for those inside, and closes the cache; once. */
void guard_close(guard_t *guard);

#endif
