/*
 * Histories: threads call everything on a few keys at full speed and write down
 * when each call began and ended and what it was told.  Then each key's calls
 * are checked: is there an order in which they all are right, one after another
 * (linearizability.h)?  In a cache that evicts, an entry may go between any two
 * calls; an older or foreign value is wrong there as well.
 *
 * A round is a few calls of each thread on keys that begin as absent, or in a
 * full cache as what they are; all around it other keys come and go, so that
 * memory is evicted, moved and given back.  Each kind of cache is checked for
 * $CACHECORE_TEST_MS.  The last test breaks the cache in eleven ways, by a
 * layer between it and the threads, and wants each of them to be found.
 */
#include <sched.h>
#include <time.h>

#include "harness.h"
#include "linearizability.h"

enum { THREADS = 4, KEYS = 3, CALLS = 10, FILLERS = 3000, VALUE_MAX = 6000 };

typedef enum breakage {
  WHOLE,
  STALE_READS,
  LOST_WRITES,
  UNDONE_DELETES,
  SPLIT_INCREMENT,
  SPLIT_COMPARE,
  SPLIT_ADD,
  LATE_EXPIRY,
  EARLY_EXPIRY,
  RESURRECTION,
  STORED_IN_SPITE, /* of what voided the claim */
  TWO_CLAIMS,
  BREAKAGES
} breakage_t;

typedef struct plan {
  cachecore_options_t options;
  int may_evict;
  int is_full;      /* filled up first, and written in place from then on */
  int sweeps, resizes;
  int claims; /* half of all calls are about them */
  size_t size_max;  /* of values that are no numbers */
  size_t filler_max;
  breakage_t breakage;
} plan_t;

typedef struct trial {
  plan_t plan;
  cachecore_t *cache;
  uint64_t seed;
  history_t histories[KEYS];
  uint64_t stale[KEYS]; /* for the layer that breaks: a value read before */
  uint64_t clock_begun, clock_done; /* the manual clock, around its steps */
  uint64_t round, checked, undecided, calls;
  unsigned waiting, phase; /* of the barrier */
  double end_ms;
  int is_over, is_found;
} trial_t;

typedef struct caller {
  trial_t *trial;
  unsigned index;
  uint64_t seed;
  uint64_t numbers; /* values given out */
  uint64_t held[KEYS], seen[KEYS]; /* claims */
  search_t *search;
} caller_t;

/* ---- Values -------------------------------------------------------------- */

/* Every value stored is another number, with room for increments above it. */
static uint64_t new_value(caller_t *caller) {
  uint64_t number = ++caller->numbers * THREADS + caller->index;
  number *= 1000;
  return random_below(&caller->seed, 2) ? number : number | NOT_A_NUMBER;
}

/* Numbers are text, padded by zeros; others are their eight bytes again and
 * again after a byte that no number begins with, as many as the value says. */
static size_t put_value(const plan_t *plan, uint64_t value, char *bytes) {
  uint64_t hash = value;
  size_t size, i;
  if (!(value & NOT_A_NUMBER)) {
    int width = plan->is_full ? 19 : (int)(1 + random_next(&hash) % 19);
    return (size_t)sprintf(bytes, "%0*llu", width, (unsigned long long)value);
  }
  size = plan->is_full ? 19 : 9 + random_next(&hash) % plan->size_max;
  bytes[0] = '#';
  for (i = 1; i < size; i++) bytes[i] = (char)(value >> (i - 1) % 8 * 8);
  return size;
}

/* The value that bytes are, whole, or 0. */
static uint64_t take_value(const plan_t *plan, const char *bytes, size_t size) {
  char text[24], expected[VALUE_MAX + 32];
  uint64_t value;
  if (size == 0) return 0;
  if (bytes[0] != '#') {
    if (size > 20) return 0;
    memcpy(text, bytes, size);
    text[size] = 0;
    return strtoull(text, NULL, 10);
  }
  if (size < 9) return 0;
  memcpy(&value, bytes + 1, 8);
  if (!(value & NOT_A_NUMBER)) return 0;
  if (put_value(plan, value, expected) != size) return 0;
  return memcmp(expected, bytes, size) == 0 ? value : 0;
}

