/*
 * Random operations on a small cache, step by step beside a model that is too
 * simple to be wrong: an array in order of use, newest first.  One shard, one
 * thread, a manual clock: every answer must be the model's.
 */
#include "harness.h"

enum { KEYS = 100, VALUE_MAX = 64 };

typedef struct entry {
  uint64_t key;
  uint64_t deadline; /* 0: never */
  size_t size;
  unsigned char value[VALUE_MAX];
} entry_t;

typedef struct model {
  entry_t entries[KEYS]; /* newest first */
  size_t count, capacity;
  uint64_t now, default_ttl;
  uint64_t hits, misses, inserts, updates, deletes, evictions, expirations;
} model_t;

/* ---- The model ----------------------------------------------------------- */

static entry_t *find(model_t *m, uint64_t key) {
  size_t i;
  for (i = 0; i < m->count; i++)
    if (m->entries[i].key == key) return &m->entries[i];
  return NULL;
}

static void take_out(model_t *m, entry_t *entry) {
  size_t index = (size_t)(entry - m->entries);
  memmove(entry, entry + 1, (m->count - index - 1) * sizeof *entry);
  m->count--;
}

static void put_first(model_t *m, entry_t entry) {
  memmove(m->entries + 1, m->entries, m->count * sizeof entry);
  m->entries[0] = entry;
  m->count++;
}

static void use(model_t *m, entry_t *entry) {
  entry_t copy = *entry;
  take_out(m, entry);
  put_first(m, copy);
}

static uint64_t deadline_of(const model_t *m, uint64_t ttl) {
  if (ttl == 0) ttl = m->default_ttl ? m->default_ttl : CACHECORE_TTL_NEVER;
  return ttl == CACHECORE_TTL_NEVER ? 0 : m->now + ttl;
}

static void expire(model_t *m) {
  size_t i = m->count;
  while (i-- > 0)
    if (m->entries[i].deadline && m->entries[i].deadline <= m->now) {
      take_out(m, &m->entries[i]);
      m->expirations++;
    }
}

static void store(model_t *m, uint64_t key, const unsigned char *value,
                  size_t size, uint64_t ttl) {
  entry_t *old = find(m, key), entry;
  memset(&entry, 0, sizeof entry);
  entry.key = key;
  entry.deadline = deadline_of(m, ttl);
  entry.size = size;
  memcpy(entry.value, value, size);
  if (old) {
    m->updates++;
    take_out(m, old);
  } else {
    m->inserts++;
    if (m->count == m->capacity) {
      m->count--;
      m->evictions++;
    }
  }
  put_first(m, entry);
}

/* ---- Both side by side --------------------------------------------------- */

static void step_read(model_t *m, cachecore_t *cache, uint64_t key) {
  unsigned char buffer[VALUE_MAX];
  size_t size;
  entry_t *entry = find(m, key);
  cachecore_status_t status =
      cachecore_get(cache, &key, sizeof key, buffer, sizeof buffer, &size);
  CHECK_INT(status, entry ? CACHECORE_OK : CACHECORE_MISS);
  if (!entry) {
    m->misses++;
    return;
  }
  m->hits++;
  CHECK_INT(size, entry->size);
  CHECK(memcmp(buffer, entry->value, size) == 0);
  use(m, entry);
}

static void step_lend(model_t *m, cachecore_t *cache, uint64_t key) {
  cachecore_value_t value;
  entry_t *entry = find(m, key);
  CHECK_INT(cachecore_acquire(cache, &key, sizeof key, &value),
            entry ? CACHECORE_OK : CACHECORE_MISS);
  if (!entry) {
    m->misses++;
    return;
  }
  m->hits++;
  CHECK_INT(value.size, entry->size);
  CHECK(memcmp(value.data, entry->value, value.size) == 0);
  cachecore_release(&value);
  use(m, entry);
}

static void step_look(model_t *m, cachecore_t *cache, uint64_t key) {
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  entry_t *entry = find(m, key);
  cachecore_status_t expected = entry ? CACHECORE_OK : CACHECORE_MISS;
  int64_t left = entry && entry->deadline ? (int64_t)(entry->deadline - m->now)
                                          : -1;
  int64_t got = 0;
  unsigned char buffer[VALUE_MAX];
  size_t size;
  CHECK_INT(cachecore_peek(cache, &key, sizeof key, buffer, sizeof buffer,
                           &size),
            expected);
  CHECK_INT(cachecore_contains(cache, &key, sizeof key), expected);
  CHECK_INT(cachecore_ttl(cache, &key, sizeof key, &got), expected);
  CHECK_INT(cachecore_inspect(cache, &key, sizeof key, &info), expected);
  if (!entry) return;
  CHECK_INT(got, left);
  CHECK_INT(info.ttl_ms, left);
  CHECK_INT(info.value_size, entry->size);
  CHECK_INT(size, entry->size);
  CHECK(memcmp(buffer, entry->value, size) == 0);
}

