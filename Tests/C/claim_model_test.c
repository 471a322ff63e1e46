/*
 * Random operations with claims, step by step beside a model: for each key what
 * was stored last, until when it is fresh and until when it is of use, and the
 * claim that stands.  There is room for all keys and all claims, one thread, a
 * manual clock: every answer must be the model's, tokens included.
 */
#include "claims.h"

enum { KEYS = 40, ROOM = 1000 };

typedef struct item {
  int is_present, is_absence;
  uint64_t value, deadline, window_end; /* UINT64_MAX: never */
  cachecore_claim_t claim;              /* the last given */
  int has_claim;                        /* it was neither ended nor voided */
  uint64_t claim_end, pause_end;
} item_t;

typedef struct model {
  cachecore_t *cache;
  uint64_t now, seed, values;
  uint64_t hits, misses, stale_served, absent_served, deletes, updates;
  item_t items[KEYS];
} model_t;

/* ---- The model ----------------------------------------------------------- */

static int is_live(const model_t *m, const item_t *item) {
  return item->is_present && !item->is_absence && m->now < item->deadline;
}

static int is_past(const model_t *m, const item_t *item) {
  return item->is_present && !is_live(m, item) && m->now < item->window_end;
}

static int has_standing(const model_t *m, const item_t *item) {
  return item->has_claim && m->now < item->claim_end;
}

/* Whatever a write did: nobody's claim stands any more. */
static void end_claim(item_t *item) {
  item->has_claim = 0;
  item->pause_end = 0;
}

static uint64_t after(const model_t *m, uint64_t ms) {
  return ms == CACHECORE_TTL_NEVER ? UINT64_MAX : m->now + ms;
}

static void store(model_t *m, item_t *item, uint64_t ttl, uint64_t stale) {
  m->updates += (uint64_t)is_live(m, item);
  item->is_present = 1;
  item->is_absence = 0;
  item->value = m->values;
  item->deadline = after(m, ttl);
  item->window_end =
      item->deadline == UINT64_MAX ? UINT64_MAX : item->deadline + stale;
  end_claim(item);
}

static void drop(model_t *m, item_t *item) {
  m->deletes += (uint64_t)is_live(m, item);
  item->is_present = 0;
  end_claim(item);
}

/* ---- Claims -------------------------------------------------------------- */

static void step_ask(model_t *m, uint64_t key) {
  item_t *item = &m->items[key];
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  uint64_t value = 0, token = has_standing(m, item) ? item->claim.seen : 0;
  int is_free = token == 0;
  size_t size;
  cachecore_status_t status, expected;
  claim.claim_ms = 1 + random_below(&m->seed, 100);
  status = cachecore_get_or_claim(m->cache, &key, sizeof key, &value,
                                  sizeof value, &size, &claim);
  if (is_live(m, item)) {
    expected = CACHECORE_OK;
    is_free = 0;
    token = 0; /* nobody looks for a claim then */
    m->hits++;
  } else if (is_past(m, item) && item->is_absence) {
    expected = CACHECORE_ABSENT;
    is_free = 0;
    token = 0;
    m->misses++;
    m->absent_served++;
  } else if (is_past(m, item)) {
    expected = CACHECORE_STALE;
    is_free = is_free && m->now >= item->pause_end;
    m->misses++;
    m->stale_served++;
  } else {
    expected = is_free ? CACHECORE_CLAIMED : CACHECORE_PENDING;
    m->misses += (uint64_t)is_free;
  }
  CHECK_INT(status, expected);
  CHECK_INT(size, status == CACHECORE_OK || status == CACHECORE_STALE ? 8 : 0);
  CHECK(size == 0 || value == item->value);
  CHECK((claim.token != 0) == is_free);
  CHECK(claim.seen == (is_free ? claim.token : token));
  if (!is_free) return;
  item->claim = claim;
  item->has_claim = 1;
  item->claim_end = m->now + claim.claim_ms;
  item->pause_end = 0;
}

static void step_end(model_t *m, uint64_t key) {
  item_t *item = &m->items[key];
  cachecore_claim_t *claim = &item->claim;
  int stood = claim->token != 0 && has_standing(m, item);
  uint64_t kind = random_below(&m->seed, 4), ms = random_below(&m->seed, 60);
  uint64_t value = ++m->values;
  cachecore_status_t expected = stood ? CACHECORE_OK : CACHECORE_CONFLICT;
  CHECK_INT(cachecore_claim_wait(m->cache, &key, sizeof key, claim, 0),
            has_standing(m, item) ? CACHECORE_E_TIMEOUT : CACHECORE_OK);
  if (kind < 2) {
    claim->stale_ms = random_below(&m->seed, 60);
    CHECK_INT(cachecore_fulfill(m->cache, &key, sizeof key, &value,
                                sizeof value, ms + 1, claim), expected);
    if (stood) store(m, item, ms + 1, claim->stale_ms);
  } else if (kind == 2) {
    CHECK_INT(cachecore_fulfill_absent(m->cache, &key, sizeof key, ms + 1,
                                       claim), expected);
    if (stood) {
      store(m, item, 0, ms + 1);
      item->is_absence = 1;
    }
  } else {
    CHECK_OK(cachecore_abandon(m->cache, &key, sizeof key, ms, claim));
    if (stood) end_claim(item);
    if (stood && ms > 0 && (is_live(m, item) || is_past(m, item)))
      item->pause_end = m->now + ms;
  }
  CHECK_INT(claim->token, 0);
}

/* ---- Everything else ----------------------------------------------------- */

