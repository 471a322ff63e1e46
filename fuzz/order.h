/*
 * order.h - coldest, hottest and evict against the table of calls.c: what is
 * listed is all that is live, the same from both ends, and what is evicted by
 * LRU is the beginning of it.
 */
#ifndef ORDER_H
#define ORDER_H

#include "oracle.h"

typedef struct listing {
  size_t count;
  uint32_t keys[KEYS];
} listing_t;

typedef cachecore_status_t list_t(cachecore_t *, uint64_t, void *, size_t,
                                  size_t *, size_t *);

static inline listing_t list(oracle_t *o, list_t *function, uint64_t limit) {
  static uint64_t buffer[KEYS * (KEY_MAX + 24) / 8];
  listing_t result;
  size_t size, at = 0, i;
  EXPECT(function(o->cache, limit, buffer, sizeof buffer, &size,
                  &result.count) == CACHECORE_OK);
  EXPECT(result.count <= limit && result.count <= KEYS);
  for (i = 0; i < result.count; i++) {
    cachecore_scan_record_t record;
    memcpy(&record, (char *)buffer + at, sizeof record);
    result.keys[i] = (uint8_t)((char *)buffer)[at + sizeof record + 1];
    EXPECT(is_live(o, result.keys[i]));
    at += record.record_size;
  }
  EXPECT(at == size);
  return result;
}

static inline void step_order(oracle_t *o, uint32_t wanted) {
  listing_t coldest = list(o, cachecore_coldest, KEYS);
  listing_t hottest = list(o, cachecore_hottest, KEYS);
  listing_t some = list(o, cachecore_coldest, wanted);
  bool is_no_evict = (o->options.flags & CACHECORE_NO_EVICT) != 0;
  cachecore_stats_t before = stats_of(o), after;
  uint64_t removed, evicted, expired, i;
  EXPECT(coldest.count == cachecore_count(o->cache));
  EXPECT(hottest.count == coldest.count);
  EXPECT(some.count == (wanted < coldest.count ? wanted : coldest.count));
  for (i = 0; i < coldest.count; i++) {
    EXPECT(coldest.keys[i] == hottest.keys[coldest.count - 1 - i]);
    EXPECT(i >= some.count || some.keys[i] == coldest.keys[i]);
  }
  EXPECT(cachecore_evict(o->cache, wanted % 8, &removed) ==
         (is_no_evict ? CACHECORE_E_STATE : CACHECORE_OK));
  after = stats_of(o);
  evicted = after.evictions - before.evictions;
  expired = after.expirations - before.expirations;
  EXPECT(removed == evicted + expired && removed <= wanted % 8);
  EXPECT(evicted == 0 || after.expired == after.stale + after.absent);
  for (i = 0; i < coldest.count; i++) {
    bool is_found = settle_by_asking(o, coldest.keys[i]);
    if (o->options.policy == CACHECORE_POLICY_LRU)
      EXPECT(is_found == (i >= evicted));
  }
}

#endif
