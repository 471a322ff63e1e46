/* scan, delete_prefix, clear: working through the whole cache in slices. */
#include "harness.h"

/* Scans to the end, counting in `seen` how often each number key came up. */
static size_t scan_all(cachecore_t *cache, const void *prefix,
                       size_t prefix_size, size_t capacity, unsigned *seen,
                       size_t seen_count) {
  static uint64_t buffer[8192];
  uint64_t cursor = 0;
  size_t total = 0, calls = 0;
  CHECK(capacity <= sizeof buffer);
  do {
    size_t size = 99, count = 99, offset = 0, records = 0;
    cachecore_status_t status =
        cachecore_scan(cache, &cursor, prefix, prefix_size, buffer, capacity,
                       &size, &count);
    if (status == CACHECORE_E_TOO_SMALL) { /* two keys with one hash */
      CHECK(size > capacity);
      status = cachecore_scan(cache, &cursor, prefix, prefix_size, buffer, size,
                              &size, &count);
      CHECK_INT(count, 2);
    }
    CHECK_OK(status);
    CHECK(size <= sizeof buffer);
    while (offset < size) {
      cachecore_scan_record_t record;
      const char *at = (const char *)buffer + offset;
      uint64_t key;
      memcpy(&record, at, sizeof record);
      CHECK(record.record_size % 8 == 0);
      CHECK(record.record_size >= sizeof record + record.key_size);
      CHECK(record.record_size < sizeof record + record.key_size + 8);
      CHECK(record.key_size >= prefix_size);
      CHECK(prefix_size == 0 || memcmp(at + sizeof record, prefix,
                                       prefix_size) == 0);
      if (seen && record.key_size == sizeof key) {
        memcpy(&key, at + sizeof record, sizeof key);
        if (key < seen_count) seen[key]++;
      }
      offset += record.record_size;
      records++;
    }
    CHECK_INT(offset, size);
    CHECK_INT(records, count);
    total += records;
    CHECK(++calls < 1000000);
  } while (cursor != 0);
  return total;
}

static void sees_each_entry_once(void) {
  enum { COUNT = 10000 };
  static unsigned seen[COUNT];
  static const size_t capacities[] = {32, 40, 100, 4096, 65536};
  cachecore_t *cache = open_plain(2 * COUNT, 0);
  size_t i, key;
  CHECK_INT(scan_all(cache, NULL, 0, 4096, NULL, 0), 0);
  for (key = 0; key < COUNT; key++)
    CHECK_OK(set_number(cache, key, "value", 5, 60000));
  for (i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
    memset(seen, 0, sizeof seen);
    CHECK_INT(scan_all(cache, NULL, 0, capacities[i], seen, COUNT), COUNT);
    for (key = 0; key < COUNT; key++) CHECK_INT(seen[key], 1);
  }
  CHECK_INT(stats_of(cache).hits + stats_of(cache).misses, 0);
  cachecore_close(cache);
}

static void records_tell_size_and_ttl(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  cachecore_scan_record_t record;
  uint64_t cursor = 0, buffer[16];
  size_t size = 0, count = 0;
  CHECK_OK(set_text(cache, "key", "12345678", 700));
  do
    CHECK_OK(cachecore_scan(cache, &cursor, NULL, 0, buffer, sizeof buffer,
                            &size, &count));
  while (size == 0 && cursor != 0);
  CHECK_INT(count, 1);
  memcpy(&record, buffer, sizeof record);
  CHECK_INT(record.record_size, 32);
  CHECK_INT(record.key_size, 3);
  CHECK_INT(record.value_size, 8);
  CHECK_INT(record.ttl_ms, 700);
  CHECK(memcmp((char *)buffer + sizeof record, "key", 3) == 0);
  CHECK_OK(set_text(cache, "key", "", 0));
  cursor = 0;
  do /* the number is optional */
    CHECK_OK(cachecore_scan(cache, &cursor, NULL, 0, buffer, sizeof buffer,
                            &size, NULL));
  while (size == 0 && cursor != 0);
  memcpy(&record, buffer, sizeof record);
  CHECK_INT(record.value_size, 0);
  CHECK_INT(record.ttl_ms, -1);
  cachecore_close(cache);
}

static void expired_entries_are_not_listed(void) {
  cachecore_t *cache = open_exact(1000, 0, 0);
  uint64_t key;
  for (key = 0; key < 500; key++)
    CHECK_OK(set_number(cache, key, "v", 1, key % 2 ? 10 : 0));
  CHECK_OK(cachecore_advance_clock(cache, 10));
  CHECK_INT(scan_all(cache, NULL, 0, 4096, NULL, 0), 250);
  cachecore_close(cache);
}

