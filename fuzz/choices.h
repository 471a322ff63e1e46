/* choices.h - options, lifetimes and sizes, as an input of calls.c chooses. */
#ifndef CHOICES_H
#define CHOICES_H

#include "oracle.h"

static inline void choose_options(input_t *in, oracle_t *o) {
  static const uint32_t size_max[] = {40, 400, 4000, 60000, VALUE_MAX, 1200};
  uint64_t kind = take(in, 1), bounds = take(in, 1);
  o->options.struct_size = sizeof o->options;
  o->options.policy = kind & 1;
  o->options.flags = CACHECORE_MANUAL_CLOCK;
  if (kind & 2) o->options.flags |= CACHECORE_NO_EVICT;
  if (kind & 4) o->options.flags |= CACHECORE_REPORT_REMOVALS;
  o->options.shard_count = 1u << (kind >> 3 & 3);
  o->options.hash_seed = 1 + (kind >> 5);
  if (bounds % 3 != 1) o->options.max_entries = 1 + take_below(in, 300);
  if (bounds % 3 != 0)
    o->options.max_bytes =
        CACHECORE_MAX_BYTES_MIN + 1024 * take_below(in, 2048);
  if (bounds & 64) o->options.default_ttl_ms = 1 + take_below(in, 4000);
  if (bounds & 128) o->options.default_tti_ms = 1 + take_below(in, 4000);
  o->value_max = size_max[(bounds >> 2) % 6];
}

static inline uint64_t choose_ttl(input_t *in) {
  uint64_t kind = take(in, 1);
  if (kind < 128) return 0;
  if (kind < 136) return CACHECORE_TTL_NEVER;
  if (kind < 140) return CACHECORE_TTL_NEVER - 1 - (kind & 3);
  if (kind < 144) return FARTHEST - (kind & 3);
  return 1 + take_below(in, 5000);
}

static inline size_t choose_size(input_t *in, const oracle_t *o) {
  uint64_t kind = take(in, 1);
  if (kind < 64) return kind;
  if (kind < 72) return o->value_max - (kind & 7);
  return take_below(in, o->value_max + 1u);
}

#endif
