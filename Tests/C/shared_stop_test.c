/* A process that shares a cache is stopped after k machine instructions of a
 * call.  Nobody waits for it: what others do ends, in success or in a timeout,
 * and a value that was to be replaced is not seen again, neither while the
 * process is stopped, nor after it has gone on, or was killed.  CACHECORE_STEP
 * says how far the next k is. */
#include "shared_steps.h"

#include <sys/mman.h>

/* What the cache that a process was stopped in may have cost. */
typedef struct costs {
  uint64_t stops, timeouts;
} costs_t;

static cachecore_status_t write_key(const char *value) {
  return cachecore_set(cache, "key", 3, value, strlen(value),
                       CACHECORE_TTL_NEVER);
}

/* Whether there is a value, and then that it is one of the two. */
static bool has_key(const char *one, const char *other) {
  static char found[sizeof large];
  size_t size = 0;
  cachecore_status_t status =
      cachecore_peek(cache, "key", 3, found, sizeof found, &size);
  if (status == CACHECORE_MISS) return false;
  CHECK_OK(status);
  if (size == sizeof large && memcmp(found, large, size) == 0) return true;
  CHECK((size == strlen(one) && memcmp(found, one, size) == 0) ||
        (size == strlen(other) && memcmp(found, other, size) == 0));
  return true;
}

/* What needs the lock ends, and what needs it for good says so. */
static void call_everything(void) {
  static char records[1 << 16];
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  uint64_t cursor = 0, removed;
  size_t size, count;
  CHECK_INT(cachecore_scan(cache, &cursor, NULL, 0, records, sizeof records,
                           &size, &count), CACHECORE_E_TIMEOUT);
  CHECK_INT(cursor, 0);
  CHECK_INT(cachecore_get_or_claim(cache, "none", 4, records, sizeof records,
                                   &size, &claim), CACHECORE_E_TIMEOUT);
  CHECK_INT(claim.token, 0);
  CHECK_INT(cachecore_touch(cache, "key", 3, 1000), CACHECORE_E_TIMEOUT);
  CHECK_OK(cachecore_stats(cache, &stats));
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  CHECK_INT(removed, 0);
  CHECK_INT(cachecore_delete_prefix(cache, "no", 2, &removed),
            CACHECORE_E_TIMEOUT);
  (void)cachecore_count(cache);
}

static void let_go_on(pid_t child) {
  int status;
  CHECK(ptrace(PTRACE_CONT, child, NULL, NULL) == 0);
  CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
  CHECK_INT(WSTOPSIG(status), SIGUSR1); /* the call has ended */
}

static void check_stop(const call_t *call, uint64_t k, pid_t child,
                       costs_t *costs) {
  bool never_evicts = call->options.flags & CACHECORE_NO_EVICT;
  cachecore_status_t status = write_key("mine");
  bool is_timeout = status == CACHECORE_E_TIMEOUT;
  costs->stops++;
  if (!is_timeout) CHECK_OK(status);
  if (is_timeout) {
    costs->timeouts++;
    CHECK_INT(write_key("mine"), CACHECORE_E_TIMEOUT);
    CHECK(never_evicts || !has_key("", ""));
    if (costs->timeouts == 1) call_everything();
  }
  check_others(k, is_timeout && !never_evicts);
  if (costs->stops % 2 == 0) let_go_on(child);
  kill_child(child);
  if (is_timeout) {
    /* Nobody is told what was there, nor what could not be written. */
    CHECK(has_key("new", never_evicts ? "old" : "new") || !never_evicts ||
          call->run == delete_it);
  } else {
    has_key("mine", "new");
  }
  CHECK_OK(write_key("after"));
  CHECK(has_key("after", "after"));
  check_others(k, is_timeout && !never_evicts);
  write_others();
  check_others(k, false);
}

/* Stops a call after k instructions, the next k being so far. How often a lock
 * was held. */