/* Each number key below `count` once, with its value, which is its pattern. */
static void scan_all_values(cachecore_t *cache, uint64_t count,
                            size_t capacity) {
  uint64_t *buffer = malloc(capacity), cursor = 0, total = 0, key;
  unsigned char *seen = calloc(count + 1, 1);
  do {
    size_t size, records, at;
    while (cachecore_scan_values(cache, &cursor, NULL, 0, buffer, capacity,
                                 &size, &records) == CACHECORE_E_TOO_SMALL) {
      CHECK(size > capacity && records == 0);
      capacity = size;
      buffer = realloc(buffer, capacity);
    }
    CHECK(size <= capacity);
    for (at = 0; at < size; records--, total++) {
      cachecore_value_record_t record;
      const char *start = (const char *)buffer + at;
      memcpy(&record, start, sizeof record);
      CHECK_INT(record.key_size, sizeof key);
      CHECK_INT(record.reserved, 0);
      CHECK_INT(record.ttl_ms, -1);
      memcpy(&key, start + sizeof record, sizeof key);
      CHECK(key < count && !seen[key]);
      seen[key] = 1;
      CHECK(holds_pattern(start + sizeof record + record.key_size,
                          record.value_size, key));
      CHECK_INT(record.record_size, (sizeof record + record.key_size +
                                     record.value_size + 7) / 8 * 8);
      at += record.record_size;
    }
    CHECK_INT(records, 0);
  } while (cursor != 0);
  CHECK_INT(total, count);
  free(buffer);
  free(seen);
}

static void values_of_every_size(void) {
  static const size_t capacities[] = {0, 64, 1000, 65536, 1 << 22};
  static char value[1 << 20];
  enum { COUNT = 300 };
  cachecore_t *cache = open_exact(1000, 0, 0);
  uint64_t key, seed = new_seed();
  size_t i;
  for (key = 0; key < COUNT; key++) {
    size_t size = 16 + random_below(&seed, key % 50 == 0 ? 1 << 20 : 300);
    if (size > sizeof value) size = sizeof value;
    fill_pattern(value, size, key, key);
    CHECK_OK(set_number(cache, key, value, size, 0));
  }
  for (i = 0; i < sizeof capacities / sizeof capacities[0]; i++)
    scan_all_values(cache, COUNT, capacities[i]);
  CHECK_INT(stats_of(cache).hits + stats_of(cache).misses, 0);
  cachecore_close(cache);
}

/* However large the buffer is, a call copies little. */
static void values_come_in_slices(void) {
  enum { COUNT = 1000, SIZE = 10000 };
  static uint64_t buffer[COUNT * SIZE / 8];
  static char value[SIZE];
  cachecore_t *cache = open_exact(COUNT, 0, 0);
  uint64_t key, cursor = 0;
  size_t size, count, total = 0;
  for (key = 0; key < COUNT; key++)
    CHECK_OK(set_number(cache, key, value, SIZE, 0));
  do {
    CHECK_OK(cachecore_scan_values(cache, &cursor, NULL, 0, buffer,
                                   sizeof buffer, &size, &count));
    CHECK(size < 65536 + 40 * SIZE); /* a chain of buckets has few entries */
    total += count;
  } while (cursor != 0);
  CHECK_INT(total, COUNT);
  cachecore_close(cache);
}

static void values_of_a_prefix(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  cachecore_value_record_t record;
  uint64_t cursor = 0, buffer[16];
  size_t size, count;
  CHECK_OK(set_text(cache, "user:1", "", 700));
  CHECK_OK(set_text(cache, "use", "other", 0));
  CHECK_OK(set_text(cache, "user:expired", "old", 1));
  CHECK_OK(cachecore_advance_clock(cache, 1));
  do
    CHECK_OK(cachecore_scan_values(cache, &cursor, "user:", 5, buffer,
                                   sizeof buffer, &size, &count));
  while (size == 0 && cursor != 0);
  CHECK_INT(count, 1);
  CHECK_INT(size, 40);
  memcpy(&record, buffer, sizeof record);
  CHECK_INT(record.value_size, 0);
  CHECK_INT(record.ttl_ms, 699);
  CHECK(memcmp((char *)buffer + sizeof record, "user:1", 6) == 0);
  cachecore_close(cache);
}

