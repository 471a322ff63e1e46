/* When entries end: by lifetime, by idleness, by the real clock, a million at
 * once. */
#include "harness.h"

static void expired_now(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  CHECK_OK(set_text(cache, "key", "value", 1));
  CHECK_TEXT(cache, "key", "value");
  CHECK_OK(cachecore_advance_clock(cache, 1));
  CHECK_MISS(cache, "key");
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_INT(cachecore_delete(cache, "key", 3), CACHECORE_MISS);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void to_the_millisecond(void) {
  static const uint64_t ttls[] = {1,    2,     10,     63,      64,     65,
                                  255,  256,   1000,   4095,    4096,   4097,
                                  9999, 65536, 262144, 1000000, 86400000};
  size_t i;
  for (i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
    cachecore_t *cache = open_exact(100, 0, 0);
    CHECK_OK(cachecore_advance_clock(cache, 12345));
    CHECK_OK(set_text(cache, "key", "value", ttls[i]));
    CHECK_OK(cachecore_advance_clock(cache, ttls[i] - 1));
    CHECK_TEXT(cache, "key", "value");
    CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
    CHECK_OK(contains(cache, "key"));
    CHECK_OK(cachecore_advance_clock(cache, 1));
    CHECK_INT(contains(cache, "key"), CACHECORE_MISS);
    CHECK_INT(stats_of(cache).entries, 0);
    cachecore_close(cache);
  }
}

static void idle_entries_end(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  int64_t left;
  int i;
  options.max_entries = 100;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_tti_ms = 100;
  options.default_ttl_ms = 1000;
  CHECK_OK(cachecore_open(&options, &cache));
  CHECK_OK(set_text(cache, "used", "v", 0));
  CHECK_OK(set_text(cache, "looked at", "v", CACHECORE_TTL_NEVER));
  CHECK_OK(set_text(cache, "idle", "v", 0));
  CHECK_OK(set_text(cache, "short", "v", 50));
  CHECK_OK(cachecore_ttl(cache, "used", 4, &left));
  CHECK_INT(left, 100); /* whichever ends first */
  CHECK_OK(cachecore_ttl(cache, "short", 5, &left));
  CHECK_INT(left, 50);
  CHECK_OK(cachecore_advance_clock(cache, 60));
  CHECK_TEXT(cache, "used", "v");
  CHECK_OK(contains(cache, "looked at")); /* is no use */
  CHECK_MISS(cache, "short");
  CHECK_OK(cachecore_advance_clock(cache, 40));
  CHECK_MISS(cache, "idle");
  CHECK_MISS(cache, "looked at");
  CHECK_TEXT(cache, "used", "v");
  for (i = 0; i < 11; i++) { /* used again and again: its lifetime counts */
    CHECK_TEXT(cache, "used", "v");
    CHECK_OK(cachecore_advance_clock(cache, 80));
  }
  CHECK_OK(cachecore_ttl(cache, "used", 4, &left));
  CHECK_INT(left, 20); /* 1000 - 100 - 880 */
  CHECK_OK(cachecore_advance_clock(cache, 20));
  CHECK_MISS(cache, "used");
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void cleanup_in_portions(void) {
  cachecore_t *cache = open_exact(1000, 0, 0);
  uint64_t key, removed = 77;
  for (key = 0; key < 300; key++)
    CHECK_OK(set_number(cache, key, "v", 1, key < 250 ? 10 + key % 5 : 0));
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 0);
  CHECK_OK(cachecore_advance_clock(cache, 14));
  CHECK_INT(cachecore_count(cache), 50); /* expired are not counted */
  CHECK_OK(cachecore_cleanup_expired(cache, 100, &removed));
  CHECK_INT(removed, 100);
  CHECK_OK(cachecore_cleanup_expired(cache, 1, &removed));
  CHECK_INT(removed, 1);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 149);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  CHECK_INT(stats_of(cache).expirations, 250);
  CHECK_INT(cachecore_cleanup_expired(NULL, 0, &removed), CACHECORE_E_ARGUMENT);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void the_manual_clock_has_limits(void) {
  cachecore_t *cache = open_exact(100, 0, 0), *real = open_plain(100, 0);
  const uint64_t year_ms = (uint64_t)365 * 86400 * 1000;
  CHECK_OK(set_text(cache, "key", "value", 0));
  CHECK_OK(cachecore_advance_clock(cache, 0));
  CHECK_INT(cachecore_advance_clock(cache, 9 * year_ms), CACHECORE_E_RANGE);
  CHECK_INT(cachecore_advance_clock(cache, UINT64_MAX), CACHECORE_E_RANGE);
  CHECK_OK(cachecore_advance_clock(cache, 7 * year_ms));
  CHECK_INT(cachecore_advance_clock(cache, 2 * year_ms), CACHECORE_E_RANGE);
  CHECK_TEXT(cache, "key", "value");
  CHECK_INT(cachecore_advance_clock(real, 1), CACHECORE_E_STATE);
  CHECK_INT(cachecore_advance_clock(NULL, 1), CACHECORE_E_ARGUMENT);
  cachecore_close(cache);
  cachecore_close(real);
}

/* Random lifetimes far and near, found by each wheel of the clock. */
static void random_lifetimes(void) {
  enum { COUNT = 20000 };
  static uint64_t deadline[COUNT];
  cachecore_t *cache = open_exact(COUNT, 0, 0);
  uint64_t seed = new_seed(), now = 0, key, removed, expected;
  for (key = 0; key < COUNT; key++) {
    deadline[key] = 1 + random_below(&seed, (uint64_t)1 << (1 + key % 30));
    CHECK_OK(set_number(cache, key, "v", 1, deadline[key]));
  }
  while (now < (uint64_t)1 << 30) {
    uint64_t step = 1 + random_below(&seed, now + 10);
    CHECK_OK(cachecore_advance_clock(cache, step));
    for (expected = 0, key = 0; key < COUNT; key++)
      expected += deadline[key] > now && deadline[key] <= now + step;
    now += step;
    CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
    CHECK_INT(removed, expected);
    for (key = 0; key < COUNT; key += 97)
      CHECK_INT(contains_number(cache, key),
                deadline[key] > now ? CACHECORE_OK : CACHECORE_MISS);
  }
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

/* Each key is watched until it is gone: a call that has returned before the
 * deadline must not miss, one that begins 20 ms after it must not hit. */
static void watch_one(worker_t *worker) {
  static const uint64_t ttls[] = {1, 7, 20, 55, 130, 300};
  uint64_t key = worker->index, ttl = ttls[worker->index % 6];
  int round;
  for (round = 0; round < 4; round++) {
    double before = now_ms(), after, start, end;
    CHECK_OK(set_number(worker->cache, key, "v", 1, ttl));
    after = now_ms();
    for (;;) {
      cachecore_status_t status;
      start = now_ms();
      status = contains_number(worker->cache, key);
      end = now_ms();
      if (status == CACHECORE_MISS) {
        CHECK(end >= before + (double)ttl);
        break;
      }
      CHECK_OK(status);
      CHECK(start <= after + (double)ttl + 20);
    }
  }
}

static void never_early_and_hardly_late(void) {
  cachecore_t *cache = open_plain(1000, 0);
  run_workers(cache, 6, NULL, watch_one);
  cachecore_close(cache);
}

/* ---- A million at once --------------------------------------------------- */

enum { MILLION = 1000000, BESIDE = 1000 };

static int watching;

static void *read_on(void *argument) {
  cachecore_t *cache = (cachecore_t *)argument;
  uint64_t key, seed = 1;
  size_t size;
  char buffer[64];
  while (is_raised(&watching)) {
    key = MILLION + random_below(&seed, BESIDE);
    CHECK_OK(cachecore_get(cache, &key, 8, buffer, sizeof buffer, &size));
    CHECK(holds_pattern(buffer, size, key));
  }
  return NULL;
}

static void a_million_end_together(void) {
  cachecore_t *cache = open_plain(0, (uint64_t)512 << 20);
  size_t empty = resident_bytes(), full;
  unsigned char value[64];
  double lead = 3000, deadline = now_ms() + lead;
  pthread_t reader;
  uint64_t key;

  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  for (key = 0; key < MILLION + BESIDE; key++) {
    double left = deadline - now_ms();
    if (left < 1) { /* this machine is busy: once more, with more time */
      deadline = now_ms() + (lead *= 2);
      CHECK_OK(cachecore_clear(cache));
      CHECK_OK(cachecore_reset_stats(cache));
      key = UINT64_MAX; /* then 0 */
      continue;
    }
    fill_pattern(value, sizeof value, key, 0);
    CHECK_OK(set_number(cache, key, value, sizeof value,
                        key < MILLION ? (uint64_t)left : 0));
  }
  full = resident_bytes();
  CHECK(full > empty + (64u << 20));
  raise_flag(&watching);
  CHECK_INT(pthread_create(&reader, NULL, read_on, cache), 0);
  while (now_ms() < deadline + 60000) {
    sleep_ms(20);
    if (now_ms() > deadline && stats_of(cache).bytes_used < 8u << 20 &&
        sweeper_of(cache).backlog == 0 &&
        resident_bytes() < empty + (full - empty) / 8)
      break;
  }
  printf("gone and given back %.0f ms after the deadline\n",
         now_ms() - deadline);
  lower_flag(&watching);
  CHECK_INT(pthread_join(reader, NULL), 0);
  CHECK_INT(cachecore_count(cache), BESIDE);
  CHECK_INT(stats_of(cache).expirations, MILLION);
  CHECK(resident_bytes() < empty + (full - empty) / 8);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

TESTS(T(expired_now), T(to_the_millisecond), T(idle_entries_end),
      T(cleanup_in_portions), T(the_manual_clock_has_limits),
      T(random_lifetimes), T(never_early_and_hardly_late),
      T(a_million_end_together))
