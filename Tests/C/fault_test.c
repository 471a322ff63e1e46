/*
 * Every system call that the library makes fails, at each of its occurrences,
 * once and then from there on, over a workload that does everything (faults.h
 * says how).  Each time: a status that is allowed, no value that is wrong, in
 * a no-evict cache none that is gone; when the calls work again so does the
 * cache, whole; and when it is closed nothing of it is left.
 *
 * Calls made very often fail at some of their occurrences only, spread over
 * all; with FAULTS=all in the environment at each.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "claims.h"

enum {
  KEYS = 3000,
  COMPUTED = 300, /* keys beyond those */
  SIZE_MAX_OF_VALUES = 900,
  OFTEN = 40,
  LEASES = 8
};

/* ---- The workload -------------------------------------------------------- */

typedef struct trial {
  cachecore_options_t options;
  cachecore_t *cache;
  int may_fail; /* calls do, at present */
  uint64_t salts[KEYS]; /* of the value last stored; 0: none */
  uint64_t made[FAULT_CALLS]; /* calls, up to when none fails any more */
  cachecore_value_t lent[LEASES];
} trial_t;

static trial_t trial;

static int is_no_evict(void) {
  return (trial.options.flags & CACHECORE_NO_EVICT) != 0;
}

static size_t value_of(uint64_t key, uint64_t salt, unsigned char *bytes) {
  uint64_t state = key * 77 + salt;
  size_t size = 16 + random_below(&state, SIZE_MAX_OF_VALUES - 16);
  fill_pattern(bytes, size, key, salt);
  return size;
}

static void store(uint64_t key, uint64_t ttl) {
  static uint64_t salts;
  unsigned char bytes[SIZE_MAX_OF_VALUES];
  uint64_t salt = ++salts & 0xFFFFFFF;
  size_t size = value_of(key, salt, bytes);
  cachecore_status_t status =
      cachecore_set(trial.cache, &key, 8, bytes, size, ttl);
  switch (status) {
    case CACHECORE_OK: trial.salts[key] = ttl ? 0 : salt; break;
    case CACHECORE_REFUSED:
    case CACHECORE_E_NO_MEMORY:
      CHECK(trial.may_fail);
      if (!is_no_evict()) trial.salts[key] = 0;
      break;
    case CACHECORE_E_FULL: CHECK(is_no_evict()); break;
    default: CHECK_INT(status, CACHECORE_OK);
  }
}

/* Stores by a claim, under keys of its own: a value with a window, or that
 * there is none.  The claim has ended, whatever becomes of it. */
static void compute(uint64_t key) {
  unsigned char bytes[SIZE_MAX_OF_VALUES], found[SIZE_MAX_OF_VALUES];
  size_t size = value_of(key, 0, bytes), found_size;
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT, seen;
  cachecore_status_t status =
      cachecore_get_or_claim(trial.cache, &key, 8, found, sizeof found,
                             &found_size, &claim);
  switch (status) {
    case CACHECORE_OK:
    case CACHECORE_STALE:
      CHECK(found_size == size && memcmp(found, bytes, size) == 0);
      break;
    case CACHECORE_ABSENT: break;
    default: CHECK_INT(status, CACHECORE_CLAIMED);
  }
  CHECK((claim.token != 0) ==
        (status == CACHECORE_STALE || status == CACHECORE_CLAIMED));
  if (claim.token == 0) return;
  seen = claim;
  claim.stale_ms = 40;
  status = key % 3 == 0
               ? cachecore_fulfill_absent(trial.cache, &key, 8, 30, &claim)
               : cachecore_fulfill(trial.cache, &key, 8, bytes, size, 30,
                                   &claim);
  if (status == CACHECORE_E_FULL) CHECK(is_no_evict());
  else if (status != CACHECORE_OK)
    CHECK(trial.may_fail && (status == CACHECORE_REFUSED ||
                             status == CACHECORE_E_NO_MEMORY));
  CHECK(claim.token == 0);
  CHECK_OK(cachecore_claim_wait(trial.cache, &key, 8, &seen, 0));
}

