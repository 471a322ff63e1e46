/* Lifetimes that chance shortens: by how much, which of them, and when the same
 * ones again. */
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { TTL_MS = 1000000 };

static cachecore_t *open_jittered(uint64_t permille, uint64_t seed,
                                  uint32_t flags) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  options.max_entries = 100000;
  options.shard_count = 4;
  options.flags = flags;
  options.default_ttl_ms = TTL_MS;
  options.hash_seed = seed;
  options.ttl_jitter_permille = permille;
  CHECK_OK(cachecore_open(&options, &cache));
  return cache;
}

/* All of it may go, so that whatever is shortened is seen to be. */
static cachecore_t *open_exact_jittered(void) {
  return open_jittered(1000, 1, CACHECORE_MANUAL_CLOCK);
}

static int64_t ttl_of(cachecore_t *cache, const char *key) {
  int64_t left;
  CHECK_OK(cachecore_ttl(cache, key, strlen(key), &left));
  return left;
}

static int64_t ttl_of_number(cachecore_t *cache, uint64_t key) {
  int64_t left;
  CHECK_OK(cachecore_ttl(cache, &key, sizeof key, &left));
  return left;
}

static void any_part_as_often_as_any_other(void) {
  static const uint64_t parts[] = {1, 10, 250, 999, 1000};
  enum { COUNT = 20000, BINS = 10 };
  size_t i;
  for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    cachecore_t *cache = open_jittered(parts[i], 7, CACHECORE_MANUAL_CLOCK);
    uint64_t most = TTL_MS * parts[i] / 1000, key;
    unsigned bins[BINS] = {0}, bin;
    for (key = 0; key < COUNT; key++) {
      int64_t left;
      CHECK_OK(set_number(cache, key, "", 0, 0));
      left = ttl_of_number(cache, key);
      CHECK(left > 0 && left <= TTL_MS && left >= (int64_t)(TTL_MS - most));
      bins[(uint64_t)(TTL_MS - left) * BINS / (most + 1)]++;
    }
    /* 2000 are expected in each, give or take 42. */
    for (bin = 0; bin < BINS; bin++)
      CHECK(bins[bin] > 1800 && bins[bin] < 2200);
    cachecore_close(cache);
  }
}

static void never_to_nothing(void) {
  cachecore_t *cache = open_exact_jittered();
  uint64_t key, ttl_ms;
  for (ttl_ms = 1; ttl_ms <= 3; ttl_ms++) {
    int64_t least = INT64_MAX, most = 0;
    for (key = 0; key < 1000; key++) {
      int64_t left;
      CHECK_OK(set_number(cache, key, "", 0, ttl_ms));
      left = ttl_of_number(cache, key);
      if (left < least) least = left;
      if (left > most) most = left;
    }
    CHECK_INT(least, 1);
    CHECK_INT(most, ttl_ms);
  }
  cachecore_close(cache);
}

static void every_lifetime_from_now(void) {
  cachecore_t *cache = open_exact_jittered();
  const void *keys[] = {"many", "more"};
  const void *values[] = {"1", "2"};
  size_t sizes[] = {4, 4}, value_sizes[] = {1, 1};
  uint64_t ttls[] = {TTL_MS, TTL_MS};
#define SHORTENED(key) CHECK(ttl_of(cache, key) < TTL_MS)
  CHECK_OK(cachecore_set(cache, "set", 3, "1", 1, TTL_MS));
  SHORTENED("set");
  CHECK_OK(cachecore_set(cache, "default", 7, "1", 1, 0));
  SHORTENED("default");
  CHECK_OK(cachecore_add(cache, "add", 3, "1", 1, TTL_MS));
  SHORTENED("add");
  CHECK_OK(cachecore_replace(cache, "set", 3, "2", 1, TTL_MS));
  SHORTENED("set");
  CHECK_OK(cachecore_compare_and_set(cache, "set", 3, "3", 1,
                                     version_of(cache, "set"), TTL_MS));
  SHORTENED("set");
  CHECK_OK(cachecore_touch(cache, "set", 3, TTL_MS));
  SHORTENED("set");
  CHECK_OK(cachecore_increment(cache, "sum", 3, 1, 1, TTL_MS, NULL));
  SHORTENED("sum");
  CHECK_OK(cachecore_set_many(cache, 2, keys, sizes, values, value_sizes, ttls,
                              NULL));
  SHORTENED("many");
  SHORTENED("more");
  CHECK(ttl_of(cache, "many") != ttl_of(cache, "more"));
  CHECK_OK(cachecore_set_many(cache, 2, keys, sizes, values, value_sizes, NULL,
                              NULL));
  SHORTENED("many");
  CHECK(ttl_of(cache, "many") != ttl_of(cache, "more"));
  CHECK_OK(cachecore_replace(cache, "set", 3, "2", 1, UINT64_MAX - 1));
  CHECK(ttl_of(cache, "set") > TTL_MS); /* the longest there is, shortened */
  cachecore_close(cache);
}