/* ---- Calls --------------------------------------------------------------- */

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static cachecore_status_t set_value(trial_t *trial, uint64_t key,
                                    uint64_t value, uint64_t ttl) {
  char bytes[VALUE_MAX + 32];
  size_t size = put_value(&trial->plan, value, bytes);
  return cachecore_set(trial->cache, &key, 8, bytes, size, ttl);
}

static cachecore_status_t get_value(trial_t *trial, uint64_t key,
                                    uint64_t *value) {
  char bytes[VALUE_MAX + 32];
  cachecore_value_t lent;
  size_t size;
  cachecore_status_t status;
  if (*value % 3 == 0) { /* now and then without a copy */
    status = cachecore_acquire(trial->cache, &key, 8, &lent);
    *value = 0;
    if (status != CACHECORE_OK) return status;
    *value = take_value(&trial->plan, (const char *)lent.data, lent.size);
    cachecore_release(&lent);
  } else {
    *value = 0;
    status = cachecore_get(trial->cache, &key, 8, bytes, sizeof bytes, &size);
    if (status != CACHECORE_OK) return status;
    *value = take_value(&trial->plan, bytes, size);
  }
  CHECK(*value != 0); /* torn, or of no one */
  return status;
}

static cachecore_status_t do_store(trial_t *trial, uint64_t key,
                                   const operation_t *call, uint64_t version) {
  char bytes[VALUE_MAX + 32];
  size_t size = put_value(&trial->plan, call->value, bytes);
  cachecore_t *cache = trial->cache;
  switch (call->kind) {
    case OPERATION_ADD:
      return cachecore_add(cache, &key, 8, bytes, size, call->ttl);
    case OPERATION_REPLACE:
      return cachecore_replace(cache, &key, 8, bytes, size, call->ttl);
    case OPERATION_COMPARE_AND_SET:
      return cachecore_compare_and_set(cache, &key, 8, bytes, size, version,
                                       call->ttl);
    default: return cachecore_set(cache, &key, 8, bytes, size, call->ttl);
  }
}

static cachecore_status_t end_claim(trial_t *trial, uint64_t key,
                                    operation_t *call);

static cachecore_status_t perform(trial_t *trial, uint64_t key,
                                  operation_t *call, uint64_t version) {
  int64_t sum = 0;
  cachecore_status_t status;
  switch (call->kind) {
    case OPERATION_GET: return get_value(trial, key, &call->value);
    case OPERATION_CONTAINS: return cachecore_contains(trial->cache, &key, 8);
    case OPERATION_DELETE: return cachecore_delete(trial->cache, &key, 8);
    case OPERATION_TOUCH:
      return cachecore_touch(trial->cache, &key, 8, call->ttl);
    case OPERATION_INCREMENT:
      status = cachecore_increment(trial->cache, &key, 8, (int64_t)call->delta,
                                   (int64_t)call->expected, call->ttl, &sum);
      call->value = (uint64_t)sum;
      return status;
    case OPERATION_FULFILL:
    case OPERATION_FULFILL_ABSENT:
    case OPERATION_ABANDON:
    case OPERATION_CLAIM_WAIT: return end_claim(trial, key, call);
    default: return do_store(trial, key, call, version);
  }
}

