/* What the tests of the sweeper share. */
#ifndef SWEEPER_H
#define SWEEPER_H

#include "harness.h"

enum { HOUR = 3600 * 1000 };

static inline void start(cachecore_t *cache, uint64_t interval_ms,
                         uint32_t flags) {
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  options.interval_ms = interval_ms;
  options.flags = flags;
  CHECK_OK(cachecore_sweeper_start(cache, &options));
}

/* Stores `count` entries that end at a time; false if that came before the last
 * was stored. */
static inline int store_until(cachecore_t *cache, uint64_t first,
                              uint64_t count, double end) {
  uint64_t key;
  for (key = first; key < first + count; key++) {
    double left = end - now_ms();
    if (left < 1) return 0;
    CHECK_OK(set_number(cache, key, "value", 5, (uint64_t)left));
  }
  return 1;
}

/* Leaves `count` entries that have expired.  They end together, after the last
 * was stored: a write may well remove an older one that is due.  At once with a
 * manual clock; with the real one, on a machine that is too busy for that, they
 * are stored again, with more time. */
static inline void leave_expired(cachecore_t *cache, uint64_t first,
                                 uint64_t count) {
  double span = 20 + (double)count / (SANITIZED ? 20 : 300), end;
  uint64_t key;
  if (cachecore_advance_clock(cache, 0) == CACHECORE_OK) {
    for (key = first; key < first + count; key++)
      CHECK_OK(set_number(cache, key, "value", 5, 1));
    CHECK_OK(cachecore_advance_clock(cache, 1));
    return;
  }
  while (end = now_ms() + span, !store_until(cache, first, count, end))
    span *= 2;
  sleep_ms((unsigned)(end - now_ms()) + 25);
}

/* Waits until `sweeps_run` is more than `sweeps`, for `ms` at most. */
static inline int sweeps_within(cachecore_t *cache, uint64_t sweeps,
                                double ms) {
  double end = now_ms() + ms;
  while (sweeper_of(cache).sweeps_run <= sweeps)
    if (now_ms() > end) return 0;
    else sleep_ms(1);
  return 1;
}

#endif
