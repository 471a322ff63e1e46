/* acquire and release: what is lent stays as it is, whatever happens. */
#include "harness.h"

static cachecore_value_t acquire(cachecore_t *cache, const char *key) {
  cachecore_value_t value;
  memset(&value, 0xaa, sizeof value);
  CHECK_OK(cachecore_acquire(cache, key, strlen(key), &value));
  CHECK(value.data != NULL || value.size == 0);
  return value;
}

static void check_value(const cachecore_value_t *value, const char *expected) {
  CHECK_INT(value->size, strlen(expected));
  CHECK(memcmp(value->data, expected, value->size) == 0);
}

static void check_cleared(const cachecore_value_t *value) {
  CHECK(value->data == NULL && value->size == 0);
  CHECK(value->owner == NULL && value->lease == 0);
}

static void lends_and_takes_back(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_value_t value;
  CHECK_OK(set_text(cache, "key", "value", 0));
  value = acquire(cache, "key");
  check_value(&value, "value");
  cachecore_release(&value);
  check_cleared(&value);
  cachecore_release(&value); /* nothing to give back */
  cachecore_release(NULL);
  memset(&value, 0xaa, sizeof value);
  CHECK_INT(cachecore_acquire(cache, "nix", 3, &value), CACHECORE_MISS);
  check_cleared(&value);
  cachecore_release(&value);
  CHECK_INT(stats_of(cache).hits, 1);
  CHECK_INT(stats_of(cache).misses, 1);
  cachecore_close(cache);
}

/* What is lent may be stored: elsewhere, as a key, and in its own place, also
 * where that is the last room there is. */
static void a_lent_value_may_be_passed_on(void) {
  static const uint32_t flags[] = {0, CACHECORE_NO_EVICT,
                                   CACHECORE_REPORT_REMOVALS};
  static char text[20000];
  size_t i, round;
  memset(text, 't', sizeof text);
  for (i = 0; i < 3; i++) {
    cachecore_t *cache = open_exact(0, 128 << 10, flags[i]);
    CHECK_OK(cachecore_set(cache, "key", 3, text, sizeof text, 0));
    for (round = 0; round < 50; round++) {
      cachecore_value_t value = acquire(cache, "key");
      CHECK_INT(value.size, sizeof text);
      CHECK_OK(cachecore_set(cache, "key", 3, value.data, value.size, 0));
      CHECK_OK(cachecore_set(cache, "other", 5, value.data, value.size, 0));
      CHECK_OK(cachecore_set(cache, value.data, 1000, value.data, 10, 0));
      CHECK(memcmp(value.data, text, sizeof text) == 0);
      cachecore_release(&value);
      value = acquire(cache, "other");
      CHECK(value.size == sizeof text &&
            memcmp(value.data, text, sizeof text) == 0);
      cachecore_release(&value);
    }
    cachecore_close(cache);
  }
}

static void empty_values_are_lent_too(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_value_t value;
  CHECK_OK(cachecore_set(cache, "key", 3, NULL, 0, 0));
  value = acquire(cache, "key");
  CHECK_INT(value.size, 0);
  CHECK_OK(cachecore_delete(cache, "key", 3));
  cachecore_release(&value);
  cachecore_close(cache);
}

/* Each way an entry can end, followed by enough writing to reuse its memory. */
enum end { REPLACED, DELETED, EVICTED, EXPIRED, CLEARED, INCREMENTED, ENDS };

static void end_entry(cachecore_t *cache, enum end end, const char *key) {
  int64_t sum;
  uint64_t i;
  switch (end) {
    case REPLACED: CHECK_OK(set_text(cache, key, "later", 0)); break;
    case DELETED: CHECK_OK(cachecore_delete(cache, key, strlen(key))); break;
    case CLEARED: CHECK_OK(cachecore_clear(cache)); break;
    case INCREMENTED:
      CHECK_OK(cachecore_increment(cache, key, strlen(key), 1, 0, 0, &sum));
      break;
    case EXPIRED:
      CHECK_OK(cachecore_advance_clock(cache, 1000));
      CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
      break;
    default:
      for (i = 0; i < 200; i++) CHECK_OK(set_number(cache, i, "x", 1, 0));
      CHECK_INT(contains(cache, key), CACHECORE_MISS);
  }
}

static void outlives_its_entry(void) {
  int end;
  for (end = 0; end < ENDS; end++) {
    cachecore_t *cache = open_exact(50, 0, 0);
    cachecore_value_t value;
    uint64_t i;
    CHECK_OK(set_text(cache, "key", "12345678901234", 1000));
    value = acquire(cache, "key");
    end_entry(cache, (enum end)end, "key");
    for (i = 0; i < 1000; i++)
      CHECK_OK(set_number(cache, i, "##############", 14, 0));
    check_value(&value, "12345678901234");
    cachecore_release(&value);
    CHECK_IDENTITY(cache);
    cachecore_close(cache);
  }
}

static void lent_many_times_at_once(void) {
  enum { MOST = 4095 };
  static cachecore_value_t values[MOST];
  cachecore_value_t other;
  cachecore_t *cache = open_exact(100, 0, 0);
  int i;
  CHECK_OK(set_text(cache, "key", "value", 0));
  for (i = 0; i < MOST; i++) values[i] = acquire(cache, "key");
  CHECK_INT(cachecore_acquire(cache, "key", 3, &other), CACHECORE_E_STATE);
  CHECK_TEXT(cache, "key", "value"); /* copying is still possible */
  cachecore_release(&values[7]);
  values[7] = acquire(cache, "key");
  CHECK_OK(cachecore_delete(cache, "key", 3));
  for (i = 0; i < MOST; i++) {
    check_value(&values[i], "value");
    cachecore_release(&values[i]);
  }
  cachecore_close(cache);
}

