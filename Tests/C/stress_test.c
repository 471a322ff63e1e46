/* Twenty threads mixing everything, on caches small enough to be always full.
 * Every value carries a checksum of its key: a wrong, torn or half-freed one
 * shows at once.  Also what the sanitizers run. */
#include <sched.h>

#include "harness.h"

enum { THREADS = 20, KEYS = 4000, VALUE_MAX = 3000, BATCH = 8 };

static int running;

static void store(worker_t *w, uint64_t key, uint64_t *seed) {
  static const uint64_t ttls[] = {0, 1, 5, 50, 1000, CACHECORE_TTL_NEVER};
  unsigned char bytes[VALUE_MAX];
  size_t size = random_below(seed, random_below(seed, 10) ? 200 : VALUE_MAX);
  uint64_t ttl = ttls[random_below(seed, 6)];
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  fill_pattern(bytes, size, key, random_next(seed));
  switch (random_below(seed, 6)) {
    case 0: CHECK(cachecore_add(w->cache, &key, 8, bytes, size, ttl) >= 0);
      break;
    case 1: CHECK(cachecore_replace(w->cache, &key, 8, bytes, size, ttl) >= 0);
      break;
    case 2:
      if (cachecore_inspect(w->cache, &key, 8, &info) != CACHECORE_OK) break;
      CHECK(cachecore_compare_and_set(w->cache, &key, 8, bytes, size,
                                      info.version, ttl) >= 0);
      break;
    case 3:
      CHECK(cachecore_set_until(w->cache, &key, 8, bytes, size,
                                unix_ms() + (int64_t)(ttl % 10000)) >= 0);
      break;
    default:
      CHECK(cachecore_set(w->cache, &key, 8, bytes, size, ttl) >= 0);
  }
}

static void look_up(worker_t *w, uint64_t key, uint64_t *seed) {
  unsigned char bytes[VALUE_MAX];
  cachecore_value_t value;
  size_t size;
  cachecore_status_t status;
  unsigned how = (unsigned)random_below(seed, 5);
  if (how < 3) {
    status = (how < 2 ? cachecore_get : cachecore_peek)(
        w->cache, &key, 8, bytes, sizeof bytes, &size);
    CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
    CHECK(status == CACHECORE_MISS || holds_pattern(bytes, size, key));
    return;
  }
  if (cachecore_acquire(w->cache, &key, 8, &value) != CACHECORE_OK) return;
  CHECK(holds_pattern(value.data, value.size, key));
  if (random_below(seed, 8) == 0) sched_yield();
  CHECK(holds_pattern(value.data, value.size, key));
  cachecore_release(&value);
}

static void in_batches(worker_t *w, uint64_t *seed) {
  unsigned char bytes[BATCH][VALUE_MAX];
  uint64_t numbers[BATCH], removed, i;
  const void *keys[BATCH], *values[BATCH];
  void *buffers[BATCH];
  size_t key_sizes[BATCH], sizes[BATCH], capacities[BATCH];
  cachecore_status_t statuses[BATCH];
  for (i = 0; i < BATCH; i++) {
    numbers[i] = random_below(seed, KEYS);
    keys[i] = &numbers[i];
    key_sizes[i] = 8;
    values[i] = buffers[i] = bytes[i];
    sizes[i] = random_below(seed, 100);
    capacities[i] = VALUE_MAX;
    fill_pattern(bytes[i], sizes[i], numbers[i], i);
  }
  switch (random_below(seed, 4)) {
    case 0:
      CHECK(cachecore_set_many(w->cache, BATCH, keys, key_sizes, values, sizes,
                               NULL, statuses) >= 0);
      break;
    case 1:
      CHECK(cachecore_delete_many(w->cache, BATCH, keys, key_sizes, statuses,
                                  &removed) >= 0);
      CHECK(removed <= BATCH);
      break;
    default:
      CHECK(cachecore_get_many(w->cache, BATCH, keys, key_sizes, buffers,
                               capacities, sizes, statuses) >= 0);
      for (i = 0; i < BATCH; i++)
        CHECK(statuses[i] == CACHECORE_MISS ||
              holds_pattern(bytes[i], sizes[i], numbers[i]));
  }
}

