/*
 * What a hostile or broken caller, or machine, may do: sizes at every limit,
 * keys made to be slow, lifetimes and clocks at their extremes, sums of sizes
 * that overflow.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* ---- A clock that jumps -------------------------------------------------- */

static struct { int64_t monotonic_ns, wall_ns; } ahead;

/* The library asks this one, since the program comes before libc. */
int clock_gettime(clockid_t clock, struct timespec *time) {
  int64_t ns = clock == CLOCK_REALTIME ? ahead.wall_ns : ahead.monotonic_ns;
  long result = syscall(SYS_clock_gettime, clock, time);
  ns += (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
  time->tv_sec = ns / 1000000000;
  time->tv_nsec = ns % 1000000000;
  return (int)result;
}

static const int64_t HOUR_NS = 3600ll * 1000000000;

static void the_wall_clock_may_jump(void) {
  cachecore_t *cache = open_plain(100, 0);
  int64_t left;
  int i;
  CHECK_OK(set_text(cache, "k", "v", 3600 * 1000));
  for (i = -2; i <= 2; i++) {
    ahead.wall_ns = i * 365 * 24 * HOUR_NS;
    CHECK_TEXT(cache, "k", "v");
    CHECK_OK(cachecore_ttl(cache, "k", 1, &left));
    CHECK(left > 3500 * 1000 && left <= 3600 * 1000);
    /* A deadline is what it is when it is given. */
    CHECK_OK(cachecore_set_until(cache, "until", 5, "v", 1,
                                 unix_ms() + 3600 * 1000));
    CHECK_OK(cachecore_ttl(cache, "until", 5, &left));
    CHECK(left > 3500 * 1000 && left <= 3600 * 1000);
  }
  cachecore_close(cache);
}

/* As after a stop of the whole machine. */
static void time_may_jump_ahead(void) {
  cachecore_t *cache = open_plain(1000, 0);
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  uint64_t key, removed;
  options.interval_ms = 3600 * 1000;
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  for (key = 0; key < 500; key++)
    CHECK_OK(set_number(cache, key, "v", 1, key % 2 ? 60 * 1000 : 0));
  ahead.monotonic_ns = 24 * HOUR_NS;
  CHECK_INT(cachecore_count(cache), 250);
  CHECK_INT(contains_number(cache, 1), CACHECORE_MISS);
  CHECK_OK(cachecore_sweeper_trigger(cache, &removed));
  CHECK_INT(removed, 250);
  CHECK_OK(cachecore_sweeper_stop(cache, 0));
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* It does not, says the system; it has happened all the same.  Nothing
 * expires meanwhile, and everything does when the time has come again. */
static void time_may_jump_back(void) {
  cachecore_t *cache = open_plain(1000, 0);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  uint64_t key, removed;
  int64_t left;
  for (key = 0; key < 100; key++)
    CHECK_OK(set_number(cache, key, "v", 1, 1000));
  ahead.monotonic_ns = -HOUR_NS / 600; /* to before the cache was opened */
  for (key = 100; key < 200; key++)
    CHECK_OK(set_number(cache, key, "v", 1, 1000));
  CHECK_INT(cachecore_count(cache), 200);
  CHECK_OK(set_text(cache, "far", "v", CACHECORE_TTL_NEVER - 1));
  CHECK_OK(cachecore_touch(cache, "far", 3, 2000));
  CHECK_OK(cachecore_inspect(cache, "far", 3, &info));
  CHECK(info.ttl_ms > 0 && info.age_ms >= 0 && info.idle_ms >= 0);
  CHECK_OK(cachecore_ttl(cache, "far", 3, &left));
  CHECK(left > 0 && left <= 3000);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 0);
  ahead.monotonic_ns = HOUR_NS;
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 201);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* ---- Lifetimes ----------------------------------------------------------- */

static void lifetimes_at_the_extremes(void) {
  static const uint64_t ttls[] = {1, CACHECORE_TTL_NEVER - 1, UINT64_MAX / 2,
                                  1ull << 63, 1ull << 40, (1ull << 40) - 1,
                                  (1ull << 40) - 2, (1ull << 40) - 3};
  cachecore_t *cache = open_exact(100, 0, 0);
  uint64_t steps = 0;
  size_t i;
  CHECK_INT(cachecore_advance_clock(cache, UINT64_MAX), CACHECORE_E_RANGE);
  CHECK_INT(cachecore_advance_clock(cache, 1ull << 63), CACHECORE_E_RANGE);
  do { /* up to the last millisecond that the manual clock has */
    for (i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
      int64_t left;
      CHECK_OK(set_text(cache, "k", "v", ttls[i]));
      CHECK_OK(cachecore_ttl(cache, "k", 1, &left));
      CHECK(left > 0 && left < 1ll << 40);
      CHECK_OK(cachecore_touch(cache, "k", 1, ttls[i]));
      CHECK_OK(cachecore_ttl(cache, "k", 1, &left));
      CHECK(left > 0 && left < 1ll << 40);
      CHECK_INT(cachecore_count(cache), 1);
    }
  } while (++steps < 40 &&
           cachecore_advance_clock(cache, (1ull << 38) / 32) == CACHECORE_OK);
  CHECK_INT(steps, 32);
  cachecore_close(cache);
}

static void deadlines_at_the_extremes(void) {
  static const int64_t past[] = {0, -1, 1, INT64_MIN, INT64_MIN + 1};
  cachecore_t *cache = open_plain(100, 0);
  int64_t left;
  size_t i;
  for (i = 0; i < sizeof past / sizeof past[0]; i++) {
    CHECK_OK(set_text(cache, "k", "v", 0));
    CHECK_OK(cachecore_set_until(cache, "k", 1, "w", 1, past[i]));
    CHECK_MISS(cache, "k");
  }
  CHECK_OK(cachecore_set_until(cache, "k", 1, "w", 1, INT64_MAX));
  CHECK_OK(cachecore_ttl(cache, "k", 1, &left));
  CHECK(left > 1ll << 39 && left < 1ll << 40);
  cachecore_close(cache);
}

static void options_at_the_extremes(void) {
  static const uint64_t times[] = {1, UINT64_MAX - 1, UINT64_MAX, 1ull << 63,
                                   (1ull << 40) - 1};
  size_t i;
  for (i = 0; i < 2 * sizeof times / sizeof times[0]; i++) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_sweeper_options_t sweeper = CACHECORE_SWEEPER_OPTIONS_INIT;
    cachecore_t *cache;
    options.max_entries = UINT64_MAX - i % 2;
    options.max_bytes = UINT64_MAX - i % 3;
    options.flags = CACHECORE_MANUAL_CLOCK;
    if (i % 2) options.default_ttl_ms = times[i / 2];
    else options.default_tti_ms = times[i / 2];
    CHECK_OK(cachecore_open(&options, &cache));
    CHECK_OK(set_text(cache, "k", "v", 0));
    CHECK_TEXT(cache, "k", "v");
    sweeper.interval_ms = sweeper.max_slice_us = times[i / 2];
    sweeper.flags = CACHECORE_SWEEPER_RUN_AT_ONCE;
    CHECK_OK(cachecore_sweeper_start(cache, &sweeper));
    CHECK_OK(cachecore_sweeper_set_interval(cache, times[i / 2]));
    CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
    CHECK_OK(cachecore_sweeper_stop(cache, UINT32_MAX));
    CHECK_OK(cachecore_advance_clock(cache, 1));
    CHECK_INT(cachecore_count(cache), times[i / 2] == 1 ? 0 : 1);
    CHECK_OK(cachecore_cleanup_expired(cache, UINT64_MAX, NULL));
    CHECK_OK(cachecore_resize(cache, UINT64_MAX, UINT64_MAX));
    CHECK_OK(cachecore_resize(cache, UINT64_MAX, 0));
    cachecore_close(cache);
  }
}