/* The layer that breaks the cache: what a wrong engine might do. */
static cachecore_status_t perform_broken(trial_t *trial, unsigned key,
                                         operation_t *call, uint64_t version,
                                         uint64_t chance) {
  int is_turn = chance % 8 == 0;
  operation_t other = *call;
  cachecore_status_t status;
  uint64_t before;
  switch (trial->plan.breakage) {
    case STALE_READS:
      if (call->kind != OPERATION_GET) break;
      before = __atomic_load_n(&trial->stale[key], __ATOMIC_RELAXED);
      status = perform(trial, key, call, version);
      if (status == CACHECORE_OK)
        __atomic_store_n(&trial->stale[key], call->value, __ATOMIC_RELAXED);
      if (is_turn && before && status == CACHECORE_OK) call->value = before;
      return status;
    case LOST_WRITES:
      if (call->kind == OPERATION_SET && is_turn) return CACHECORE_OK;
      break;
    case UNDONE_DELETES:
    case RESURRECTION:
      if (call->kind != OPERATION_DELETE) break;
      before = 1;
      if (get_value(trial, key, &before) != CACHECORE_OK) break;
      status = perform(trial, key, call, version);
      if (status == CACHECORE_OK) set_value(trial, key, before, 0);
      return status;
    case SPLIT_INCREMENT:
      if (call->kind != OPERATION_INCREMENT) break;
      before = 1;
      status = get_value(trial, key, &before);
      if (status != CACHECORE_OK || before & NOT_A_NUMBER) break;
      sched_yield();
      call->value = before + call->delta;
      return set_value(trial, key, call->value, 0);
    case SPLIT_COMPARE:
      if (call->kind != OPERATION_COMPARE_AND_SET) break;
      before = 1;
      status = get_value(trial, key, &before);
      if (status != CACHECORE_OK) return status;
      if (before != call->expected) return CACHECORE_CONFLICT;
      sched_yield();
      return set_value(trial, key, call->value, call->ttl);
    case SPLIT_ADD:
      if (call->kind != OPERATION_ADD) break;
      other.kind = OPERATION_CONTAINS;
      if (perform(trial, key, &other, 0) == CACHECORE_OK)
        return CACHECORE_EXISTS;
      sched_yield();
      return set_value(trial, key, call->value, call->ttl);
    case LATE_EXPIRY: other.ttl *= 3; break;
    case EARLY_EXPIRY: other.ttl = (other.ttl + 2) / 3; break;
    default: break;
  }
  status = perform(trial, key, &other, version);
  call->value = other.value;
  return status;
}

/* ---- Recording ----------------------------------------------------------- */

static int record(caller_t *caller, unsigned key, operation_t call,
                  uint64_t version) {
  trial_t *trial = caller->trial;
  operation_t *place = history_add(&trial->histories[key], caller->index);
  uint64_t number = key, chance = random_next(&caller->seed);
  call.clock_low = __atomic_load_n(&trial->clock_done, __ATOMIC_ACQUIRE);
  call.invoked = now_ns();
  call.status = trial->plan.breakage == WHOLE
                    ? perform(trial, number, &call, version)
                    : perform_broken(trial, key, &call, version, chance);
  call.returned = now_ns();
  call.clock_high = __atomic_load_n(&trial->clock_begun, __ATOMIC_ACQUIRE);
  CHECK(place != NULL);
  *place = call;
  return call.status;
}

/* A version and the value it belongs to: read between two readings of it. */
static void compare_and_set(caller_t *caller, unsigned key, operation_t call) {
  trial_t *trial = caller->trial;
  cachecore_entry_info_t one = CACHECORE_ENTRY_INFO_INIT, two = one;
  uint64_t number = key;
  operation_t get = call, *told;
  get.kind = OPERATION_GET;
  get.value = 1;
  if (cachecore_inspect(trial->cache, &number, 8, &one) != CACHECORE_OK) return;
  if (record(caller, key, get, 0) != CACHECORE_OK) return;
  if (cachecore_inspect(trial->cache, &number, 8, &two) != CACHECORE_OK) return;
  if (one.version != two.version) return;
  told = trial->histories[key].operations[caller->index];
  call.expected = told[trial->histories[key].counts[caller->index] - 1].value;
  call.kind = OPERATION_COMPARE_AND_SET;
  call.value = new_value(caller);
  record(caller, key, call, one.version);
}

