/* The process grows by max_bytes and a constant, whatever is stored.  Each test
 * is a process of its own, so its resident size is its own too. */
#include "harness.h"

enum { BOUND = 32 << 20, CONSTANT = 4 << 20 };

static unsigned char value[300000];

static void fill(cachecore_t *cache, uint64_t count, size_t smallest,
                 size_t largest, uint64_t ttl_ms) {
  uint64_t seed = 3, i;
  for (i = 0; i < count; i++) {
    size_t size = smallest + random_below(&seed, largest - smallest + 1);
    CHECK_OK(set_number(cache, i, value, size, ttl_ms));
  }
}

static void check_growth(size_t before, const char *what) {
  size_t growth = resident_bytes() - before;
  printf("%s: grew by %zu KiB of %d KiB\n", what, growth >> 10, BOUND >> 10);
  CHECK(growth <= BOUND + CONSTANT);
}

static void warm_up(void) {
  memset(value, 7, sizeof value); /* ours, before we measure */
  cachecore_close(open_plain(100, 0));
}

static void small_large_and_mixed(void) {
  cachecore_t *cache;
  size_t before;
  warm_up();
  before = resident_bytes();
  cache = open_plain(0, BOUND);
  fill(cache, 1000000, 1, 30, 0);
  check_growth(before, "tiny");
  fill(cache, 300000, 100, 1000, 0);
  check_growth(before, "small");
  fill(cache, 3000, 10000, 300000, 0);
  check_growth(before, "large");
  fill(cache, 300000, 0, 500, 50);
  check_growth(before, "expiring");
  fill(cache, 3000, 0, 300000, 0);
  check_growth(before, "mixed");
  cachecore_close(cache);
  CHECK(resident_bytes() < before + CONSTANT); /* given back */
}

static void keys_count_too(void) {
  static unsigned char key[5000];
  cachecore_t *cache;
  size_t before;
  uint64_t i, seed = 5;
  warm_up();
  before = resident_bytes();
  cache = open_plain(0, BOUND);
  for (i = 0; i < 100000; i++) {
    memcpy(key, &i, sizeof i);
    CHECK_OK(cachecore_set(cache, key, 8 + random_below(&seed, 4000), "v", 1,
                           0));
  }
  check_growth(before, "long keys");
  cachecore_close(cache);
}

static void churn(worker_t *worker) {
  uint64_t seed = worker->seed;
  int i;
  for (i = 0; i < 60000; i++)
    set_number(worker->cache, random_below(&seed, 200000), value,
               random_below(&seed, 2000), 1 + random_below(&seed, 500));
}

static void by_many_threads(void) {
  cachecore_t *cache;
  size_t before;
  warm_up();
  before = resident_bytes();
  cache = open_plain(0, BOUND);
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  run_workers(cache, 8, NULL, churn);
  check_growth(before, "eight threads and a sweeper");
  cachecore_close(cache);
}

static void clear_gives_back(void) {
  cachecore_t *cache;
  size_t before;
  warm_up();
  before = resident_bytes();
  cache = open_plain(0, BOUND);
  fill(cache, 100000, 100, 1000, 0);
  CHECK(resident_bytes() > before + BOUND / 2);
  CHECK_OK(cachecore_clear(cache));
  CHECK(resident_bytes() < before + CONSTANT);
  cachecore_close(cache);
}

static void cleanup_gives_back(void) {
  cachecore_t *cache;
  size_t before;
  warm_up();
  before = resident_bytes();
  cache = open_exact(0, BOUND, 0);
  fill(cache, 100000, 100, 1000, 60000);
  CHECK(resident_bytes() > before + BOUND / 2);
  CHECK_OK(cachecore_advance_clock(cache, 60000));
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  CHECK(resident_bytes() < before + BOUND / 8 + CONSTANT);
  cachecore_close(cache);
}

/* ---- Wherever memory became free ----------------------------------------- */

enum { VALUES = 128, VALUE = 256 << 10, VOLUME = VALUES * VALUE };

static unsigned char large[VALUE + (1 << 20)], batch[1 << 20];