/* ---- Sizes --------------------------------------------------------------- */

static void keys_of_every_size_at_the_limits(void) {
  static const size_t good[] = {1, 2, 7, 8, 15, 16, 17, 255, 256, 65534, 65535};
  static const size_t bad[] = {0, 65536, 65537, 1u << 24, SIZE_MAX / 2,
                               SIZE_MAX - 7, SIZE_MAX};
  static char key[65536];
  cachecore_t *cache = open_exact(100, 0, 0);
  size_t i, size;
  memset(key, 'k', sizeof key);
  for (i = 0; i < sizeof good / sizeof good[0]; i++)
    CHECK_OK(cachecore_set(cache, key, good[i], &good[i], sizeof good[i], 0));
  for (i = 0; i < sizeof good / sizeof good[0]; i++) {
    size_t value = 0;
    CHECK_OK(cachecore_get(cache, key, good[i], &value, sizeof value, &size));
    CHECK_INT(value, good[i]);
  }
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    cachecore_value_t lent;
    CHECK_INT(cachecore_set(cache, key, bad[i], "v", 1, 0),
              CACHECORE_E_ARGUMENT);
    CHECK_INT(cachecore_get(cache, key, bad[i], NULL, 0, &size),
              CACHECORE_E_ARGUMENT);
    CHECK_INT(cachecore_acquire(cache, key, bad[i], &lent),
              CACHECORE_E_ARGUMENT);
    CHECK_INT(cachecore_delete_prefix(cache, key, bad[i], NULL),
              CACHECORE_E_ARGUMENT);
  }
  CHECK_INT(cachecore_count(cache), sizeof good / sizeof good[0]);
  cachecore_close(cache);
}

