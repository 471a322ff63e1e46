/* A process that shares a cache is killed after k machine instructions of a
 * call, for each k until the call has ended.  After each of them the others
 * find all that was written before, and go on.  CACHECORE_STEP says how far
 * the next k is; 1 is every one, and takes minutes. */
#include "shared_steps.h"

static void step_through(call_t call, bool may_evict) {
  uint64_t step = step_size(41), k = 1;
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  uint64_t kills = 0;
  new_path(path, sizeof path);
  fill_large();
  cache = open_path(path, &call.options);
  while (true) {
    bool is_killed;
    pid_t child;
    write_others();
    call.prepare();
    is_killed = stopped_after(&call, k, &child);
    kill_child(child);
    if (!is_killed) break;
    kills++;
    check_others(k, may_evict);
    check_key();
    /* Whatever is locked is free, and can be written. */
    put("key", "old", 3, CACHECORE_TTL_NEVER);
    put("after", "x", 1, 0);
    check_key();
    /* Long calls in larger steps: a step costs as much as all before it. */
    k += k / 10 > step ? k / 10 : step;
  }
  CHECK_OK(cachecore_shared_info(cache, &info));
  printf("%s: %llu instructions, %llu killed, %llu recoveries, %llu lost\n",
         call.name, (unsigned long long)k, (unsigned long long)kills,
         (unsigned long long)info.recoveries,
         (unsigned long long)info.entries_lost);
  CHECK_OK(cachecore_clear(cache));
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
  unlink(path);
}

static void both(const char *name, void (*prepare)(void), void (*run)(void)) {
  step_through(a_call(name, prepare, run, CACHECORE_POLICY_LRU), false);
  step_through(a_call(name, prepare, run, CACHECORE_POLICY_ADAPTIVE), false);
}

static void sets(void) { both("set", nothing, set_it); }
static void overwrites(void) { both("overwrite", prepare_key, set_it); }
static void larger(void) { both("overwrite, larger", prepare_key, set_large); }
static void deletes(void) { both("delete", prepare_key, delete_it); }
static void reads(void) { both("get", prepare_read, get_it); }
static void lends(void) { both("acquire, release", prepare_key, lend_it); }
static void claims(void) { both("claim, fulfill", prepare_claim, claim_it); }
static void sweeps(void) { both("sweep", prepare_expired, sweep); }

static void evicts(void) {
  call_t call = a_call("insert, evicting", nothing, insert_many,
                       CACHECORE_POLICY_LRU);
  call.options.max_entries = others + 8;
  step_through(call, true);
  call = a_call("insert, evicting by bytes", nothing, insert_many,
                CACHECORE_POLICY_LRU);
  call.options.max_bytes = 256 << 10;
  step_through(call, true);
}

static void resizes(void) {
  call_t call = a_call("resize", prepare_key, shrink, CACHECORE_POLICY_LRU);
  step_through(call, true);
}

static void never_evicts(void) {
  call_t call = a_call("overwrite, no-evict", prepare_key, set_it,
                       CACHECORE_POLICY_LRU);
  call.options.flags = CACHECORE_NO_EVICT;
  step_through(call, false);
}

TESTS(T(sets), T(overwrites), T(larger), T(deletes), T(reads), T(lends),
      T(claims), T(sweeps), T(evicts), T(resizes), T(never_evicts))