static const char *name_of(uint64_t number) {
  static char name[16];
  snprintf(name, sizeof name, "v%06llu", (unsigned long long)number);
  return name;
}

static cachecore_status_t store(cachecore_t *cache, uint64_t number,
                                size_t size) {
  return cachecore_set(cache, name_of(number), 7, large, size, 0);
}

static void by_delete(cachecore_t *cache) {
  uint64_t i;
  for (i = 0; i < VALUES; i++) CHECK_OK(cachecore_delete(cache, name_of(i), 7));
}

static void by_delete_many(cachecore_t *cache) {
  static char names[VALUES][8];
  const void *keys[VALUES];
  size_t sizes[VALUES], i;
  for (i = 0; i < VALUES; i++) {
    keys[i] = memcpy(names[i], name_of(i), 8);
    sizes[i] = 7;
  }
  CHECK_OK(cachecore_delete_many(cache, VALUES, keys, sizes, NULL, NULL));
}

static void by_delete_prefix(cachecore_t *cache) {
  CHECK_OK(cachecore_delete_prefix(cache, "v", 1, NULL));
}

static void by_expiry(cachecore_t *cache) {
  uint64_t i;
  for (i = 0; i < VALUES; i++)
    CHECK_OK(cachecore_touch(cache, name_of(i), 7, 1000));
  CHECK_OK(cachecore_advance_clock(cache, 1000));
}

static void by_a_deadline_that_has_passed(cachecore_t *cache) {
  uint64_t i;
  for (i = 0; i < VALUES; i++)
    CHECK_OK(cachecore_set_until(cache, name_of(i), 7, "", 0, 1));
}

static void by_smaller_values(cachecore_t *cache) {
  uint64_t i;
  for (i = 0; i < VALUES; i++) CHECK_OK(store(cache, i, 10));
}

static void by_values_that_are_refused(cachecore_t *cache) {
  uint64_t i;
  CHECK_OK(cachecore_resize(cache, 0, VOLUME * 2));
  for (i = 0; i < VALUES; i++)
    CHECK_INT(cachecore_set(cache, name_of(i), 7, large, (size_t)1 << 36, 0),
              CACHECORE_REFUSED);
}

static void by_a_bound_of_entries(cachecore_t *cache) {
  CHECK_OK(cachecore_resize(cache, 1, 0));
}

static void by_a_bound_of_bytes(cachecore_t *cache) {
  CHECK_OK(cachecore_resize(cache, 0, 2 << 20));
}

static void by_clear(cachecore_t *cache) { CHECK_OK(cachecore_clear(cache)); }

static void by_audit(cachecore_t *cache) {
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  options.remove_kinds = CACHECORE_ENTRY_WITHOUT_EXPIRY;
  CHECK_OK(cachecore_audit(cache, "v", 1, &options, &audit));
}

static void by_release(cachecore_t *cache) {
  static cachecore_value_t values[VALUES];
  uint64_t i;
  for (i = 0; i < VALUES; i++)
    CHECK_OK(cachecore_acquire(cache, name_of(i), 7, &values[i]));
  by_delete(cache);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL)); /* too early */
  for (i = 0; i < VALUES; i++) cachecore_release(&values[i]);
}

static void by_taking_removals(cachecore_t *cache) {
  cachecore_status_t status;
  size_t size;
  by_delete(cache);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL)); /* too early */
  while ((status = cachecore_take_removals(cache, batch, sizeof batch, &size,
                                           NULL)) == CACHECORE_OK)
    continue;
  CHECK_INT(status, CACHECORE_MISS);
}

static void cleanup(cachecore_t *cache) {
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
}

/* Whatever it may remove, it returns all there is. */
static void cleanup_of_one(cachecore_t *cache) {
  int i;
  for (i = 0; i <= VALUES; i++)
    CHECK_OK(cachecore_cleanup_expired(cache, 1, NULL));
}

static void one_sweep(cachecore_t *cache) {
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  options.interval_ms = 3600000;
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
  CHECK_INT(sweeper_of(cache).sweeps_run, 1);
}

