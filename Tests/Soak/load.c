/*
 * What the threads of the soak do: every function of the header, on a cache at
 * random, with values that know their key and a ledger of what the cache
 * answered.  A wrong, torn or foreign value ends the soak at once.
 */
#include <sched.h>
#include <time.h>

#include "soak.h"

enum { VALUE_MAX = 60000, BATCH = 8, BURST = 64 };

int is_loading;

typedef struct call {
  loader_t *loader;
  subject_t *subject;
  ledger_t *ledger;
  uint64_t seed;
  unsigned char bytes[VALUE_MAX];
} call_t;

/* Keys of different caches differ, so that a value of another would show. */
static uint64_t key_in(const subject_t *subject, uint64_t number) {
  return subject->number << 24 | number;
}

static uint64_t some_key(call_t *call) {
  uint64_t count = call->subject->key_count;
  if (random_below(&call->seed, 4) == 0) count = 1 + count / 100;
  return key_in(call->subject, random_below(&call->seed, count));
}

static size_t some_size(call_t *call) {
  uint32_t most = call->subject->value_max;
  if (random_below(&call->seed, 50)) most = most < 400 ? most : 400;
  return random_below(&call->seed, most + 1);
}

static uint64_t some_ttl(call_t *call) {
  static const uint64_t ttls[] = {0,   0,    0,     1,
                                  20,  300,  2000,  10000,
                                  100, 1000, 60000, CACHECORE_TTL_NEVER};
  return ttls[random_below(&call->seed, 12)];
}

/* ---- Reading ------------------------------------------------------------- */

static void count_read(call_t *call, cachecore_status_t status) {
  if (status == CACHECORE_MISS)
    call->ledger->misses++;
  else
    call->ledger->hits++;
}

static void check_value(const void *value, size_t size, uint64_t key) {
  if (!holds_pattern(value, size, key))
    check_failed(__FILE__, __LINE__, "key %llx has a value not its own",
                 (unsigned long long)key);
}

static void get(call_t *call) {
  uint64_t key = some_key(call);
  size_t size, capacity = random_below(&call->seed, 50) ? VALUE_MAX : 30;
  cachecore_status_t status = cachecore_get(call->subject->cache, &key, 8,
                                            call->bytes, capacity, &size);
  count_read(call, status);
  if (status == CACHECORE_OK)
    check_value(call->bytes, size, key);
  else if (status == CACHECORE_E_TOO_SMALL)
    CHECK(size > capacity);
  else
    CHECK_INT(status, CACHECORE_MISS);
}

static void end_held(loader_t *loader, unsigned slot) {
  cachecore_value_t lent = loader->held[slot];
  if (lent.owner == NULL) return;
  check_value(lent.data, lent.size, loader->held_keys[slot]);
  cachecore_release(&lent);
  /* Only now: until then its cache may be there (orphaned_bytes). */
  loader->held[slot].owner = NULL;
}

/* Some leases end at once, some are held for thousands of calls, some past
 * the end of their cache. */
static void acquire(call_t *call) {
  loader_t *loader = call->loader;
  uint64_t key = some_key(call);
  unsigned slot = (unsigned)random_below(&call->seed, HELD_MAX * 40);
  cachecore_value_t value;
  cachecore_status_t status =
      cachecore_acquire(call->subject->cache, &key, 8, &value);
  if (status == CACHECORE_E_STATE) return; /* lent as often as can be */
  count_read(call, status);
  if (status != CACHECORE_OK) {
    CHECK_INT(status, CACHECORE_MISS);
    return;
  }
  check_value(value.data, value.size, key);
  if (slot < HELD_MAX) {
    end_held(loader, slot);
    loader->held[slot] = value;
    loader->held_keys[slot] = key;
    return;
  }
  if (slot % 8 == 0) sched_yield();
  check_value(value.data, value.size, key);
  cachecore_release(&value);
}