static uint64_t stop_each(call_t call, uint64_t next) {
  uint64_t step = step_size(next), k = 1;
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  costs_t costs = {0, 0};
  pid_t child;
  new_path(path, sizeof path);
  fill_large();
  cache = open_path(path, &call.options);
  while (true) {
    write_others();
    call.prepare();
    if (!stopped_after(&call, k, &child)) break;
    check_stop(&call, k, child, &costs);
    k += k / 2 > step && next > 100 ? k / 2 : step;
  }
  kill_child(child);
  CHECK_OK(cachecore_shared_info(cache, &info));
  printf("%s: %llu instructions, stopped %llu times, %llu of them with a lock, "
         "%llu entries lost\n", call.name, (unsigned long long)k,
         (unsigned long long)costs.stops, (unsigned long long)costs.timeouts,
         (unsigned long long)info.entries_lost);
  CHECK_OK(cachecore_clear(cache));
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
  unlink(path);
  return costs.timeouts;
}

static uint64_t stop_in(call_t call) { return stop_each(call, 251); }

/* So long that a reader sets the time of last use. */
static void prepare_old(void) {
  prepare_key();
  usleep(3000);
}

/* A reader pins a bucket for a few instructions; nobody waits for it for long,
 * and when it goes on it changes nothing of another entry's. */
static void reads(void) {
  call_t call = a_call("get", prepare_old, get_it, CACHECORE_POLICY_LRU);
  (void)stop_each(call, 29);
  call = a_call("acquire, release", prepare_old, lend_it, CACHECORE_POLICY_LRU);
  (void)stop_each(call, 211);
}

/* What a process that was stopped in `acquire` had then. */
static char *lent;

static void lend_and_look(void) {
  cachecore_value_t value;
  if (cachecore_acquire(cache, "key", 3, &value) != CACHECORE_OK) return;
  memcpy(lent, value.data, 16);
  usleep(2000);
  if (memcmp(lent, value.data, 16) != 0) memcpy(lent, "it has changed!!", 16);
  cachecore_release(&value);
}

/* The entry of a borrow that comes late is gone: it is a miss then, or the
 * value as it was, and never a place in another's. */
static void a_late_borrow_is_of_its_own(void) {
  call_t call = a_call("", nothing, lend_and_look, CACHECORE_POLICY_LRU);
  uint64_t step = step_size(13), k;
  pid_t child;
  lent = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
              -1, 0);
  CHECK(lent != MAP_FAILED);
  new_path(path, sizeof path);
  cache = open_path(path, &call.options);
  for (k = 1;; k += step) {
    char other[8];
    memset(lent, 0, 16);
    CHECK_OK(cachecore_clear(cache));
    put("key", "the value, sized", 16, CACHECORE_TTL_NEVER);
    if (!stopped_after(&call, k, &child)) break;
    CHECK_OK(cachecore_delete(cache, "key", 3));
    for (int i = 0; i < 4; i++) {
      snprintf(other, sizeof other, "z%d", i);
      put(other, "ZZZZZZZZZZZZZZZZ", 16, CACHECORE_TTL_NEVER);
    }
    let_go_on(child);
    CHECK(lent[0] == 0 || memcmp(lent, "the value, sized", 16) == 0);
    for (int i = 0; i < 4; i++) {
      cachecore_value_t value;
      snprintf(other, sizeof other, "z%d", i);
      CHECK_OK(cachecore_acquire(cache, other, 2, &value));
      CHECK(memcmp(value.data, "ZZZZZZZZZZZZZZZZ", 16) == 0);
      cachecore_release(&value);
      CHECK_OK(cachecore_delete(cache, other, 2));
    }
    kill_child(child);
  }
  kill_child(child);
  cachecore_close(cache);
  unlink(path);
}

static uint64_t both(const char *name, void (*prepare)(void),
                     void (*run)(void)) {
  return stop_in(a_call(name, prepare, run, CACHECORE_POLICY_LRU)) +
         stop_in(a_call(name, prepare, run, CACHECORE_POLICY_ADAPTIVE));
}

static void overwrites(void) { (void)both("overwrite", prepare_key, set_it); }
static void deletes(void) { (void)both("delete", prepare_key, delete_it); }
static void claims(void) {
  (void)both("claim, fulfill", prepare_claim, claim_it);
}
static void sweeps(void) { (void)both("sweep", prepare_expired, sweep); }
/* Most of this one is done with the lock. */
static void larger(void) {
  CHECK(both("overwrite, larger", prepare_key, set_large) > 0);
}