/* A value is the one last stored; in a no-evict cache it is there. */
static void look_up(uint64_t key) {
  unsigned char bytes[SIZE_MAX_OF_VALUES], expected[SIZE_MAX_OF_VALUES];
  size_t size;
  uint64_t salt = trial.salts[key];
  cachecore_status_t status = cachecore_get(trial.cache, &key, 8, bytes,
                                            sizeof bytes, &size);
  if (status == CACHECORE_MISS) {
    CHECK(salt == 0 || !is_no_evict());
    return;
  }
  CHECK_OK(status);
  CHECK(holds_pattern(bytes, size, key));
  if (salt == 0) return; /* with a lifetime, which is not written down */
  CHECK_INT(size, value_of(key, salt, expected));
  CHECK(memcmp(bytes, expected, size) == 0);
}

static void look_all_up(void) {
  uint64_t key;
  for (key = 0; key < KEYS; key++) look_up(key);
}

static void drop(uint64_t key) {
  cachecore_status_t status = cachecore_delete(trial.cache, &key, 8);
  CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
  trial.salts[key] = 0;
}

static void lend(void) {
  uint64_t key;
  for (key = 0; key < LEASES; key++) {
    cachecore_status_t status =
        cachecore_acquire(trial.cache, &key, 8, &trial.lent[key]);
    CHECK(status == CACHECORE_OK || status == CACHECORE_MISS);
  }
}

static void give_back(void) {
  uint64_t key;
  for (key = 0; key < LEASES; key++) {
    cachecore_value_t *value = &trial.lent[key];
    if (value->owner == NULL) continue;
    CHECK(holds_pattern(value->data, value->size, key));
    cachecore_release(value);
  }
}

static void sweep(void) {
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  cachecore_status_t status;
  uint64_t removed;
  options.interval_ms = 1;
  options.flags = CACHECORE_SWEEPER_RUN_AT_ONCE;
  status = cachecore_sweeper_start(trial.cache, &options);
  if (status == CACHECORE_E_NO_MEMORY) {
    CHECK(trial.may_fail);
    CHECK_INT(sweeper_of(trial.cache).state, CACHECORE_SWEEPER_STOPPED);
    return;
  }
  CHECK_OK(status);
  CHECK_OK(cachecore_sweeper_trigger(trial.cache, &removed));
  CHECK_OK(cachecore_sweeper_set_interval(trial.cache, 0));
  CHECK_OK(cachecore_sweeper_pause(trial.cache));
  CHECK_OK(cachecore_sweeper_resume(trial.cache));
  CHECK_OK(cachecore_sweeper_stop(trial.cache, 0));
}

static void resize(uint64_t entries, uint64_t bytes) {
  cachecore_status_t status = cachecore_resize(
      trial.cache, trial.options.max_entries ? entries : 0,
      trial.options.max_bytes ? bytes : 0);
  if (status == CACHECORE_E_STATE) {
    CHECK(trial.may_fail || !is_no_evict());
    return;
  }
  if (status != CACHECORE_E_FULL || !is_no_evict()) CHECK_OK(status);
}

static void list_all(void) {
  uint64_t cursor = 0, buffer[512], listed = 0;
  size_t size, count;
  do {
    CHECK_OK(cachecore_scan(trial.cache, &cursor, NULL, 0, buffer,
                            sizeof buffer, &size, &count));
    listed += count;
  } while (cursor != 0);
  CHECK_INT(listed, cachecore_count(trial.cache));
}

static void take_removals(void) {
  static uint64_t buffer[4096];
  size_t size, count;
  if (!(trial.options.flags & CACHECORE_REPORT_REMOVALS)) return;
  while (cachecore_take_removals(trial.cache, buffer, sizeof buffer, &size,
                                 &count) == CACHECORE_OK)
    continue;
}

