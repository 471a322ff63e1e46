/* coldest, hottest, evict: the order of forgetting, seen and used. */
#include "harness.h"

enum { MANY = 1000 };

typedef cachecore_status_t list_t(cachecore_t *, uint64_t, void *, size_t,
                                  size_t *, size_t *);

/* The number keys that are listed, into `keys`; how many. */
static size_t list(list_t *function, cachecore_t *cache, uint64_t limit,
                   size_t capacity, uint64_t *keys) {
  static uint64_t buffer[MANY * 4];
  size_t size, count, at = 0, i;
  CHECK(capacity <= sizeof buffer);
  CHECK_OK(function(cache, limit, buffer, capacity, &size, &count));
  CHECK(size <= capacity && count <= limit);
  for (i = 0; i < count; i++) {
    cachecore_scan_record_t record;
    memcpy(&record, (char *)buffer + at, sizeof record);
    CHECK_INT(record.record_size, 32);
    CHECK_INT(record.key_size, 8);
    memcpy(&keys[i], (char *)buffer + at + sizeof record, 8);
    at += record.record_size;
  }
  CHECK_INT(at, size);
  return count;
}

static size_t list_all(list_t *function, cachecore_t *cache, uint64_t *keys) {
  return list(function, cache, UINT64_MAX, MANY * 32, keys);
}

static void check_order(list_t *function, cachecore_t *cache, uint64_t limit,
                        const uint64_t *expected, size_t expected_count) {
  uint64_t keys[MANY];
  size_t count = list(function, cache, limit, MANY * 32, keys), i;
  CHECK_INT(count, expected_count);
  for (i = 0; i < count; i++) CHECK_INT(keys[i], expected[i]);
}

static void set_five(cachecore_t *cache) {
  uint64_t key;
  for (key = 1; key <= 5; key++)
    CHECK_OK(set_number(cache, key, "value", key, 1000 * (key == 4)));
}

static void lists_by_last_use(void) {
  cachecore_t *cache = open_exact(100, 0, CACHECORE_REPORT_REMOVALS);
  cachecore_stats_t before, after;
  check_order(cachecore_coldest, cache, 9, NULL, 0);
  check_order(cachecore_hottest, cache, 9, NULL, 0);
  set_five(cache);
  CHECK_OK(contains_number(cache, 1)); /* is no use */
  CHECK_INT(cachecore_get(cache, &(uint64_t){2}, 8, NULL, 0, &(size_t){0}),
            CACHECORE_E_TOO_SMALL); /* is one */
  before = stats_of(cache);
  for (int again = 0; again < 2; again++) {
    check_order(cachecore_coldest, cache, 9, (uint64_t[]){1, 3, 4, 5, 2}, 5);
    check_order(cachecore_hottest, cache, 9, (uint64_t[]){2, 5, 4, 3, 1}, 5);
    check_order(cachecore_coldest, cache, 2, (uint64_t[]){1, 3}, 2);
    check_order(cachecore_hottest, cache, 1, (uint64_t[]){2}, 1);
    check_order(cachecore_coldest, cache, 0, NULL, 0);
  }
  after = stats_of(cache);
  CHECK(memcmp(&before, &after, sizeof before) == 0);
  /* What has expired is passed over, and stays. */
  CHECK_OK(cachecore_advance_clock(cache, 1000));
  check_order(cachecore_coldest, cache, 9, (uint64_t[]){1, 3, 5, 2}, 4);
  check_order(cachecore_hottest, cache, 2, (uint64_t[]){2, 5}, 2);
  CHECK_INT(stats_of(cache).expired, 1);
  cachecore_close(cache);
}

static void records_say_what_a_scan_says(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  uint64_t buffer[64];
  cachecore_scan_record_t record;
  size_t size, count;
  set_five(cache);
  CHECK_OK(cachecore_advance_clock(cache, 100));
  CHECK_OK(cachecore_hottest(cache, 2, buffer, sizeof buffer, &size, &count));
  memcpy(&record, (char *)buffer + 32, sizeof record);
  CHECK_INT(record.value_size, 4);
  CHECK_INT(record.ttl_ms, 900);
  memcpy(&record, buffer, sizeof record);
  CHECK_INT(record.value_size, 5);
  CHECK_INT(record.ttl_ms, -1);
  cachecore_close(cache);
}

