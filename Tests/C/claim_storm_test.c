/*
 * The acceptance of claims: a thousand keys asked for by sixteen threads at
 * once, with deletes, expiries, abandonments and dead claimants mixed in.  No
 * key is computed more often than something has ended what was computed before;
 * nobody is given an answer older than an invalidation that he asked after.
 *
 * Time is manual, and moves when a thread moves it: so every expiry is one that
 * the statistics count, and a claim times out only if its claimant has died.
 */
#include <sched.h>

#include "claims.h"

enum {
  KEYS = 1000,
  FAMILY = 10, /* keys that are invalidated by one delete_prefix */
  THREADS = 16,
  TTL_MS = 40,
  STALE_MS = 20,
  ABSENT_MS = 15,
  DEAD_MS = 10
};

typedef struct storm {
  uint64_t origin[KEYS];      /* the version that is true */
  uint64_t invalidated[KEYS]; /* the last whose invalidation has returned */
  uint64_t computed, deleted, abandoned, died, failed;
  uint64_t served[CACHECORE_CLAIMED + 1]; /* answers by their status */
  uint64_t seed;
  unsigned steps;
} storm_t;

static uint64_t add(uint64_t *counter, uint64_t n) {
  return __atomic_add_fetch(counter, n, __ATOMIC_SEQ_CST);
}
static uint64_t read_word(const uint64_t *word) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static size_t key_of(uint64_t number, char *key, size_t room) {
  return (size_t)snprintf(key, room, "%03llu:%llu",
                          (unsigned long long)(number / FAMILY),
                          (unsigned long long)(number % FAMILY));
}

/* Of some versions the origin says that there is no value. */
static int is_absent(uint64_t version) { return version % 7 == 3; }

/* ---- Answers ------------------------------------------------------------- */

/* Whether an answer may be given to one who asked when `oldest` was the last
 * invalidation that had returned, and was answered when `newest` was true. */
static void check_answer(cachecore_status_t status, uint64_t value,
                         uint64_t oldest, uint64_t newest) {
  uint64_t version;
  if (status != CACHECORE_ABSENT) {
    if (value < oldest || value > newest)
      check_failed(__FILE__, __LINE__, "version %llu, asked after %llu",
                   (unsigned long long)value, (unsigned long long)oldest);
    return;
  }
  for (version = oldest; version <= newest; version++)
    if (is_absent(version)) return;
  check_failed(__FILE__, __LINE__, "absent, but not from %llu to %llu",
               (unsigned long long)oldest, (unsigned long long)newest);
}

/* ---- What a thread does -------------------------------------------------- */

static void compute(worker_t *worker, storm_t *storm, uint64_t number,
                    const char *key, size_t size, cachecore_claim_t *claim) {
  cachecore_t *c = worker->cache;
  cachecore_status_t status;
  uint64_t chance = random_below(&worker->seed, 20);
  uint64_t version = read_word(&storm->origin[number]);
  add(&storm->computed, 1);
  if (chance < 10) sched_yield();
  if (chance == 0) {
    add(&storm->abandoned, 1);
    CHECK_OK(cachecore_abandon(c, key, size, version % 2 ? 3 : 0, claim));
    return;
  }
  claim->stale_ms = STALE_MS;
  status = is_absent(version)
               ? cachecore_fulfill_absent(c, key, size, ABSENT_MS, claim)
               : cachecore_fulfill(c, key, size, &version, sizeof version,
                                   TTL_MS, claim);
  if (status == CACHECORE_CONFLICT) add(&storm->failed, 1);
  else CHECK_OK(status);
}

static void ask_for(worker_t *worker, storm_t *storm, uint64_t number) {
  cachecore_t *c = worker->cache;
  char key[32];
  size_t size = key_of(number, key, sizeof key), value_size;
  for (;;) {
    cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
    int dies = random_below(&worker->seed, 100) == 0;
    uint64_t value = 0, oldest = read_word(&storm->invalidated[number]);
    cachecore_status_t status;
    claim.claim_ms = dies ? DEAD_MS : UINT64_MAX;
    status = cachecore_get_or_claim(c, key, size, &value, sizeof value,
                                    &value_size, &claim);
    CHECK(status == CACHECORE_OK || status >= CACHECORE_STALE);
    add(&storm->served[status], 1);
    if (status <= CACHECORE_STALE || status == CACHECORE_ABSENT)
      check_answer(status, value, oldest, read_word(&storm->origin[number]));
    if (claim.token != 0 && dies) {
      add(&storm->computed, 1);
      add(&storm->died, 1);
    } else if (claim.token != 0) {
      compute(worker, storm, number, key, size, &claim);
    }
    if (status != CACHECORE_PENDING) return;
    /* A dead one's claim ends when the clock moves. */
    if (cachecore_claim_wait(c, key, size, &claim, 2) == CACHECORE_E_TIMEOUT)
      CHECK_OK(cachecore_advance_clock(c, 1));
  }
}

/* The version is another from now on; once the delete has returned nobody may
 * be given an older one. */