static void close_with_values_lent(void) {
  enum { COUNT = 100 };
  cachecore_value_t values[COUNT];
  static unsigned char bytes[10000];
  cachecore_t *cache = open_plain(1000, 0), *other;
  uint64_t i;
  for (i = 0; i < COUNT; i++) {
    fill_pattern(bytes, sizeof bytes, i, 1);
    CHECK_OK(set_number(cache, i, bytes, sizeof bytes, 0));
    CHECK_OK(cachecore_acquire(cache, &i, sizeof i, &values[i]));
  }
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  cachecore_close(cache);
  other = open_plain(1000, 0); /* may well get the same address */
  for (i = 0; i < 1000; i++) CHECK_OK(set_number(other, i, bytes, 9999, 0));
  for (i = 0; i < COUNT; i++) {
    CHECK_INT(values[i].size, sizeof bytes);
    CHECK(holds_pattern(values[i].data, values[i].size, i));
    cachecore_release(&values[i]);
  }
  cachecore_close(other);
}

/* The memory of a closed cache goes with its last lent value. */
static void last_release_frees(void) {
  size_t before = 0;
  static char bytes[1 << 20];
  int round;
  for (round = 0; round < 60; round++) {
    cachecore_t *cache = open_plain(0, 32 << 20);
    cachecore_value_t value;
    uint64_t i;
    for (i = 0; i < 8; i++) CHECK_OK(set_number(cache, i, bytes, 1 << 20, 0));
    i = 7;
    CHECK_OK(cachecore_acquire(cache, &i, sizeof i, &value));
    cachecore_close(cache);
    cachecore_release(&value);
    if (round == 10) before = resident_bytes();
  }
  if (!SANITIZED) CHECK(resident_bytes() < before + (8u << 20));
}

/* Lent memory stays inside the bound: writes that cannot fit beside it are
 * refused, and come through again once it is given back. */
static void counts_against_the_bound(void) {
  enum { COUNT = 12 };
  static char bytes[64 << 10];
  cachecore_t *cache = open_exact(0, 1 << 20, 0);
  cachecore_value_t values[COUNT];
  uint64_t i, refused = 0;
  for (i = 0; i < COUNT; i++) {
    fill_pattern(bytes, sizeof bytes, i, 0);
    CHECK_OK(set_number(cache, i, bytes, sizeof bytes, 0));
    CHECK_OK(cachecore_acquire(cache, &i, sizeof i, &values[i]));
  }
  CHECK_OK(cachecore_clear(cache));
  CHECK_INT(cachecore_count(cache), 0);
  CHECK(stats_of(cache).bytes_used >= COUNT * sizeof bytes);
  for (i = 100; i < 200; i++) {
    cachecore_status_t status =
        set_number(cache, i, bytes, sizeof bytes, 0);
    CHECK(status == CACHECORE_OK || status == CACHECORE_REFUSED ||
          status == CACHECORE_E_NO_MEMORY);
    refused += status != CACHECORE_OK;
    CHECK(stats_of(cache).bytes_used <= 1 << 20);
  }
  CHECK_INT(stats_of(cache).refused, refused);
  CHECK_INT(set_number(cache, 1, bytes, 500 << 10, 0), CACHECORE_REFUSED);
  for (i = 0; i < COUNT; i++) {
    CHECK(holds_pattern(values[i].data, values[i].size, i));
    cachecore_release(&values[i]);
  }
  for (i = 0; i < 100; i++)
    CHECK_OK(set_number(cache, i, bytes, sizeof bytes, 0));
  CHECK(cachecore_count(cache) >= 12);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void *give_back(void *argument) {
  cachecore_release((cachecore_value_t *)argument);
  return NULL;
}

static void another_thread_may_give_back(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_value_t value;
  pthread_t thread;
  CHECK_OK(set_text(cache, "key", "value", 0));
  value = acquire(cache, "key");
  CHECK_INT(pthread_create(&thread, NULL, give_back, &value), 0);
  CHECK_INT(pthread_join(thread, NULL), 0);
  check_cleared(&value);
  cachecore_close(cache);
}

/* Half the threads lend one key's value, half keep replacing it. */
static void lend_while_others_replace(worker_t *worker) {
  unsigned char bytes[512];
  uint64_t seed = worker->seed, key = 1, i;
  for (i = 0; i < 20000; i++) {
    if (worker->index % 2) {
      size_t size = 64 + random_below(&seed, 400);
      fill_pattern(bytes, size, key, i);
      CHECK_OK(set_number(worker->cache, key, bytes, size, 0));
    } else {
      cachecore_value_t value;
      CHECK_OK(cachecore_acquire(worker->cache, &key, sizeof key, &value));
      CHECK(holds_pattern(value.data, value.size, key));
      if (i % 16 == 0) sched_yield();
      CHECK(holds_pattern(value.data, value.size, key));
      cachecore_release(&value);
    }
  }
}

static void lend_and_replace(void) {
  cachecore_t *cache = open_plain(0, 4 << 20);
  unsigned char bytes[64];
  fill_pattern(bytes, sizeof bytes, 1, 0);
  CHECK_OK(set_number(cache, 1, bytes, sizeof bytes, 0));
  run_workers(cache, 8, NULL, lend_while_others_replace);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

TESTS(T(lends_and_takes_back), T(a_lent_value_may_be_passed_on),
      T(empty_values_are_lent_too),
      T(outlives_its_entry), T(lent_many_times_at_once),
      T(close_with_values_lent), T(last_release_frees),
      T(counts_against_the_bound), T(another_thread_may_give_back),
      T(lend_and_replace))