/* Everything, in about five milliseconds. */
static void do_everything(void) {
  uint64_t key, removed;
  for (key = 0; key < KEYS; key++) store(key, 0);
  lend();
  for (key = KEYS; key < KEYS + COMPUTED; key++) compute(key);
  for (key = 0; key < KEYS; key += 3) store(key, key % 2 ? 50 : 0);
  look_all_up();
  for (key = 1; key < KEYS; key += 2) drop(key);
  CHECK_OK(cachecore_advance_clock(trial.cache, 60));
  for (key = KEYS; key < KEYS + COMPUTED; key++) compute(key);
  CHECK_OK(cachecore_cleanup_expired(trial.cache, 100, &removed));
  sweep();
  take_removals();
  for (key = 0; key < KEYS / 2; key++) store(key, key % 4 == 1 ? 20 : 0);
  resize(trial.options.max_entries / 2, trial.options.max_bytes / 2);
  resize(trial.options.max_entries, trial.options.max_bytes);
  CHECK_OK(cachecore_advance_clock(trial.cache, 30));
  sweep();
  give_back();
  look_all_up();
  list_all();
  CHECK_IDENTITY(trial.cache);
}

static void start_afresh(void) {
  take_removals();
  CHECK_OK(cachecore_clear(trial.cache));
  take_removals();
  memset(trial.salts, 0, sizeof trial.salts);
  CHECK_INT(cachecore_count(trial.cache), 0);
  CHECK_OK(cachecore_cleanup_expired(trial.cache, 0, NULL));
  CHECK_OK(cachecore_clear(trial.cache)); /* all memory goes back */
}

/* When nothing fails any more the cache is as good as a new one. */
static void expect_to_work(void) {
  uint64_t key, refused, empty;
  look_all_up();
  start_afresh();
  empty = stats_of(trial.cache).bytes_resident;
  refused = stats_of(trial.cache).refused;
  for (key = 0; key < 300; key++) store(key, 0);
  for (key = 0; key < 300; key++) CHECK(trial.salts[key] != 0);
  look_all_up();
  CHECK_INT(stats_of(trial.cache).refused, refused);
  CHECK_INT(cachecore_count(trial.cache), 300);
  list_all();
  sweep();
  start_afresh();
  CHECK_INT(stats_of(trial.cache).bytes_resident, empty);
}

static void in_a_child(void) {
  int status = 0;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(20);
    store(1, 0);
    look_up(1);
    _exit(0);
  }
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
}

/* Opens a cache, works it, and closes it, while calls fail. */
static void run(int may_fail) {
  cachecore_status_t status;
  int call;
  memset(trial.salts, 0, sizeof trial.salts);
  trial.may_fail = may_fail;
  status = cachecore_open(&trial.options, &trial.cache);
  if (status != CACHECORE_OK) {
    CHECK(may_fail);
    CHECK_INT(status, CACHECORE_E_NO_MEMORY);
    CHECK_INT(bytes_mapped(), 0);
    fail_nothing();
    trial.may_fail = 0;
    CHECK_OK(cachecore_open(&trial.options, &trial.cache));
  }
  do_everything();
  for (call = 0; call < FAULT_CALLS; call++)
    trial.made[call] = calls_made((fault_call_t)call);
  fail_nothing();
  trial.may_fail = 0;
  if (may_fail % 16 == 1) in_a_child();
  expect_to_work();
  cachecore_close(trial.cache);
  CHECK_INT(bytes_mapped(), 0);
}

/* ---- Each call, at each of its occurrences ------------------------------- */

static const cachecore_options_t kinds[] = {
    {sizeof kinds[0], CACHECORE_POLICY_LRU, CACHECORE_MANUAL_CLOCK, 1, 0,
     1 << 20, 0, 0, 0, 0},
    {sizeof kinds[0], CACHECORE_POLICY_ADAPTIVE, CACHECORE_MANUAL_CLOCK, 2,
     2000, 0, 0, 0, 0, 0},
    {sizeof kinds[0], CACHECORE_POLICY_LRU,
     CACHECORE_MANUAL_CLOCK | CACHECORE_NO_EVICT, 2, 0, 4 << 20, 0, 0, 0, 0},
    {sizeof kinds[0], CACHECORE_POLICY_ADAPTIVE,
     CACHECORE_MANUAL_CLOCK | CACHECORE_REPORT_REMOVALS, 1, 0, 600 << 10, 0, 0,
     0, 0},
};

/* Mappings of the process, by their number. */
static int mappings(void) {
  FILE *file = fopen("/proc/self/maps", "r");
  int lines = 0, c;
  CHECK(file != NULL);
  while ((c = getc(file)) != EOF) lines += c == '\n';
  fclose(file);
  return lines;
}

