/*
 * Sequences of calls on a cache of any kind beside an oracle (oracle.h): no
 * answer may be one that the contract does not allow, both bounds must hold,
 * the statistics must add up, and the engine's own invariants be true.
 *
 * The first bytes choose the options, then each operation is a byte for what,
 * one for which key, and what it needs.  One thread, manual clock, fixed seed:
 * an input means the same every time.
 */
#include "batches.h"
#include "claims.h"
#include "order.h"

extern void fuzz_check_invariants(cachecore_t *cache);

static char value[VALUE_MAX + 8];
/* For the largest record too. */
static char buffer[VALUE_MAX + 1024] __attribute__((aligned(8)));

/* ---- Reading ------------------------------------------------------------- */

static void step_get(input_t *in, oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  bool is_small = take(in, 1) < 32;
  size_t size = 7, capacity = is_small ? take_below(in, 256) : VALUE_MAX;
  size_t name_size = key_of(key, name);
  cachecore_status_t status =
      cachecore_get(o->cache, name, name_size, buffer, capacity, &size);
  settle(o, key, status != CACHECORE_MISS);
  if (status == CACHECORE_MISS) {
    EXPECT(size == 0);
    return;
  }
  note_use(o, key);
  if (status == CACHECORE_E_TOO_SMALL) {
    EXPECT(size > capacity && !(o->items[key].size < size &&
                                !o->items[key].is_number));
    return;
  }
  EXPECT(status == CACHECORE_OK && size <= capacity);
  EXPECT(is_latest(o, key, buffer, size));
}

static void step_look(oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  size_t size = key_of(key, name), value_size = 0;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT, whole = info;
  int64_t left = 0;
  item_t *item = &o->items[key];
  uint64_t end;
  cachecore_status_t status = cachecore_inspect(o->cache, name, size, &info);
  settle(o, key, status == CACHECORE_OK);
  EXPECT(cachecore_contains(o->cache, name, size) == status);
  EXPECT(cachecore_ttl(o->cache, name, size, &left) == status);
  if (status != CACHECORE_OK) return;
  end = end_of(o, item);
  EXPECT(left == (end == NEVER ? -1 : (int64_t)(end - o->now)));
  EXPECT(info.ttl_ms == left);
  EXPECT(item->is_number || info.value_size == item->size);
  EXPECT(info.idle_ms == (int64_t)(o->now - item->last_used));
  EXPECT(info.age_ms >= 0);
  EXPECT(info.age_ms <= (int64_t)(o->now - item->stored_at));
  EXPECT(info.version >= item->version);
  item->version = info.version;
  status = cachecore_get_with_info(o->cache, name, size, buffer, sizeof buffer,
                                   &value_size, &whole);
  EXPECT(status == CACHECORE_OK && memcmp(&whole, &info, sizeof info) == 0);
  EXPECT(is_latest(o, key, buffer, value_size));
  note_use(o, key);
}

static void step_lend(input_t *in, oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  size_t size = key_of(key, name);
  lent_t *lent = &o->lent[take(in, 1) % LEASES];
  if (lent->value.owner) {
    EXPECT(is_value(lent->value.data, lent->value.size,
                    word_of(lent->key, lent->generation)));
    cachecore_release(&lent->value);
    EXPECT(!lent->value.owner);
    return;
  }
  if (settle_by_asking(o, key) && o->items[key].is_number) return;
  settle(o, key,
         cachecore_acquire(o->cache, name, size, &lent->value) == CACHECORE_OK);
  if (!lent->value.owner) return;
  note_use(o, key);
  EXPECT(is_latest(o, key, lent->value.data, lent->value.size));
  lent->key = key;
  lent->generation = o->items[key].generation;
}

/* ---- Writing ------------------------------------------------------------- */

/* Whether an entry that was there a moment ago still was when a write looked.
 * Making room for the new value may take so much that the older one has to go;
 * if it does not suffice all the same, a second attempt finds none. */
static bool still_live(oracle_t *o, uint32_t key, bool was_live, bool is_live) {
  EXPECT(was_live || !is_live);
  if (was_live && !is_live) settle(o, key, false);
  return is_live;
}