static void look(call_t *call) {
  uint64_t key = some_key(call);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_t *cache = call->subject->cache;
  cachecore_status_t status;
  int64_t left = -2;
  switch (random_below(&call->seed, 3)) {
    case 0: status = cachecore_contains(cache, &key, 8); break;
    case 1:
      status = cachecore_ttl(cache, &key, 8, &left);
      if (status == CACHECORE_OK) CHECK(left >= -1);
      break;
    default:
      status = cachecore_inspect(cache, &key, 8, &info);
      if (status == CACHECORE_OK) CHECK(info.value_size <= VALUE_MAX);
  }
  CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
}

/* ---- Writing ------------------------------------------------------------- */

static void count_write(call_t *call, cachecore_status_t status) {
  switch (status) {
    case CACHECORE_OK: call->ledger->stored++; break;
    case CACHECORE_REFUSED:
    case CACHECORE_E_FULL:
    case CACHECORE_E_NO_MEMORY: call->ledger->refused++; break;
    case CACHECORE_EXISTS:
    case CACHECORE_MISS:
    case CACHECORE_CONFLICT: break;
    default: CHECK_INT(status, CACHECORE_OK);
  }
  if (status == CACHECORE_E_FULL)
    CHECK(call->subject->options.flags & CACHECORE_NO_EVICT);
}

static void store(call_t *call) {
  uint64_t key = some_key(call), ttl = some_ttl(call);
  size_t size = some_size(call);
  cachecore_t *cache = call->subject->cache;
  unsigned char *bytes = call->bytes;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_status_t status;
  int64_t until = unix_ms() + 1000 + (int64_t)random_below(&call->seed, 2000);
  fill_pattern(bytes, size, key, random_next(&call->seed));
  switch (random_below(&call->seed, 10)) {
    case 0: status = cachecore_add(cache, &key, 8, bytes, size, ttl); break;
    case 1: status = cachecore_replace(cache, &key, 8, bytes, size, ttl); break;
    case 2:
      if (cachecore_inspect(cache, &key, 8, &info) != CACHECORE_OK) return;
      status = cachecore_compare_and_set(cache, &key, 8, bytes, size,
                                         info.version, ttl);
      break;
    case 3:
      status = cachecore_set_until(cache, &key, 8, bytes, size, until);
      break;
    default: status = cachecore_set(cache, &key, 8, bytes, size, ttl);
  }
  count_write(call, status);
}

static void change(call_t *call) {
  uint64_t key = some_key(call);
  char name[16];
  cachecore_status_t status;
  int64_t sum;
  switch (random_below(&call->seed, 3)) {
    case 0:
      status = cachecore_delete(call->subject->cache, &key, 8);
      if (status == CACHECORE_OK) call->ledger->deleted++;
      break;
    case 1:
      status = cachecore_touch(call->subject->cache, &key, 8, some_ttl(call));
      break;
    default: /* keys of 9 bytes: numbers are no patterns */
      memcpy(name, &key, 8);
      name[8] = 'n';
      status = cachecore_increment(call->subject->cache, name, 9, 1, 1,
                                   some_ttl(call), &sum);
      count_write(call, status);
      if (status == CACHECORE_OK) CHECK(sum > 0);
      return;
  }
  CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
}