static void no_other_lifetime(void) {
  cachecore_t *cache = open_exact_jittered();
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  int64_t left;
  CHECK_OK(cachecore_set(cache, "never", 5, "1", 1, CACHECORE_TTL_NEVER));
  CHECK_INT(ttl_of(cache, "never"), -1);
  CHECK_OK(cachecore_set_until(cache, "until", 5, "1", 1, unix_ms() + TTL_MS));
  left = ttl_of(cache, "until");
  CHECK(left > TTL_MS - 60000 && left <= TTL_MS);
  CHECK_OK(cachecore_set(cache, "until", 5, "2", 1, CACHECORE_TTL_KEEP));
  CHECK_INT(ttl_of(cache, "until"), left);
  CHECK_OK(cachecore_increment(cache, "until", 5, 1, 1, 5, NULL));
  CHECK_INT(ttl_of(cache, "until"), left);
  CHECK_OK(cachecore_set(cache, "new", 3, "2", 1, CACHECORE_TTL_KEEP));
  CHECK(ttl_of(cache, "new") < TTL_MS); /* the default */
  cachecore_close(cache);

  options.max_entries = 10;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_tti_ms = 1000;
  options.ttl_jitter_permille = 1000;
  CHECK_OK(cachecore_open(&options, &cache));
  CHECK_OK(set_text(cache, "idle", "", 0));
  CHECK_INT(ttl_of(cache, "idle"), 1000);
  cachecore_close(cache);
}

/* A number that lifetimes of 16 new entries make. */
static uint64_t sequence(cachecore_t *cache) {
  uint64_t key, sum = 0;
  for (key = 0; key < 16; key++) {
    CHECK_OK(set_number(cache, key, "", 0, TTL_MS));
    sum = sum * 1000003 + (uint64_t)ttl_of_number(cache, key);
  }
  return sum;
}

static uint64_t sequence_of(uint64_t seed) {
  cachecore_t *cache = open_jittered(500, seed, CACHECORE_MANUAL_CLOCK);
  uint64_t first = sequence(cache);
  CHECK(sequence(cache) != first);
  cachecore_close(cache);
  return first;
}

static void the_same_from_the_same_seed(void) {
  CHECK(sequence_of(1) == sequence_of(1));
  CHECK(sequence_of(1) != sequence_of(2));
  CHECK(sequence_of(0) != sequence_of(0));
}

static uint64_t sequence_in_child(cachecore_t *cache) {
  uint64_t result;
  int ends[2], status;
  pid_t child;
  CHECK(pipe(ends) == 0);
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    result = sequence(cache);
    _exit(write(ends[1], &result, sizeof result) != sizeof result);
  }
  CHECK(read(ends[0], &result, sizeof result) == sizeof result);
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
  close(ends[0]);
  close(ends[1]);
  return result;
}

/* Workers that fork from one process and fill their caches alike do not empty
 * them alike, unless a seed asks for that. */
static void children_have_their_own(void) {
  cachecore_t *cache = open_jittered(500, 0, CACHECORE_MANUAL_CLOCK);
  uint64_t one = sequence_in_child(cache), other = sequence_in_child(cache);
  CHECK(one != other);
  CHECK(sequence(cache) != one);
  cachecore_close(cache);
  cache = open_jittered(500, 3, CACHECORE_MANUAL_CLOCK);
  one = sequence_in_child(cache);
  CHECK(sequence_in_child(cache) == one);
  CHECK(sequence(cache) == one);
  cachecore_close(cache);
}

/* A program of before: what lies behind its options is none of them. */
static void older_options_have_none(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  options.struct_size = offsetof(cachecore_options_t, ttl_jitter_permille);
  options.max_entries = 10;
  options.ttl_jitter_permille = 1000;
  CHECK_OK(cachecore_open(&options, &cache));
  CHECK_OK(set_text(cache, "key", "value", 1 << 30));
  CHECK(ttl_of(cache, "key") > (1 << 30) - 60000);
  CHECK_OK(cachecore_get_options(cache, &options));
  CHECK_INT(options.ttl_jitter_permille, 1000); /* not touched */
  options.struct_size = sizeof options;
  CHECK_OK(cachecore_get_options(cache, &options));
  CHECK_INT(options.ttl_jitter_permille, 0);
  cachecore_close(cache);
}

static void none_without_it(void) {
  cachecore_t *cache = open_jittered(0, 1, CACHECORE_MANUAL_CLOCK);
  static const uint64_t ttls[] = {1, 1000, TTL_MS, 1ull << 36, 1ull << 37};
  size_t i;
  for (i = 0; i < sizeof ttls / sizeof ttls[0]; i++) {
    CHECK_OK(set_text(cache, "key", "", ttls[i]));
    CHECK_INT(ttl_of(cache, "key"), ttls[i]);
  }
  cachecore_close(cache);
}

static void store_by_the_real_clock(worker_t *worker) {
  uint64_t key;
  for (key = 0; key < 5000; key++) {
    int64_t left;
    uint64_t own = key << 8 | worker->index;
    CHECK_OK(set_number(worker->cache, own, "", 0, TTL_MS));
    left = ttl_of_number(worker->cache, own);
    CHECK(left > TTL_MS / 2 - 60000 && left <= TTL_MS + 20);
    worker->result += left < TTL_MS - 1000;
  }
}

static void threads_and_the_real_clock(void) {
  cachecore_t *cache = open_jittered(500, 0, 0);
  CHECK(run_workers(cache, 4, NULL, store_by_the_real_clock) > 15000);
  cachecore_close(cache);
}

TESTS(T(any_part_as_often_as_any_other), T(never_to_nothing),
      T(every_lifetime_from_now), T(no_other_lifetime),
      T(the_same_from_the_same_seed), T(children_have_their_own),
      T(older_options_have_none), T(none_without_it),
      T(threads_and_the_real_clock))
