/*
 * The twenty scenarios by which the engine that this one replaces was tested,
 * under their names: seven of its unit tests, thirteen of its integration
 * tests.  Same steps, same numbers, seconds as milliseconds.
 */
#include "harness.h"

static cachecore_t *new_cache(uint64_t max_size, uint64_t default_ttl_ms) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  options.max_entries = max_size;
  options.default_ttl_ms = default_ttl_ms;
  options.shard_count = 1; /* one exact order of use, as theirs had */
  CHECK_OK(cachecore_open(&options, &cache));
  return cache;
}

static void name_of(char *name, unsigned a, unsigned b) {
  sprintf(name, "key_%u_%u", a, b);
}

/* ---- Unit tests ---------------------------------------------------------- */

static void test_basic_get_set(void) {
  cachecore_t *cache = new_cache(100, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_TEXT(cache, "key1", "value1");
  CHECK_INT(cachecore_count(cache), 1);
  cachecore_close(cache);
}

static void test_delete(void) {
  cachecore_t *cache = new_cache(100, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_OK(cachecore_delete(cache, "key1", 4));
  CHECK_MISS(cache, "key1");
  CHECK_INT(cachecore_delete(cache, "key1", 4), CACHECORE_MISS);
  cachecore_close(cache);
}

static void test_clear(void) {
  cachecore_t *cache = new_cache(100, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_OK(set_text(cache, "key2", "value2", 0));
  CHECK_OK(cachecore_clear(cache));
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_MISS(cache, "key1");
  cachecore_close(cache);
}

static void set_then_get(worker_t *worker) {
  unsigned rounds = *(unsigned *)worker->shared, i;
  char name[32];
  for (i = 0; i < rounds; i++) {
    name_of(name, worker->index, i);
    CHECK_OK(set_text(worker->cache, name, name, 0));
    CHECK_TEXT(worker->cache, name, name);
  }
}

static void test_concurrent_access(void) {
  cachecore_t *cache = new_cache(1000, 60000);
  unsigned rounds = 100;
  run_workers(cache, 10, &rounds, set_then_get);
  CHECK_INT(cachecore_count(cache), 1000);
  cachecore_close(cache);
}

static void test_lru_eviction(void) {
  cachecore_t *cache = new_cache(3, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_OK(set_text(cache, "key2", "value2", 0));
  CHECK_OK(set_text(cache, "key3", "value3", 0));
  CHECK_TEXT(cache, "key1", "value1");
  CHECK_OK(set_text(cache, "key4", "value4", 0));
  CHECK_INT(cachecore_count(cache), 3);
  CHECK_MISS(cache, "key2");
  CHECK_TEXT(cache, "key1", "value1");
  cachecore_close(cache);
}

static void test_cleanup_expired(void) {
  cachecore_t *cache = new_cache(100, 60000);
  uint64_t removed = 0;
  CHECK_OK(set_text(cache, "key1", "value1", 50));
  CHECK_OK(set_text(cache, "key2", "value2", 50));
  sleep_ms(75);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 2);
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

static void test_ttl_expiration(void) {
  cachecore_t *cache = new_cache(100, 100);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_TEXT(cache, "key1", "value1");
  sleep_ms(150);
  CHECK_MISS(cache, "key1");
  cachecore_close(cache);
}

/* ---- Integration tests --------------------------------------------------- */

static void test_cache_miss_returns_none(void) {
  cachecore_t *cache = new_cache(100, 60000);
  CHECK_MISS(cache, "nonexistent");
  cachecore_close(cache);
}

static void test_cache_hit_updates_access_time(void) {
  cachecore_t *cache = new_cache(2, 60000);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  sleep_ms(30);
  CHECK_TEXT(cache, "key1", "value1");
  CHECK_OK(cachecore_inspect(cache, "key1", 4, &info));
  CHECK(info.idle_ms < info.age_ms);
  CHECK(info.age_ms >= 25);
  cachecore_close(cache);
}

static void test_ttl_expiration_accuracy(void) {
  cachecore_t *cache = new_cache(100, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 1000));
  sleep_ms(900);
  CHECK_TEXT(cache, "key1", "value1");
  sleep_ms(200);
  CHECK_MISS(cache, "key1");
  cachecore_close(cache);
}

static void test_lru_eviction_removes_oldest(void) {
  cachecore_t *cache = new_cache(3, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_OK(set_text(cache, "key2", "value2", 0));
  CHECK_OK(set_text(cache, "key3", "value3", 0));
  CHECK_OK(set_text(cache, "key4", "value4", 0));
  CHECK_MISS(cache, "key1");
  CHECK_TEXT(cache, "key2", "value2");
  CHECK_TEXT(cache, "key3", "value3");
  CHECK_TEXT(cache, "key4", "value4");
  cachecore_close(cache);
}

static void test_lru_retains_recently_accessed(void) {
  cachecore_t *cache = new_cache(3, 60000);
  char key[16];
  int i;
  CHECK_OK(set_text(cache, "hot", "value", 0));
  for (i = 0; i < 100; i++) {
    sprintf(key, "cold%d", i);
    CHECK_OK(set_text(cache, key, "value", 0));
    CHECK_TEXT(cache, "hot", "value");
  }
  CHECK_MISS(cache, "cold97");
  CHECK_TEXT(cache, "cold98", "value");
  cachecore_close(cache);
}

static void read_and_write(worker_t *worker) {
  char name[32];
  unsigned i;
  for (i = 0; i < 50; i++) {
    name_of(name, worker->index / 2, i);
    if (worker->index % 2)
      CHECK_OK(set_text(worker->cache, name, name, 0));
    else
      CHECK(get_text_at(__FILE__, __LINE__, worker->cache, name, name) >= 0);
  }
}

static void test_concurrent_reads_and_writes(void) {
  cachecore_t *cache = new_cache(1000, 60000);
  run_workers(cache, 20, NULL, read_and_write);
  CHECK_INT(cachecore_count(cache), 500);
  cachecore_close(cache);
}

static void contend(worker_t *worker) {
  char name[32];
  unsigned i;
  for (i = 0; i < 100; i++) {
    name_of(name, 0, i % 10);
    CHECK_OK(set_text(worker->cache, name, name, 0));
    CHECK(get_text_at(__FILE__, __LINE__, worker->cache, name, name) >= 0);
    CHECK(cachecore_delete(worker->cache, name, strlen(name)) >= 0);
  }
}

static void test_no_deadlocks_under_contention(void) {
  cachecore_t *cache = new_cache(10, 60000);
  run_workers(cache, 10, NULL, contend);
  CHECK(cachecore_count(cache) <= 10);
  cachecore_close(cache);
}

static void test_cleanup_removes_expired(void) {
  cachecore_t *cache = new_cache(100, 60000);
  uint64_t removed = 0;
  CHECK_OK(set_text(cache, "short1", "value", 50));
  CHECK_OK(set_text(cache, "short2", "value", 50));
  CHECK_OK(set_text(cache, "long", "value", 60000));
  sleep_ms(75);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 2);
  CHECK_INT(cachecore_count(cache), 1);
  CHECK_TEXT(cache, "long", "value");
  cachecore_close(cache);
}

static void test_custom_ttl_override(void) {
  cachecore_t *cache = new_cache(100, 100);
  CHECK_OK(set_text(cache, "default", "value", 0));
  CHECK_OK(set_text(cache, "custom", "value", 60000));
  sleep_ms(150);
  CHECK_MISS(cache, "default");
  CHECK_TEXT(cache, "custom", "value");
  cachecore_close(cache);
}

static void test_update_existing_key(void) {
  cachecore_t *cache = new_cache(100, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_OK(set_text(cache, "key1", "value2", 0));
  CHECK_TEXT(cache, "key1", "value2");
  CHECK_INT(cachecore_count(cache), 1);
  cachecore_close(cache);
}

static void test_large_cache_performance(void) {
  cachecore_t *cache = new_cache(10000, 60000);
  char name[32];
  unsigned i;
  for (i = 0; i < 10000; i++) {
    name_of(name, i, i);
    CHECK_OK(set_text(cache, name, name, 0));
  }
  CHECK_INT(cachecore_count(cache), 10000);
  for (i = 0; i < 10000; i++) {
    name_of(name, i, i);
    CHECK_TEXT(cache, name, name);
  }
  cachecore_close(cache);
}

static void test_empty_cache_operations(void) {
  cachecore_t *cache = new_cache(100, 60000);
  uint64_t removed = 77;
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_MISS(cache, "key");
  CHECK_INT(cachecore_delete(cache, "key", 3), CACHECORE_MISS);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 0);
  CHECK_OK(cachecore_clear(cache));
  cachecore_close(cache);
}

static void test_single_entry_cache(void) {
  cachecore_t *cache = new_cache(1, 60000);
  CHECK_OK(set_text(cache, "key1", "value1", 0));
  CHECK_TEXT(cache, "key1", "value1");
  CHECK_OK(set_text(cache, "key2", "value2", 0));
  CHECK_MISS(cache, "key1");
  CHECK_TEXT(cache, "key2", "value2");
  CHECK_INT(cachecore_count(cache), 1);
  cachecore_close(cache);
}

TESTS(T(test_basic_get_set), T(test_delete), T(test_clear),
      T(test_concurrent_access), T(test_lru_eviction), T(test_cleanup_expired),
      T(test_ttl_expiration), T(test_cache_miss_returns_none),
      T(test_cache_hit_updates_access_time), T(test_ttl_expiration_accuracy),
      T(test_lru_eviction_removes_oldest),
      T(test_lru_retains_recently_accessed),
      T(test_concurrent_reads_and_writes),
      T(test_no_deadlocks_under_contention), T(test_cleanup_removes_expired),
      T(test_custom_ttl_override), T(test_update_existing_key),
      T(test_large_cache_performance), T(test_empty_cache_operations),
      T(test_single_entry_cache))
