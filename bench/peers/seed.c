/* The design the project grew from, rebuilt: see seed-dashmap/src/lib.rs. */
#include "../driver/clock.h"
#include "../driver/peer.h"

void *seed_open(size_t capacity, uint64_t ttl_ms);
void seed_close(void *cache);
size_t seed_get(void *cache, const char *key, size_t key_size, void *buffer,
                size_t capacity);
void seed_set(void *cache, const char *key, size_t key_size,
              const void *value, size_t size, uint64_t ttl_ms);
bool seed_delete(void *cache, const char *key, size_t key_size);
size_t seed_size(void *cache);
size_t seed_cleanup_expired(void *cache);

static void *open_cache(const peer_options_t *options) {
  return seed_open(options->capacity, TTL_MS);
}

static size_t get(void *cache, const char *key, void *buffer,
                  size_t capacity) {
  return seed_get(cache, key, KEY_SIZE, buffer, capacity);
}

static void set(void *cache, const char *key, const void *value, size_t size) {
  seed_set(cache, key, KEY_SIZE, value, size, TTL_MS);
}

static bool erase(void *cache, const char *key) {
  return seed_delete(cache, key, KEY_SIZE);
}

static void set_many(void *cache, const char *keys, size_t count,
                     const void *value, size_t size,
                     int64_t deadline_unix_ms) {
  for (size_t i = 0; i < count; i++, keys += KEY_SIZE) {
    int64_t ttl_ms = (int64_t)TTL_MS;
    if (deadline_unix_ms != 0) ttl_ms = deadline_unix_ms - unix_ms();
    seed_set(cache, keys, KEY_SIZE, value, size,
             ttl_ms > 0 ? (uint64_t)ttl_ms : 0);
  }
}

static uint64_t held(void *cache) { return seed_size(cache); }
static uint64_t sweep(void *cache) { return seed_cleanup_expired(cache); }

const peer_t peer_seed = {
    .name = "seed-dashmap", .open = open_cache, .close = seed_close,
    .get = get, .set = set, .erase = erase, .set_many = set_many,
    .held = held, .sweep = sweep,
};
