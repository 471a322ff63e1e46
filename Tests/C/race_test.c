/* Many threads on one key: each operation is one atomic step. */
#include <sched.h>

#include "harness.h"

enum { THREADS = 8, ROUNDS = SANITIZED ? 2000 : 20000 };

static void increment_one(worker_t *worker) {
  int i;
  for (i = 0; i < ROUNDS; i++) {
    int64_t delta = i % 2 ? 3 : -1, sum;
    CHECK_OK(cachecore_increment(worker->cache, "n", 1, delta, 0, 0, &sum));
  }
}

static void increments_add_up(void) {
  cachecore_t *cache = open_plain(1000, 0);
  int64_t sum = 0;
  CHECK_OK(set_text(cache, "n", "0", 0));
  run_workers(cache, THREADS, NULL, increment_one);
  CHECK_OK(cachecore_increment(cache, "n", 1, 0, 0, 0, &sum));
  CHECK_INT(sum, THREADS * ROUNDS);
  CHECK_INT(stats_of(cache).updates, THREADS * ROUNDS + 1);
  cachecore_close(cache);
}

static void add_each(worker_t *worker) {
  uint64_t key;
  for (key = 0; key < ROUNDS; key++) {
    cachecore_status_t status = cachecore_add(
        worker->cache, &key, sizeof key, &worker->index, sizeof(unsigned), 0);
    CHECK(status == CACHECORE_OK || status == CACHECORE_EXISTS);
    worker->result += status == CACHECORE_OK;
  }
}

static void one_add_wins(void) {
  cachecore_t *cache = open_plain(10 * ROUNDS, 0);
  CHECK_INT(run_workers(cache, THREADS, NULL, add_each), ROUNDS);
  CHECK_INT(cachecore_count(cache), ROUNDS);
  CHECK_INT(stats_of(cache).inserts, ROUNDS);
  CHECK_INT(stats_of(cache).updates, 0);
  cachecore_close(cache);
}

static void delete_each(worker_t *worker) {
  uint64_t key;
  for (key = 0; key < ROUNDS; key++)
    worker->result += cachecore_delete(worker->cache, &key, sizeof key) ==
                      CACHECORE_OK;
}