static void never_evicts(void) {
  call_t call = a_call("overwrite, no-evict", prepare_key, set_it,
                       CACHECORE_POLICY_LRU);
  call.options.flags = CACHECORE_NO_EVICT;
  (void)stop_in(call);
  call = a_call("delete, no-evict", prepare_key, delete_it,
                CACHECORE_POLICY_LRU);
  call.options.flags = CACHECORE_NO_EVICT;
  (void)stop_in(call);
}

/* A claim ends with the write that was given up, or is void. */
static void a_claim_ends(void) {
  call_t call = a_call("", nothing, set_it, CACHECORE_POLICY_LRU);
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT, seen;
  char buffer[8];
  size_t size;
  pid_t child;
  uint64_t k = 200;
  new_path(path, sizeof path);
  cache = open_path(path, &call.options);
  CHECK_INT(cachecore_get_or_claim(cache, "key", 3, buffer, sizeof buffer,
                                   &size, &claim), CACHECORE_CLAIMED);
  seen = claim;
  CHECK_INT(cachecore_claim_wait(cache, "key", 3, &seen, 0),
            CACHECORE_E_TIMEOUT);
  while (stopped_after(&call, k, &child)) {
    if (cachecore_set(cache, "other", 5, "x", 1, 0) == CACHECORE_E_TIMEOUT)
      break;
    kill_child(child);
    k += 50;
  }
  CHECK_INT(cachecore_fulfill(cache, "key", 3, "mine", 4, 1000, &claim),
            CACHECORE_E_TIMEOUT);
  CHECK_INT(claim.token, 0);
  CHECK_OK(cachecore_claim_wait(cache, "key", 3, &seen, 1000));
  kill_child(child);
  CHECK_INT(cachecore_get_or_claim(cache, "key", 3, buffer, sizeof buffer,
                                   &size, &claim), CACHECORE_CLAIMED);
  CHECK(claim.token != seen.seen);
  CHECK_OK(cachecore_fulfill(cache, "key", 3, "mine", 4, 1000, &claim));
  cachecore_close(cache);
  unlink(path);
}

/* A value that was borrowed stays, and its memory is free once it was given
 * back, though the lock could not be had then. */
static void borrowed_values_stay(void) {
  call_t call = a_call("", prepare_key, set_it, CACHECORE_POLICY_LRU);
  cachecore_stats_t before = CACHECORE_STATS_INIT, after = CACHECORE_STATS_INIT;
  cachecore_value_t kept, freed;
  pid_t child;
  uint64_t k = 200;
  new_path(path, sizeof path);
  fill_large();
  cache = open_path(path, &call.options);
  put("other", "x", 1, CACHECORE_TTL_NEVER);
  put("key", "old", 3, CACHECORE_TTL_NEVER);
  CHECK_OK(cachecore_stats(cache, &before));
  put("large", large, sizeof large, CACHECORE_TTL_NEVER);
  put("larger", large, sizeof large, CACHECORE_TTL_NEVER);
  CHECK_OK(cachecore_acquire(cache, "large", 5, &kept));
  CHECK_OK(cachecore_acquire(cache, "larger", 6, &freed));
  CHECK_OK(cachecore_delete(cache, "larger", 6));
  while (stopped_after(&call, k, &child)) {
    if (cachecore_set(cache, "other", 5, "x", 1, 0) == CACHECORE_E_TIMEOUT)
      break;
    kill_child(child);
    k += 50;
  }
  cachecore_release(&freed);
  CHECK(memcmp(kept.data, large, sizeof large) == 0);
  let_go_on(child);
  kill_child(child);
  CHECK_INT(cachecore_peek(cache, "large", 5, NULL, 0, &(size_t){0}),
            CACHECORE_MISS);
  put("other", "x", 1, CACHECORE_TTL_NEVER);
  put("key", "old", 3, CACHECORE_TTL_NEVER);
  CHECK(memcmp(kept.data, large, sizeof large) == 0);
  cachecore_release(&kept);
  CHECK_OK(cachecore_stats(cache, &after));
  CHECK(after.bytes_used < before.bytes_used + sizeof large);
  cachecore_close(cache);
  unlink(path);
}

TESTS(T(overwrites), T(reads), T(a_late_borrow_is_of_its_own), T(deletes),
      T(larger), T(claims), T(sweeps),
      T(never_evicts), T(a_claim_ends), T(borrowed_values_stay))