static void on_the_whole(worker_t *w, uint64_t *seed) {
  uint64_t cursor = random_next(seed), buffer[256], removed;
  char prefix[2] = {(char)random_next(seed), (char)random_below(seed, 16)};
  cachecore_status_t status;
  int64_t sum;
  size_t size;
  switch (random_below(seed, 200)) {
    case 0: CHECK_OK(cachecore_clear(w->cache)); break;
    case 1: CHECK_OK(cachecore_delete_prefix(w->cache, prefix, 2, &removed));
      break;
    case 2: /* E_STATE: the bounds are set, but values are lent */
      status = cachecore_resize(w->cache, 1000 + random_below(seed, 3000),
                                (512u << 10) + random_below(seed, 1 << 20));
      CHECK(status == CACHECORE_OK || status == CACHECORE_E_STATE);
      break;
    case 3: cachecore_sweeper_start(w->cache, NULL); break;
    case 4: cachecore_sweeper_stop(w->cache, 0); break;
    case 5: cachecore_sweeper_trigger(w->cache, &removed); break;
    case 6: cachecore_sweeper_pause(w->cache); break;
    case 7: cachecore_sweeper_resume(w->cache); break;
    case 8: cachecore_sweeper_set_interval(w->cache, 1 + random_below(seed, 9));
      break;
    case 9: sweeper_of(w->cache); break;
    case 10: CHECK_OK(cachecore_reset_stats(w->cache)); break;
    default:
      if (random_below(seed, 2))
        CHECK(cachecore_increment(w->cache, "n", 1, 1, 0, 0, &sum) >= 0);
      else if (random_below(seed, 8))
        CHECK(cachecore_cleanup_expired(w->cache, 5, &removed) >= 0);
      else if (random_below(seed, 8))
        CHECK(stats_of(w->cache).bytes_used <= 2 << 20);
      else
        CHECK_OK(cachecore_scan(w->cache, &cursor, prefix, 1, buffer,
                                sizeof buffer, &size, NULL));
  }
}

static void mix(worker_t *worker) {
  uint64_t seed = worker->seed ^ *(uint64_t *)worker->shared;
  int64_t left;
  while (is_raised(&running)) {
    uint64_t key = random_below(&seed, KEYS);
    if (random_below(&seed, 4) == 0) key %= 16; /* some keys are hot */
    switch (random_below(&seed, 16)) {
      case 0: cachecore_delete(worker->cache, &key, 8); break;
      case 1: cachecore_touch(worker->cache, &key, 8, 20); break;
      case 2: cachecore_ttl(worker->cache, &key, 8, &left); break;
      case 3: cachecore_contains(worker->cache, &key, 8); break;
      case 4: in_batches(worker, &seed); break;
      case 5: on_the_whole(worker, &seed); break;
      case 6: case 7: case 8: case 9: store(worker, key, &seed); break;
      default: look_up(worker, key, &seed);
    }
    worker->result++;
  }
}

static void *stop_later(void *argument) {
  sleep_ms(*(unsigned *)argument);
  lower_flag(&running);
  return NULL;
}

static void stress(uint32_t policy) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  uint64_t seed = new_seed();
  unsigned duration = test_duration_ms(2000);
  cachecore_t *cache;
  pthread_t timer;
  options.policy = policy;
  options.max_entries = 3000;
  options.max_bytes = 2 << 20;
  CHECK_OK(cachecore_open(&options, &cache));
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  raise_flag(&running);
  CHECK_INT(pthread_create(&timer, NULL, stop_later, &duration), 0);
  printf("%llu operations\n",
         (unsigned long long)run_workers(cache, THREADS, &seed, mix));
  CHECK_INT(pthread_join(timer, NULL), 0);
  CHECK_OK(cachecore_clear(cache));
  CHECK_INT(cachecore_count(cache), 0);
  CHECK_OK(cachecore_reset_stats(cache));
  CHECK_OK(set_number(cache, 1, "v", 1, 0));
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void twenty_threads(void) { stress(CACHECORE_POLICY_LRU); }
static void twenty_adaptive(void) { stress(CACHECORE_POLICY_ADAPTIVE); }

TESTS(T(twenty_threads), T(twenty_adaptive))