static void step_write(model_t *m, uint64_t key) {
  item_t *item = &m->items[key];
  uint64_t value = ++m->values, ttl = 1 + random_below(&m->seed, 60);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  int live = is_live(m, item);
  switch (random_below(&m->seed, 5)) {
    case 0:
      CHECK_INT(cachecore_add(m->cache, &key, sizeof key, &value, sizeof value,
                              ttl), live ? CACHECORE_EXISTS : CACHECORE_OK);
      if (live) return;
      break;
    case 1:
      CHECK_INT(cachecore_replace(m->cache, &key, sizeof key, &value,
                                  sizeof value, ttl),
                live ? CACHECORE_OK : CACHECORE_MISS);
      if (!live) return;
      break;
    case 2:
      CHECK_INT(cachecore_inspect(m->cache, &key, sizeof key, &info),
                live ? CACHECORE_OK : CACHECORE_MISS);
      CHECK_INT(cachecore_compare_and_set(m->cache, &key, sizeof key, &value,
                                          sizeof value, info.version, ttl),
                live ? CACHECORE_OK : CACHECORE_MISS);
      if (!live) return;
      break;
    case 3: ttl = CACHECORE_TTL_NEVER; /* fall through */
    default: CHECK_OK(set_number(m->cache, key, &value, sizeof value, ttl));
  }
  store(m, item, ttl, 0);
}

static void step_remove(model_t *m, uint64_t key) {
  item_t *item = &m->items[key];
  uint64_t removed, before = m->deletes;
  switch (random_below(&m->seed, 8)) {
    case 0:
      CHECK_OK(cachecore_set_until(m->cache, &key, sizeof key, "", 0, 1));
      drop(m, item);
      break;
    case 1: /* numbers are little-endian: this one alone */
      CHECK_OK(cachecore_delete_prefix(m->cache, &key, 1, &removed));
      drop(m, item);
      CHECK_INT(removed, m->deletes - before);
      break;
    case 2:
      if (random_below(&m->seed, 20)) return;
      CHECK_OK(cachecore_clear(m->cache));
      for (key = 0; key < KEYS; key++) drop(m, &m->items[key]);
      break;
    default:
      CHECK_INT(cachecore_delete(m->cache, &key, sizeof key),
                is_live(m, item) ? CACHECORE_OK : CACHECORE_MISS);
      drop(m, item);
  }
}

static void step_touch(model_t *m, uint64_t key) {
  item_t *item = &m->items[key];
  uint64_t ttl = 1 + random_below(&m->seed, 60);
  int live = is_live(m, item);
  CHECK_INT(cachecore_touch(m->cache, &key, sizeof key, ttl),
            live ? CACHECORE_OK : CACHECORE_MISS);
  if (!live) return;
  /* What was stored without a deadline has no window. */
  if (item->deadline == UINT64_MAX) item->window_end = m->now + ttl;
  else item->window_end += m->now + ttl - item->deadline;
  item->deadline = m->now + ttl;
}

static void step_look(model_t *m, uint64_t key) {
  item_t *item = &m->items[key];
  uint64_t value;
  size_t size;
  int live = is_live(m, item);
  CHECK_INT(cachecore_get(m->cache, &key, sizeof key, &value, sizeof value,
                          &size), live ? CACHECORE_OK : CACHECORE_MISS);
  CHECK(!live || value == item->value);
  m->hits += (uint64_t)live;
  m->misses += (uint64_t)!live;
}

static void check_totals(const model_t *m) {
  cachecore_stats_t s = stats_of(m->cache);
  uint64_t live = 0, stale = 0, absent = 0, key;
  for (key = 0; key < KEYS; key++) {
    const item_t *item = &m->items[key];
    live += (uint64_t)is_live(m, item);
    stale += (uint64_t)(is_past(m, item) && !item->is_absence);
    absent += (uint64_t)(is_past(m, item) && item->is_absence);
  }
  CHECK_INT(s.entries, live);
  CHECK_INT(s.stale, stale);
  CHECK_INT(s.absent, absent);
  CHECK_INT(s.hits, m->hits);
  CHECK_INT(s.misses, m->misses);
  CHECK_INT(s.stale_served, m->stale_served);
  CHECK_INT(s.absent_served, m->absent_served);
  CHECK_INT(s.deletes, m->deletes);
  CHECK_INT(s.updates, m->updates);
  CHECK_INT(s.evictions + s.refused, 0);
  CHECK_IDENTITY(m->cache);
}

static void run_model(uint32_t flags, uint64_t steps) {
  static model_t m;
  uint64_t key, i;
  memset(&m, 0, sizeof m);
  m.cache = open_exact(ROOM, 0, flags);
  m.now = 1;
  m.seed = new_seed();
  for (key = 0; key < KEYS; key++)
    m.items[key].claim.struct_size = sizeof m.items[key].claim;
  for (i = 0; i < steps; i++) {
    uint64_t kind = random_below(&m.seed, 100);
    key = random_below(&m.seed, KEYS);
    if (kind < 40) step_ask(&m, key);
    else if (kind < 60) step_end(&m, key);
    else if (kind < 65) step_write(&m, key);
    else if (kind < 70) step_remove(&m, key);
    else if (kind < 75) step_touch(&m, key);
    else if (kind < 80) step_look(&m, key);
    else if (kind < 85) CHECK_OK(cachecore_cleanup_expired(m.cache, 0, NULL));
    else {
      uint64_t ms = random_below(&m.seed, 5);
      CHECK_OK(cachecore_advance_clock(m.cache, ms));
      m.now += ms;
    }
    if (i % 64 == 0) check_totals(&m);
  }
  cachecore_close(m.cache);
}

static void as_it_comes(void) { run_model(0, 300000); }
static void without_eviction(void) { run_model(CACHECORE_NO_EVICT, 300000); }
static void with_removals_reported(void) {
  run_model(CACHECORE_REPORT_REMOVALS, 100000);
}

TESTS(T(as_it_comes), T(without_eviction), T(with_removals_reported))