static void nothing_else(cachecore_t *cache) { (void)cache; }

static const struct {
  const char *name;
  void (*free)(cachecore_t *);
  uint32_t flags;
  int is_at_once; /* a call that works through the whole cache */
} ways[] = {{"delete", by_delete, 0, 0},
            {"delete_many", by_delete_many, 0, 0},
            {"delete_prefix", by_delete_prefix, 0, 1},
            {"expiry", by_expiry, 0, 0},
            {"set_until", by_a_deadline_that_has_passed, 0, 0},
            {"smaller values", by_smaller_values, 0, 0},
            {"refused", by_values_that_are_refused, 0, 0},
            {"fewer entries", by_a_bound_of_entries, 0, 0},
            {"fewer bytes", by_a_bound_of_bytes, 0, 1},
            {"clear", by_clear, 0, 1},
            {"audit", by_audit, 0, 1},
            {"release", by_release, 0, 0},
            {"taken", by_taking_removals, CACHECORE_REPORT_REMOVALS, 0}};

/* Frees most of what there is, with entries that stay between it or with none,
 * and has the memory returned. */
static void check_returned(size_t way, int with_keepers, const char *how,
                           void (*give_back)(cachecore_t *)) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  size_t empty = resident_bytes(), full, left;
  cachecore_t *cache;
  uint64_t i;
  options.max_bytes = VOLUME * 2;
  options.flags = CACHECORE_MANUAL_CLOCK | ways[way].flags;
  CHECK_OK(cachecore_open(&options, &cache));
  for (i = 0; i < VALUES; i++) {
    CHECK_OK(store(cache, i, VALUE));
    if (with_keepers) CHECK_OK(set_number(cache, i << 8, "keeper", 6, 0));
  }
  full = resident_bytes();
  CHECK(full > empty + VOLUME * 3 / 4);
  CHECK(stats_of(cache).bytes_resident > VOLUME);
  ways[way].free(cache);
  give_back(cache);
  left = resident_bytes();
  printf("%s, %s, %s: %zu of %zu KiB left\n", ways[way].name,
         with_keepers ? "between others" : "alone", how,
         left > empty ? (left - empty) >> 10 : 0, (full - empty) >> 10);
  CHECK(left < empty + VOLUME / 8);
  CHECK(stats_of(cache).bytes_resident < VOLUME / 8);
  CHECK(stats_of(cache).bytes_used <= stats_of(cache).bytes_resident);
  if (with_keepers && way < 7)
    for (i = 0; i < VALUES; i++) CHECK_OK(contains_number(cache, i << 8));
  cachecore_close(cache);
}

static void free_memory_is_returned(void) {
  size_t way;
  warm_up();
  memset(large, 7, sizeof large);
  memset(batch, 7, sizeof batch);
  check_returned(0, 0, "not measured", one_sweep); /* a thread's stack, ... */
  for (way = 0; way < sizeof ways / sizeof ways[0]; way++) {
    int with_keepers;
    for (with_keepers = 0; with_keepers < 2; with_keepers++) {
      check_returned(way, with_keepers, "cleanup", cleanup);
      check_returned(way, with_keepers, "one at a time", cleanup_of_one);
      check_returned(way, with_keepers, "sweep", one_sweep);
      if (ways[way].is_at_once)
        check_returned(way, with_keepers, "at once", nothing_else);
    }
  }
}

/* What an open cache costs that holds nothing. */
static void nothing_stored_costs_little(void) {
  cachecore_t *caches[20];
  size_t before;
  int i;
  warm_up();
  before = resident_bytes();
  for (i = 0; i < 20; i++) caches[i] = open_plain(0, (uint64_t)1 << 30);
  CHECK(resident_bytes() < before + 20 * (size_t)(1 << 20));
  for (i = 0; i < 20; i++) cachecore_close(caches[i]);
}

TESTS(T(small_large_and_mixed), T(keys_count_too), T(by_many_threads),
      T(clear_gives_back), T(cleanup_gives_back), T(free_memory_is_returned),
      T(nothing_stored_costs_little))
