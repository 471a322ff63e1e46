/* take_removals: every entry that left is reported once, whole, and why. */
#include "harness.h"

typedef struct taken {
  size_t count, by_cause[5];
  uint64_t bytes;
} taken_t;

/* Checks the records in a buffer, whose values carry their keys' pattern. */
static void read_records(const void *buffer, size_t size, taken_t *taken) {
  size_t offset = 0;
  while (offset < size) {
    cachecore_removal_record_t record;
    const char *at = (const char *)buffer + offset;
    uint64_t key;
    memcpy(&record, at, sizeof record);
    CHECK(record.record_size % 8 == 0);
    CHECK(record.record_size >= sizeof record + record.key_size +
                                    record.value_size);
    CHECK(record.cause >= 1 && record.cause <= 4);
    CHECK_INT(record.key_size, sizeof key);
    memcpy(&key, at + sizeof record, sizeof key);
    CHECK(holds_pattern(at + sizeof record + 8, record.value_size, key));
    taken->count++;
    taken->by_cause[record.cause]++;
    taken->bytes += record.value_size;
    offset += record.record_size;
  }
  CHECK_INT(offset, size);
}

static taken_t take_all(cachecore_t *cache, size_t capacity) {
  uint64_t buffer[4096];
  taken_t taken;
  size_t size, count;
  memset(&taken, 0, sizeof taken);
  CHECK(capacity <= sizeof buffer);
  for (;;) {
    size_t before = taken.count;
    cachecore_status_t status =
        cachecore_take_removals(cache, buffer, capacity, &size, &count);
    if (status == CACHECORE_MISS) return taken;
    CHECK_OK(status);
    CHECK(size <= capacity);
    read_records(buffer, size, &taken);
    CHECK_INT(taken.count - before, count);
    CHECK(count > 0);
  }
}

static void set_pattern(cachecore_t *cache, uint64_t key, size_t size,
                        uint64_t ttl_ms) {
  unsigned char value[2000];
  fill_pattern(value, size, key, ttl_ms);
  CHECK_OK(set_number(cache, key, value, size, ttl_ms));
}

static cachecore_t *open_reporting(uint64_t max_entries, uint64_t max_bytes) {
  return open_exact(max_entries, max_bytes, CACHECORE_REPORT_REMOVALS);
}