static void fail_each(fault_call_t call) {
  int is_all = getenv("FAULTS") && strcmp(getenv("FAULTS"), "all") == 0;
  uint64_t injected = 0, runs = 0, failed_runs = 0, n, made, step;
  int before = 0;
  size_t kind;
  for (kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    trial.options = kinds[kind];
    run(0); /* warms up libc as well: stacks, streams */
    fail_calls(FAULT_CALLS, 0, 0);
    run(0);
    made = trial.made[call];
    if (before == 0) before = mappings();
    step = is_all || made <= OFTEN ? 1 : made / OFTEN;
    for (n = 0; n < made; n += step) {
      int is_lasting;
      for (is_lasting = 0; is_lasting < 2; is_lasting++) {
        fail_calls(call, n, is_lasting ? UINT64_MAX : n);
        run(1 + (int)runs);
        injected += calls_failed();
        failed_runs += calls_failed() > 0;
        runs++;
      }
    }
  }
  printf("%s: %llu runs, in %llu of them %llu calls failed\n",
         call_names[call], (unsigned long long)runs,
         (unsigned long long)failed_runs, (unsigned long long)injected);
  CHECK(mappings() <= before);
}

/* A write or a fulfilment that the system has no memory for: the claim goes. */
static void no_memory_ends_claims(void) {
  static unsigned char bytes[24 << 20];
  uint32_t flags;
  for (flags = 0; flags <= CACHECORE_NO_EVICT; flags += CACHECORE_NO_EVICT) {
    cachecore_t *c = open_exact(1000, 0, flags);
    cachecore_claim_t claim = take_claim(c, "key"), seen = claim;
    fail_calls(CALL_MMAP, 0, UINT64_MAX);
    CHECK_INT(cachecore_set(c, "key", 3, bytes, sizeof bytes, 0),
              CACHECORE_E_NO_MEMORY);
    CHECK(!stands(c, "key", &claim));
    CHECK_INT(fulfill(c, "key", "computed", 0, &claim), CACHECORE_CONFLICT);
    seen = claim = take_claim(c, "key");
    CHECK_INT(cachecore_fulfill(c, "key", 3, bytes, sizeof bytes, 0, &claim),
              CACHECORE_E_NO_MEMORY);
    CHECK(claim.token == 0 && !stands(c, "key", &seen));
    CHECK(calls_failed() > 0);
    fail_nothing();
    claim = take_claim(c, "key");
    CHECK_OK(cachecore_fulfill(c, "key", 3, bytes, sizeof bytes, 0, &claim));
    cachecore_close(c);
  }
}

static void mmap_fails(void) { fail_each(CALL_MMAP); }
static void madvise_fails(void) { fail_each(CALL_MADVISE); }
static void calloc_fails(void) { fail_each(CALL_CALLOC); }
static void pthread_create_fails(void) { fail_each(CALL_PTHREAD_CREATE); }
static void getrandom_fails(void) { fail_each(CALL_GETRANDOM); }
static void sysconf_fails(void) { fail_each(CALL_SYSCONF); }
static void clock_gettime_fails(void) { fail_each(CALL_CLOCK_GETTIME); }
static void futex_fails(void) { fail_each(CALL_FUTEX_WAIT); }

/* Waits that never wait, with threads that are in each other's way. */
static void write_and_read(worker_t *worker) {
  uint64_t seed = worker->seed, key, removed;
  unsigned char bytes[200];
  size_t size;
  int i;
  for (i = 0; i < 20000; i++) {
    key = random_below(&seed, 50);
    size = random_below(&seed, sizeof bytes);
    fill_pattern(bytes, size, key, seed);
    CHECK_OK(set_number(worker->cache, key, bytes, size, 1));
    if (cachecore_get(worker->cache, &key, 8, bytes, sizeof bytes, &size) == 0)
      CHECK(holds_pattern(bytes, size, key));
    if (i % 16 == 0)
      CHECK_OK(cachecore_cleanup_expired(worker->cache, 0, &removed));
  }
}