static void call_once(caller_t *caller) {
  static const operation_kind_t kinds[] = {
      OPERATION_GET,       OPERATION_GET,       OPERATION_GET,
      OPERATION_GET,       OPERATION_CONTAINS,  OPERATION_SET,
      OPERATION_SET,       OPERATION_SET,       OPERATION_ADD,
      OPERATION_ADD,       OPERATION_REPLACE,   OPERATION_COMPARE_AND_SET,
      OPERATION_DELETE,    OPERATION_DELETE,    OPERATION_TOUCH,
      OPERATION_INCREMENT, OPERATION_INCREMENT, OPERATION_INCREMENT};
  const plan_t *plan = &caller->trial->plan;
  unsigned key = (unsigned)random_below(&caller->seed, KEYS);
  operation_t call;
  memset(&call, 0, sizeof call);
  call.kind = kinds[random_below(&caller->seed, 18)];
  if (plan->is_full && call.kind == OPERATION_DELETE &&
      random_below(&caller->seed, 8))
    call.kind = OPERATION_SET;
  if (plan->options.flags & CACHECORE_MANUAL_CLOCK &&
      random_below(&caller->seed, 2))
    call.ttl = 1 + random_below(&caller->seed, 30);
  if (call.kind == OPERATION_COMPARE_AND_SET) {
    compare_and_set(caller, key, call);
    return;
  }
  call.value = new_value(caller);
  call.delta = call.kind == OPERATION_INCREMENT;
  call.expected = new_value(caller) & ~NOT_A_NUMBER;
  record(caller, key, call, 0);
}

/* ---- Claims -------------------------------------------------------------- */

enum { CLAIM_MS_DEFAULT = 30000 };

static cachecore_status_t get_or_claim(caller_t *caller, uint64_t key,
                                       operation_t *call,
                                       cachecore_claim_t *claim) {
  char bytes[VALUE_MAX + 32];
  size_t size;
  trial_t *trial = caller->trial;
  cachecore_status_t status = cachecore_get_or_claim(
      trial->cache, &key, 8, bytes, sizeof bytes, &size, claim);
  if (status == CACHECORE_OK || status == CACHECORE_STALE) {
    call->value = take_value(&trial->plan, bytes, size);
    CHECK(call->value != 0);
  }
  if (status == CACHECORE_PENDING && trial->plan.breakage == TWO_CLAIMS &&
      random_below(&caller->seed, 8) == 0) {
    claim->token = claim->seen;
    return CACHECORE_CLAIMED;
  }
  return status;
}

/* PENDING and an election are two steps (linearizability.h). */
static void claim(caller_t *caller, unsigned key) {
  trial_t *trial = caller->trial;
  int is_timed = (trial->plan.options.flags & CACHECORE_MANUAL_CLOCK) != 0;
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  operation_t call, *place;
  memset(&call, 0, sizeof call);
  if (random_below(&caller->seed, 2)) claim.flags = CACHECORE_CLAIM_EARLY;
  claim.claim_ms = is_timed ? 1 + random_below(&caller->seed, 30) : 0;
  call.kind = OPERATION_GET_OR_CLAIM;
  call.claim_ms = is_timed ? claim.claim_ms : CLAIM_MS_DEFAULT;
  call.clock_low = __atomic_load_n(&trial->clock_done, __ATOMIC_ACQUIRE);
  call.invoked = now_ns();
  call.status = get_or_claim(caller, key, &call, &claim);
  call.returned = now_ns();
  call.clock_high = __atomic_load_n(&trial->clock_begun, __ATOMIC_ACQUIRE);
  if (claim.seen) caller->seen[key] = claim.seen;
  if (claim.token) caller->held[key] = claim.token;
  place = history_add(&trial->histories[key], caller->index);
  CHECK(place != NULL);
  *place = call;
  place->token = call.status == CACHECORE_CLAIMED ? claim.token : 0;
  if (call.status == CACHECORE_PENDING) place->status = TOLD_MISS;
  if (call.status != CACHECORE_PENDING && call.status != CACHECORE_STALE &&
      !(call.status == CACHECORE_OK && claim.token))
    return;
  place = history_add(&trial->histories[key], caller->index);
  CHECK(place != NULL);
  *place = call;
  place->kind = call.status == CACHECORE_OK ? OPERATION_ELECT_EARLY
                                            : OPERATION_ELECT;
  place->token = claim.seen;
  place->status = claim.token  ? TOLD_CLAIMED
                  : claim.seen ? TOLD_PENDING
                               : TOLD_MISS;
}

