/* cachecore, through nothing but its C ABI. */
#include <cachecore.h>

#include "../driver/clock.h"
#include "../driver/memory.h"
#include "../driver/peer.h"

static void *open_with(const peer_options_t *options, uint32_t policy) {
  cachecore_options_t o = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  o.policy = policy;
  o.max_entries = options->capacity;
  o.default_ttl_ms = TTL_MS;
  if (cachecore_open(&o, &cache) != CACHECORE_OK) return NULL;
  return cache;
}

static void *open_lru(const peer_options_t *options) {
  return open_with(options, CACHECORE_POLICY_LRU);
}

static void *open_adaptive(const peer_options_t *options) {
  return open_with(options, CACHECORE_POLICY_ADAPTIVE);
}

static void close_cache(void *cache) { cachecore_close(cache); }

static size_t get(void *cache, const char *key, void *buffer,
                  size_t capacity) {
  size_t size;
  cachecore_get(cache, key, KEY_SIZE, buffer, capacity, &size);
  return size;
}

static void set(void *cache, const char *key, const void *value, size_t size) {
  if (cachecore_set(cache, key, KEY_SIZE, value, size, TTL_MS) != 0) {
    fail("cachecore_set failed");
  }
}

static bool erase(void *cache, const char *key) {
  return cachecore_delete(cache, key, KEY_SIZE) == CACHECORE_OK;
}

static size_t get_many(void *cache, const char *keys, size_t count,
                       char *buffers, size_t capacity) {
  const void *key[BATCH];
  void *buffer[BATCH];
  size_t key_size[BATCH], room[BATCH], size[BATCH], found = 0;
  if (count == 0 || count > BATCH) fail("no batch of %zu", count);
  for (size_t i = 0; i < count; i++) {
    key[i] = keys + i * KEY_SIZE;
    key_size[i] = KEY_SIZE;
    buffer[i] = buffers + i * capacity;
    room[i] = capacity;
  }
  cachecore_get_many(cache, count, key, key_size, buffer, room, size, NULL);
  for (size_t i = 0; i < count; i++) found += size[i] != 0;
  return found;
}

static void set_many(void *cache, const char *keys, size_t count,
                     const void *value, size_t size,
                     int64_t deadline_unix_ms) {
  for (size_t i = 0; i < count; i++, keys += KEY_SIZE) {
    if (deadline_unix_ms == 0) {
      set(cache, keys, value, size);
    } else if (cachecore_set_until(cache, keys, KEY_SIZE, value, size,
                                   deadline_unix_ms) != 0) {
      fail("cachecore_set_until failed");
    }
  }
}

static uint64_t held(void *cache) {
  cachecore_stats_t s = CACHECORE_STATS_INIT;
  cachecore_stats(cache, &s);
  return s.inserts - s.deletes - s.evictions - s.expirations;
}

static uint64_t sweep(void *cache) {
  uint64_t removed = 0;
  cachecore_cleanup_expired(cache, 0, &removed);
  return removed;
}

static void start_sweeper(void *cache) {
  if (cachecore_sweeper_start(cache, NULL) != 0) fail("no sweeper");
}

static void last_sweep(void *cache, uint64_t *began_ns, uint64_t *ended_ns) {
  cachecore_sweeper_status_t s = CACHECORE_SWEEPER_STATUS_INIT;
  cachecore_sweeper_status(cache, &s);
  if (s.last_run_age_ms < 0) return;
  *ended_ns = now_ns() - (uint64_t)s.last_run_age_ms * 1000000;
  *began_ns = *ended_ns - s.last_duration_ns;
}

static void describe_sweeper(void *cache, FILE *out) {
  cachecore_sweeper_status_t s = CACHECORE_SWEEPER_STATUS_INIT;
  cachecore_sweeper_status(cache, &s);
  fprintf(out, "\"sweeps\": %llu, \"max_slice_us\": %.1f",
          (unsigned long long)s.sweeps_run, (double)s.max_slice_ns / 1e3);
}

#define CACHECORE_PEER(NAME, OPEN)                                          \
  {                                                                         \
    .name = NAME, .open = OPEN, .close = close_cache, .get = get,           \
    .set = set, .erase = erase, .get_many = get_many,                       \
    .set_many = set_many, .held = held, .sweep = sweep,                     \
    .start_sweeper = start_sweeper, .describe_sweeper = describe_sweeper,   \
    .last_sweep = last_sweep,                                               \
  }

const peer_t peer_cachecore = CACHECORE_PEER("cachecore", open_lru);
const peer_t peer_cachecore_adaptive =
    CACHECORE_PEER("cachecore-adaptive", open_adaptive);