static void no_wait_waits(void) {
  static const fault_call_t waits[] = {CALL_FUTEX_WAIT, CALL_SCHED_YIELD,
                                       CALL_NANOSLEEP};
  size_t i;
  for (i = 0; i < 3; i++) {
    cachecore_t *cache = open_plain(0, 1 << 20);
    fail_calls(waits[i], 0, UINT64_MAX);
    run_workers(cache, 4, NULL, write_and_read);
    printf("%s: %llu calls failed\n", call_names[waits[i]],
           (unsigned long long)calls_failed());
    fail_nothing();
    cachecore_close(cache);
  }
}

/* The first cache of a process: what is done once must be done, or tried again
 * by the next. */
static void first_call_fails(fault_call_t call) {
  trial.options = kinds[0];
  fail_calls(call, 0, 0);
  CHECK_INT(cachecore_open(&trial.options, &trial.cache),
            CACHECORE_E_NO_MEMORY);
  CHECK_INT(calls_failed(), 1);
  CHECK_INT(bytes_mapped(), 0);
  run(1);
}

static void atfork_fails(void) { first_call_fails(CALL_REGISTER_ATFORK); }
static void first_calloc_fails(void) { first_call_fails(CALL_CALLOC); }

/* Were there a call that nobody here knows of, it would not be tested. */
static void every_call_is_known(void) {
  char command[8192], line[512], name[256], kind;
  FILE *pipe;
  int symbols = 0;
  snprintf(command, sizeof command, "nm -D --undefined-only '%s'",
           library_path());
  pipe = popen(command, "r");
  CHECK(pipe != NULL);
  while (fgets(line, sizeof line, pipe) != NULL) {
    char *version;
    if (sscanf(line, " %c %255s", &kind, name) != 2 || kind != 'U') continue;
    version = strchr(name, '@');
    if (version != NULL) *version = 0;
    if (!is_known_symbol(name))
      check_failed(__FILE__, __LINE__, "the library calls %s: can it fail?",
                   name);
    symbols++;
  }
  CHECK_INT(pclose(pipe), 0);
  CHECK(symbols > 10);
}

/* Once open, a cache allocates nothing but addresses, and seldom those.  Says
 * what was called all in all, for strace to be held against
 * (docs/testing.md). */
static void nothing_is_allocated(void) {
  uint64_t mmaps, callocs;
  int call;
  trial.options = kinds[0];
  CHECK_OK(cachecore_open(&trial.options, &trial.cache));
  mmaps = calls_made(CALL_MMAP);
  callocs = calls_made(CALL_CALLOC);
  do_everything();
  CHECK(calls_made(CALL_MMAP) <= mmaps + 8);
  CHECK_INT(calls_made(CALL_CALLOC), callocs);
  CHECK_INT(calls_made(CALL_POSIX_MEMALIGN), 0);
  cachecore_close(trial.cache);
  for (call = 0; call < FAULT_CALLS; call++)
    printf("%s %llu\n", call_names[call],
           (unsigned long long)calls_made((fault_call_t)call));
}

/* What is returned costs a call for each megabyte or each hole; what has been
 * returned, or is a few bytes beside that, costs none. */
static void nothing_is_returned_twice(void) {
  enum { SIZE = 1 << 20, COUNT = 64 };
  static char value[SIZE];
  cachecore_options_t options = kinds[0];
  cachecore_t *cache;
  uint64_t key, calls, mappings, resident;
  options.max_bytes = COUNT * 2 * (uint64_t)SIZE;
  CHECK_OK(cachecore_open(&options, &cache));
  for (key = 0; key < COUNT; key++) {
    CHECK_OK(set_number(cache, key, value, SIZE, 0));
    CHECK_OK(set_number(cache, key + COUNT, "keeper", 6, 0));
  }
  mappings = calls_made(CALL_MMAP); /* each is one, without huge pages */
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  CHECK_INT(calls_made(CALL_MADVISE), mappings);
  for (key = 0; key < COUNT; key++)
    CHECK_OK(cachecore_delete(cache, &key, sizeof key));
  CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  calls = calls_made(CALL_MADVISE) - mappings;
  resident = stats_of(cache).bytes_resident;
  printf("%llu calls\n", (unsigned long long)calls);
  CHECK(calls >= COUNT && calls <= 3 * COUNT);
  for (key = 0; key < 10 * COUNT; key++) {
    /* Little of a hole is used, and free again beside the rest. */
    CHECK_OK(set_number(cache, 1000 + key, value, 100 + key, 0));
    if (key % 2) {
      uint64_t before = 1000 + key - 1;
      CHECK_OK(cachecore_delete(cache, &before, sizeof before));
    }
    CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  }
  CHECK(calls_made(CALL_MADVISE) <= mappings + calls + COUNT / 8);
  CHECK(stats_of(cache).bytes_resident < resident + SIZE);
  cachecore_close(cache);
}

