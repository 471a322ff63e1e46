/* Sweeps on demand: what they remove, what they cost, what ends them. */
#include "sweeper.h"

static void trigger_tells_what_it_removed(void) {
  cachecore_t *cache = open_plain(20000, 0);
  uint64_t removed = 77;
  int i;
  start(cache, HOUR, 0);
  CHECK_OK(cachecore_sweeper_trigger(cache, &removed));
  CHECK_INT(removed, 0);
  for (i = 1; i <= 5; i++) {
    leave_expired(cache, 0, (uint64_t)i * 100);
    CHECK_INT(sweeper_of(cache).backlog, i * 100);
    CHECK_OK(cachecore_sweeper_trigger(cache, &removed));
    CHECK_INT(removed, i * 100);
    CHECK_INT(sweeper_of(cache).last_removed, i * 100);
    CHECK_INT(sweeper_of(cache).sweeps_run, i + 1);
  }
  CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
  CHECK_INT(sweeper_of(cache).entries_removed, 1500);
  CHECK(sweeper_of(cache).last_run_age_ms >= 0);
  CHECK(sweeper_of(cache).last_run_age_ms < HOUR);
  CHECK_INT(sweeper_of(cache).errors, 0);
  cachecore_close(cache);
}

/* Each trigger is a run of its own: their counts add up to all there was. */
static void trigger_and_sum(worker_t *worker) {
  int i;
  for (i = 0; i < 5; i++) {
    uint64_t removed = 0;
    CHECK_OK(cachecore_sweeper_trigger(worker->cache, &removed));
    worker->result += removed;
  }
}

static void eight_trigger_at_once(void) {
  cachecore_t *cache = open_exact(100000, 0, 0);
  start(cache, HOUR, 0);
  leave_expired(cache, 0, 20000);
  CHECK_INT(run_workers(cache, 8, NULL, trigger_and_sum), 20000);
  CHECK_INT(sweeper_of(cache).sweeps_run, 40);
  CHECK_INT(sweeper_of(cache).entries_removed, 20000);
  cachecore_close(cache);
}

static void trigger_until_stopped(worker_t *worker) {
  cachecore_status_t status;
  do {
    status = worker->index == 0 && worker->result++ == 20
                 ? cachecore_sweeper_stop(worker->cache, 0)
                 : cachecore_sweeper_trigger(worker->cache, NULL);
    CHECK(status == CACHECORE_OK || status == CACHECORE_E_STATE);
  } while (status == CACHECORE_OK);
}

static void stop_wakes_those_who_wait(void) {
  cachecore_t *cache = open_plain(1000, 0);
  int i;
  for (i = 0; i < 20; i++) {
    start(cache, HOUR, 0);
    run_workers(cache, 8, NULL, trigger_until_stopped);
    CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_STOPPED);
  }
  cachecore_close(cache);
}

/* Everybody starts and stops it: each call is answered, none hangs. */
static void start_or_stop(worker_t *worker) {
  uint64_t seed = worker->seed;
  int i;
  for (i = 0; i < 2000; i++) {
    cachecore_status_t status =
        random_below(&seed, 2)
            ? cachecore_sweeper_start(worker->cache, NULL)
            : cachecore_sweeper_stop(worker->cache,
                                     (uint32_t)random_below(&seed, 2));
    CHECK(status == CACHECORE_OK || status == CACHECORE_E_STATE ||
          status == CACHECORE_E_TIMEOUT);
  }
}

static void starts_and_stops_race(void) {
  cachecore_t *cache = open_plain(1000, 0);
  run_workers(cache, 8, NULL, start_or_stop);
  cachecore_close(cache);
}

/* Nothing is due: the sweep costs no walk through what is there. */
static void nothing_due_costs_nothing(void) {
  enum { COUNT = SANITIZED ? 100000 : 1000000 };
  cachecore_t *cache = open_plain(COUNT * 2, 0);
  uint64_t key, best = UINT64_MAX;
  int i;
  for (key = 0; key < COUNT; key++)
    CHECK_OK(set_number(cache, key, "v", 1, HOUR));
  start(cache, HOUR, 0);
  for (i = 0; i < 20; i++) {
    uint64_t removed = 77;
    CHECK_OK(cachecore_sweeper_trigger(cache, &removed));
    CHECK_INT(removed, 0);
    if (sweeper_of(cache).last_duration_ns < best)
      best = sweeper_of(cache).last_duration_ns;
  }
  printf("best of 20: %llu ns\n", (unsigned long long)best);
  CHECK(best < 1000000 || SANITIZED);
  cachecore_close(cache);
}

static void a_sweep_is_in_slices(void) {
  enum { COUNT = 300000 };
  cachecore_t *cache = open_exact(COUNT, 0, 0);
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  options.interval_ms = HOUR;
  options.max_slice_us = 100;
  leave_expired(cache, 0, COUNT);
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
  printf("longest slice %llu us, sweep %llu us\n",
         (unsigned long long)sweeper_of(cache).max_slice_ns / 1000,
         (unsigned long long)sweeper_of(cache).last_duration_ns / 1000);
  /* How long a slice is depends on who else wants the core; that there are
   * several does not. */
  CHECK(sweeper_of(cache).max_slice_ns < sweeper_of(cache).last_duration_ns);
  cachecore_close(cache);
}

static void closes_in_mid_sweep(void) {
  int i;
  for (i = 0; i < 10; i++) {
    cachecore_t *cache = open_exact(200000, 0, 0);
    leave_expired(cache, 0, 100000);
    start(cache, 1, CACHECORE_SWEEPER_RUN_AT_ONCE);
    if (i % 3) sleep_ms(1);
    cachecore_close(cache);
  }
}

static void counts_across_starts(void) {
  cachecore_t *cache = open_plain(1000, 0);
  int i;
  for (i = 1; i <= 3; i++) {
    start(cache, HOUR, 0);
    leave_expired(cache, 0, 10);
    CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
    CHECK_OK(cachecore_sweeper_stop(cache, 0));
    CHECK_INT(sweeper_of(cache).sweeps_run, i);
    CHECK_INT(sweeper_of(cache).entries_removed, i * 10);
  }
  cachecore_close(cache);
}

TESTS(T(trigger_tells_what_it_removed), T(eight_trigger_at_once),
      T(stop_wakes_those_who_wait), T(starts_and_stops_race),
      T(nothing_due_costs_nothing), T(a_sweep_is_in_slices),
      T(closes_in_mid_sweep), T(counts_across_starts))