static void only_the_prefix(void) {
  cachecore_t *cache = open_plain(10000, 0);
  char key[32];
  int i;
  for (i = 0; i < 1000; i++) {
    sprintf(key, "user:%d:%d", i % 10, i);
    CHECK_OK(set_text(cache, key, "v", 0));
    sprintf(key, "use%d", i);
    CHECK_OK(set_text(cache, key, "v", 0));
  }
  CHECK_INT(scan_all(cache, "user:", 5, 256, NULL, 0), 1000);
  CHECK_INT(scan_all(cache, "user:3:", 7, 256, NULL, 0), 100);
  CHECK_INT(scan_all(cache, "use", 3, 256, NULL, 0), 2000);
  CHECK_INT(scan_all(cache, "user:3:3", 8, 256, NULL, 0), 12);
  CHECK_INT(scan_all(cache, "nobody", 6, 256, NULL, 0), 0);
  CHECK_INT(scan_all(cache, "u\0", 2, 256, NULL, 0), 0);
  cachecore_close(cache);
}

static void a_buffer_too_small(void) {
  static unsigned char key[65535];
  cachecore_t *cache = open_exact(10, 0, 0);
  static uint64_t buffer[8200];
  uint64_t cursor = 0, before;
  size_t size = 0, count = 0, needed;
  cachecore_status_t status;
  CHECK_OK(cachecore_set(cache, key, sizeof key, "v", 1, 0));
  do
    status = cachecore_scan(cache, &cursor, NULL, 0, buffer, 64, &size, &count);
  while (status == CACHECORE_OK && cursor != 0);
  CHECK_INT(status, CACHECORE_E_TOO_SMALL);
  needed = size;
  CHECK_INT(needed, sizeof(cachecore_scan_record_t) + 65536);
  before = cursor;
  CHECK_INT(cachecore_scan(cache, &cursor, NULL, 0, NULL, 0, &size, &count),
            CACHECORE_E_TOO_SMALL);
  CHECK(cursor == before);
  CHECK_INT(cachecore_scan(cache, &cursor, NULL, 0, buffer, needed - 8, &size,
                           &count), CACHECORE_E_TOO_SMALL);
  CHECK_OK(cachecore_scan(cache, &cursor, NULL, 0, buffer, needed, &size,
                          &count));
  CHECK_INT(size, needed);
  CHECK_INT(count, 1);
  cachecore_close(cache);
}

static void any_cursor_is_safe(void) {
  cachecore_t *cache = open_plain(10000, 0);
  uint64_t buffer[64], key, seed = new_seed();
  int i;
  for (key = 0; key < 5000; key++) CHECK_OK(set_number(cache, key, "v", 1, 0));
  for (i = 0; i < 200000; i++) {
    uint64_t cursor = random_next(&seed) >> random_below(&seed, 64);
    size_t size = 0, count = 0;
    if (i % 1000 == 0) cursor = UINT64_MAX - (uint64_t)i / 1000;
    CHECK(cachecore_scan(cache, &cursor, NULL, 0, buffer, sizeof buffer, &size,
                         &count) <= CACHECORE_OK);
    CHECK(size <= sizeof buffer);
  }
  cachecore_close(cache);
}

/* Growing between the calls must hide none of what was there at the start. */
static void while_the_index_grows(void) {
  enum { COUNT = 2000 };
  static unsigned seen[COUNT];
  cachecore_t *cache = open_plain(0, 64 << 20);
  uint64_t key, cursor = 0, extra = 1000000, buffer[64];
  size_t size, count, i;
  for (key = 0; key < COUNT; key++) CHECK_OK(set_number(cache, key, "v", 1, 0));
  do {
    CHECK_OK(cachecore_scan(cache, &cursor, NULL, 0, buffer, sizeof buffer,
                            &size, &count));
    for (i = 0; i < count; i++) {
      memcpy(&key, (char *)buffer + i * 32 + sizeof(cachecore_scan_record_t),
             sizeof key);
      if (key < COUNT) seen[key]++;
    }
    if (extra < 1200000)
      for (i = 0; i < 500; i++)
        CHECK_OK(set_number(cache, extra++, "v", 1, 0));
  } while (cursor != 0);
  for (key = 0; key < COUNT; key++) CHECK(seen[key] >= 1);
  cachecore_close(cache);
}

/* As above with writers at the same time: even workers come and go beyond the
 * first COUNT keys, which the odd ones keep scanning for. */
enum { STAYING = 3000 };

static void write_or_scan(worker_t *worker) {
  static const unsigned rounds = 8;
  unsigned round;
  uint64_t key, base = 1000000u * (worker->index + 1);
  for (round = 0; round < rounds; round++) {
    if (worker->index % 2) {
      unsigned *seen = (unsigned *)calloc(STAYING, sizeof *seen);
      static pthread_mutex_t one_buffer = PTHREAD_MUTEX_INITIALIZER;
      pthread_mutex_lock(&one_buffer);
      scan_all(worker->cache, NULL, 0, 1024, seen, STAYING);
      pthread_mutex_unlock(&one_buffer);
      for (key = 0; key < STAYING; key++) CHECK(seen[key] >= 1);
      free(seen);
    } else {
      for (key = 0; key < 20000; key++)
        CHECK_OK(set_number(worker->cache, base + key, "v", 1, 0));
      for (key = 0; key < 20000; key++) {
        uint64_t gone = base + key;
        CHECK_OK(cachecore_delete(worker->cache, &gone, sizeof gone));
      }
    }
  }
}