static cachecore_status_t end_claim(trial_t *trial, uint64_t key,
                                    operation_t *call) {
  char bytes[VALUE_MAX + 32];
  size_t size;
  cachecore_status_t status;
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  claim.token = claim.seen = call->token;
  switch (call->kind) {
    case OPERATION_CLAIM_WAIT:
      return cachecore_claim_wait(trial->cache, &key, 8, &claim,
                                  (uint32_t)(call->value % 2));
    case OPERATION_ABANDON:
      return cachecore_abandon(trial->cache, &key, 8, call->window_ms, &claim);
    case OPERATION_FULFILL_ABSENT:
      return cachecore_fulfill_absent(trial->cache, &key, 8,
                                      call->ttl ? call->ttl : UINT64_MAX,
                                      &claim);
    default: break;
  }
  claim.stale_ms = call->window_ms;
  size = put_value(&trial->plan, call->value, bytes);
  status = cachecore_fulfill(trial->cache, &key, 8, bytes, size, call->ttl,
                             &claim);
  if (status == CACHECORE_CONFLICT && trial->plan.breakage == STORED_IN_SPITE)
    return set_value(trial, key, call->value, call->ttl);
  return status;
}

/* clear, or delete_prefix of what begins as a key does: two steps for each key
 * (linearizability.h). */
static void remove_all(caller_t *caller) {
  trial_t *trial = caller->trial;
  uint64_t removed, first = random_below(&caller->seed, KEYS), past = first + 1;
  operation_t call;
  unsigned key;
  memset(&call, 0, sizeof call);
  call.clock_low = __atomic_load_n(&trial->clock_done, __ATOMIC_ACQUIRE);
  call.invoked = now_ns();
  if (random_below(&caller->seed, 2)) {
    CHECK_OK(cachecore_delete_prefix(trial->cache, &first, 4, &removed));
  } else {
    CHECK_OK(cachecore_clear(trial->cache));
    first = 0;
    past = KEYS;
  }
  call.returned = now_ns();
  call.clock_high = __atomic_load_n(&trial->clock_begun, __ATOMIC_ACQUIRE);
  for (key = (unsigned)first; key < past; key++) {
    operation_t *place = history_add(&trial->histories[key], caller->index);
    CHECK(place != NULL);
    *place = call;
    place->kind = OPERATION_VOID;
    place = history_add(&trial->histories[key], caller->index);
    CHECK(place != NULL);
    *place = call;
    place->kind = OPERATION_CLEAR;
  }
}

static void call_about_claims(caller_t *caller) {
  static const operation_kind_t kinds[] = {
      OPERATION_FULFILL, OPERATION_FULFILL, OPERATION_FULFILL,
      OPERATION_FULFILL_ABSENT, OPERATION_ABANDON, OPERATION_CLAIM_WAIT};
  trial_t *trial = caller->trial;
  int is_timed = (trial->plan.options.flags & CACHECORE_MANUAL_CLOCK) != 0;
  unsigned key = (unsigned)random_below(&caller->seed, KEYS);
  operation_t call;
  memset(&call, 0, sizeof call);
  call.kind = kinds[random_below(&caller->seed, 6)];
  call.token = call.kind == OPERATION_CLAIM_WAIT ? caller->seen[key]
                                                 : caller->held[key];
  if (random_below(&caller->seed, 60) == 0) {
    remove_all(caller);
  } else if (call.token == 0 || random_below(&caller->seed, 2)) {
    claim(caller, key);
  } else {
    call.value = new_value(caller);
    call.ttl = is_timed ? 1 + random_below(&caller->seed, 12) : 0;
    if (is_timed) call.window_ms = random_below(&caller->seed, 3) * 12;
    record(caller, key, call, 0);
  }
}

/* ---- What goes on around ------------------------------------------------- */