static void step_set(input_t *in, oracle_t *o, uint32_t key, unsigned kind) {
  char name[KEY_MAX];
  size_t name_size = key_of(key, name), size = choose_size(in, o);
  uint64_t ttl = choose_ttl(in), deadline = deadline_in(o, ttl);
  uint32_t generation = o->items[key].generation + 1;
  cachecore_status_t status;
  fill_value(value, size, word_of(key, generation));
  if (kind == 1) {
    bool was_live = settle_by_asking(o, key);
    status = cachecore_add(o->cache, name, name_size, value, size, ttl);
    was_live = still_live(o, key, was_live, status == CACHECORE_EXISTS);
    if (was_live) return;
  } else if (kind == 2) {
    bool was_live = settle_by_asking(o, key);
    status = cachecore_replace(o->cache, name, name_size, value, size, ttl);
    was_live = still_live(o, key, was_live, status != CACHECORE_MISS);
    if (!was_live) return;
  } else if (kind == 3) {
    cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
    bool is_wrong = take(in, 1) & 1;
    cachecore_status_t there =
        cachecore_inspect(o->cache, name, name_size, &info);
    settle(o, key, there == CACHECORE_OK);
    status = cachecore_compare_and_set(o->cache, name, name_size, value, size,
                                       info.version ^ is_wrong, ttl);
    if (!still_live(o, key, there == CACHECORE_OK, status != CACHECORE_MISS))
      return;
    EXPECT((status == CACHECORE_CONFLICT) == is_wrong);
    if (is_wrong) return;
  } else if (kind == 4) {
    bool is_past = take(in, 1) & 1;
    status = cachecore_set_until(o->cache, name, name_size, value, size,
                                 is_past ? (int64_t)take(in, 4) : INT64_MAX);
    if (is_past) {
      EXPECT(status == CACHECORE_OK);
      forget(o, key);
      return;
    }
    deadline = FARTHEST;
  } else {
    status = cachecore_set(o->cache, name, name_size, value, size, ttl);
  }
  settle_write(o, key, status, generation, size, deadline);
}

static void step_increment(input_t *in, oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  size_t size = key_of(key, name);
  uint64_t ttl = choose_ttl(in);
  int64_t delta = (int64_t)take(in, 8), sum = 77, expected;
  int64_t initial = (int64_t)take(in, 8);
  bool was_live = settle_by_asking(o, key);
  item_t *item = &o->items[key];
  cachecore_status_t status =
      cachecore_increment(o->cache, name, size, delta, initial, ttl, &sum);
  bool is_beyond = __builtin_add_overflow(item->number, delta, &expected);
  bool is_sum = item->is_number && !is_beyond && sum == expected;
  if (was_live && status == CACHECORE_OK)
    was_live = still_live(o, key, was_live, is_sum);
  if (was_live && (!item->is_number || is_beyond)) {
    EXPECT(status ==
           (item->is_number ? CACHECORE_E_RANGE : CACHECORE_E_TYPE));
    EXPECT(sum == 0);
    return;
  }
  if (!was_live) expected = initial;
  settle_write(o, key, status, item->generation + 1, 0,
               was_live ? item->deadline : deadline_in(o, ttl));
  if (status != CACHECORE_OK) return;
  EXPECT(sum == expected);
  item->is_number = true;
  item->number = expected;
}

static void step_delete(oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  size_t size = key_of(key, name);
  settle(o, key, cachecore_delete(o->cache, name, size) == CACHECORE_OK);
  forget(o, key);
}

static void step_touch(input_t *in, oracle_t *o, uint32_t key) {
  char name[KEY_MAX];
  size_t size = key_of(key, name);
  uint64_t ttl = choose_ttl(in);
  cachecore_status_t status = cachecore_touch(o->cache, name, size, ttl);
  settle(o, key, status == CACHECORE_OK);
  if (status != CACHECORE_OK) return;
  note_use(o, key);
  move_window(&o->items[key], deadline_in(o, ttl));
  o->items[key].deadline = deadline_in(o, ttl);
}

/* ---- The whole ----------------------------------------------------------- */

static uint64_t live_in_family(oracle_t *o, uint32_t family, bool is_any) {
  uint64_t count = 0;
  uint32_t key;
  for (key = 0; key < KEYS; key++)
    if (is_any || key % 16 == family) count += settle_by_asking(o, key);
  return count;
}

/* A record of either kind of scan: its key and how it goes on. */
static uint32_t key_of_record(oracle_t *o, size_t *at, bool with_values) {
  cachecore_value_record_t record = {0};
  size_t header = sizeof record;
  uint32_t key;
  if (with_values) {
    memcpy(&record, buffer + *at, sizeof record);
  } else {
    cachecore_scan_record_t bare;
    memcpy(&bare, buffer + *at, sizeof bare);
    header = sizeof bare;
    record.record_size = bare.record_size;
    record.value_size = bare.value_size;
    record.key_size = bare.key_size;
  }
  key = (uint8_t)buffer[*at + header + 1];
  EXPECT(o->items[key].is_number || record.value_size == o->items[key].size);
  if (with_values)
    EXPECT(is_latest(o, key, buffer + *at + header + record.key_size,
                     record.value_size));
  *at += record.record_size;
  return key;
}