/* A cache that grows from small values to large ones, and is refused addresses
 * for the first time at each step of that: then for good, or once.  What was
 * stored stays, and there is room again when there are addresses. */
static int refused_for_good;

static void grow_without_addresses(uint32_t flags, uint64_t first,
                                   uint64_t last) {
  enum { COUNT = 400, LARGE = 8 << 20 };
  static unsigned char value[LARGE], copy[LARGE];
  static int is_there[COUNT];
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  uint64_t key, stored = 0;
  size_t size;
  options.max_entries = 10000;
  options.shard_count = 2;
  options.policy = CACHECORE_POLICY_ADAPTIVE;
  options.flags = flags;
  CHECK_OK(cachecore_open(&options, &cache));
  fail_calls(CALL_MMAP, first, last);
  for (key = 0; key < COUNT; key++) {
    cachecore_status_t status;
    size = 100 + key * key;
    fill_pattern(value, size, key, 0);
    status = cachecore_set(cache, &key, sizeof key, value, size, 0);
    if (status != CACHECORE_OK) CHECK_INT(status, CACHECORE_E_NO_MEMORY);
    is_there[key] = status == CACHECORE_OK;
    stored += is_there[key];
  }
  if (last == UINT64_MAX) {
    /* Nothing makes way for a value that there are no addresses for. */
    uint64_t count = cachecore_count(cache);
    if (cachecore_set(cache, "large", 5, value, LARGE, 0) != CACHECORE_OK) {
      CHECK_INT(cachecore_count(cache), count);
      refused_for_good++;
    }
    stored += cachecore_count(cache) - count;
  }
  fail_nothing();
  for (key = 0; key < COUNT; key++) {
    cachecore_status_t status =
        cachecore_get(cache, &key, sizeof key, copy, sizeof copy, &size);
    if (flags & CACHECORE_NO_EVICT)
      CHECK_INT(status, is_there[key] ? CACHECORE_OK : CACHECORE_MISS);
    if (status != CACHECORE_OK) continue;
    CHECK(is_there[key] && holds_pattern(copy, size, key));
  }
  if (flags & CACHECORE_NO_EVICT) CHECK_INT(cachecore_count(cache), stored);
  for (key = 0; key < COUNT; key++) {
    fill_pattern(value, 50000, key, 1);
    CHECK_OK(cachecore_set(cache, &key, sizeof key, value, 50000, 0));
  }
  for (key = 0; key < COUNT; key++) {
    CHECK_OK(cachecore_get(cache, &key, sizeof key, copy, sizeof copy, &size));
    CHECK(size == 50000 && holds_pattern(copy, size, key));
  }
  CHECK_OK(cachecore_set(cache, "large", 5, value, LARGE, 0));
  cachecore_close(cache);
  CHECK_INT(bytes_mapped(), 0);
}

static void growth_fails(void) {
  uint64_t n = 0, made, kind, all[2] = {0, 0};
  for (kind = 0; kind < 4; kind++) {
    uint32_t flags = kind / 2 ? CACHECORE_NO_EVICT : 0;
    for (n = 0;; n++) {
      grow_without_addresses(flags, n, kind % 2 ? n : UINT64_MAX);
      made = calls_failed();
      if (made == 0) break;
      all[kind % 2] += made;
    }
    CHECK(n >= 4);
  }
  CHECK(refused_for_good >= 4);
  printf("%llu calls failed once, %llu for good\n", (unsigned long long)all[1],
         (unsigned long long)all[0]);
}

/* ---- Less memory than there should be ------------------------------------ */

static size_t address_space(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL);
  CHECK_INT(fscanf(file, "%lu", &pages), 1);
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* RLIMIT_AS, from nothing to plenty: open is refused, or the cache works in
 * whatever it could have. */