static void fill_around(caller_t *caller) {
  trial_t *trial = caller->trial;
  static const char bytes[VALUE_MAX];
  uint64_t key = 1000 + random_below(&caller->seed, FILLERS), removed;
  size_t size = random_below(&caller->seed, trial->plan.filler_max);
  uint64_t ttl = random_below(&caller->seed, 4) ? 0 : 10;
  if (random_below(&caller->seed, 6) == 0)
    cachecore_delete(trial->cache, &key, 8);
  else
    cachecore_set(trial->cache, &key, 8, bytes, size, ttl);
  if (random_below(&caller->seed, 64) == 0)
    CHECK_OK(cachecore_cleanup_expired(trial->cache, 8, &removed));
}

static void advance(trial_t *trial, uint64_t ms) {
  __atomic_add_fetch(&trial->clock_begun, ms, __ATOMIC_SEQ_CST);
  CHECK_OK(cachecore_advance_clock(trial->cache, ms));
  __atomic_add_fetch(&trial->clock_done, ms, __ATOMIC_SEQ_CST);
}

static void disturb(caller_t *caller) {
  trial_t *trial = caller->trial;
  const cachecore_options_t *options = &trial->plan.options;
  uint64_t entries = options->max_entries, bytes = options->max_bytes;
  if (random_below(&caller->seed, 3) == 0) fill_around(caller);
  if (caller->index == 0 && options->flags & CACHECORE_MANUAL_CLOCK &&
      random_below(&caller->seed, 4) == 0)
    advance(trial, 1 + random_below(&caller->seed, 12));
  if (caller->index == 1 && trial->plan.resizes &&
      random_below(&caller->seed, 100) == 0) {
    if (entries) entries = entries / 2 + random_below(&caller->seed, entries);
    if (bytes) bytes = bytes * 3 / 4 + random_below(&caller->seed, bytes / 2);
    CHECK(cachecore_resize(trial->cache, entries, bytes) != -1);
  }
}

/* ---- Rounds -------------------------------------------------------------- */

/* Waits for all threads, awake: a round is shorter than a sleep. */
static void meet(trial_t *trial) {
  unsigned phase = __atomic_load_n(&trial->phase, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&trial->waiting, 1, __ATOMIC_ACQ_REL) == THREADS) {
    __atomic_store_n(&trial->waiting, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&trial->phase, 1, __ATOMIC_RELEASE);
    return;
  }
  while (__atomic_load_n(&trial->phase, __ATOMIC_ACQUIRE) == phase)
    sched_yield();
}

static void begin_round(trial_t *trial, unsigned key) {
  history_t *history = &trial->histories[key];
  uint64_t number = key;
  history_begin(history, THREADS);
  history->may_evict = trial->plan.may_evict;
  history->may_be_full = (trial->plan.options.flags & CACHECORE_NO_EVICT) != 0;
  if (trial->plan.is_full) {
    history->value = 1;
    history->is_present =
        get_value(trial, number, &history->value) == CACHECORE_OK;
    if (!history->is_present) history->value = 0;
    return;
  }
  cachecore_delete(trial->cache, &number, 8);
}

static void end_round(caller_t *caller, unsigned key) {
  trial_t *trial = caller->trial;
  history_t *history = &trial->histories[key];
  switch (check_history(caller->search, history)) {
    case LINEARIZABLE: break;
    case UNDECIDED:
      __atomic_add_fetch(&trial->undecided, 1, __ATOMIC_RELAXED);
      break;
    case NOT_LINEARIZABLE:
      raise_flag(&trial->is_found);
      if (trial->plan.breakage != WHOLE) return;
      flockfile(stdout);
      print_history(stdout, history);
      funlockfile(stdout);
      check_failed(__FILE__, __LINE__, "SEED=%llu, key %u: no order is right",
                   (unsigned long long)trial->seed, key);
  }
  __atomic_add_fetch(&trial->checked, 1, __ATOMIC_RELAXED);
}