static void lists_what_fits(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  uint64_t keys[MANY], buffer[16];
  size_t size, count;
  set_five(cache);
  CHECK_INT(list(cachecore_coldest, cache, 5, 2 * 32, keys), 2);
  CHECK_INT(list(cachecore_coldest, cache, 5, 3 * 32 - 1, keys), 2);
  CHECK_INT(cachecore_coldest(cache, 5, buffer, 31, &size, &count),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 32);
  CHECK_INT(count, 0);
  CHECK_INT(cachecore_hottest(cache, 5, NULL, 0, &size, NULL),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(size, 32);
  CHECK_OK(cachecore_hottest(cache, 0, NULL, 0, &size, NULL));
  CHECK_INT(size, 0);
  /* A longer key is not passed over for a shorter one behind it. */
  CHECK_OK(set_text(cache, "a key of more than eight bytes", "", 0));
  CHECK_OK(set_text(cache, "key", "", 0));
  CHECK_OK(cachecore_hottest(cache, 5, buffer, 40, &size, &count));
  CHECK_INT(count, 1);
  cachecore_close(cache);
}

static void rejects(void) {
  static list_t *const functions[] = {cachecore_coldest, cachecore_hottest};
  cachecore_t *cache = open_exact(100, 0, CACHECORE_NO_EVICT), *closed;
  uint64_t buffer[64], removed;
  size_t size, i;
  set_five(cache);
  for (i = 0; i < 2; i++) {
    list_t *function = functions[i];
    CHECK_INT(function(NULL, 1, buffer, 64, &size, NULL), CACHECORE_E_ARGUMENT);
    CHECK_INT(function(cache, 1, NULL, 64, &size, NULL), CACHECORE_E_ARGUMENT);
    CHECK_INT(function(cache, 1, buffer, 64, NULL, NULL), CACHECORE_E_ARGUMENT);
    CHECK_INT(function(cache, 1, (char *)buffer + 4, 64, &size, NULL),
              CACHECORE_E_ARGUMENT);
    CHECK_OK(function(cache, UINT64_MAX, buffer, SIZE_MAX, &size, NULL));
    CHECK_INT(size, 5 * 32);
  }
  CHECK_INT(cachecore_evict(NULL, 1, &removed), CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_evict(cache, 1, &removed), CACHECORE_E_STATE);
  CHECK_INT(cachecore_evict(cache, 0, NULL), CACHECORE_E_STATE);
  CHECK_INT(cachecore_count(cache), 5);
  closed = cache;
  cachecore_close(cache);
  CHECK_INT(cachecore_evict(closed, 1, NULL), CACHECORE_E_STATE);
  CHECK_INT(cachecore_coldest(closed, 1, buffer, 64, &size, NULL),
            CACHECORE_E_STATE);
}

static void evicts_expired_ones_first(void) {
  cachecore_t *cache = open_exact(100, 0, CACHECORE_REPORT_REMOVALS);
  uint64_t buffer[64], removed;
  cachecore_removal_record_t record;
  size_t size, count;
  set_five(cache);
  CHECK_OK(cachecore_evict(cache, 0, &removed));
  CHECK_INT(removed, 0);
  CHECK_OK(cachecore_advance_clock(cache, 1000)); /* 4 has expired */
  CHECK_OK(cachecore_evict(cache, 1, &removed));
  CHECK_INT(removed, 1);
  CHECK_INT(cachecore_count(cache), 4);
  CHECK_OK(cachecore_evict(cache, 2, &removed)); /* 1 and 2 */
  CHECK_INT(removed, 2);
  check_order(cachecore_coldest, cache, 9, (uint64_t[]){3, 5}, 2);
  CHECK_INT(stats_of(cache).expirations, 1);
  CHECK_INT(stats_of(cache).evictions, 2);
  CHECK_OK(cachecore_take_removals(cache, buffer, sizeof buffer, &size,
                                   &count));
  CHECK_INT(count, 3);
  memcpy(&record, buffer, sizeof record);
  CHECK_INT(record.cause, CACHECORE_REMOVED_EXPIRED);
  memcpy(&record, (char *)buffer + record.record_size, sizeof record);
  CHECK_INT(record.cause, CACHECORE_REMOVED_EVICTED);
  CHECK_OK(cachecore_evict(cache, UINT64_MAX, &removed));
  CHECK_INT(removed, 2);
  CHECK_OK(cachecore_evict(cache, 1, &removed));
  CHECK_INT(removed, 0);
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

static cachecore_t *open_any(uint32_t policy, uint32_t shards,
                             uint64_t max_bytes, uint64_t seed) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache = NULL;
  options.policy = policy;
  options.shard_count = shards;
  options.max_bytes = max_bytes;
  options.max_entries = max_bytes ? 0 : MANY;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.hash_seed = seed | 1;
  CHECK_OK(cachecore_open(&options, &cache));
  return cache;
}

/* Some traffic; no more than MANY entries after it. */
static void use_at_random(cachecore_t *cache, uint64_t *random) {
  char value[64];
  int step;
  for (step = 0; step < 2000; step++) {
    uint64_t key = random_below(random, MANY), what = random_below(random, 10);
    size_t size;
    if (what < 5)
      CHECK_OK(set_number(cache, key, value, what * 10,
                          random_below(random, 4) ? 0 : 50));
    else if (what < 8)
      CHECK(cachecore_get(cache, &key, 8, value, 64, &size) >= 0);
    else if (what == 8)
      CHECK(cachecore_delete(cache, &key, 8) >= 0);
    else
      CHECK_OK(cachecore_advance_clock(cache, random_below(random, 3)));
  }
}

static int by_number(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* With one thread what is evicted is what was listed, in any number of shards
 * with LRU; what is listed are the live entries, each once, from either end.
 * One order is the reverse of the other, but where shards are merged by times
 * that ADAPTIVE's lists are not sorted by. */
static void any_policy_and_any_shards(void) {
  static const uint32_t shards[] = {1, 2, 4, 16};
  uint64_t random = new_seed(), coldest[MANY], hottest[MANY], rest[MANY];
  int trial;
  for (trial = 0; trial < 40; trial++) {
    uint32_t policy = trial % 2;
    cachecore_t *cache = open_any(policy, shards[trial / 2 % 4],
                                  trial % 3 ? 0 : 8 << 20, random);
    uint64_t removed, some, evictions;
    size_t count, i;
    use_at_random(cache, &random);
    CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
    count = list_all(cachecore_coldest, cache, coldest);
    CHECK_INT(count, cachecore_count(cache));
    CHECK_INT(list_all(cachecore_hottest, cache, hottest), count);
    if (policy != CACHECORE_POLICY_LRU && shards[trial / 2 % 4] > 1) {
      qsort(coldest, count, sizeof *coldest, by_number);
      qsort(hottest, count, sizeof *hottest, by_number);
      for (i = 0; i < count / 2; i++) {
        uint64_t swapped = hottest[i];
        hottest[i] = hottest[count - 1 - i];
        hottest[count - 1 - i] = swapped;
      }
    }
    for (i = 0; i < count; i++) {
      CHECK_INT(coldest[i], hottest[count - 1 - i]);
      CHECK_OK(contains_number(cache, coldest[i]));
    }
    evictions = stats_of(cache).evictions;
    some = random_below(&random, count + 1);
    CHECK_OK(cachecore_evict(cache, some, &removed));
    CHECK_INT(removed, some);
    CHECK_INT(stats_of(cache).evictions - evictions, some);
    CHECK_INT(list_all(cachecore_coldest, cache, rest), count - some);
    for (i = 0; policy == CACHECORE_POLICY_LRU && i < count - some; i++)
      CHECK_INT(rest[i], coldest[some + i]);
    CHECK_OK(cachecore_evict(cache, count, &removed));
    CHECK_INT(removed, count - some);
    CHECK_INT(cachecore_count(cache), 0);
    cachecore_close(cache);
  }
}

/* A value that is lent stays what it is, though its entry is evicted. */
static void lent_values_stay(void) {
  cachecore_t *cache = open_exact(0, 1 << 20, 0);
  cachecore_value_t value;
  uint64_t removed;
  CHECK_OK(set_text(cache, "key", "value", 0));
  CHECK_OK(cachecore_acquire(cache, "key", 3, &value));
  CHECK_OK(cachecore_evict(cache, 1, &removed));
  CHECK_INT(removed, 1);
  CHECK_MISS(cache, "key");
  CHECK(memcmp(value.data, "value", 5) == 0);
  cachecore_release(&value);
  cachecore_close(cache);
}

static void everybody_at_once(worker_t *w) {
  uint64_t keys[8192];
  double end = now_ms() + test_duration_ms(500);
  size_t size, count;
  uint64_t removed;
  while (now_ms() < end) {
    uint64_t key = random_below(&w->seed, 4 * MANY);
    switch (random_below(&w->seed, 12)) {
      case 0:
        CHECK_OK(cachecore_coldest(w->cache, MANY, keys, sizeof keys, &size,
                                   &count));
        CHECK(count <= MANY);
        break;
      case 1:
        CHECK_OK(cachecore_hottest(w->cache, 10, keys, sizeof keys, &size,
                                   NULL));
        break;
      case 2:
        CHECK_OK(cachecore_evict(w->cache, key % 200, &removed));
        CHECK(removed <= key % 200);
        w->result += removed;
        break;
      default:
        CHECK_OK(set_number(w->cache, key, keys, key % 100, key % 3));
        CHECK(cachecore_get(w->cache, &key, 8, keys, sizeof keys, &size) >= 0);
    }
  }
}

static void beside_each_other(void) {
  uint32_t policy;
  for (policy = 0; policy < 2; policy++) {
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *cache;
    cachecore_stats_t stats;
    uint64_t removed;
    options.policy = policy;
    options.shard_count = 4;
    options.max_entries = 4 * MANY;
    CHECK_OK(cachecore_open(&options, &cache));
    removed = run_workers(cache, 4, NULL, everybody_at_once);
    stats = stats_of(cache);
    CHECK(removed > 0 && removed <= stats.evictions + stats.expirations);
    CHECK_OK(cachecore_evict(cache, UINT64_MAX, NULL));
    CHECK_INT(cachecore_count(cache), 0);
    cachecore_close(cache);
  }
}

TESTS(T(lists_by_last_use), T(records_say_what_a_scan_says), T(lists_what_fits),
      T(rejects), T(evicts_expired_ones_first), T(any_policy_and_any_shards),
      T(lent_values_stay), T(beside_each_other))
