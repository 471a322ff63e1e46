/*
 * oracle.h - what a cache must answer, for calls.c: a table of what was last
 * stored under each key.
 *
 * A value says whose it is: words of key and generation.  So a value that a
 * get returns can be the latest, or wrong; never merely old.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "cachecore.h"
#include "input.h"

enum { KEYS = 256, KEY_MAX = 320, VALUE_MAX = 1 << 18, LEASES = 24 };

#define NEVER UINT64_MAX
/* The engine's own farthest deadline: 40 bits of milliseconds. */
#define FARTHEST ((1ull << 40) - 2)

typedef struct item {
  bool is_present;
  bool is_number;
  uint32_t generation; /* of the latest value, never taken back */
  uint32_t size;
  int64_t number;
  bool is_absence;     /* what is in its window says that there is no value */
  uint64_t window_end; /* until when get_or_claim finds it; 0: not at all */
  uint64_t deadline, last_used, stored_at;
  uint64_t version; /* the greatest seen */
} item_t;

typedef struct lent {
  cachecore_value_t value;
  uint32_t key, generation;
} lent_t;

/* The last claim given for a key. */
typedef struct claimed {
  cachecore_claim_t claim;
  bool is_void; /* or there was none, or it was ended */
  uint64_t end;
} claimed_t;

typedef struct oracle {
  cachecore_t *cache;
  cachecore_options_t options;
  uint64_t now;
  uint32_t value_max;
  bool is_loose; /* a smaller bound that leases stand in the way of */
  uint64_t max_entries, max_bytes;
  uint64_t reported; /* removals taken */
  lent_t lent[LEASES];
  item_t items[KEYS];
  claimed_t claimed[KEYS];
  uint64_t absences; /* stored */
} oracle_t;

/* ---- Keys and values ----------------------------------------------------- */

/* Keys of 2 to 300 bytes in 16 families, a family for each first byte. */
static inline size_t key_of(uint32_t number, char *key) {
  size_t size = 2 + (number * 7u) % 23;
  if (number % 61 == 60) size = 300;
  memset(key, 'k', size);
  key[0] = (char)('a' + number % 16);
  key[1] = (char)number;
  return size;
}

/* Begins with a byte that is no digit: no value of these is a number. */
static inline uint64_t word_of(uint32_t key, uint32_t generation) {
  return (uint64_t)key << 32 | (uint64_t)(generation & 0xFFFFFF) << 8 | 0x80;
}

static inline void fill_value(void *buffer, size_t size, uint64_t word) {
  size_t at;
  char *bytes = buffer;
  for (at = 0; at + 8 <= size; at += 8) memcpy(bytes + at, &word, 8);
  memcpy(bytes + at, &word, size - at);
}

static inline bool is_value(const void *buffer, size_t size, uint64_t word) {
  size_t at;
  const char *bytes = buffer;
  for (at = 0; at + 8 <= size; at += 8)
    if (memcmp(bytes + at, &word, 8) != 0) return false;
  return memcmp(bytes + at, &word, size - at) == 0;
}

static inline bool is_latest(const oracle_t *o, uint32_t key, const void *value,
                             size_t size) {
  const item_t *item = &o->items[key];
  if (item->is_number) {
    char text[32];
    int length = snprintf(text, sizeof text, "%lld", (long long)item->number);
    return size == (size_t)length && memcmp(text, value, size) == 0;
  }
  return size == item->size &&
         is_value(value, size, word_of(key, item->generation));
}

/* ---- Life and death ------------------------------------------------------ */

static inline uint64_t end_of(const oracle_t *o, const item_t *item) {
  uint64_t tti = o->options.default_tti_ms;
  uint64_t idle = tti ? item->last_used + tti : NEVER;
  return item->deadline < idle ? item->deadline : idle;
}

static inline bool is_live(const oracle_t *o, uint32_t key) {
  const item_t *item = &o->items[key];
  return item->is_present && o->now < end_of(o, item);
}

/* Past its deadline, or an absence, and of use to get_or_claim. */
static inline bool is_in_window(const oracle_t *o, uint32_t key) {
  const item_t *item = &o->items[key];
  uint64_t tti = o->options.default_tti_ms;
  return !is_live(o, key) && o->now < item->window_end &&
         (tti == 0 || o->now < item->last_used + tti);
}

/* Whether the last claim given may stand: it may be void without a cause. */
static inline bool stands(const oracle_t *o, uint32_t key) {
  return !o->claimed[key].is_void && o->now < o->claimed[key].end;
}

static inline uint64_t deadline_in(const oracle_t *o, uint64_t ttl) {
  if (ttl == 0) ttl = o->options.default_ttl_ms;
  if (ttl == 0 || ttl == CACHECORE_TTL_NEVER) return NEVER;
  return ttl >= FARTHEST - o->now ? FARTHEST : o->now + ttl;
}

static inline cachecore_stats_t stats_of(const oracle_t *o) {
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  EXPECT(cachecore_stats(o->cache, &stats) == CACHECORE_OK);
  return stats;
}

static inline bool is_any_lent(const oracle_t *o) {
  size_t i;
  for (i = 0; i < LEASES; i++)
    if (o->lent[i].value.owner) return true;
  return false;
}

/* The cache says whether there is a live entry.  It must not say so of what
 * has expired or was removed, and may say no of what has not only if it has
 * evicted. */
static inline void settle(oracle_t *o, uint32_t key, bool is_found) {
  bool expected = is_live(o, key);
  EXPECT(expected || !is_found);
  if (expected && !is_found) {
    EXPECT(!(o->options.flags & CACHECORE_NO_EVICT));
    EXPECT(stats_of(o).evictions > 0);
    o->items[key].window_end = 0;
  }
  if (!is_found) o->items[key].is_present = false;
}

static inline bool settle_by_asking(oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  size_t size = key_of(key, name);
  cachecore_status_t status = cachecore_contains(o->cache, name, size);
  EXPECT(status == CACHECORE_OK || status == CACHECORE_MISS);
  settle(o, key, status == CACHECORE_OK);
  return status == CACHECORE_OK;
}

static inline void forget(oracle_t *o, uint32_t key) {
  o->items[key].is_present = false;
  o->items[key].window_end = 0;
  o->claimed[key].is_void = true;
}

static inline void remember(oracle_t *o, uint32_t key, uint32_t generation,
                            size_t size, uint64_t deadline) {
  item_t *item = &o->items[key];
  forget(o, key);
  item->is_present = true;
  item->is_number = item->is_absence = false;
  item->generation = generation;
  item->size = (uint32_t)size;
  item->deadline = deadline;
  item->last_used = item->stored_at = o->now;
}

/* A read that counts as a use. */
static inline void note_use(oracle_t *o, uint32_t key) {
  o->items[key].last_used = o->now;
}

/* What a write that was attempted has done, by its status. */
static inline void settle_write(oracle_t *o, uint32_t key,
                                cachecore_status_t status, uint32_t generation,
                                size_t size, uint64_t deadline) {
  switch (status) {
    case CACHECORE_OK: remember(o, key, generation, size, deadline); break;
    case CACHECORE_REFUSED:
      EXPECT(!(o->options.flags & CACHECORE_NO_EVICT));
      forget(o, key);
      break;
    case CACHECORE_E_FULL:
      EXPECT(o->options.flags & CACHECORE_NO_EVICT);
      o->claimed[key].is_void = true;
      break;
    default: EXPECT(!"the status of a write");
  }
}

#endif
