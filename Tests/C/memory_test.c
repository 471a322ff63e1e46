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
      T(clear_gives_back), T(cleanup_gives_back),
      T(nothing_stored_costs_little))