/* At 128 KiB an entry's layout changes. */
static void values_of_every_size_at_the_limits(void) {
  static const size_t sizes[] = {0, 1, 7, 8, 9, 4095, 4096, 65535, 65536,
                                 (1u << 17) - 2, (1u << 17) - 1, 1u << 17,
                                 (1u << 17) + 1, 1u << 24};
  char *value = malloc(1u << 25), *copy = malloc(1u << 25);
  cachecore_t *cache = open_exact(100, 0, 0);
  size_t i, size;
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    cachecore_value_t lent;
    cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
    fill_pattern(value, sizes[i], i, 1);
    CHECK_OK(set_number(cache, i, value, sizes[i], 0));
    CHECK_OK(set_number(cache, 99, value, sizes[i], 0)); /* each over another */
    CHECK_OK(cachecore_get(cache, &i, sizeof i, copy, 1u << 25, &size));
    CHECK_INT(size, sizes[i]);
    CHECK(memcmp(value, copy, size) == 0);
    if (size > 0)
      CHECK_INT(cachecore_get(cache, &i, sizeof i, copy, size - 1, &size),
                CACHECORE_E_TOO_SMALL);
    CHECK_INT(size, sizes[i]);
    CHECK_OK(cachecore_touch(cache, &i, sizeof i, 50));
    CHECK_OK(cachecore_inspect(cache, &i, sizeof i, &info));
    CHECK_INT(info.value_size, sizes[i]);
    CHECK_OK(cachecore_acquire(cache, &i, sizeof i, &lent));
    CHECK(lent.size == sizes[i] && memcmp(lent.data, value, lent.size) == 0);
    cachecore_release(&lent);
    if (i != 1)
      CHECK_INT(cachecore_increment(cache, &i, sizeof i, 1, 0, 0, NULL),
                CACHECORE_E_TYPE);
  }
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
  free(value);
  free(copy);
}