/* A whole scan lists each live key once, and nothing else. */
static void step_scan(input_t *in, oracle_t *o, bool with_values) {
  uint32_t family = (uint32_t)take(in, 1) % 17;
  char prefix = (char)('a' + family);
  size_t capacity = 8 * take_below(in, 512), size, count, at;
  uint64_t cursor = 0, before, listed = 0, expected;
  bool seen[KEYS] = {false};
  cachecore_status_t (*scan)(cachecore_t *, uint64_t *, const void *, size_t,
                             void *, size_t, size_t *, size_t *) =
      with_values ? cachecore_scan_values : cachecore_scan;
  expected = live_in_family(o, family, family == 16);
  do {
    cachecore_status_t status;
    before = cursor;
    status = scan(o->cache, &cursor, &prefix, family < 16, buffer, capacity,
                  &size, &count);
    if (status == CACHECORE_E_TOO_SMALL) {
      EXPECT(size > capacity && size <= sizeof buffer && cursor == before);
      capacity = size;
      status = scan(o->cache, &cursor, &prefix, family < 16, buffer, capacity,
                    &size, &count);
    }
    EXPECT(status == CACHECORE_OK && size <= capacity);
    for (at = 0; at < size; count--) {
      uint32_t key = key_of_record(o, &at, with_values);
      EXPECT(!seen[key] && is_live(o, key));
      EXPECT(family == 16 || key % 16 == family);
      seen[key] = true;
      listed++;
    }
    EXPECT(count == 0);
  } while (cursor);
  EXPECT(listed == expected);
}

static void step_delete_prefix(input_t *in, oracle_t *o) {
  uint32_t family = (uint32_t)take(in, 1) % 16, key;
  char prefix = (char)('a' + family);
  uint64_t expected = live_in_family(o, family, false), removed = 0;
  EXPECT(cachecore_delete_prefix(o->cache, &prefix, 1, &removed) ==
         CACHECORE_OK);
  EXPECT(removed == expected);
  for (key = family; key < KEYS; key += 16) forget(o, key);
}

static void step_clear(oracle_t *o) {
  uint32_t key;
  EXPECT(cachecore_clear(o->cache) == CACHECORE_OK);
  for (key = 0; key < KEYS; key++) forget(o, key);
  EXPECT(cachecore_count(o->cache) == 0);
}

static void step_resize(input_t *in, oracle_t *o) {
  uint64_t entries = o->options.max_entries ? 1 + take_below(in, 300) : 0;
  uint64_t bytes = o->options.max_bytes ? 1024 * take_below(in, 4096) : 0;
  cachecore_status_t status = cachecore_resize(o->cache, entries, bytes);
  switch (status) {
    case CACHECORE_E_STATE:
      EXPECT(!(o->options.flags & CACHECORE_NO_EVICT));
      o->is_loose = true;
      /* fall through */
    case CACHECORE_OK:
      o->max_entries = entries;
      o->max_bytes = bytes;
      break;
    case CACHECORE_E_FULL:
      EXPECT(o->options.flags & CACHECORE_NO_EVICT);
      break;
    default: EXPECT(status == CACHECORE_E_ARGUMENT && (bytes || !entries));
  }
}

static void take_removals(oracle_t *o, size_t capacity) {
  size_t size = 7, count = 7, at;
  cachecore_status_t status =
      cachecore_take_removals(o->cache, buffer, capacity, &size, &count);
  if (status < 0) {
    EXPECT(count == 0);
    if (o->options.flags & CACHECORE_REPORT_REMOVALS)
      EXPECT(status == CACHECORE_E_TOO_SMALL && size > capacity);
    else EXPECT(status == CACHECORE_E_STATE && size == 0);
    return;
  }
  EXPECT(status == (count ? CACHECORE_OK : CACHECORE_MISS));
  for (at = 0; at < size; count--) {
    cachecore_removal_record_t record;
    uint64_t word;
    const char *key = buffer + at + sizeof record;
    uint32_t number = (uint8_t)key[1];
    memcpy(&record, buffer + at, sizeof record);
    EXPECT(record.cause >= 1 && record.cause <= 4);
    EXPECT(at + record.record_size <= size);
    if (record.value_size > 20) { /* no number: what was stored, whole */
      memcpy(&word, key + record.key_size, 8);
      EXPECT(word >> 32 == number);
      EXPECT(is_value(key + record.key_size, record.value_size, word));
    }
    o->reported++;
    at += record.record_size;
  }
  EXPECT(count == 0);
}