static void little_address_space(void) {
  size_t extra;
  int opened = 0, refused = 0;
  for (extra = 1 << 16; extra < (size_t)1 << 40; extra *= 4) {
    size_t kind;
    for (kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
      struct rlimit before, limit;
      CHECK_INT(getrlimit(RLIMIT_AS, &before), 0);
      limit = before;
      limit.rlim_cur = address_space() + extra;
      trial.options = kinds[kind];
      trial.may_fail = 1;
      memset(trial.salts, 0, sizeof trial.salts);
      CHECK_INT(setrlimit(RLIMIT_AS, &limit), 0);
      if (cachecore_open(&trial.options, &trial.cache) == CACHECORE_OK) {
        opened++;
        do_everything();
        CHECK_INT(setrlimit(RLIMIT_AS, &before), 0);
        trial.may_fail = 0;
        expect_to_work();
        cachecore_close(trial.cache);
      } else {
        refused++;
        CHECK_INT(setrlimit(RLIMIT_AS, &before), 0);
      }
      CHECK_INT(bytes_mapped(), 0);
    }
  }
  printf("%d opened, %d refused\n", opened, refused);
  CHECK(opened > 0 && refused > 0);
}

/* ---- A group of processes with little memory ----------------------------- */

static int write_to(const char *directory, const char *name,
                    const char *text) {
  char file_name[512];
  FILE *file;
  int is_written;
  snprintf(file_name, sizeof file_name, "%s/%s", directory, name);
  file = fopen(file_name, "w");
  if (file == NULL) return 0;
  is_written = fputs(text, file) >= 0;
  return fclose(file) == 0 && is_written;
}

/* A new control group with a limit, by either version; 0 if there is none to
 * be had. */
static int make_group(char *directory, size_t size, const char *limit) {
  snprintf(directory, size, "/sys/fs/cgroup/memory/cachecore-%d", getpid());
  if (mkdir(directory, 0755) == 0) {
    if (write_to(directory, "memory.limit_in_bytes", limit)) return 1;
    rmdir(directory);
  }
  snprintf(directory, size, "/sys/fs/cgroup/cachecore-%d", getpid());
  if (mkdir(directory, 0755) != 0) return 0;
  if (write_to(directory, "memory.max", limit) &&
      write_to(directory, "memory.swap.max", "0"))
    return 1;
  rmdir(directory);
  return 0;
}

/* Puts ten times its bound through a cache; how the process ended. */
static int churn_in(const char *group, uint64_t max_bytes) {
  static unsigned char bytes[4000];
  int status = 0;
  pid_t child;
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    cachecore_t *cache = open_plain(0, max_bytes);
    uint64_t key;
    char pid[32];
    snprintf(pid, sizeof pid, "%d", getpid());
    CHECK(write_to(group, "cgroup.procs", pid));
    for (key = 0; key * sizeof bytes < 10 * max_bytes; key++)
      CHECK_OK(set_number(cache, key, bytes, sizeof bytes, 0));
    cachecore_close(cache);
    _exit(0);
  }
  CHECK_INT(waitpid(child, &status, 0), child);
  return status;
}

/* The kernel as witness: a cache inside the group's memory lives, one that may
 * take more than there is does not. */
static void in_a_small_group(void) {
  char group[256];
  int within, beyond;
  if (!make_group(group, sizeof group, "25165824")) {
    SKIPPED("no control group with a memory limit can be made here");
    return;
  }
  within = churn_in(group, 16 << 20);
  beyond = churn_in(group, 64 << 20);
  rmdir(group);
  CHECK_INT(within, 0);
  CHECK(WIFSIGNALED(beyond) && WTERMSIG(beyond) == SIGKILL);
}

TESTS(T(every_call_is_known), T(first_calloc_fails), T(atfork_fails),
      T(nothing_is_allocated), T(nothing_is_returned_twice),
      T(mmap_fails), T(growth_fails),
      T(madvise_fails), T(calloc_fails), T(pthread_create_fails),
      T(getrandom_fails), T(sysconf_fails), T(clock_gettime_fails),
      T(futex_fails), T(no_wait_waits), T(no_memory_ends_claims),
      T(little_address_space), T(in_a_small_group))