static void *call_all(void *argument) {
  caller_t *caller = (caller_t *)argument;
  trial_t *trial = caller->trial;
  unsigned key, i;
  for (;;) {
    for (key = caller->index; key < KEYS; key += THREADS)
      begin_round(trial, key);
    if (caller->index == THREADS - 1)
      trial->is_over = now_ms() >= trial->end_ms || is_raised(&trial->is_found);
    meet(trial);
    if (trial->is_over) return NULL;
    memset(caller->held, 0, sizeof caller->held);
    memset(caller->seen, 0, sizeof caller->seen);
    for (i = 0; i < CALLS; i++) {
      if (trial->plan.claims && random_below(&caller->seed, 2))
        call_about_claims(caller);
      else
        call_once(caller);
      disturb(caller);
    }
    meet(trial);
    for (key = caller->index; key < KEYS; key += THREADS)
      end_round(caller, key);
    meet(trial);
  }
}

/* ---- Trials -------------------------------------------------------------- */

static void fill_up(trial_t *trial) {
  static const char bytes[19];
  uint64_t key;
  for (key = 0; key < KEYS; key++)
    CHECK_OK(set_value(trial, key, 1000 + key, 0));
  for (key = 1000; set_number(trial->cache, key, bytes, 19, 0) == 0; key++)
    continue;
}

static trial_t *try_plan(plan_t plan, unsigned ms) {
  static trial_t trial;
  static caller_t callers[THREADS];
  cachecore_sweeper_options_t sweeper = CACHECORE_SWEEPER_OPTIONS_INIT;
  pthread_t threads[THREADS];
  unsigned i;
  memset(&trial, 0, sizeof trial);
  plan.options.struct_size = sizeof plan.options;
  if (plan.size_max == 0) plan.size_max = 1;
  if (plan.filler_max == 0) plan.filler_max = 100;
  trial.plan = plan;
  trial.seed = new_seed();
  trial.end_ms = now_ms() + ms;
  CHECK_OK(cachecore_open(&plan.options, &trial.cache));
  if (plan.is_full) fill_up(&trial);
  sweeper.interval_ms = 1;
  if (plan.sweeps) CHECK_OK(cachecore_sweeper_start(trial.cache, &sweeper));
  for (i = 0; i < THREADS; i++) {
    caller_t caller = {&trial, i, trial.seed * 31 + i, 0, {0}, {0},
                       search_new()};
    callers[i] = caller;
    CHECK_INT(pthread_create(&threads[i], NULL, call_all, &callers[i]), 0);
  }
  for (i = 0; i < THREADS; i++) {
    CHECK_INT(pthread_join(threads[i], NULL), 0);
    search_free(callers[i].search);
  }
  cachecore_close(trial.cache);
  printf("%llu histories checked, %llu undecided\n",
         (unsigned long long)trial.checked,
         (unsigned long long)trial.undecided);
  return &trial;
}

static void check_plan(plan_t plan) {
  trial_t *trial = try_plan(plan, test_duration_ms(400));
  CHECK(trial->checked > 0);
  CHECK_INT(trial->undecided, 0);
}

/* Options: policy, flags, shards, entries, bytes. */
#define OPTIONS(...) {0, __VA_ARGS__, 0, 0, 0, 0}
#define LRU CACHECORE_POLICY_LRU
#define ADAPTIVE CACHECORE_POLICY_ADAPTIVE
#define MANUAL CACHECORE_MANUAL_CLOCK
#define NO_EVICT CACHECORE_NO_EVICT
#define REPORT CACHECORE_REPORT_REMOVALS

#define TRIAL(name, ...)                                               \
  static void name(void) {                                             \
    plan_t plan = {__VA_ARGS__};                                       \
    check_plan(plan);                                                  \
  }

TRIAL(without_eviction, OPTIONS(LRU, 0, 1, 100000, 0), .size_max = 40)
TRIAL(of_all_sizes, OPTIONS(ADAPTIVE, 0, 4, 100000, 0), .size_max = VALUE_MAX,
      .filler_max = VALUE_MAX)
TRIAL(with_lifetimes, OPTIONS(LRU, MANUAL, 1, 100000, 0), .size_max = 40,
      .sweeps = 1)