static void one_delete_wins(void) {
  cachecore_t *cache = open_plain(10 * ROUNDS, 0);
  uint64_t key;
  for (key = 0; key < ROUNDS; key++)
    CHECK_OK(set_number(cache, key, "v", 1, 0));
  CHECK_INT(run_workers(cache, THREADS, NULL, delete_each), ROUNDS);
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* A counter of one's own by compare_and_set; two must never both succeed.
 * The version is taken before the value: one that changed meanwhile loses. */
static void count_by_compare(worker_t *worker) {
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  uint64_t before, count;
  size_t size;
  int i;
  for (i = 0; i < ROUNDS / 4;) {
    CHECK_OK(cachecore_inspect(worker->cache, "n", 1, &info));
    CHECK_OK(cachecore_get(worker->cache, "n", 1, &before, 8, &size));
    count = before + 1;
    switch (cachecore_compare_and_set(worker->cache, "n", 1, &count, 8,
                                      info.version, 0)) {
      case CACHECORE_OK: i++; break;
      case CACHECORE_CONFLICT: worker->result++; break;
      default: CHECK(!"compare_and_set: OK or CONFLICT");
    }
  }
}

/* The same with value and version read at once. */
static void count_with_info(worker_t *worker) {
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  uint64_t count;
  size_t size;
  int i;
  for (i = 0; i < ROUNDS / 4;) {
    CHECK_OK(cachecore_get_with_info(worker->cache, "n", 1, &count, 8, &size,
                                     &info));
    count++;
    sched_yield(); /* to whoever has read the same */
    switch (cachecore_compare_and_set(worker->cache, "n", 1, &count, 8,
                                      info.version, 0)) {
      case CACHECORE_OK: i++; break;
      case CACHECORE_CONFLICT: worker->result++; break;
      default: CHECK(!"compare_and_set: OK or CONFLICT");
    }
  }
}

static void count_up(void (*count_one)(worker_t *), unsigned threads) {
  cachecore_t *cache = open_plain(1000, 0);
  uint64_t count = 0;
  size_t size;
  CHECK_OK(cachecore_set(cache, "n", 1, &count, 8, 0));
  printf("%llu conflicts\n", (unsigned long long)run_workers(
                                 cache, threads, NULL, count_one));
  CHECK_OK(cachecore_get(cache, "n", 1, &count, 8, &size));
  CHECK_INT(count, threads * (ROUNDS / 4));
  cachecore_close(cache);
}

static void compare_and_set_loses_no_update(void) {
  count_up(count_by_compare, THREADS);
}

static void get_with_info_loses_no_update(void) {
  count_up(count_with_info, 4);
}

/* Values that say how long they live, and of which there is one for each
 * version: what is read at once belongs together. */
enum { TTL_BASE = 1000000, VALUES = 97, VALUE_SIZE = 200 };

static void write_or_read_whole(worker_t *worker) {
  static const cachecore_entry_info_t empty = CACHECORE_ENTRY_INFO_INIT;
  unsigned char value[VALUE_SIZE], seen = 0;
  uint64_t version = 0;
  int i;
  for (i = 0; i < ROUNDS; i++) {
    cachecore_entry_info_t info = empty;
    size_t size;
    if (worker->index % 2) {
      int number = (i + (int)worker->index) % VALUES;
      memset(value, number, sizeof value);
      CHECK_OK(cachecore_set(worker->cache, "k", 1, value, sizeof value,
                             TTL_BASE + (uint64_t)number));
      continue;
    }
    CHECK_OK(cachecore_get_with_info(worker->cache, "k", 1, value,
                                     sizeof value, &size, &info));
    CHECK_INT(info.value_size, size);
    CHECK_INT(size, sizeof value);
    CHECK(value[0] == value[VALUE_SIZE - 1]);
    CHECK_INT(info.ttl_ms, TTL_BASE + value[0]);
    if (info.version == version) CHECK_INT(value[0], seen);
    CHECK(info.version >= version);
    version = info.version;
    seen = value[0];
  }
}

static void value_and_info_are_of_one_moment(void) {
  cachecore_t *cache = open_exact(1000, 0, 0);
  unsigned char value[VALUE_SIZE] = {0};
  CHECK_OK(cachecore_set(cache, "k", 1, value, sizeof value, TTL_BASE));
  run_workers(cache, 4, NULL, write_or_read_whole);
  CHECK_INT(stats_of(cache).hits, 2 * ROUNDS);
  cachecore_close(cache);
}

/* Add against delete on one key: each success flips one bit of state, so adds
 * and deletes that succeed differ by what is there at the end. */
static void add_or_delete(worker_t *worker) {
  int i;
  for (i = 0; i < ROUNDS; i++) {
    if (worker->index % 2)
      worker->result += cachecore_add(worker->cache, "k", 1, "v", 1, 0) == 0;
    else
      worker->result -= cachecore_delete(worker->cache, "k", 1) == 0;
  }
}

static void add_and_delete_balance(void) {
  cachecore_t *cache = open_plain(1000, 0);
  uint64_t left = run_workers(cache, THREADS, NULL, add_or_delete);
  CHECK_INT(left, cachecore_count(cache));
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* Replace finds the key always: it is only ever replaced. */
static void replace_or_read(worker_t *worker) {
  unsigned char bytes[300];
  uint64_t key = 42, seed = worker->seed;
  int i;
  for (i = 0; i < ROUNDS; i++) {
    size_t size = 8 + random_below(&seed, 292);
    if (worker->index % 2) {
      fill_pattern(bytes, size, key, seed);
      CHECK_OK(cachecore_replace(worker->cache, &key, 8, bytes, size, 0));
    } else {
      CHECK_OK(cachecore_get(worker->cache, &key, 8, bytes, 300, &size));
      CHECK(holds_pattern(bytes, size, key)); /* whole, never half of each */
    }
  }
}

static void replacing_never_tears_or_hides(void) {
  cachecore_t *cache = open_plain(0, 1 << 20);
  unsigned char bytes[8];
  fill_pattern(bytes, 8, 42, 0);
  CHECK_OK(set_number(cache, 42, bytes, 8, 0));
  run_workers(cache, THREADS, NULL, replace_or_read);
  CHECK_INT(stats_of(cache).misses, 0);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* Bounds move while everybody writes. */
static void resize_or_write(worker_t *worker) {
  uint64_t seed = worker->seed;
  static char value[400];
  int i;
  for (i = 0; i < ROUNDS / 2; i++) {
    if (worker->index == 0 && i % 50 == 0)
      CHECK_OK(cachecore_resize(worker->cache, 100 + random_below(&seed, 5000),
                                (256u << 10) + random_below(&seed, 3u << 20)));
    CHECK_OK(set_number(worker->cache, random_below(&seed, 20000), value,
                        random_below(&seed, sizeof value), 0));
  }
}

static void resize_under_load(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  options.max_entries = 5000;
  options.max_bytes = 4 << 20;
  CHECK_OK(cachecore_open(&options, &cache));
  run_workers(cache, THREADS, NULL, resize_or_write);
  CHECK_OK(cachecore_resize(cache, 100, 256 << 10));
  CHECK(cachecore_count(cache) <= 100);
  CHECK(stats_of(cache).bytes_used <= 256 << 10);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

TESTS(T(increments_add_up), T(one_add_wins), T(one_delete_wins),
      T(compare_and_set_loses_no_update), T(get_with_info_loses_no_update),
      T(value_and_info_are_of_one_moment), T(add_and_delete_balance),
      T(replacing_never_tears_or_hides), T(resize_under_load))