static void in_batches(call_t *call) {
  static __thread unsigned char bytes[BATCH][512];
  uint64_t numbers[BATCH], removed = 0;
  const void *keys[BATCH], *values[BATCH];
  void *buffers[BATCH];
  size_t key_sizes[BATCH], sizes[BATCH], capacities[BATCH], i;
  cachecore_status_t statuses[BATCH];
  cachecore_t *cache = call->subject->cache;
  for (i = 0; i < BATCH; i++) {
    numbers[i] = some_key(call);
    keys[i] = &numbers[i];
    key_sizes[i] = 8;
    values[i] = buffers[i] = bytes[i];
    sizes[i] = random_below(&call->seed, sizeof bytes[0]);
    capacities[i] = sizeof bytes[0];
    fill_pattern(bytes[i], sizes[i], numbers[i], i);
  }
  switch (random_below(&call->seed, 4)) {
    case 0:
      cachecore_set_many(cache, BATCH, keys, key_sizes, values, sizes, NULL,
                         statuses);
      for (i = 0; i < BATCH; i++) count_write(call, statuses[i]);
      return;
    case 1:
      CHECK_OK(cachecore_delete_many(cache, BATCH, keys, key_sizes, statuses,
                                     &removed));
      call->ledger->deleted += removed;
      return;
    default:
      cachecore_get_many(cache, BATCH, keys, key_sizes, buffers, capacities,
                         sizes, statuses);
      for (i = 0; i < BATCH; i++) {
        count_read(call, statuses[i]);
        if (statuses[i] == CACHECORE_OK)
          check_value(bytes[i], sizes[i], numbers[i]);
      }
  }
}

/* ---- The cache as a whole ------------------------------------------------ */

static void list(call_t *call) {
  uint64_t cursor = random_below(&call->seed, 4) ? 0 : random_next(&call->seed);
  size_t size, count, at = 0, i;
  int steps;
  uint64_t *buffer = (uint64_t *)(void *)call->bytes;
  for (steps = 0; steps < 4; steps++) {
    CHECK_OK(cachecore_scan(call->subject->cache, &cursor, NULL, 0, buffer,
                            4096, &size, &count));
    for (i = 0, at = 0; i < count; i++) {
      cachecore_scan_record_t record;
      memcpy(&record, (char *)buffer + at, sizeof record);
      CHECK(record.key_size == 8 || record.key_size == 9);
      at += record.record_size;
    }
    CHECK_INT(at, size);
    if (cursor == 0) return;
  }
}

uint64_t take_removals(cachecore_t *cache, uint64_t subject, ledger_t *ledger) {
  uint64_t buffer[8192], key;
  size_t size, count, at = 0, i;
  cachecore_status_t status = cachecore_take_removals(
      cache, buffer, sizeof buffer, &size, &count);
  if (status == CACHECORE_MISS) return 0;
  CHECK_OK(status);
  for (i = 0; i < count; i++) {
    const char *record = (const char *)buffer + at;
    cachecore_removal_record_t head;
    memcpy(&head, record, sizeof head);
    CHECK(head.cause >= 1 && head.cause <= CACHECORE_REMOVED_DELETED);
    memcpy(&key, record + sizeof head, 8);
    CHECK_INT(key >> 24, subject);
    if (head.key_size == 8)
      check_value(record + sizeof head + 8, head.value_size, key);
    ledger->taken[head.cause]++;
    at += head.record_size;
  }
  CHECK_INT(at, size);
  return count;
}

static void control(call_t *call) {
  cachecore_t *cache = call->subject->cache;
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  uint64_t removed, key;
  cachecore_stats_t stats;
  switch (random_below(&call->seed, 400)) {
    case 0: /* seldom: the caches are to be full most of the time */
      if (random_below(&call->seed, 1000)) break;
      CHECK_OK(cachecore_clear(cache));
      return;
    case 1:
      if (random_below(&call->seed, 200)) break;
      key = some_key(call);
      CHECK_OK(cachecore_delete_prefix(cache, &key, 2, &removed));
      return;
    case 2: case 3: case 4:
      options.interval_ms = random_below(&call->seed, 3) * 10;
      options.max_slice_us = random_below(&call->seed, 2) * 50;
      options.flags = (uint32_t)random_below(&call->seed, 4);
      cachecore_sweeper_start(cache, &options);
      return;
    case 5: cachecore_sweeper_stop(cache, 0); return;
    case 6: cachecore_sweeper_stop(cache, 1); return;
    case 7: case 8: cachecore_sweeper_trigger(cache, &removed); return;
    case 9: cachecore_sweeper_pause(cache); return;
    case 10: case 11: cachecore_sweeper_resume(cache); return;
    case 12:
      cachecore_sweeper_set_interval(cache, random_below(&call->seed, 50));
      return;
    case 13: sweeper_of(cache); return;
    default: break;
  }
  if (random_below(&call->seed, 2) &&
      call->subject->options.flags & CACHECORE_REPORT_REMOVALS) {
    take_removals(cache, call->subject->number, call->ledger);
  } else if (random_below(&call->seed, 4)) {
    CHECK_OK(cachecore_cleanup_expired(
        cache, random_below(&call->seed, 8) ? 16 : 0, &removed));
  } else {
    stats = stats_of(cache);
    CHECK(stats.bytes_used <= stats.bytes_resident);
  }
}

