/*
 * No caches, but what no cache can beat.
 *
 *   empty      does nothing: what the driver itself costs
 *   memcpy     copies one value that is always at hand
 *   two-loads  finds its value by two dependent loads from as much memory as a
 *              lean cache of that size takes: an index line, then an entry
 *   hash-table a bare hash table: keys and values inline, open addressing, no
 *              bound, no lifetime, no order of use, no lock
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../driver/keys.h"
#include "../driver/memory.h"
#include "../driver/peer.h"

static uint64_t hash(const char *key) {
  uint64_t a, b;
  memcpy(&a, key, 8);
  memcpy(&b, key + 8, 8);
  __uint128_t product = (__uint128_t)(a ^ UINT64_C(0x9e3779b97f4a7c15)) *
                        (b ^ UINT64_C(0xe7037ed1a0b428db));
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static size_t power_of_two(uint64_t at_least) {
  size_t size = 1;
  while (size < at_least) size *= 2;
  return size;
}

/* Page-aligned and zero; in huge pages, as cachecore asks for them, too. */
static void *map_pages(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("cannot map %zu bytes", size);
  madvise(memory, size, MADV_HUGEPAGE);
  return memory;
}

/* ---- empty, memcpy ------------------------------------------------------ */

static char one_value[1 << 16];
static size_t one_size;

static void *open_nothing(const peer_options_t *options) {
  one_size = options->value_size;
  memset(one_value, 'x', sizeof one_value);
  return one_value;
}

static void close_nothing(void *cache) { (void)cache; }

static size_t get_nothing(void *cache, const char *key, void *buffer,
                          size_t capacity) {
  (void)cache, (void)key, (void)buffer;
  return capacity;
}

static void set_nothing(void *cache, const char *key, const void *value,
                        size_t size) {
  (void)cache, (void)key, (void)value, (void)size;
}

static size_t get_copy(void *cache, const char *key, void *buffer,
                       size_t capacity) {
  (void)key, (void)capacity;
  memcpy(buffer, cache, one_size);
  return one_size;
}

static void set_copy(void *cache, const char *key, const void *value,
                     size_t size) {
  (void)key;
  memcpy(cache, value, size);
}

const peer_t peer_empty = {.name = "empty", .open = open_nothing,
    .close = close_nothing, .get = get_nothing, .set = set_nothing,
    .is_floor = true};

const peer_t peer_memcpy = {.name = "memcpy", .open = open_nothing,
    .close = close_nothing, .get = get_copy, .set = set_copy,
    .is_floor = true, .is_single_writer = true};

/* ---- two-loads ---------------------------------------------------------- */

enum { INDEX_STRIDE = 16, OVERHEAD = 36 };

typedef struct two_loads {
  char *index, *entries;
  uint64_t count;
  size_t stride, value_size;
} two_loads_t;

static void *open_two_loads(const peer_options_t *options) {
  two_loads_t *t = must_allocate(sizeof *t);
  t->count = options->capacity;
  t->value_size = options->value_size;
  t->stride = KEY_SIZE + options->value_size + OVERHEAD - INDEX_STRIDE;
  t->index = map_pages(t->count * INDEX_STRIDE);
  t->entries = map_pages(t->count * t->stride);
  memset(t->entries, 'x', t->count * t->stride);
  uint64_t state = 1;
  for (uint64_t i = 0; i < t->count; i++) {
    uint64_t entry = (random_next(&state) >> 32) * t->count >> 32;
    memcpy(t->index + i * INDEX_STRIDE, &entry, sizeof entry);
  }
  return t;
}

static void close_two_loads(void *cache) { (void)cache; }

static size_t get_two_loads(void *cache, const char *key, void *buffer,
                            size_t capacity) {
  const two_loads_t *t = cache;
  uint64_t entry, slot = (hash(key) >> 32) * t->count >> 32;
  (void)capacity;
  memcpy(&entry, t->index + slot * INDEX_STRIDE, sizeof entry);
  memcpy(buffer, t->entries + entry * t->stride, t->value_size);
  return t->value_size;
}

const peer_t peer_two_loads = {.name = "two-loads", .open = open_two_loads,
    .close = close_two_loads, .get = get_two_loads, .set = set_nothing,
    .is_floor = true};

/* ---- hash-table --------------------------------------------------------- */

typedef struct slot {
  char key[KEY_SIZE];
  uint64_t size; /* 0: free */
  char value[];
} slot_t;

typedef struct table {
  char *slots;
  size_t mask, stride, value_size;
} table_t;

static void *open_table(const peer_options_t *options) {
  table_t *t = must_allocate(sizeof *t);
  t->mask = power_of_two(options->capacity * 4 / 3) - 1;
  t->value_size = options->value_size;
  t->stride = sizeof(slot_t) + (options->value_size + 7) / 8 * 8;
  t->slots = map_pages((t->mask + 1) * t->stride);
  return t;
}

static void close_table(void *cache) { (void)cache; }

/* The slot of this key, or the free one where it belongs. */
static slot_t *find(const table_t *t, const char *key) {
  for (size_t i = hash(key);; i++) {
    slot_t *slot = (slot_t *)(t->slots + (i & t->mask) * t->stride);
    if (slot->size == 0 || memcmp(slot->key, key, KEY_SIZE) == 0) return slot;
  }
}

static size_t get_table(void *cache, const char *key, void *buffer,
                        size_t capacity) {
  const slot_t *slot = find(cache, key);
  size_t size = slot->size;
  if (size <= capacity) memcpy(buffer, slot->value, size);
  return size;
}

static void set_table(void *cache, const char *key, const void *value,
                      size_t size) {
  slot_t *slot = find(cache, key);
  memcpy(slot->key, key, KEY_SIZE);
  memcpy(slot->value, value, size);
  slot->size = size;
}

const peer_t peer_table = {.name = "hash-table", .open = open_table,
    .close = close_table, .get = get_table, .set = set_table,
    .is_floor = true, .is_unbounded = true, .is_single_writer = true};
