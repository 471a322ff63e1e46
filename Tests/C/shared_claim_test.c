/* Claims in a cache that processes share: whose they are, what of them is left
 * when the cache is opened again, and what a close does to who waits. */
#include "claims.h"
#include "shared.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { LIMIT_MS = 60000, WAITERS = 8, ROUNDS = 20, KEYS = 50 };

static char path[64];

static cachecore_t *open_it(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  options.max_entries = 1000;
  return open_path(path, &options);
}

static cachecore_t *open_new(void) {
  new_path(path, sizeof path);
  return open_it();
}

static void nap_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static void wait_for_child(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- Whose a claim is --------------------------------------------------- */

/* Neither stores, removes nor ends anything by a claim of somebody else's. */
static void be_a_stranger(cachecore_t *cache, const cachecore_claim_t *theirs) {
  cachecore_claim_t claim = *theirs;
  CHECK_INT(fulfill(cache, "k", "stranger", 0, &claim), CACHECORE_CONFLICT);
  CHECK_INT(claim.token, 0);
  claim = *theirs;
  CHECK_INT(fulfill_absent(cache, "k", WINDOW, &claim), CACHECORE_CONFLICT);
  CHECK_INT(claim.token, 0);
  claim = *theirs;
  CHECK_OK(abandon(cache, "k", 0, &claim));
  CHECK_INT(claim.token, 0);
  CHECK(stands(cache, "k", theirs));
  CHECK_INT(look(cache, "k"), CACHECORE_PENDING);
  CHECK_INT(cachecore_count(cache), 0);
}

/* What is claimed is whose it was: it can be fulfilled. */
static void is_still_ours(cachecore_t *cache, cachecore_claim_t *claim) {
  asked_t asked = ASKED_INIT;
  CHECK(stands(cache, "k", claim));
  CHECK_OK(fulfill(cache, "k", "ours", 0, claim));
  CHECK_OK(ask(cache, "k", &asked));
  CHECK(strcmp(asked.answer, "ours") == 0);
}

static void a_claim_of_another_process(void) {
  cachecore_t *cache = open_new();
  cachecore_claim_t claim = take_claim(cache, "k");
  pid_t child = fork();
  if (child == 0) {
    cachecore_t *other = open_it();
    be_a_stranger(other, &claim);
    cachecore_close(other);
    be_a_stranger(cache, &claim); /* by its parent's handle */
    _exit(0);
  }
  wait_for_child(child);
  is_still_ours(cache, &claim);
  cachecore_close(cache);
  unlink(path);
}

static void a_path_opened_twice_is_two_owners(void) {
  cachecore_t *cache = open_new(), *other = open_it();
  cachecore_claim_t claim = take_claim(cache, "k");
  be_a_stranger(other, &claim);
  is_still_ours(cache, &claim);
  cachecore_close(other);
  cachecore_close(cache);
  unlink(path);
}

/* ---- When it is opened again -------------------------------------------- */

static int by_token(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void take_claims(cachecore_t *cache, uint64_t *tokens) {
  char key[16];
  for (int i = 0; i < KEYS; i++) {
    snprintf(key, sizeof key, "key %d", i);
    tokens[i] = take_claim(cache, key).token;
  }
}

/* Whether the process that had the cache closed it, ended, or was killed. */
static void tokens_never_repeat_after_reopening(void) {
  static uint64_t tokens[ROUNDS][KEYS];
  uint64_t *all = tokens[0];
  cachecore_t *cache = open_new();
  cachecore_close(cache);
  for (int round = 0; round < ROUNDS; round++) {
    int ends[2], status;
    pid_t child;
    CHECK(pipe(ends) == 0);
    child = fork();
    if (child == 0) {
      cache = open_it();
      take_claims(cache, tokens[round]);
      CHECK(write(ends[1], tokens[round], sizeof tokens[round]) ==
            (ssize_t)sizeof tokens[round]);
      if (round % 3 == 0) cachecore_close(cache);
      if (round % 3 == 1) raise(SIGKILL);
      _exit(0);
    }
    CHECK(read(ends[0], tokens[round], sizeof tokens[round]) ==
          (ssize_t)sizeof tokens[round]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(round % 3 == 1 ? WIFSIGNALED(status) : WIFEXITED(status));
    close(ends[0]);
    close(ends[1]);
  }
  cache = open_it();
  for (int round = 0; round < ROUNDS; round++) {
    cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
    claim.token = tokens[round][7];
    CHECK_INT(fulfill(cache, "key 7", "old", 0, &claim), CACHECORE_CONFLICT);
  }
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
  qsort(all, ROUNDS * KEYS, sizeof *all, by_token);
  CHECK(all[0] != 0);
  for (int i = 1; i < ROUNDS * KEYS; i++) CHECK(all[i - 1] != all[i]);
  unlink(path);
}

/* ---- Close -------------------------------------------------------------- */

static struct {
  cachecore_t *cache;
  cachecore_claim_t claim;
  cachecore_status_t statuses[WAITERS];
  volatile int waiting;
} closing;

static void *wait_for_it(void *number) {
  __atomic_add_fetch(&closing.waiting, 1, __ATOMIC_SEQ_CST);
  closing.statuses[(size_t)number] =
      wait_for(closing.cache, "k", &closing.claim, LIMIT_MS);
  return NULL;
}

/* All waiters are told, whether the claim is this handle's or another's. */
static void close_while_others_wait(cachecore_t *cache) {
  pthread_t threads[WAITERS];
  closing.cache = cache;
  closing.waiting = 0;
  for (size_t i = 0; i < WAITERS; i++)
    CHECK(pthread_create(&threads[i], NULL, wait_for_it, (void *)i) == 0);
  while (__atomic_load_n(&closing.waiting, __ATOMIC_SEQ_CST) < WAITERS)
    nap_ms(1);
  nap_ms(50); /* they sleep by now, if the machine is not very busy */
  cachecore_close(cache);
  for (size_t i = 0; i < WAITERS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_INT(closing.statuses[i], CACHECORE_E_STATE);
  }
}

static void close_while_threads_wait_for_an_own_claim(void) {
  cachecore_t *cache = open_new();
  closing.claim = take_claim(cache, "k");
  close_while_others_wait(cache);
  unlink(path);
}

static void close_while_threads_wait_for_another_handles_claim(void) {
  cachecore_t *other = open_new(), *cache = open_it();
  cachecore_claim_t theirs = take_claim(other, "k");
  asked_t asked = ASKED_INIT;
  CHECK_INT(ask(cache, "k", &asked), CACHECORE_PENDING);
  closing.claim = asked.claim;
  close_while_others_wait(cache);
  is_still_ours(other, &theirs);
  cachecore_close(other);
  unlink(path);
}

/* Who waits in another process goes on: the claim has ended. */
static void close_ends_the_claims_of_a_handle(void) {
  cachecore_t *other = open_new(), *cache = open_it();
  cachecore_claim_t claim = take_claim(cache, "k");
  asked_t asked = ASKED_INIT;
  CHECK_INT(ask(other, "k", &asked), CACHECORE_PENDING);
  CHECK(stands(other, "k", &claim));
  cachecore_close(cache);
  CHECK_OK(wait_for(other, "k", &asked.claim, LIMIT_MS));
  CHECK_INT(ask(other, "k", &asked), CACHECORE_CLAIMED);
  cachecore_close(other);
  unlink(path);
}

TESTS(T(a_claim_of_another_process), T(a_path_opened_twice_is_two_owners),
      T(tokens_never_repeat_after_reopening),
      T(close_while_threads_wait_for_an_own_claim),
      T(close_while_threads_wait_for_another_handles_claim),
      T(close_ends_the_claims_of_a_handle))