TRIAL(with_lifetimes_adaptive, OPTIONS(ADAPTIVE, MANUAL, 4, 100000, 0),
      .size_max = 300, .sweeps = 1)
TRIAL(full_and_in_place, OPTIONS(LRU, NO_EVICT, 1, 0, 70000), .is_full = 1)
TRIAL(full_by_entries, OPTIONS(ADAPTIVE, NO_EVICT, 1, 200, 0), .is_full = 1)
TRIAL(no_evict_with_lifetimes, OPTIONS(LRU, NO_EVICT | MANUAL, 2, 0, 300000),
      .size_max = 200, .filler_max = 400, .sweeps = 1, .resizes = 1)
TRIAL(evicting_by_bytes, OPTIONS(LRU, 0, 1, 0, 100000), .may_evict = 1,
      .size_max = 40, .filler_max = 300)
TRIAL(evicting_large, OPTIONS(LRU, MANUAL, 1, 0, 200000), .may_evict = 1,
      .size_max = VALUE_MAX, .filler_max = VALUE_MAX, .sweeps = 1,
      .resizes = 1)
TRIAL(evicting_adaptive, OPTIONS(ADAPTIVE, MANUAL, 1, 60, 0), .may_evict = 1,
      .size_max = 40, .sweeps = 1, .resizes = 1)
TRIAL(evicting_across_shards, OPTIONS(ADAPTIVE, MANUAL, 4, 100, 400000),
      .may_evict = 1, .size_max = 2000, .filler_max = 4000, .sweeps = 1,
      .resizes = 1)
TRIAL(evicting_and_reporting, OPTIONS(LRU, REPORT, 2, 0, 300000),
      .may_evict = 1, .size_max = 2000, .filler_max = 2000, .resizes = 1)

TRIAL(claims, OPTIONS(LRU, 0, 1, 100000, 0), .size_max = 40, .claims = 1)
TRIAL(claims_with_lifetimes, OPTIONS(LRU, MANUAL, 1, 100000, 0),
      .size_max = 40, .sweeps = 1, .claims = 1)
TRIAL(claims_in_a_full_cache, OPTIONS(LRU, NO_EVICT | MANUAL, 1, 0, 200000),
      .size_max = 200, .filler_max = 400, .sweeps = 1, .resizes = 1,
      .claims = 1)
TRIAL(claims_and_evictions, OPTIONS(ADAPTIVE, MANUAL, 1, 60, 0),
      .may_evict = 1, .size_max = 40, .sweeps = 1, .resizes = 1, .claims = 1)
TRIAL(claims_across_shards, OPTIONS(LRU, MANUAL, 4, 100, 400000),
      .may_evict = 1, .size_max = 2000, .filler_max = 4000, .sweeps = 1,
      .resizes = 1, .claims = 1)

/* A checker that finds nothing would find nothing here either. */
static void breakage_is_found(void) {
  breakage_t breakage;
  for (breakage = STALE_READS; breakage < BREAKAGES; breakage++) {
    plan_t plan = {OPTIONS(LRU, 0, 1, 100000, 0), .size_max = 40};
    plan.breakage = breakage;
    if (breakage == LATE_EXPIRY || breakage == EARLY_EXPIRY)
      plan.options.flags = MANUAL;
    plan.may_evict = breakage == RESURRECTION;
    plan.claims = breakage == STORED_IN_SPITE || breakage == TWO_CLAIMS;
    printf("breakage %d: ", breakage);
    CHECK(is_raised(&try_plan(plan, 60000)->is_found));
  }
}

TESTS(T(without_eviction), T(of_all_sizes), T(with_lifetimes),
      T(with_lifetimes_adaptive), T(full_and_in_place), T(full_by_entries),
      T(no_evict_with_lifetimes), T(evicting_by_bytes), T(evicting_large),
      T(evicting_adaptive), T(evicting_across_shards),
      T(evicting_and_reporting), T(claims), T(claims_with_lifetimes),
      T(claims_in_a_full_cache), T(claims_and_evictions),
      T(claims_across_shards), T(breakage_is_found))