/* ---- Threads ------------------------------------------------------------- */

static int one_call(call_t *call) {
  switch (random_below(&call->seed, 64)) {
    case 0: list(call); return LIST;
    case 1: control(call); return CONTROL;
    case 2: case 3: in_batches(call); return LIST;
    case 4: case 5: case 6: case 7: case 8: change(call); return WRITE;
    case 9: case 10: case 11: case 12: look(call); return READ;
    case 13: case 14: case 15: case 16: case 17: acquire(call); return READ;
    default: break;
  }
  if (random_below(&call->seed, 3)) {
    get(call);
    return READ;
  }
  store(call);
  return WRITE;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void *load(void *argument) {
  loader_t *loader = (loader_t *)argument;
  call_t *call = (call_t *)malloc(sizeof *call);
  unsigned i;
  CHECK(call != NULL);
  call->loader = loader;
  call->seed = loader->seed;
  while (is_raised(&is_loading)) {
    unsigned number = (unsigned)random_below(&call->seed, CACHES);
    call->subject = &subjects[number];
    call->ledger = &loader->ledgers[number];
    CHECK_INT(pthread_rwlock_rdlock(&call->subject->gate), 0);
    pthread_mutex_lock(&loader->lock);
    for (i = 0; i < BURST; i++) {
      uint64_t start = now_ns();
      int kind = one_call(call);
      note_time(&loader->times[kind], now_ns() - start);
    }
    pthread_mutex_unlock(&loader->lock);
    CHECK_INT(pthread_rwlock_unlock(&call->subject->gate), 0);
    __atomic_add_fetch(&loader->operations, BURST, __ATOMIC_RELAXED);
  }
  for (i = 0; i < HELD_MAX; i++) end_held(loader, i);
  free(call);
  return NULL;
}

ledger_t ledger_of(const loader_t *loaders, unsigned count, unsigned subject) {
  ledger_t sum;
  unsigned i, cause;
  memset(&sum, 0, sizeof sum);
  for (i = 0; i < count; i++) {
    const ledger_t *one = &loaders[i].ledgers[subject];
    sum.hits += one->hits;
    sum.misses += one->misses;
    sum.stored += one->stored;
    sum.refused += one->refused;
    sum.deleted += one->deleted;
    for (cause = 1; cause <= CACHECORE_REMOVED_DELETED; cause++)
      sum.taken[cause] += one->taken[cause];
  }
  return sum;
}

void use_alone(subject_t *subject, uint64_t seed) {
  static call_t call;
  static loader_t loader;
  int i;
  call.loader = &loader;
  call.subject = subject;
  call.ledger = &loader.ledgers[subject->number];
  call.seed = seed;
  for (i = 0; i < 300; i++) one_call(&call);
  for (i = 0; i < HELD_MAX; i++) end_held(&loader, (unsigned)i);
  CHECK_OK(cachecore_clear(subject->cache));
  CHECK_INT(cachecore_count(subject->cache), 0);
  CHECK_IDENTITY(subject->cache);
  cachecore_close(subject->cache);
}
