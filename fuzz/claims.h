/*
 * claims.h - claims, stale values and absences against the table of calls.c: a
 * claim that something has voided is never fulfilled, nobody waits for one that
 * has ended, and what is served stale was stored last and is in its window.
 */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "choices.h"

/* A live value has a new deadline: the window keeps its length. */
static inline void move_window(item_t *item, uint64_t deadline) {
  uint64_t end = item->window_end, length;
  if (end == 0) return;
  length = end > item->deadline ? end - item->deadline : 0;
  item->window_end = deadline == NEVER                 ? NEVER
                     : FARTHEST - deadline > length ? deadline + length
                                                    : FARTHEST;
}

/* The answer to a question that found no live value. */
static inline void settle_past(oracle_t *o, uint32_t key,
                               cachecore_status_t status, const char *value,
                               size_t size) {
  item_t *item = &o->items[key];
  settle(o, key, false);
  switch (status) {
    case CACHECORE_STALE:
      EXPECT(is_in_window(o, key) && !item->is_absence);
      EXPECT(is_latest(o, key, value, size));
      item->last_used = o->now;
      break;
    case CACHECORE_ABSENT:
      EXPECT(is_in_window(o, key) && item->is_absence && size == 0);
      item->last_used = o->now;
      break;
    case CACHECORE_CLAIMED:
    case CACHECORE_PENDING:
      EXPECT(size == 0);
      item->window_end = 0; /* or it was evicted */
      break;
    default: EXPECT(!"the status of a question");
  }
}

static inline void step_ask(input_t *in, oracle_t *o, uint32_t key,
                            char *buffer) {
  char name[KEY_MAX];
  bool is_small = take(in, 1) < 32;
  size_t size = 7, capacity = is_small ? take_below(in, 256) : VALUE_MAX;
  size_t name_size = key_of(key, name);
  claimed_t *mine = &o->claimed[key];
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  bool stood = stands(o, key);
  cachecore_status_t status;
  claim.flags = take(in, 1) & CACHECORE_CLAIM_EARLY;
  claim.claim_ms = take_below(in, 4000);
  status = cachecore_get_or_claim(o->cache, name, name_size, buffer, capacity,
                                  &size, &claim);
  if (status == CACHECORE_E_TOO_SMALL) {
    EXPECT(size > capacity && claim.token == 0 && claim.seen == 0);
    EXPECT(is_live(o, key) || is_in_window(o, key));
    if (is_live(o, key)) o->items[key].last_used = o->now;
    return;
  }
  if (status == CACHECORE_OK) {
    settle(o, key, true);
    EXPECT(size <= capacity && is_latest(o, key, buffer, size));
    o->items[key].last_used = o->now;
    EXPECT(claim.token == 0 || claim.flags);
  } else {
    settle_past(o, key, status, buffer, size);
  }
  EXPECT(claim.token == 0 || claim.seen == claim.token);
  EXPECT(status != CACHECORE_CLAIMED || claim.token != 0);
  EXPECT(status != CACHECORE_PENDING || claim.token == 0);
  /* Whatever is seen of another's claim, it stands. */
  if (claim.token == 0 && claim.seen != 0)
    EXPECT(stood && claim.seen == mine->claim.seen);
  if (claim.token == 0) return;
  mine->claim = claim;
  mine->end = deadline_in(o, claim.claim_ms ? claim.claim_ms : 30000);
  mine->is_void = false;
}

/* What fulfill has done, by its status. */
static inline bool settle_fulfill(oracle_t *o, uint32_t key, bool stood,
                                  cachecore_status_t status) {
  EXPECT(o->claimed[key].claim.token == 0);
  o->claimed[key].is_void = true;
  switch (status) {
    case CACHECORE_OK: EXPECT(stood); return true;
    case CACHECORE_CONFLICT: return false; /* also without a cause */
    case CACHECORE_REFUSED:
      EXPECT(stood && !(o->options.flags & CACHECORE_NO_EVICT));
      forget(o, key);
      return false;
    default:
      EXPECT(stood && status == CACHECORE_E_FULL);
      EXPECT(o->options.flags & CACHECORE_NO_EVICT);
      return false;
  }
}

static inline void step_fulfill(oracle_t *o, uint32_t key, const char *value,
                                size_t size, uint64_t ttl, uint64_t stale_ms) {
  char name[KEY_MAX];
  size_t name_size = key_of(key, name);
  uint64_t deadline = deadline_in(o, ttl);
  item_t *item = &o->items[key];
  claimed_t *mine = &o->claimed[key];
  bool stood = stands(o, key);
  cachecore_status_t status;
  mine->claim.stale_ms = stale_ms;
  status = cachecore_fulfill(o->cache, name, name_size, value, size, ttl,
                             &mine->claim);
  if (!settle_fulfill(o, key, stood, status)) return;
  remember(o, key, item->generation + 1, size, deadline);
  if (deadline != NEVER && stale_ms != 0)
    item->window_end =
        FARTHEST - deadline > stale_ms ? deadline + stale_ms : FARTHEST;
}

static inline void step_fulfill_absent(oracle_t *o, uint32_t key,
                                       uint64_t ttl) {
  char name[KEY_MAX];
  size_t name_size = key_of(key, name);
  item_t *item = &o->items[key];
  bool stood = stands(o, key);
  cachecore_status_t status = cachecore_fulfill_absent(
      o->cache, name, name_size, ttl, &o->claimed[key].claim);
  if (ttl == 0 && o->options.default_ttl_ms == 0) {
    EXPECT(status == CACHECORE_E_ARGUMENT);
    return;
  }
  if (!settle_fulfill(o, key, stood, status)) return;
  forget(o, key);
  item->is_absence = true;
  item->window_end = deadline_in(o, ttl);
  item->last_used = o->now;
  o->absences++;
}

static inline void step_abandon(oracle_t *o, uint32_t key, uint64_t retry_ms) {
  char name[KEY_MAX];
  size_t name_size = key_of(key, name);
  EXPECT(cachecore_abandon(o->cache, name, name_size, retry_ms,
                           &o->claimed[key].claim) == CACHECORE_OK);
  EXPECT(o->claimed[key].claim.token == 0);
  o->claimed[key].is_void = true;
}

static inline void step_poll(oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  size_t name_size = key_of(key, name);
  cachecore_status_t status = cachecore_claim_wait(
      o->cache, name, name_size, &o->claimed[key].claim, 0);
  EXPECT(status == CACHECORE_OK ||
         (status == CACHECORE_E_TIMEOUT && stands(o, key)));
}

static inline void step_claim(input_t *in, oracle_t *o, uint32_t key,
                              unsigned kind, char *value, char *buffer) {
  uint64_t ttl;
  size_t size;
  switch (kind) {
    case 0: step_fulfill_absent(o, key, choose_ttl(in)); break;
    case 1: step_abandon(o, key, take_below(in, 1000)); break;
    case 2: step_poll(o, key); break;
    case 3:
    case 4:
    case 5:
      ttl = choose_ttl(in);
      size = choose_size(in, o);
      fill_value(value, size, word_of(key, o->items[key].generation + 1));
      step_fulfill(o, key, value, size, ttl, choose_ttl(in));
      break;
    default: step_ask(in, o, key, buffer);
  }
}

#endif