static void while_others_write(void) {
  cachecore_t *cache = open_plain(0, 64 << 20);
  uint64_t key;
  for (key = 0; key < STAYING; key++)
    CHECK_OK(set_number(cache, key, "v", 1, 0));
  run_workers(cache, 4, NULL, write_or_scan);
  CHECK_INT(cachecore_count(cache), STAYING);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void scan_arguments(void) {
  cachecore_t *cache = open_plain(10, 0);
  uint64_t cursor = 0, buffer[16];
  size_t size = 0;
  const cachecore_status_t e = CACHECORE_E_ARGUMENT;
  CHECK_INT(cachecore_scan(NULL, &cursor, NULL, 0, buffer, 64, &size, NULL), e);
  CHECK_INT(cachecore_scan(cache, NULL, NULL, 0, buffer, 64, &size, NULL), e);
  CHECK_INT(cachecore_scan(cache, &cursor, NULL, 1, buffer, 64, &size, NULL),
            e);
  CHECK_INT(cachecore_scan(cache, &cursor, NULL, 0, NULL, 64, &size, NULL), e);
  CHECK_INT(cachecore_scan(cache, &cursor, NULL, 0, buffer, 64, NULL, NULL), e);
  CHECK_INT(cachecore_scan_values(NULL, &cursor, NULL, 0, buffer, 64, &size,
                                  NULL), e);
  CHECK_INT(cachecore_scan_values(cache, NULL, NULL, 0, buffer, 64, &size,
                                  NULL), e);
  CHECK_INT(cachecore_scan_values(cache, &cursor, NULL, 1, buffer, 64, &size,
                                  NULL), e);
  CHECK_INT(cachecore_scan_values(cache, &cursor, NULL, 0, (char *)buffer + 4,
                                  64, &size, NULL), e);
  cachecore_close(cache);
}

static void delete_by_prefix(void) {
  cachecore_t *cache = open_plain(100000, 0);
  char key[32];
  uint64_t removed = 0;
  int i;
  for (i = 0; i < 20000; i++) {
    sprintf(key, "user:%d:%d", i % 10, i);
    CHECK_OK(set_text(cache, key, "v", 0));
  }
  CHECK_OK(cachecore_delete_prefix(cache, "user:3:", 7, &removed));
  CHECK_INT(removed, 2000);
  CHECK_INT(cachecore_count(cache), 18000);
  CHECK_INT(contains(cache, "user:3:13"), CACHECORE_MISS);
  CHECK_OK(contains(cache, "user:4:14"));
  CHECK_OK(cachecore_delete_prefix(cache, "user:3:", 7, &removed));
  CHECK_INT(removed, 0);
  CHECK_OK(cachecore_delete_prefix(cache, "u", 1, NULL));
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_INT(stats_of(cache).deletes, 20000);
  CHECK_INT(cachecore_delete_prefix(cache, "u", 0, &removed),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_delete_prefix(cache, NULL, 1, &removed),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_delete_prefix(NULL, "u", 1, &removed),
            CACHECORE_E_ARGUMENT);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void clear_removes_everything(void) {
  cachecore_t *cache = open_plain(100000, 0);
  uint64_t key, round;
  for (round = 0; round < 3; round++) {
    for (key = 0; key < 20000; key++)
      CHECK_OK(set_number(cache, key, "value", 5, key % 2 ? 100000 : 0));
    CHECK_OK(cachecore_clear(cache));
    CHECK_INT(cachecore_count(cache), 0);
    CHECK_INT(contains_number(cache, 7), CACHECORE_MISS);
    CHECK_INT(stats_of(cache).deletes, (round + 1) * 20000);
  }
  CHECK_INT(scan_all(cache, NULL, 0, 4096, NULL, 0), 0);
  CHECK_INT(cachecore_clear(NULL), CACHECORE_E_ARGUMENT);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

TESTS(T(sees_each_entry_once), T(records_tell_size_and_ttl),
      T(expired_entries_are_not_listed), T(only_the_prefix),
      T(a_buffer_too_small), T(any_cursor_is_safe), T(while_the_index_grows),
      T(while_others_write), T(scan_arguments), T(delete_by_prefix),
      T(clear_removes_everything),
      T(values_of_every_size), T(values_come_in_slices), T(values_of_a_prefix))
