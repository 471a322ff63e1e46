/* Address space: a cache takes as much as its bounds suggest, in few mappings,
 * and more when it needs more. */
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { MEGABYTE = 1 << 20 };

/* What the process has: bytes of addresses, and mappings by their number. */
typedef struct space {
  size_t bytes;
  int mappings;
} space_t;

static space_t space(void) {
  space_t result = {0, 0};
  unsigned long long start, end;
  char line[512];
  FILE *file = fopen("/proc/self/maps", "r");
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "%llx-%llx", &start, &end) == 2) {
      result.bytes += (size_t)(end - start);
      result.mappings++;
    }
  fclose(file);
  return result;
}

static char buffer[2 * MEGABYTE];

static void set_large(cachecore_t *cache, uint64_t key, size_t size) {
  fill_pattern(buffer, size, key, size);
  CHECK_OK(set_number(cache, key, buffer, size, 0));
}

static void check_large(cachecore_t *cache, uint64_t key, size_t size) {
  static char copy[2 * MEGABYTE];
  size_t found;
  CHECK_OK(cachecore_get(cache, &key, sizeof key, copy, sizeof copy, &found));
  CHECK_INT(found, size);
  CHECK(holds_pattern(copy, size, key));
}

/* Ten thousand caches of a thousand entries, and then one of them is given as
 * many values of a megabyte. */
static void many_caches(void) {
  enum { CACHES = SANITIZED ? 500 : 10000, VALUES = SANITIZED ? 50 : 1000 };
  static cachecore_t *caches[CACHES];
  space_t before = space(), after;
  size_t i, key;
  for (i = 0; i < CACHES; i++) {
    caches[i] = open_plain(1000, 0);
    CHECK_OK(set_number(caches[i], i, "v", 1, 0));
  }
  after = space();
  printf("%zu KiB a cache, %d mappings for all\n",
         (after.bytes - before.bytes) / CACHES >> 10,
         after.mappings - before.mappings);
  CHECK(after.bytes - before.bytes < (size_t)CACHES * MEGABYTE);
  CHECK(SANITIZED || after.mappings - before.mappings < 4 * CACHES);
  for (key = 0; key < VALUES; key++)
    set_large(caches[CACHES / 2], CACHES + key, MEGABYTE);
  for (key = 1; key < VALUES; key++)
    check_large(caches[CACHES / 2], CACHES + key, MEGABYTE);
  CHECK(cachecore_count(caches[CACHES / 2]) >= VALUES);
  printf("then %zu MiB more, in %d mappings\n",
         (space().bytes - after.bytes) >> 20,
         space().mappings - after.mappings);
  CHECK(space().bytes - after.bytes < 4 * (size_t)VALUES * MEGABYTE);
  CHECK(SANITIZED || space().mappings - after.mappings < 40);
  for (i = CACHES; i-- > 0;) {
    if (i != CACHES / 2) CHECK_OK(contains_number(caches[i], i));
    cachecore_close(caches[i]);
  }
  CHECK(SANITIZED || space().bytes < before.bytes + 64 * MEGABYTE);
}

/* A program with a limit keeps what a small cache does not need. */
static void little_is_taken(void) {
  struct rlimit limit;
  size_t before;
  int i;
  if (SANITIZED) return; /* they need all of it themselves */
  CHECK_OK(getrlimit(RLIMIT_AS, &limit));
  limit.rlim_cur = 1 << 30;
  CHECK_OK(setrlimit(RLIMIT_AS, &limit));
  for (i = 0; i < 8; i++) {
    cachecore_t *cache;
    void *rest;
    before = space().bytes;
    cache = open_plain(0, MEGABYTE);
    CHECK(space().bytes - before < 64 * MEGABYTE);
    set_large(cache, 1, MEGABYTE / 2);
    check_large(cache, 1, MEGABYTE / 2);
    rest = malloc(400 * MEGABYTE);
    CHECK(rest != NULL);
    free(rest);
  }
}

/* However many shards and however full: mappings double in size. */
static void few_mappings(void) {
  uint32_t shards;
  if (SANITIZED) return; /* they have a mapping for each of ours, and more */
  for (shards = 1; shards <= 256; shards *= 16) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *cache;
    int before = space().mappings, most = 0;
    uint64_t key;
    options.max_entries = 1000000;
    options.shard_count = shards;
    CHECK_OK(cachecore_open(&options, &cache));
    for (key = 0; key < 300000; key++) {
      CHECK_OK(set_number(cache, key, buffer, 20 + key % 500, 0));
      if (key % 30000 == 0 && space().mappings - before > most)
        most = space().mappings - before;
    }
    for (key = 0; key < 300000; key++)
      if (key % 7 != 0) CHECK_OK(cachecore_delete(cache, &key, sizeof key));
    CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
    printf("%u shards: %d mappings, %d in the end\n", shards, most,
           space().mappings - before);
    CHECK(most < 40 && space().mappings - before < 40);
    cachecore_close(cache);
  }
}

