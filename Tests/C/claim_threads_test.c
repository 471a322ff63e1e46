/*
 * Claims among threads: who waits is woken by whatever ends the claim, any
 * thread may end it, a claimant that dies hands over; fork and close.  The
 * acceptance of it all is in claim_storm_test.c.
 */
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include "claims.h"

enum { LONG = 60 * 1000 };

/* ---- Waking -------------------------------------------------------------- */

typedef struct waiter {
  cachecore_t *cache;
  const cachecore_claim_t *claim;
  const char *key;
  pthread_t thread;
  cachecore_status_t status;
} waiter_t;

static void *wait_long(void *argument) {
  waiter_t *waiter = (waiter_t *)argument;
  waiter->status = wait_for(waiter->cache, waiter->key, waiter->claim, LONG);
  return NULL;
}

typedef void deed_t(cachecore_t *cache, cachecore_claim_t *claim);

enum { WAITERS = 4 };

/* Has threads wait for a claim, does what ends it, and sees them woken.  They
 * may not have begun to wait by then: both must work. */
static void check_wakes(deed_t *deed, uint64_t claim_ms, int line) {
  cachecore_t *c = open_exact(100, 0, 0);
  waiter_t waiters[WAITERS];
  int i, round;
  for (round = 0; round < 4; round++) {
    double start = now_ms();
    asked_t asked = ASKED_INIT;
    cachecore_claim_t seen;
    asked.claim.claim_ms = claim_ms;
    cachecore_delete(c, "key", 3);
    CHECK_INT(ask(c, "key", &asked), CACHECORE_CLAIMED);
    seen = asked.claim;
    for (i = 0; i < WAITERS; i++) {
      waiters[i] = (waiter_t){c, &seen, "key", 0, 77};
      CHECK_INT(pthread_create(&waiters[i].thread, NULL, wait_long,
                               &waiters[i]), 0);
    }
    if (round % 2) sleep_ms(20);
    deed(c, &asked.claim);
    for (i = 0; i < WAITERS; i++) {
      CHECK_INT(pthread_join(waiters[i].thread, NULL), 0);
      if (waiters[i].status != CACHECORE_OK)
        check_failed(__FILE__, line, "status %d", waiters[i].status);
    }
    if (now_ms() - start > LONG) check_failed(__FILE__, line, "not woken");
  }
  cachecore_close(c);
}

static void do_fulfill(cachecore_t *c, cachecore_claim_t *claim) {
  CHECK_OK(fulfill(c, "key", "v", 0, claim));
}
static void do_fulfill_badly(cachecore_t *c, cachecore_claim_t *claim) {
  static char large[1 << 16];
  CHECK_OK(cachecore_resize(c, 100, CACHECORE_MAX_BYTES_MIN));
  CHECK_INT(cachecore_fulfill(c, "key", 3, large, sizeof large, 0, claim),
            CACHECORE_REFUSED);
}
static void do_fulfill_absent(cachecore_t *c, cachecore_claim_t *claim) {
  CHECK_OK(fulfill_absent(c, "key", 10, claim));
}
static void do_abandon(cachecore_t *c, cachecore_claim_t *claim) {
  CHECK_OK(abandon(c, "key", 1000, claim));
}
static void do_set(cachecore_t *c, cachecore_claim_t *claim) {
  (void)claim;
  CHECK_OK(set_text(c, "key", "v", 0));
}
static void do_delete(cachecore_t *c, cachecore_claim_t *claim) {
  (void)claim;
  CHECK_INT(cachecore_delete(c, "key", 3), CACHECORE_MISS);
}
static void do_delete_prefix(cachecore_t *c, cachecore_claim_t *claim) {
  (void)claim;
  CHECK_OK(cachecore_delete_prefix(c, "ke", 2, NULL));
}
static void do_clear(cachecore_t *c, cachecore_claim_t *claim) {
  (void)claim;
  CHECK_OK(cachecore_clear(c));
}
static void do_fill_the_table(cachecore_t *c, cachecore_claim_t *claim) {
  char key[32];
  int i;
  for (i = 0; stands(c, "key", claim); i++) {
    CHECK(i < 10000);
    snprintf(key, sizeof key, "other:%d", i);
    take_claim(c, key);
  }
  CHECK_OK(cachecore_clear(c));
}
static void do_let_it_end(cachecore_t *c, cachecore_claim_t *claim) {
  (void)claim;
  CHECK_OK(cachecore_advance_clock(c, 500));
  CHECK_OK(cachecore_advance_clock(c, 500));
}

static void waiters_are_woken_by_the_claimant(void) {
  check_wakes(do_fulfill, 0, __LINE__);
  check_wakes(do_fulfill_absent, 0, __LINE__);
  check_wakes(do_abandon, 0, __LINE__);
  check_wakes(do_fulfill_badly, 0, __LINE__);
}

static void waiters_are_woken_by_what_voids(void) {
  check_wakes(do_set, 0, __LINE__);
  check_wakes(do_delete, 0, __LINE__);
  check_wakes(do_delete_prefix, 0, __LINE__);
  check_wakes(do_clear, 0, __LINE__);
  check_wakes(do_fill_the_table, 0, __LINE__);
}