static void invalidate(worker_t *worker, storm_t *storm, uint64_t first,
                       uint64_t count) {
  uint64_t versions[FAMILY], i, now;
  char key[32];
  size_t size = key_of(first, key, sizeof key);
  for (i = 0; i < count; i++) versions[i] = add(&storm->origin[first + i], 1);
  if (count == 1) CHECK(cachecore_delete(worker->cache, key, size) >= 0);
  else CHECK_OK(cachecore_delete_prefix(worker->cache, key, 4, NULL));
  for (i = 0; i < count; i++) {
    uint64_t *invalidated = &storm->invalidated[first + i];
    while (now = read_word(invalidated), now < versions[i])
      __atomic_compare_exchange_n(invalidated, &now, versions[i], 0,
                                  __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  }
  add(&storm->deleted, count);
}

static void take_part(worker_t *worker) {
  storm_t *storm = (storm_t *)worker->shared;
  uint64_t *seed = &worker->seed;
  unsigned step;
  *seed ^= storm->seed;
  for (step = 0; step < storm->steps; step++) {
    uint64_t what = random_below(seed, 1000);
    /* Some keys are asked for by all at once. */
    uint64_t number = what % 2 ? random_below(seed, KEYS) : step % KEYS;
    if (what < 8) invalidate(worker, storm, number, 1);
    else if (what == 8)
      invalidate(worker, storm, number / FAMILY * FAMILY, FAMILY);
    else if (what < 11) CHECK_OK(cachecore_advance_clock(worker->cache, 1));
    else ask_for(worker, storm, number);
  }
}

static void computed_once_and_never_old(void) {
  static storm_t storm;
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_stats_t stats;
  cachecore_t *c;
  uint64_t ended, seed = new_seed();
  options.max_entries = 100000; /* nothing is evicted, no claim crowded out */
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.hash_seed = seed | 1;
  CHECK_OK(cachecore_open(&options, &c));
  storm.seed = seed;
  storm.steps = SANITIZED ? 1500 : 6000;
  run_workers(c, THREADS, &storm, take_part);
  stats = stats_of(c);
  CHECK_INT(stats.evictions, 0);
  ended = storm.deleted + storm.abandoned + storm.died + stats.expirations +
          stats.expired;
  printf("%llu computed; %d keys, %llu deleted, %llu abandoned, %llu died, "
         "%llu expired; %llu answers fresh, %llu stale, %llu absent, %llu "
         "waited; %llu came too late\n",
         (unsigned long long)storm.computed, KEYS,
         (unsigned long long)storm.deleted,
         (unsigned long long)storm.abandoned, (unsigned long long)storm.died,
         (unsigned long long)(stats.expirations + stats.expired),
         (unsigned long long)storm.served[CACHECORE_OK],
         (unsigned long long)storm.served[CACHECORE_STALE],
         (unsigned long long)storm.served[CACHECORE_ABSENT],
         (unsigned long long)storm.served[CACHECORE_PENDING],
         (unsigned long long)storm.failed);
  CHECK(storm.computed <= KEYS + ended);
  /* All of it has happened. */
  CHECK(storm.computed > KEYS && storm.deleted > 0 && storm.abandoned > 0 &&
        storm.died > 0 && stats.expirations > 0);
  CHECK(storm.served[CACHECORE_STALE] > 0 &&
        storm.served[CACHECORE_ABSENT] > 0);
  CHECK_INT(stats.stale_served, storm.served[CACHECORE_STALE]);
  CHECK_INT(stats.absent_served, storm.served[CACHECORE_ABSENT]);
  CHECK_INT(stats.hits, storm.served[CACHECORE_OK]);
  CHECK_INT(stats.misses,
            storm.served[CACHECORE_STALE] + storm.served[CACHECORE_ABSENT] +
                storm.served[CACHECORE_CLAIMED]);
  cachecore_close(c);
}

/* The same keys once each, with nothing in between: computed once each. */
static void ask_in_turn(worker_t *worker) {
  storm_t *storm = (storm_t *)worker->shared;
  uint64_t number;
  for (number = 0; number < KEYS; number++) {
    char key[32];
    size_t size = key_of(number, key, sizeof key), value_size;
    cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
    uint64_t value;
    while (cachecore_get_or_claim(worker->cache, key, size, &value,
                                  sizeof value, &value_size, &claim) ==
           CACHECORE_PENDING)
      CHECK_OK(cachecore_claim_wait(worker->cache, key, size, &claim, 60000));
    if (claim.token == 0) {
      CHECK_INT(value, number);
      continue;
    }
    add(&storm->computed, 1);
    sched_yield();
    CHECK_OK(cachecore_fulfill(worker->cache, key, size, &number,
                               sizeof number, 0, &claim));
  }
}

static void each_key_is_computed_once(void) {
  static storm_t storm;
  cachecore_t *c = open_plain(100000, 0);
  run_workers(c, THREADS, &storm, ask_in_turn);
  CHECK_INT(storm.computed, KEYS);
  cachecore_close(c);
}

TESTS(T(computed_once_and_never_old), T(each_key_is_computed_once))