/* A bound can be raised to whatever the machine has, and lowered again. */
static void resize_upward(void) {
  uint32_t shards;
  for (shards = 1; shards <= 16; shards *= 4) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *cache;
    uint64_t key, bound = shards * (uint64_t)MEGABYTE;
    options.max_bytes = bound;
    options.shard_count = shards;
    CHECK_OK(cachecore_open(&options, &cache));
    for (; bound < 160 * MEGABYTE; bound *= 3) {
      CHECK_OK(cachecore_resize(cache, 0, bound));
      for (key = 0; key * MEGABYTE / 8 < 2 * bound; key++)
        set_large(cache, key, 1 + key * 7919 % (MEGABYTE / 4));
      CHECK(stats_of(cache).bytes_used <= bound);
      CHECK(stats_of(cache).bytes_used > bound / 2);
      /* One value may have almost all of it, wherever others lie. */
      if (bound >= 4 * MEGABYTE) set_large(cache, key, 2 * MEGABYTE);
      if (bound >= 4 * MEGABYTE) check_large(cache, key, 2 * MEGABYTE);
    }
    CHECK_OK(cachecore_resize(cache, 0, 1ull << 60));
    for (key = 0; key < 200; key++) set_large(cache, key, MEGABYTE);
    for (key = 0; key < 200; key++) check_large(cache, key, MEGABYTE);
    CHECK_OK(cachecore_resize(cache, 0, shards * (uint64_t)MEGABYTE));
    CHECK(stats_of(cache).bytes_resident <= shards * (uint64_t)MEGABYTE);
    CHECK_OK(cachecore_clear(cache));
    for (key = 0; key < 100; key++) set_large(cache, key, 100);
    for (key = 0; key < 100; key++) check_large(cache, key, 100);
    cachecore_close(cache);
  }
}

/* Almost all of a bound in one value, after one that was much smaller. */
static void one_value_is_almost_all(void) {
  enum { SHARDS = 4, SIZE = 6 * MEGABYTE };
  static char value[SIZE], copy[SIZE];
  uint32_t policy;
  for (policy = CACHECORE_POLICY_LRU; policy <= CACHECORE_POLICY_ADAPTIVE;
       policy++) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *cache;
    uint64_t key, round;
    size_t size;
    options.policy = policy;
    options.max_bytes = 2 * MEGABYTE;
    options.shard_count = SHARDS;
    CHECK_OK(cachecore_open(&options, &cache));
    CHECK_OK(cachecore_resize(cache, 0, SIZE + MEGABYTE));
    for (round = 0; round < 4; round++) {
      for (key = 0; key < 20000; key++)
        set_large(cache, key, 100 + key * 7919 % 900);
      fill_pattern(value, SIZE, key, round);
      CHECK_OK(set_number(cache, key, value, SIZE, 0));
      CHECK_OK(cachecore_get(cache, &key, sizeof key, copy, SIZE, &size));
      CHECK(size == SIZE && memcmp(value, copy, SIZE) == 0);
      CHECK(stats_of(cache).bytes_used <= SIZE + MEGABYTE);
    }
    cachecore_close(cache);
  }
}

/* The child of a fork has a cache of its own, whatever it has grown to. */
static void a_child_has_its_own(void) {
  enum { VALUES = 40 };
  cachecore_t *cache = open_plain(1000, 0);
  uint64_t key;
  pid_t child;
  int status;
  for (key = 0; key < VALUES; key++) set_large(cache, key, MEGABYTE / 4);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    for (key = 0; key < VALUES; key++) check_large(cache, key, MEGABYTE / 4);
    for (key = 0; key < 3 * VALUES; key++) set_large(cache, key, MEGABYTE / 2);
    for (key = 0; key < 3 * VALUES; key++)
      check_large(cache, key, MEGABYTE / 2);
    cachecore_close(cache);
    _exit(0);
  }
  for (key = VALUES; key < 2 * VALUES; key++) set_large(cache, key, MEGABYTE);
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
  for (key = 0; key < 2 * VALUES; key++)
    check_large(cache, key, key < VALUES ? MEGABYTE / 4 : MEGABYTE);
  cachecore_close(cache);
}

/* Readers without a lock, while the arena and the tables go from run to run. */
static void read_while_it_grows(worker_t *worker) {
  enum { KEYS = 4000 };
  char copy[100000];
  uint64_t seed = worker->seed, i;
  for (i = 0; i < 4 * KEYS; i++) {
    uint64_t key = random_below(&seed, KEYS);
    size_t size;
    if (worker->index == 0) {
      char value[100000];
      size = 1 + random_below(&seed, i % 16 ? 2000 : 99999);
      fill_pattern(value, size, key, i);
      CHECK_OK(set_number(worker->cache, key, value, size, 0));
      if (i % KEYS == KEYS - 1) CHECK_OK(cachecore_clear(worker->cache));
      continue;
    }
    if (cachecore_get(worker->cache, &key, sizeof key, copy, sizeof copy,
                      &size) == CACHECORE_OK)
      CHECK(holds_pattern(copy, size, key));
  }
}

static void readers_meet_growth(void) {
  int round;
  for (round = 0; round < 5; round++) {
    cachecore_t *cache = open_plain(100000, 0);
    run_workers(cache, 4, NULL, read_while_it_grows);
    cachecore_close(cache);
  }
}

TESTS(T(many_caches), T(little_is_taken), T(few_mappings), T(resize_upward),
      T(one_value_is_almost_all), T(a_child_has_its_own),
      T(readers_meet_growth))