static void waiters_are_woken_by_a_manual_clock(void) {
  check_wakes(do_let_it_end, 1000, __LINE__);
}

/* On the real clock nobody tells them: they know when a claim ends. */
static void a_dead_claimant_hands_over(void) {
  cachecore_t *c = open_plain(100, 0);
  asked_t dead = ASKED_INIT, next = ASKED_INIT;
  double start = now_ms();
  dead.claim.claim_ms = 50;
  CHECK_INT(ask(c, "key", &dead), CACHECORE_CLAIMED);
  CHECK_INT(ask(c, "key", &next), CACHECORE_PENDING);
  CHECK_OK(wait_for(c, "key", &next.claim, LONG));
  CHECK(now_ms() - start >= 50 && now_ms() - start < LONG);
  CHECK_INT(ask(c, "key", &next), CACHECORE_CLAIMED);
  CHECK_OK(fulfill(c, "key", "v", 0, &next.claim));
  CHECK_INT(fulfill(c, "key", "late", 0, &dead.claim), CACHECORE_CONFLICT);
  CHECK_TEXT(c, "key", "v");
  cachecore_close(c);
}

static void timeouts_are_no_sooner(void) {
  cachecore_t *c = open_plain(100, 0);
  cachecore_claim_t claim = take_claim(c, "key");
  uint32_t ms;
  for (ms = 1; ms < 40; ms += 13) {
    double start = now_ms();
    CHECK_INT(wait_for(c, "key", &claim, ms), CACHECORE_E_TIMEOUT);
    CHECK(now_ms() - start >= ms);
  }
  cachecore_close(c);
}

/* ---- Who ends it --------------------------------------------------------- */

static void *fulfill_from_elsewhere(void *argument) {
  waiter_t *waiter = (waiter_t *)argument;
  cachecore_claim_t claim = *waiter->claim;
  waiter->status = fulfill(waiter->cache, waiter->key, "v", 0, &claim);
  return NULL;
}

static void any_thread_may_fulfill(void) {
  cachecore_t *c = open_plain(100, 0);
  cachecore_claim_t claim = take_claim(c, "key");
  waiter_t other = {c, &claim, "key", 0, 77};
  CHECK_INT(pthread_create(&other.thread, NULL, fulfill_from_elsewhere, &other),
            0);
  CHECK_INT(pthread_join(other.thread, NULL), 0);
  CHECK_OK(other.status);
  CHECK_TEXT(c, "key", "v");
  cachecore_close(c);
}

/* Threads pass the turn of many rounds on by claims alone: each wake-up that
 * was missed would be a minute. */
enum { TURNS = 2000, THREADS = 8 };

static void take_turns(worker_t *worker) {
  uint32_t turn;
  for (turn = 0; turn < TURNS; turn++) {
    asked_t asked = ASKED_INIT;
    char key[16];
    cachecore_status_t status;
    snprintf(key, sizeof key, "turn:%u", turn);
    while (status = ask(worker->cache, key, &asked),
           status == CACHECORE_PENDING)
      CHECK_OK(wait_for(worker->cache, key, &asked.claim, LONG));
    if (status != CACHECORE_CLAIMED) {
      CHECK_OK(status);
      continue;
    }
    worker->result++;
    if (turn % 3 == 0) sched_yield();
    CHECK_OK(fulfill(worker->cache, key, "done", 0, &asked.claim));
  }
}

static void no_wake_up_is_missed(void) {
  cachecore_t *c = open_plain(TURNS * 4, 0);
  CHECK_INT(run_workers(c, THREADS, NULL, take_turns), TURNS);
  CHECK_INT(stats_of(c).inserts, TURNS);
  CHECK_INT(stats_of(c).misses, TURNS);
  cachecore_close(c);
}

/* ---- close --------------------------------------------------------------- */

static void waiters_are_told_of_a_close(void) {
  int round, i;
  for (round = 0; round < 100; round++) {
    cachecore_t *c = open_exact(100, 0, 0);
    cachecore_claim_t claim = take_claim(c, "key");
    waiter_t waiters[WAITERS];
    for (i = 0; i < WAITERS; i++) {
      waiters[i] = (waiter_t){c, &claim, "key", 0, 77};
      CHECK_INT(pthread_create(&waiters[i].thread, NULL, wait_long,
                               &waiters[i]), 0);
    }
    if (round % 10 == 0) sleep_ms(10);
    cachecore_close(c);
    for (i = 0; i < WAITERS; i++) {
      CHECK_INT(pthread_join(waiters[i].thread, NULL), 0);
      CHECK_INT(waiters[i].status, CACHECORE_E_STATE);
    }
  }
}

/* Begins to wait again and again, until it is told.  Other caches come and go,
 * which have the closed one's memory. */