static void each_cause(void) {
  cachecore_t *cache = open_reporting(100, 0);
  taken_t taken;
  uint64_t key;
  for (key = 0; key < 100; key++) set_pattern(cache, key, 50, key < 10 ? 5 : 0);
  CHECK_INT(take_all(cache, 4096).count, 0);

  CHECK_OK(cachecore_advance_clock(cache, 5));
  CHECK_INT(take_all(cache, 4096).count, 0); /* when it is removed, not due */
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  taken = take_all(cache, 4096);
  CHECK_INT(taken.count, 10);
  CHECK_INT(taken.by_cause[CACHECORE_REMOVED_EXPIRED], 10);

  for (key = 100; key < 130; key++) set_pattern(cache, key, 50, 0);
  for (key = 100; key < 107; key++) set_pattern(cache, key, 60, 0);
  for (key = 110; key < 115; key++)
    CHECK_OK(cachecore_delete(cache, &key, sizeof key));
  taken = take_all(cache, 4096);
  CHECK_INT(taken.by_cause[CACHECORE_REMOVED_EVICTED], 20);
  CHECK_INT(taken.by_cause[CACHECORE_REMOVED_REPLACED], 7);
  CHECK_INT(taken.by_cause[CACHECORE_REMOVED_DELETED], 5);
  CHECK_INT(taken.count, 32);

  CHECK_OK(cachecore_clear(cache));
  taken = take_all(cache, 1024);
  CHECK_INT(taken.by_cause[CACHECORE_REMOVED_DELETED], 95);
  CHECK_INT(take_all(cache, 4096).count, 0);
  CHECK_INT(stats_of(cache).removals_lost, 0);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void in_order_and_to_the_byte(void) {
  cachecore_t *cache = open_reporting(3, 0);
  cachecore_removal_record_t record;
  uint64_t buffer[64];
  size_t size = 0, count = 0;
  CHECK_OK(set_text(cache, "first", "1", 0));
  CHECK_OK(set_text(cache, "second", "", 0));
  CHECK_OK(set_text(cache, "third", "333333333", 0));
  CHECK_OK(set_text(cache, "fourth", "4", 0));
  CHECK_OK(set_text(cache, "fifth", "5", 0));
  CHECK_OK(cachecore_take_removals(cache, buffer, sizeof buffer, &size, NULL));
  memcpy(&record, buffer, sizeof record);
  CHECK_INT(record.record_size, 32); /* 24 + 5 + 1, rounded up */
  CHECK_INT(record.key_size, 5);
  CHECK_INT(record.value_size, 1);
  CHECK_INT(record.cause, CACHECORE_REMOVED_EVICTED);
  CHECK(memcmp((char *)buffer + 24, "first1", 6) == 0);
  memcpy(&record, (char *)buffer + 32, sizeof record);
  CHECK_INT(record.value_size, 0);
  CHECK(memcmp((char *)buffer + 56, "second", 6) == 0);
  CHECK_INT(size, 64);

  CHECK_OK(cachecore_delete(cache, "third", 5));
  CHECK_INT(cachecore_take_removals(cache, NULL, 0, &size, &count),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 40); /* 24 + 5 + 9, rounded up */
  CHECK_INT(cachecore_take_removals(cache, buffer, 39, &size, &count),
            CACHECORE_E_TOO_SMALL);
  CHECK_OK(cachecore_take_removals(cache, buffer, 40, &size, &count));
  CHECK_INT(size, 40);
  CHECK_INT(count, 1);
  CHECK(memcmp((char *)buffer + 24, "third333333333", 14) == 0);
  CHECK_INT(cachecore_take_removals(cache, buffer, 40, &size, &count),
            CACHECORE_MISS);
  cachecore_close(cache);
}

static void only_where_asked_for(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  uint64_t buffer[16];
  size_t size;
  CHECK_INT(cachecore_take_removals(cache, buffer, 64, &size, NULL),
            CACHECORE_E_STATE);
  cachecore_close(cache);
  cache = open_reporting(10, 0);
  CHECK_INT(cachecore_take_removals(cache, NULL, 64, &size, NULL),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_take_removals(cache, buffer, 64, NULL, NULL),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_take_removals(NULL, buffer, 64, &size, NULL),
            CACHECORE_E_ARGUMENT);
  cachecore_close(cache);
}

/* Nobody takes them: new entries need the memory, and the oldest are lost. */
static void lost_when_nobody_takes_them(void) {
  cachecore_t *cache = open_reporting(0, 1 << 20);
  cachecore_stats_t stats;
  taken_t taken;
  uint64_t key;
  for (key = 0; key < 20000; key++) {
    set_pattern(cache, key, 300, 0);
    if (key % 100 == 0) CHECK(stats_of(cache).bytes_used <= 1 << 20);
  }
  CHECK(cachecore_count(cache) > 500); /* they do not crowd out what is live */
  taken = take_all(cache, 32768);
  stats = stats_of(cache);
  CHECK(stats.removals_lost > 0);
  CHECK_INT(stats.refused, 0);
  CHECK_INT(taken.count + stats.removals_lost, stats.evictions);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void lost_never_by_entries_alone(void) {
  cachecore_t *cache = open_reporting(100, 0);
  uint64_t key;
  for (key = 0; key < 50000; key++) set_pattern(cache, key, 100, 0);
  CHECK_INT(take_all(cache, 32768).count, 49900);
  CHECK_INT(stats_of(cache).removals_lost, 0);
  cachecore_close(cache);
}

static void while_its_value_is_lent(void) {
  cachecore_t *cache = open_reporting(10, 0);
  cachecore_value_t value;
  uint64_t key = 1;
  set_pattern(cache, key, 500, 0);
  CHECK_OK(cachecore_acquire(cache, &key, sizeof key, &value));
  CHECK_OK(cachecore_delete(cache, &key, sizeof key));
  CHECK_INT(take_all(cache, 4096).count, 1);
  CHECK(holds_pattern(value.data, value.size, key));
  cachecore_release(&value);
  set_pattern(cache, key, 500, 0);
  CHECK_OK(cachecore_acquire(cache, &key, sizeof key, &value));
  CHECK_OK(cachecore_delete(cache, &key, sizeof key));
  cachecore_release(&value); /* released first, taken later */
  CHECK_INT(take_all(cache, 4096).count, 1);
  cachecore_close(cache);
}

static void close_with_removals_waiting(void) {
  cachecore_t *cache = open_reporting(10, 0);
  uint64_t key;
  for (key = 0; key < 1000; key++) set_pattern(cache, key, 500, 0);
  cachecore_close(cache);
}

/* They stand in the way of nothing: not of a smaller bound. */
static void give_way_to_a_smaller_bound(void) {
  cachecore_t *cache = open_reporting(0, 8 << 20);
  uint64_t key;
  for (key = 0; key < 10000; key++) set_pattern(cache, key, key % 1000, 0);
  for (key = 0; key < 10000; key++)
    if (key % 50) cachecore_delete(cache, &key, sizeof key);
  CHECK_OK(cachecore_resize(cache, 0, 1 << 20));
  CHECK(stats_of(cache).removals_lost > 0);
  CHECK(stats_of(cache).bytes_resident <= 1 << 20);
  cachecore_close(cache);
}

/* Two threads take while six write: what left, left to one of them. */
static void write_or_take(worker_t *worker) {
  uint64_t seed = worker->seed, key;
  int i;
  for (i = 0; i < 10000; i++) {
    if (worker->index < 2) {
      if (i % 50 == 0) worker->result += take_all(worker->cache, 8192).count;
      continue;
    }
    key = random_below(&seed, 3000);
    if (random_below(&seed, 4))
      set_pattern(worker->cache, key, random_below(&seed, 500), 0);
    else
      cachecore_delete(worker->cache, &key, sizeof key);
  }
}

static void each_once_among_threads(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  cachecore_stats_t stats;
  uint64_t taken;
  options.max_entries = 1000;
  options.flags = CACHECORE_REPORT_REMOVALS;
  CHECK_OK(cachecore_open(&options, &cache));
  taken = run_workers(cache, 8, NULL, write_or_take);
  taken += take_all(cache, 8192).count;
  stats = stats_of(cache);
  CHECK_INT(taken, stats.updates + stats.deletes + stats.evictions);
  CHECK_INT(stats.removals_lost, 0);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

TESTS(T(each_cause), T(in_order_and_to_the_byte), T(only_where_asked_for),
      T(lost_when_nobody_takes_them), T(lost_never_by_entries_alone),
      T(while_its_value_is_lent), T(give_way_to_a_smaller_bound),
      T(close_with_removals_waiting),
      T(each_once_among_threads))