static void step_write(model_t *m, cachecore_t *cache, uint64_t key,
                       uint64_t *seed) {
  unsigned char value[VALUE_MAX];
  size_t size = random_below(seed, VALUE_MAX + 1);
  uint64_t kind = random_below(seed, 8), choice = random_below(seed, 4);
  uint64_t ttl = choice == 0   ? 0
                 : choice == 1 ? CACHECORE_TTL_NEVER
                               : 1 + random_below(seed, 200);
  entry_t *entry = find(m, key);
  fill_pattern(value, size, key, random_next(seed));
  if (kind == 0 && !entry) { /* a failed add is not pinned as a use or none */
    CHECK_OK(cachecore_add(cache, &key, sizeof key, value, size, ttl));
  } else if (kind == 1) {
    CHECK_INT(cachecore_replace(cache, &key, sizeof key, value, size, ttl),
              entry ? CACHECORE_OK : CACHECORE_MISS);
    if (!entry) return;
  } else if (kind == 2 && entry) {
    cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
    CHECK_OK(cachecore_inspect(cache, &key, sizeof key, &info));
    CHECK_OK(cachecore_compare_and_set(cache, &key, sizeof key, value, size,
                                       info.version, ttl));
  } else {
    CHECK_OK(set_number(cache, key, value, size, ttl));
  }
  store(m, key, value, size, ttl);
}

static void step_change(model_t *m, cachecore_t *cache, uint64_t key,
                        uint64_t *seed) {
  entry_t *entry = find(m, key);
  cachecore_status_t expected = entry ? CACHECORE_OK : CACHECORE_MISS;
  if (random_below(seed, 2)) {
    CHECK_INT(cachecore_delete(cache, &key, sizeof key), expected);
    if (entry) {
      take_out(m, entry);
      m->deletes++;
    }
  } else {
    uint64_t ttl = random_below(seed, 100);
    CHECK_INT(cachecore_touch(cache, &key, sizeof key, ttl), expected);
    if (entry) {
      entry->deadline = deadline_of(m, ttl);
      use(m, entry);
    }
  }
}

static void step_time(model_t *m, cachecore_t *cache, uint64_t *seed) {
  uint64_t ms = random_below(seed, 20), removed = 0, before;
  CHECK_OK(cachecore_advance_clock(cache, ms));
  m->now += ms;
  before = m->expirations;
  expire(m);
  /* Swept at once: whether a full cache forgets a live entry before it notices
   * an expired one is the engine's business. */
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, m->expirations - before);
}

static void check_totals(const model_t *m, cachecore_t *cache) {
  cachecore_stats_t s = stats_of(cache);
  CHECK_INT(cachecore_count(cache), m->count);
  CHECK_INT(s.entries, m->count);
  CHECK_INT(s.hits, m->hits);
  CHECK_INT(s.misses, m->misses);
  CHECK_INT(s.inserts, m->inserts);
  CHECK_INT(s.updates, m->updates);
  CHECK_INT(s.deletes, m->deletes);
  CHECK_INT(s.evictions, m->evictions);
  CHECK_INT(s.expirations, m->expirations);
  CHECK_INT(s.refused, 0);
}

static void run_model(size_t capacity, uint64_t default_ttl, uint64_t steps) {
  static model_t m;
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  uint64_t seed = new_seed(), i;

  memset(&m, 0, sizeof m);
  m.capacity = capacity;
  m.default_ttl = default_ttl;
  options.max_entries = capacity;
  options.shard_count = 1;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_ttl_ms = default_ttl;
  CHECK_OK(cachecore_open(&options, &cache));
  for (i = 0; i < steps; i++) {
    uint64_t kind = random_below(&seed, 100), key = random_below(&seed, KEYS);
    if (kind < 40) step_read(&m, cache, key);
    else if (kind < 45) step_lend(&m, cache, key);
    else if (kind < 55) step_look(&m, cache, key);
    else if (kind < 85) step_write(&m, cache, key, &seed);
    else if (kind < 95) step_change(&m, cache, key, &seed);
    else step_time(&m, cache, &seed);
    if (i % 64 == 0) check_totals(&m, cache);
  }
  check_totals(&m, cache);
  cachecore_close(cache);
}

static void one_entry(void) { run_model(1, 0, 50000); }
static void a_few_entries(void) { run_model(7, 0, 200000); }
static void most_keys_fit(void) { run_model(64, 0, 200000); }
static void all_keys_fit(void) { run_model(KEYS, 0, 100000); }
static void with_a_default_lifetime(void) { run_model(40, 50, 200000); }

TESTS(T(one_entry), T(a_few_entries), T(most_keys_fit), T(all_keys_fit),
      T(with_a_default_lifetime))