/* Nothing of a value that cannot fit is looked at: there is one byte. */
static void values_beyond_memory_are_refused(void) {
  static const size_t sizes[] = {(size_t)1 << 30, (size_t)1 << 32,
                                 ((size_t)1 << 32) + 1, (size_t)1 << 35,
                                 (size_t)1 << 36, ((size_t)1 << 36) - 40,
                                 (size_t)1 << 62, SIZE_MAX / 2};
  cachecore_t *bounded = open_exact(0, 1 << 20, 0);
  cachecore_t *roomy = open_exact(9, 0, 0);
  size_t i;
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    CHECK_OK(set_text(bounded, "k", "v", 0));
    CHECK_INT(cachecore_set(bounded, "k", 1, "v", sizes[i], 0),
              CACHECORE_REFUSED);
    CHECK_MISS(bounded, "k");
    if (sizes[i] < (size_t)1 << 35) continue;
    CHECK_OK(set_text(roomy, "k", "v", 0));
    CHECK_INT(cachecore_set(roomy, "k", 1, "v", sizes[i], 0),
              CACHECORE_REFUSED);
    CHECK_MISS(roomy, "k");
  }
  CHECK_INT(cachecore_set(roomy, "k", 1, "v", SIZE_MAX, 0),
            CACHECORE_E_ARGUMENT);
  cachecore_close(bounded);
  cachecore_close(roomy);
}

static void capacities_and_counts_beyond_memory(void) {
  static uint64_t buffer[512];
  const void *keys[1] = {"k"};
  const size_t key_sizes[1] = {1};
  cachecore_t *cache = open_exact(100, 0, CACHECORE_REPORT_REMOVALS);
  uint64_t cursor = 0;
  size_t size, count;
  CHECK_OK(set_text(cache, "k", "v", 0));
  CHECK_OK(cachecore_get(cache, "k", 1, buffer, SIZE_MAX, &size));
  CHECK_INT(size, 1);
  CHECK_OK(cachecore_scan(cache, &cursor, NULL, 0, buffer, SIZE_MAX, &size,
                          &count));
  CHECK_INT(count, 1);
  CHECK_OK(cachecore_delete(cache, "k", 1));
  CHECK_OK(cachecore_take_removals(cache, buffer, SIZE_MAX, &size, &count));
  CHECK_INT(count, 1);
  CHECK_INT(cachecore_scan(cache, &cursor, "p", SIZE_MAX, buffer,
                           sizeof buffer, &size, &count),
            CACHECORE_E_ARGUMENT);
  /* More elements than there can be. */
  CHECK_INT(cachecore_delete_many(cache, SIZE_MAX, keys, key_sizes, NULL, NULL),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_set_many(cache, (SIZE_MAX >> 1) + 1, keys, key_sizes,
                               keys, key_sizes, NULL, NULL),
            CACHECORE_E_ARGUMENT);
  cachecore_close(cache);
}

/* ---- Keys made to be slow ------------------------------------------------ */

/* They differ in their last bytes alone; AttackTests.swift counts how they are
 * spread, this finds each. */
static void a_million_keys_share_a_prefix(void) {
  enum { PREFIX = 120 };
  const uint32_t keys = SANITIZED ? 50000 : 1000000;
  char key[PREFIX + 8];
  cachecore_t *cache = open_plain(keys, 0);
  uint64_t removed;
  uint32_t i;
  memset(key, 'p', sizeof key);
  for (i = 0; i < keys; i++) {
    memcpy(key + PREFIX + 4, &i, 4);
    CHECK_OK(cachecore_set(cache, key, sizeof key, &i, 4, 0));
  }
  CHECK_INT(cachecore_count(cache), keys);
  for (i = 0; i < keys; i++) {
    uint32_t value = 0;
    size_t size;
    memcpy(key + PREFIX + 4, &i, 4);
    CHECK_OK(cachecore_get(cache, key, sizeof key, &value, 4, &size));
    CHECK_INT(value, i);
  }
  CHECK_OK(cachecore_delete_prefix(cache, key, PREFIX, &removed));
  CHECK_INT(removed, keys);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

TESTS(T(the_wall_clock_may_jump), T(time_may_jump_ahead), T(time_may_jump_back),
      T(lifetimes_at_the_extremes), T(deadlines_at_the_extremes),
      T(options_at_the_extremes), T(keys_of_every_size_at_the_limits),
      T(values_of_every_size_at_the_limits),
      T(values_beyond_memory_are_refused),
      T(capacities_and_counts_beyond_memory), T(a_million_keys_share_a_prefix))