/* ---- Always -------------------------------------------------------------- */

static void check(oracle_t *o) {
  cachecore_stats_t s = stats_of(o);
  uint64_t held = s.inserts - s.deletes - s.evictions - s.expirations;
  fuzz_check_invariants(o->cache);
  /* As long as values are lent it may rise above the bound again. */
  if (o->max_bytes && s.bytes_resident <= o->max_bytes && !is_any_lent(o))
    o->is_loose = false;
  EXPECT(o->is_loose || !o->max_entries ||
         s.entries + s.stale + s.absent <= o->max_entries);
  EXPECT(o->is_loose || !o->max_bytes || s.bytes_resident <= o->max_bytes);
  EXPECT(s.bytes_used <= s.bytes_resident);
  EXPECT(held == s.entries + s.expired && s.expired >= s.stale + s.absent);
  EXPECT(!(o->options.flags & CACHECORE_NO_EVICT) || s.evictions == 0);
}

/* Everything that left was counted, and reported if that was asked for. */
static void check_at_the_end(oracle_t *o) {
  cachecore_stats_t s;
  uint64_t live = live_in_family(o, 0, true), i, gone;
  EXPECT(cachecore_count(o->cache) == live);
  EXPECT(cachecore_cleanup_expired(o->cache, 0, NULL) == CACHECORE_OK);
  s = stats_of(o);
  EXPECT(s.entries == live);
  EXPECT(s.expired == s.stale + s.absent);
  EXPECT(s.inserts ==
         s.deletes + s.evictions + s.expirations + live + s.expired);
  if (o->options.flags & CACHECORE_REPORT_REMOVALS) {
    do {
      i = o->reported;
      take_removals(o, sizeof buffer);
    } while (o->reported > i);
    s = stats_of(o);
    gone = s.deletes + s.evictions + s.expirations + s.updates;
    EXPECT(o->reported + s.removals_lost <= gone);
    EXPECT(o->reported + s.removals_lost + o->absences >= gone);
  }
  fuzz_check_invariants(o->cache);
}

static void step(input_t *in, oracle_t *o) {
  unsigned what = (unsigned)take(in, 1);
  uint32_t key = (uint32_t)take(in, 1);
  if (what < 64) step_set(in, o, key, 0);
  else if (what < 84) step_get(in, o, key);
  else if (what < 104) step_claim(in, o, key, what % 12, value, buffer);
  else if (what < 124) step_set(in, o, key, 1 + what % 4);
  else if (what < 134) step_increment(in, o, key);
  else if (what < 154) step_delete(o, key);
  else if (what < 164) step_touch(in, o, key);
  else if (what < 174) step_look(o, key);
  else if (what < 194) step_lend(in, o, key);
  else if (what < 200) step_get_many(in, o, key % 2);
  else if (what < 206) step_set_many(in, o, key % 2);
  else if (what < 212) step_scan(in, o, key % 2);
  else if (what < 216) step_delete_prefix(in, o);
  else if (what < 218) step_clear(o);
  else if (what < 228) step_resize(in, o);
  else if (what < 234) take_removals(o, 8 * take_below(in, 4096));
  else if (what < 238) cachecore_cleanup_expired(o->cache, key % 64, NULL);
  else if (what < 242) step_order(o, key);
  else {
    uint64_t ms = what < 252 ? key : take_below(in, 100000);
    if (cachecore_advance_clock(o->cache, ms) == CACHECORE_OK) o->now += ms;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static oracle_t o;
  input_t in = {data, data + size};
  unsigned steps = 0, i;
  memset(&o, 0, sizeof o);
  o.now = 1;
  for (i = 0; i < KEYS; i++) {
    o.claimed[i].claim.struct_size = sizeof o.claimed[i].claim;
    o.claimed[i].is_void = true;
  }
  choose_options(&in, &o);
  o.max_entries = o.options.max_entries;
  o.max_bytes = o.options.max_bytes;
  EXPECT(cachecore_open(&o.options, &o.cache) == CACHECORE_OK);
  while (has_input(&in)) {
    step(&in, &o);
    if (++steps % 32 == 0) check(&o);
  }
  for (i = 0; i < LEASES; i++) cachecore_release(&o.lent[i].value);
  check_at_the_end(&o);
  cachecore_close(o.cache);
  return 0;
}