static void *wait_until_closed(void *argument) {
  waiter_t *waiter = (waiter_t *)argument;
  do {
    waiter->status = wait_for(waiter->cache, waiter->key, waiter->claim, 0);
  } while (waiter->status == CACHECORE_E_TIMEOUT);
  return NULL;
}

static size_t address_space(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL);
  CHECK_INT(fscanf(file, "%lu", &pages), 1);
  fclose(file);
  return pages;
}

static void a_wait_that_begins_during_close(void) {
  size_t before = 0;
  int round;
  /* Else libc takes 64 MB of addresses for a thread that frees something, now
   * and then. */
  mallopt(M_ARENA_MAX, 1);
  for (round = 0; round < 100; round++) {
    cachecore_t *c = open_exact(100, 0, 0), *other;
    cachecore_claim_t claim = take_claim(c, "key");
    waiter_t waiter = {c, &claim, "key", 0, 77};
    CHECK_INT(pthread_create(&waiter.thread, NULL, wait_until_closed, &waiter),
              0);
    if (round % 4 == 0) sched_yield();
    cachecore_close(c);
    other = open_exact(100, 0, 0);
    CHECK_OK(set_text(other, "key", "v", 0));
    cachecore_close(other);
    CHECK_INT(pthread_join(waiter.thread, NULL), 0);
    CHECK_INT(waiter.status, CACHECORE_E_STATE);
    if (round == 10) before = address_space();
  }
  if (!SANITIZED) CHECK(address_space() <= before + before / 2);
}

/* ---- fork ---------------------------------------------------------------- */

static void in_the_child(cachecore_t *c, cachecore_claim_t *claim) {
  asked_t asked = ASKED_INIT;
  size_t before = address_space();
  alarm(20); /* a wait that does not end, ends here */
  CHECK_OK(wait_for(c, "key", claim, LONG));
  CHECK_INT(fulfill(c, "key", "parent's", 0, claim), CACHECORE_CONFLICT);
  CHECK_INT(ask(c, "key", &asked), CACHECORE_CLAIMED);
  CHECK(asked.claim.token != claim->seen);
  CHECK_OK(fulfill(c, "key", "child's", 0, &asked.claim));
  CHECK_TEXT(c, "key", "child's");
  (cachecore_close)(c);
  /* Nobody waits here: the region is gone. */
  if (!SANITIZED) CHECK(address_space() < before);
  _exit(0);
}

static void the_child_of_a_fork_has_no_claims(void) {
  cachecore_t *c = open_plain(100, 0);
  cachecore_claim_t claim = take_claim(c, "key"), seen = claim;
  waiter_t waiter = {c, &seen, "key", 0, 77};
  int status = -1;
  pid_t child;
  CHECK_INT(pthread_create(&waiter.thread, NULL, wait_long, &waiter), 0);
  sleep_ms(20); /* it waits by now, most of the time */
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) in_the_child(c, &claim);
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
  CHECK(stands(c, "key", &seen));
  CHECK_OK(fulfill(c, "key", "parent's", 0, &claim));
  CHECK_INT(pthread_join(waiter.thread, NULL), 0);
  CHECK_OK(waiter.status);
  CHECK_TEXT(c, "key", "parent's");
  cachecore_close(c);
}

/* ---- Counting ------------------------------------------------------------ */

enum { ASKERS = 8, QUESTIONS = 1000 };

static void *ask_for_what_is_absent(void *cache) {
  int i;
  for (i = 0; i < QUESTIONS; i++) {
    asked_t asked = ASKED_INIT;
    CHECK_INT(ask((cachecore_t *)cache, "absent", &asked), CACHECORE_ABSENT);
  }
  return NULL;
}

/* While threads meet in their read buffers and are moved to others. */
static void absences_are_counted_as_misses_by_all_threads(void) {
  int round, i;
  for (round = 0; round < 50; round++) {
    cachecore_t *c = open_plain(100, 0);
    pthread_t threads[ASKERS];
    cachecore_stats_t stats;
    store_absence(c, "absent", LONG);
    CHECK_OK(cachecore_reset_stats(c));
    for (i = 0; i < ASKERS; i++)
      CHECK_INT(pthread_create(&threads[i], NULL, ask_for_what_is_absent, c),
                0);
    for (i = 0; i < ASKERS; i++) CHECK_INT(pthread_join(threads[i], NULL), 0);
    stats = stats_of(c);
    CHECK_INT(stats.hits, 0);
    CHECK_INT(stats.misses, ASKERS * QUESTIONS);
    CHECK_INT(stats.absent_served, ASKERS * QUESTIONS);
    cachecore_close(c);
  }
}

TESTS(T(waiters_are_woken_by_the_claimant), T(waiters_are_woken_by_what_voids),
      T(waiters_are_woken_by_a_manual_clock), T(a_dead_claimant_hands_over),
      T(timeouts_are_no_sooner), T(any_thread_may_fulfill),
      T(no_wake_up_is_missed), T(waiters_are_told_of_a_close),
      T(a_wait_that_begins_during_close),
      T(the_child_of_a_fork_has_no_claims),
      T(absences_are_counted_as_misses_by_all_threads))
