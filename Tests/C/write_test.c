/* set, set_until, add, replace, compare_and_set, delete, touch, increment. */
#include <inttypes.h>

#include "harness.h"

static void set_stores_and_replaces(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_stats_t stats;
  CHECK_OK(set_text(cache, "key", "one", 0));
  CHECK_OK(set_text(cache, "key", "another, longer one", 0));
  CHECK_TEXT(cache, "key", "another, longer one");
  CHECK_OK(set_text(cache, "key", "x", 0));
  CHECK_TEXT(cache, "key", "x");
  stats = stats_of(cache);
  CHECK_INT(stats.entries, 1);
  CHECK_INT(stats.inserts, 1);
  CHECK_INT(stats.updates, 2);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void add_and_replace(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  CHECK_INT(cachecore_replace(cache, "key", 3, "r", 1, 0), CACHECORE_MISS);
  CHECK_INT(contains(cache, "key"), CACHECORE_MISS);
  CHECK_OK(cachecore_add(cache, "key", 3, "a", 1, 100));
  CHECK_INT(cachecore_add(cache, "key", 3, "b", 1, 0), CACHECORE_EXISTS);
  CHECK_TEXT(cache, "key", "a");
  CHECK_OK(cachecore_replace(cache, "key", 3, "c", 1, 100));
  CHECK_TEXT(cache, "key", "c");
  CHECK_OK(cachecore_advance_clock(cache, 100)); /* expired is absent */
  CHECK_INT(cachecore_replace(cache, "key", 3, "r", 1, 0), CACHECORE_MISS);
  CHECK_OK(cachecore_add(cache, "key", 3, "d", 1, 0));
  CHECK_TEXT(cache, "key", "d");
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void compare_and_set(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  uint64_t first, second;
  CHECK_INT(cachecore_compare_and_set(cache, "key", 3, "x", 1, 1, 0),
            CACHECORE_MISS);
  CHECK_OK(set_text(cache, "key", "one", 0));
  first = version_of(cache, "key");
  CHECK_OK(cachecore_compare_and_set(cache, "key", 3, "two", 3, first, 50));
  CHECK_TEXT(cache, "key", "two");
  second = version_of(cache, "key");
  CHECK(second != first);
  CHECK_INT(cachecore_compare_and_set(cache, "key", 3, "x", 1, first, 0),
            CACHECORE_CONFLICT);
  CHECK_TEXT(cache, "key", "two");
  CHECK_OK(cachecore_advance_clock(cache, 50));
  CHECK_INT(cachecore_compare_and_set(cache, "key", 3, "x", 1, second, 0),
            CACHECORE_MISS);
  cachecore_close(cache);
}

/* Not only unlike the last one: unlike every one before it. */
static void versions_never_come_back(void) {
  enum { COUNT = 300 };
  cachecore_t *cache = open_exact(4, 0, 0);
  uint64_t seen[COUNT];
  int i, j;
  for (i = 0; i < COUNT; i++) {
    if (i % 3 == 0) cachecore_delete(cache, "key", 3);
    if (i % 5 == 0) CHECK_OK(cachecore_clear(cache));
    if (i % 7 == 0) /* pushes the key out */
      for (j = 0; j < 8; j++)
        CHECK_OK(set_number(cache, (uint64_t)j, "v", 1, 0));
    CHECK_OK(set_text(cache, "key", "same", 0));
    seen[i] = version_of(cache, "key");
    for (j = 0; j < i; j++) CHECK(seen[j] != seen[i]);
  }
  cachecore_close(cache);
}

static void delete_removes_live_entries(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  CHECK_INT(cachecore_delete(cache, "key", 3), CACHECORE_MISS);
  CHECK_OK(set_text(cache, "key", "value", 10));
  CHECK_OK(cachecore_delete(cache, "key", 3));
  CHECK_MISS(cache, "key");
  CHECK_OK(set_text(cache, "key", "value", 10));
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_INT(cachecore_delete(cache, "key", 3), CACHECORE_MISS);
  CHECK_INT(stats_of(cache).deletes, 1);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void touch_gives_a_new_lifetime(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  int64_t left;
  options.max_entries = 100;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_ttl_ms = 500;
  CHECK_OK(cachecore_open(&options, &cache));
  CHECK_INT(cachecore_touch(cache, "key", 3, 10), CACHECORE_MISS);
  CHECK_OK(set_text(cache, "key", "value", 100));
  CHECK_OK(cachecore_advance_clock(cache, 90));
  CHECK_OK(cachecore_touch(cache, "key", 3, 100)); /* counted from now */
  CHECK_OK(cachecore_advance_clock(cache, 90));
  CHECK_OK(cachecore_touch(cache, "key", 3, 0)); /* the default */
  CHECK_OK(cachecore_ttl(cache, "key", 3, &left));
  CHECK_INT(left, 500);
  CHECK_OK(cachecore_touch(cache, "key", 3, CACHECORE_TTL_NEVER));
  CHECK_OK(cachecore_ttl(cache, "key", 3, &left));
  CHECK_INT(left, -1);
  CHECK_OK(cachecore_touch(cache, "key", 3, 1)); /* and back to a short one */
  CHECK_OK(cachecore_advance_clock(cache, 1));
  CHECK_INT(cachecore_touch(cache, "key", 3, 100), CACHECORE_MISS);
  CHECK_MISS(cache, "key");
  cachecore_close(cache);
}

/* Each way to write a live entry keeps its deadline, one that is not there has
 * the default lifetime. */
static void a_deadline_is_kept(void) {
  static const uint64_t keep = CACHECORE_TTL_KEEP;
  static const void *const keys[] = {"key", "fresh"};
  static const void *const values[] = {"5", "5"};
  static const size_t key_sizes[] = {3, 5}, value_sizes[] = {1, 1};
  static const uint64_t ttls[] = {CACHECORE_TTL_KEEP, CACHECORE_TTL_KEEP};
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_t *cache;
  int64_t sum, left = 0;
  options.max_entries = 100;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_ttl_ms = 500;
  CHECK_OK(cachecore_open(&options, &cache));
  CHECK_OK(set_text(cache, "key", "1", 100));
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_OK(set_text(cache, "key", "2", keep));
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_OK(cachecore_replace(cache, "key", 3, "3", 1, keep));
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_OK(cachecore_inspect(cache, "key", 3, &info));
  CHECK_OK(cachecore_compare_and_set(cache, "key", 3, "4", 1, info.version,
                                     keep));
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_OK(cachecore_set_many(cache, 2, keys, key_sizes, values, value_sizes,
                              ttls, NULL));
  CHECK_OK(cachecore_touch(cache, "key", 3, keep));
  CHECK_OK(cachecore_increment(cache, "key", 3, 1, 0, keep, &sum));
  CHECK_INT(sum, 6);
  CHECK_OK(cachecore_ttl(cache, "key", 3, &left));
  CHECK_INT(left, 60);
  CHECK_OK(cachecore_ttl(cache, "fresh", 5, &left));
  CHECK_INT(left, 500);
  CHECK_OK(cachecore_add(cache, "added", 5, "1", 1, keep));
  CHECK_OK(cachecore_ttl(cache, "added", 5, &left));
  CHECK_INT(left, 500);
  CHECK_OK(cachecore_increment(cache, "counted", 7, 1, 1, keep, &sum));
  CHECK_OK(cachecore_ttl(cache, "counted", 7, &left));
  CHECK_INT(left, 500);
  CHECK_INT(cachecore_touch(cache, "absent", 6, keep), CACHECORE_MISS);
  CHECK_OK(cachecore_advance_clock(cache, 60));
  CHECK_MISS(cache, "key");
  CHECK_OK(set_text(cache, "key", "expired before", keep));
  CHECK_OK(cachecore_ttl(cache, "key", 3, &left));
  CHECK_INT(left, 500);
  CHECK_OK(set_text(cache, "key", "v", CACHECORE_TTL_NEVER));
  CHECK_OK(set_text(cache, "key", "v", keep));
  CHECK_OK(cachecore_ttl(cache, "key", 3, &left));
  CHECK_INT(left, -1);
  cachecore_close(cache);
}

static void deadlines_of_the_wall_clock(void) {
  cachecore_t *cache = open_plain(100, 0);
  int64_t left = 0;
  static const int64_t past[] = {INT64_MIN, -1, 0, 1, 1000000000000};
  size_t i;
  CHECK_OK(cachecore_set_until(cache, "key", 3, "v", 1, unix_ms() + 60000));
  CHECK_OK(cachecore_ttl(cache, "key", 3, &left));
  CHECK(left > 50000 && left <= 60010);
  for (i = 0; i < sizeof past / sizeof past[0]; i++) {
    CHECK_OK(set_text(cache, "key", "value", 0));
    CHECK_OK(cachecore_set_until(cache, "key", 3, "v", 1, past[i]));
    CHECK_MISS(cache, "key"); /* the older value too */
    CHECK_OK(cachecore_set_until(cache, "new", 3, "v", 1, past[i]));
    CHECK_MISS(cache, "new");
  }
  CHECK_OK(cachecore_set_until(cache, "key", 3, "v", 1, INT64_MAX));
  CHECK_TEXT(cache, "key", "v");
  CHECK_OK(cachecore_set_until(cache, "key", 3, "v", 1, unix_ms() + 60));
  sleep_ms(81);
  CHECK_MISS(cache, "key");
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void long_lifetimes_are_capped(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  const int64_t year_ms = (int64_t)365 * 86400 * 1000;
  int64_t left;
  CHECK_OK(set_text(cache, "key", "v", UINT64_MAX - 1));
  CHECK_OK(cachecore_ttl(cache, "key", 3, &left));
  CHECK(left > 30 * year_ms && left < 35 * year_ms);
  CHECK_OK(cachecore_advance_clock(cache, (uint64_t)(7 * year_ms)));
  CHECK_TEXT(cache, "key", "v");
  CHECK_OK(set_text(cache, "other", "v", (uint64_t)(8 * year_ms)));
  CHECK_OK(cachecore_ttl(cache, "other", 5, &left));
  CHECK_INT(left, 8 * year_ms);
  cachecore_close(cache);
}

static int64_t increment(cachecore_t *cache, int64_t delta) {
  int64_t sum = 0;
  CHECK_OK(cachecore_increment(cache, "n", 1, delta, 0, 0, &sum));
  return sum;
}

static void increment_counts(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  int64_t sum = 0, left;
  CHECK_OK(cachecore_increment(cache, "n", 1, 5, 40, 1000, &sum));
  CHECK_INT(sum, 40); /* absent: the initial value, without the delta */
  CHECK_TEXT(cache, "n", "40");
  CHECK_OK(cachecore_advance_clock(cache, 400));
  CHECK_INT(increment(cache, 2), 42);
  CHECK_TEXT(cache, "n", "42");
  CHECK_OK(cachecore_ttl(cache, "n", 1, &left));
  CHECK_INT(left, 600); /* the deadline stays */
  CHECK_INT(increment(cache, -50), -8);
  CHECK_TEXT(cache, "n", "-8");
  CHECK_INT(increment(cache, 8), 0);
  CHECK_TEXT(cache, "n", "0");
  CHECK_OK(cachecore_increment(cache, "n", 1, 99, 0, 0, NULL));
  CHECK_INT(increment(cache, 1), 100); /* one digit more */
  CHECK_OK(cachecore_advance_clock(cache, 600));
  CHECK_OK(cachecore_increment(cache, "n", 1, 5, -3, 0, &sum));
  CHECK_INT(sum, -3);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void increment_to_the_limits(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  int64_t sum = 77;
  CHECK_OK(set_text(cache, "n", "9223372036854775806", 0));
  CHECK_INT(cachecore_increment(cache, "n", 1, 2, 0, 0, &sum),
            CACHECORE_E_RANGE);
  CHECK_INT(sum, 0);
  CHECK_TEXT(cache, "n", "9223372036854775806");
  CHECK(increment(cache, 1) == INT64_MAX);
  CHECK_INT(cachecore_increment(cache, "n", 1, 1, 0, 0, &sum),
            CACHECORE_E_RANGE);
  CHECK_INT(increment(cache, INT64_MIN), -1);
  CHECK_OK(set_text(cache, "n", "-9223372036854775808", 0));
  CHECK_INT(cachecore_increment(cache, "n", 1, -1, 0, 0, &sum),
            CACHECORE_E_RANGE);
  CHECK_INT(cachecore_increment(cache, "n", 1, INT64_MIN, 0, 0, &sum),
            CACHECORE_E_RANGE);
  CHECK_TEXT(cache, "n", "-9223372036854775808");
  CHECK_INT(increment(cache, INT64_MAX), -1);
  CHECK_OK(cachecore_delete(cache, "n", 1));
  CHECK_OK(cachecore_increment(cache, "n", 1, 1, INT64_MIN, 0, &sum));
  CHECK_TEXT(cache, "n", "-9223372036854775808");
  cachecore_close(cache);
}

static void increment_of_what_is_no_number(void) {
  static const char *const bad[] = {
      "", "-", "+1", " 1", "1 ", "1a", "a", "--1", "1.0", "0x1",
      "9223372036854775808", "-9223372036854775809", "00000000000000000001",
      "99999999999999999999999"};
  static const char *const good[] = {"0", "-0", "007", "-0001",
                                     "0000000000000000001"};
  static const int64_t next[] = {1, 1, 8, 0, 2};
  cachecore_t *cache = open_exact(100, 0, 0);
  int64_t sum = 77;
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK_OK(set_text(cache, "n", bad[i], 0));
    CHECK_INT(cachecore_increment(cache, "n", 1, 1, 0, 0, &sum),
              CACHECORE_E_TYPE);
    CHECK_INT(sum, 0);
    CHECK_TEXT(cache, "n", bad[i]);
  }
  CHECK_OK(cachecore_set(cache, "n", 1, "1\0", 2, 0));
  CHECK_INT(cachecore_increment(cache, "n", 1, 1, 0, 0, &sum),
            CACHECORE_E_TYPE);
  for (i = 0; i < sizeof good / sizeof good[0]; i++) {
    CHECK_OK(set_text(cache, "n", good[i], 0));
    CHECK_INT(increment(cache, 1), next[i]);
  }
  cachecore_close(cache);
}

TESTS(T(set_stores_and_replaces), T(add_and_replace), T(compare_and_set),
      T(versions_never_come_back), T(delete_removes_live_entries),
      T(touch_gives_a_new_lifetime), T(a_deadline_is_kept),
      T(deadlines_of_the_wall_clock),
      T(long_lifetimes_are_capped), T(increment_counts),
      T(increment_to_the_limits), T(increment_of_what_is_no_number))
