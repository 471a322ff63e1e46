/* A process that shares a cache is killed after k machine instructions of a
 * call, for each k until the call has ended.  After each of them the others
 * find all that was written before, and go on.  CACHECORE_STEP says how far
 * the next k is; 1 is every one, and takes minutes. */
#include "shared.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { others = 40 };

static char path[64];
static cachecore_t *cache;
static char large[6000];

/* What is done when the process is killed. */
typedef struct call {
  const char *name;
  void (*prepare)(void);
  void (*run)(void);
  cachecore_options_t options;
} call_t;

static void put(const char *key, const char *value, size_t size, uint64_t ttl) {
  CHECK_OK(cachecore_set(cache, key, strlen(key), value, size, ttl));
}

static void nothing(void) {}
static void prepare_key(void) { put("key", "old", 3, CACHECORE_TTL_NEVER); }
static void prepare_read(void) {
  char buffer[8];
  size_t size;
  prepare_key();
  /* One less than fills the record of accesses, which a reader then drains. */
  for (int i = 0; i < 62; i++)
    cachecore_get(cache, "key", 3, buffer, sizeof buffer, &size);
}
static void prepare_expired(void) {
  for (int i = 0; i < 20; i++) {
    char key[16];
    snprintf(key, sizeof key, "expired %d", i);
    put(key, "x", 1, 1);
  }
  usleep(12000);
}
static void prepare_claim(void) {
  (void)cachecore_delete(cache, "key", 3);
}

static void set_it(void) {
  (void)cachecore_set(cache, "key", 3, "new", 3, 60000);
}
static void set_large(void) {
  (void)cachecore_set(cache, "key", 3, large, sizeof large, 60000);
}
static void delete_it(void) { (void)cachecore_delete(cache, "key", 3); }
static void get_it(void) {
  char buffer[8];
  size_t size;
  for (int i = 0; i < 4; i++)
    (void)cachecore_get(cache, "key", 3, buffer, sizeof buffer, &size);
}
static void lend_it(void) {
  cachecore_value_t value;
  if (cachecore_acquire(cache, "key", 3, &value) == CACHECORE_OK) {
    (void)cachecore_delete(cache, "key", 3);
    cachecore_release(&value);
  }
}
static void claim_it(void) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  size_t size;
  (void)cachecore_get_or_claim(cache, "key", 3, NULL, 0, &size, &claim);
  (void)cachecore_fulfill(cache, "key", 3, "new", 3, 60000, &claim);
}
static void insert_many(void) {
  for (int i = 0; i < 12; i++) {
    char key[16];
    int size = snprintf(key, sizeof key, "more %d", i);
    (void)cachecore_set(cache, key, (size_t)size, large, (size_t)i * 400, 0);
  }
}
static void sweep(void) {
  uint64_t removed;
  (void)cachecore_cleanup_expired(cache, UINT64_MAX, &removed);
}
static void shrink(void) { (void)cachecore_resize(cache, 60, 1 << 20); }

static void value_of(int number, char *value) {
  snprintf(value, 32, "the value of other %d", number);
}

static void check_others(uint64_t k, bool may_be_evicted) {
  char key[16], value[32], found[32];
  int missing = 0;
  size_t size;
  for (int i = 0; i < others; i++) {
    cachecore_status_t status;
    int key_size = snprintf(key, sizeof key, "other %d", i);
    value_of(i, value);
    status = cachecore_peek(cache, key, (size_t)key_size, found, sizeof found,
                            &size);
    if (status == CACHECORE_MISS) {
      missing++;
      continue;
    }
    CHECK(status == CACHECORE_OK && size == strlen(value));
    CHECK(memcmp(found, value, size) == 0);
  }
  if (missing > 0 && !may_be_evicted)
    check_failed(__FILE__, __LINE__, "%d lost after %llu steps", missing,
                 (unsigned long long)k);
}

static void check_key(void) {
  static char found[sizeof large];
  size_t size = 0;
  cachecore_status_t status =
      cachecore_peek(cache, "key", 3, found, sizeof found, &size);
  if (status == CACHECORE_MISS) return;
  CHECK_OK(status);
  CHECK((size == 3 && (memcmp(found, "old", 3) == 0 ||
                       memcmp(found, "new", 3) == 0)) ||
        (size == sizeof large && memcmp(found, large, size) == 0));
}

/* Whether the call had not ended after k instructions. */
static bool killed_after(const call_t *call, uint64_t k) {
  int status;
  bool has_ended = false;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    call->run();
    raise(SIGUSR1);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
  for (uint64_t i = 0; i < k && !has_ended; i++) {
    CHECK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
    has_ended = WSTOPSIG(status) == SIGUSR1;
    CHECK(has_ended || WSTOPSIG(status) == SIGTRAP);
  }
  kill(child, SIGKILL);
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  return !has_ended;
}

static void step_through(call_t call, bool may_evict) {
  const char *asked = getenv("CACHECORE_STEP");
  uint64_t step = asked != NULL ? strtoull(asked, NULL, 10) : 41, k = 1;
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  uint64_t kills = 0;
  new_path(path, sizeof path);
  for (size_t i = 0; i < sizeof large; i++) large[i] = (char)(i * 7);
  cache = open_path(path, &call.options);
  while (true) {
    for (int i = 0; i < others; i++) {
      char key[16], value[32];
      snprintf(key, sizeof key, "other %d", i);
      value_of(i, value);
      put(key, value, strlen(value), CACHECORE_TTL_NEVER);
    }
    call.prepare();
    if (!killed_after(&call, k)) break;
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

static call_t a_call(const char *name, void (*prepare)(void), void (*run)(void),
                     uint32_t policy) {
  call_t call = {name, prepare, run, CACHECORE_OPTIONS_INIT};
  call.options.max_bytes = 4 << 20;
  call.options.shard_count = 1;
  call.options.policy = policy;
  return call;
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
