/*
 * pthread_cancel: no function of the library is where a thread ends.
 *
 * Deferred cancellation takes effect in a cancellation point alone.  So a
 * thread that has been cancelled, and not ended yet, goes through the library:
 * it must come out again, whatever it waited for.  This program stands between
 * the library and libc, and makes what may be a cancellation point one at every
 * call, not only when the call has to wait.
 */
#include <dlfcn.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "claims.h"
#include "sweeper.h"

/* ---- Cancellation points that always are --------------------------------- */

#define REAL(name)                                                     \
  static __typeof__(&name) real;                                       \
  if (real == NULL) {                                                  \
    void *found_ = dlsym(RTLD_NEXT, #name);                            \
    memcpy(&real, &found_, sizeof real);                               \
  }                                                                    \
  pthread_testcancel();

int nanosleep(const struct timespec *time, struct timespec *left) {
  REAL(nanosleep)
  return real(time, left);
}

int pthread_join(pthread_t thread, void **result) {
  REAL(pthread_join)
  return real(thread, result);
}

long sysconf(int name) {
  REAL(sysconf)
  return real(name);
}

/* ---- A thread that is cancelled and goes on ------------------------------ */

typedef void body_t(cachecore_t *);

static struct {
  body_t *body;
  cachecore_t *cache;
  volatile int line; /* the last one that was reached */
  volatile int has_finished;
} doomed;

/* The call that follows must return. */
#define NEXT doomed.line = __LINE__

static void *be_doomed(void *unused) {
  (void)unused;
  CHECK_INT(pthread_cancel(pthread_self()), 0);
  doomed.body(doomed.cache);
  doomed.has_finished = 1;
  pthread_testcancel();
  return NULL;
}

/* Runs `body` on a thread that ends at the first cancellation point. */
static void run_cancelled(cachecore_t *cache, body_t *body) {
  pthread_t thread;
  void *result;
  doomed.body = body;
  doomed.cache = cache;
  doomed.has_finished = 0;
  CHECK_INT(pthread_create(&thread, NULL, be_doomed, NULL), 0);
  CHECK_INT(pthread_join(thread, &result), 0);
  if (!doomed.has_finished)
    check_failed(__FILE__, doomed.line, "the thread ended in this call");
  CHECK(result == PTHREAD_CANCELED);
}

/* ---- Every function ------------------------------------------------------ */

static void open_one(cachecore_t *unused) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  (void)unused;
  options.max_bytes = 8 << 20;
  options.flags = CACHECORE_REPORT_REMOVALS;
  NEXT; CHECK_OK(cachecore_open(&options, &doomed.cache));
}

static void read_and_write(cachecore_t *cache) {
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_value_t value;
  int64_t number;
  char buffer[8];
  size_t size;
  NEXT; CHECK_OK(cachecore_set(cache, "a", 1, "1", 1, 0));
  NEXT; CHECK_OK(cachecore_set_until(cache, "b", 1, "2", 1, INT64_MAX));
  NEXT; CHECK_OK(cachecore_add(cache, "c", 1, "3", 1, 1000));
  NEXT; CHECK_OK(cachecore_replace(cache, "c", 1, "4", 1, 0));
  NEXT; CHECK_OK(cachecore_get(cache, "c", 1, buffer, sizeof buffer, &size));
  NEXT; CHECK_OK(cachecore_get_with_info(cache, "c", 1, buffer, sizeof buffer,
                                         &size, &info));
  NEXT; CHECK_OK(cachecore_peek(cache, "c", 1, buffer, sizeof buffer, &size));
  NEXT; CHECK_OK(cachecore_contains(cache, "c", 1));
  NEXT; CHECK_OK(cachecore_ttl(cache, "c", 1, &number));
  NEXT; CHECK_OK(cachecore_inspect(cache, "c", 1, &info));
  NEXT; CHECK_OK(cachecore_compare_and_set(cache, "c", 1, "5", 1,
                                           info.version, 0));
  NEXT; CHECK_OK(cachecore_increment(cache, "n", 1, 1, 1, 0, &number));
  NEXT; CHECK_OK(cachecore_touch(cache, "n", 1, 1000));
  NEXT; CHECK_OK(cachecore_acquire(cache, "c", 1, &value));
  NEXT; CHECK_OK(cachecore_delete(cache, "c", 1));
  NEXT; cachecore_release(&value);
}

static void claim_and_end(cachecore_t *cache) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT, seen;
  char buffer[8];
  size_t size;
  NEXT; CHECK_INT(cachecore_get_or_claim(cache, "m", 1, buffer, sizeof buffer,
                                         &size, &claim), CACHECORE_CLAIMED);
  seen = claim;
  NEXT; CHECK_INT(cachecore_claim_wait(cache, "m", 1, &seen, 1),
                  CACHECORE_E_TIMEOUT);
  NEXT; CHECK_OK(cachecore_abandon(cache, "m", 1, 1, &claim));
  NEXT; claim = take_claim(cache, "m");
  NEXT; CHECK_OK(cachecore_fulfill_absent(cache, "m", 1, HOUR, &claim));
  NEXT; claim = take_claim(cache, "l");
  NEXT; CHECK_OK(cachecore_fulfill(cache, "l", 1, "v", 1, 0, &claim));
  NEXT; CHECK_OK(cachecore_claim_wait(cache, "l", 1, &seen, HOUR));
}

static void many_at_once(cachecore_t *cache) {
  const void *keys[2] = {"a", "b"}, *values[2] = {"1", "2"};
  const size_t sizes[2] = {1, 1}, capacities[2] = {8, 8};
  char first[8], second[8];
  void *buffers[2] = {first, second};
  size_t sizes_out[2], offsets[] = {0, 1, 2};
  cachecore_status_t statuses[2];
  NEXT; CHECK_OK(cachecore_set_many(cache, 2, keys, sizes, values, sizes, NULL,
                                    NULL));
  NEXT; CHECK_OK(cachecore_get_many(cache, 2, keys, sizes, buffers, capacities,
                                    sizes_out, NULL));
  NEXT; CHECK_OK(cachecore_delete_many(cache, 2, keys, sizes, NULL, NULL));
  NEXT; CHECK_OK(cachecore_set_packed(cache, 2, "ab", offsets, "12", offsets,
                                      NULL, NULL));
  NEXT; CHECK_OK(cachecore_get_packed(cache, 2, "ab", offsets, buffers[0], 2,
                                      sizes_out, statuses));
  NEXT; CHECK_OK(cachecore_delete_packed(cache, 2, "ab", offsets, NULL, NULL));
}

/* The test's own file. */
static const char *saved_to(void) {
  static char path[64];
  snprintf(path, sizeof path, "/tmp/cachecore-cancel-test.%ld",
           (long)getpid());
  return path;
}

static void the_whole_cache(cachecore_t *cache) {
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  cachecore_window_t window = CACHECORE_WINDOW_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  uint64_t buffer[256], cursor = 0, key;
  size_t size;
  for (key = 0; key < 10000; key++) {
    NEXT; CHECK_OK(set_number(cache, key, buffer, key % 1000, key % 3));
  }
  NEXT; CHECK_OK(cachecore_scan(cache, &cursor, NULL, 0, buffer, sizeof buffer,
                                &size, NULL));
  NEXT; CHECK_OK(cachecore_take_removals(cache, buffer, sizeof buffer, &size,
                                         NULL));
  NEXT; CHECK_OK(cachecore_delete_prefix(cache, "\x88\x13", 2, NULL));
  NEXT; CHECK(cachecore_count(cache) > 0);
  NEXT; CHECK_OK(cachecore_cleanup_expired(cache, 0, NULL));
  NEXT; CHECK_OK(cachecore_coldest(cache, 9, buffer, sizeof buffer, &size,
                                   NULL));
  NEXT; CHECK_OK(cachecore_hottest(cache, 9, buffer, sizeof buffer, &size,
                                   NULL));
  NEXT; CHECK_OK(cachecore_evict(cache, 100, NULL));
  NEXT; CHECK_OK(cachecore_resize(cache, 0, 16 << 20));
  NEXT; CHECK_OK(cachecore_stats(cache, &stats));
  NEXT; CHECK_OK(cachecore_window(cache, 0, &window));
  NEXT; CHECK_OK(cachecore_audit(cache, NULL, 0, NULL, &audit));
  NEXT; CHECK_OK(cachecore_reset_stats(cache));
  NEXT; CHECK_OK(cachecore_save(cache, saved_to(), NULL));
  NEXT; CHECK_OK(cachecore_clear(cache));
  NEXT; CHECK_OK(cachecore_load(cache, saved_to(), NULL));
  NEXT; CHECK_INT(cachecore_advance_clock(cache, 1), CACHECORE_E_STATE);
}

static void its_sweeper(cachecore_t *cache) {
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;
  NEXT; CHECK_OK(cachecore_sweeper_start(cache, NULL));
  NEXT; CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
  NEXT; CHECK_OK(cachecore_sweeper_pause(cache));
  NEXT; CHECK_OK(cachecore_sweeper_set_interval(cache, HOUR));
  NEXT; CHECK_OK(cachecore_sweeper_resume(cache));
  NEXT; CHECK_OK(cachecore_sweeper_status(cache, &status));
  NEXT; CHECK_OK(cachecore_sweeper_stop(cache, 0));
  NEXT; CHECK_OK(cachecore_sweeper_start(cache, NULL)); /* for close to stop */
}

static void close_it(cachecore_t *cache) {
  NEXT; cachecore_close(cache);
}

static void every_function_returns(void) {
  int i;
  for (i = 0; i < 20; i++) {
    run_cancelled(NULL, open_one);
    run_cancelled(doomed.cache, read_and_write);
    run_cancelled(doomed.cache, claim_and_end);
    run_cancelled(doomed.cache, many_at_once);
    run_cancelled(doomed.cache, the_whole_cache);
    run_cancelled(doomed.cache, its_sweeper);
    run_cancelled(doomed.cache, close_it);
  }
  CHECK(remove(saved_to()) == 0);
}

/* ---- While it waits ------------------------------------------------------ */

static void give_up_stopping(cachecore_t *cache) {
  cachecore_status_t status;
  NEXT; status = cachecore_sweeper_stop(cache, 1);
  CHECK(status == CACHECORE_OK || status == CACHECORE_E_TIMEOUT);
}

static void start_again(cachecore_t *cache) {
  NEXT; CHECK_OK(cachecore_sweeper_start(cache, NULL));
  NEXT; CHECK_OK(cachecore_sweeper_stop(cache, 0));
}

static void trigger_and_wait(cachecore_t *cache) {
  NEXT; CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
}

/* A sweep that is one long slice: stop and trigger wait for its end, and start
 * joins the thread that was not waited for. */
static void waits_for_the_sweeper(void) {
  enum { COUNT = 300000 };
  cachecore_t *cache = open_exact(COUNT, 0, 0);
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  options.interval_ms = HOUR;
  options.max_slice_us = 60000000;
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  leave_expired(cache, 0, COUNT);
  run_cancelled(cache, trigger_and_wait);
  CHECK_OK(cachecore_sweeper_stop(cache, 0));
  leave_expired(cache, 0, COUNT);
  options.flags = CACHECORE_SWEEPER_RUN_AT_ONCE;
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  run_cancelled(cache, give_up_stopping);
  while (sweeper_of(cache).state != CACHECORE_SWEEPER_STOPPED) sleep_ms(1);
  run_cancelled(cache, start_again);
  run_cancelled(cache, close_it);
}

static void *abandon_soon(void *argument) {
  cachecore_claim_t claim = *(cachecore_claim_t *)argument;
  sleep_ms(20);
  CHECK_OK(abandon(doomed.cache, "k", 0, &claim));
  return NULL;
}

static cachecore_claim_t waited_for;

static void wait_for_a_claim(cachecore_t *cache) {
  NEXT; CHECK_OK(wait_for(cache, "k", &waited_for, HOUR));
}

/* It is woken by another thread, and ends only after that. */
static void waits_for_a_claim(void) {
  cachecore_t *cache = open_plain(100, 0);
  pthread_t thread;
  waited_for = take_claim(cache, "k");
  doomed.cache = cache;
  CHECK_INT(pthread_create(&thread, NULL, abandon_soon, &waited_for), 0);
  run_cancelled(cache, wait_for_a_claim);
  CHECK_INT(pthread_join(thread, NULL), 0);
  cachecore_close(cache);
}

enum { READERS = 16 };

static int readers_are_enough;

static void stay_on_one_core(void) {
  cpu_set_t allowed, one;
  int core = 0;
  CHECK_INT(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  while (!CPU_ISSET(core, &allowed)) core++;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  CHECK_INT(pthread_setaffinity_np(pthread_self(), sizeof one, &one), 0);
}

/* Interrupted now and then with a pin in its hands, and seldom let on. */
static void *read_when_idle(void *cache) {
  struct sched_param none = {0};
  uint64_t key = 0;
  stay_on_one_core();
  pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
  while (!is_raised(&readers_are_enough)) {
    cachecore_value_t value;
    key ^= 1;
    if (cachecore_acquire(cache, &key, sizeof key, &value) == CACHECORE_OK)
      cachecore_release(&value);
  }
  return NULL;
}

/* It waits for pins, with naps, while it holds the lock of the only shard. */
static void write_beside_readers(cachecore_t *cache) {
  double end = now_ms() + test_duration_ms(1000);
  uint64_t key = 0;
  stay_on_one_core();
  while (now_ms() < end) {
    NEXT; CHECK_OK(set_number(cache, key ^= 1, "value", 5, 0));
    if (key) sched_yield();
  }
}

static void waits_for_readers(void) {
  cachecore_t *cache = open_exact(100, 0, 0);
  pthread_t readers[READERS];
  int i;
  for (i = 0; i < 2; i++)
    CHECK_OK(set_number(cache, (uint64_t)i, "value", 5, 0));
  for (i = 0; i < READERS; i++)
    CHECK_INT(pthread_create(&readers[i], NULL, read_when_idle, cache), 0);
  run_cancelled(cache, write_beside_readers);
  raise_flag(&readers_are_enough);
  for (i = 0; i < READERS; i++) CHECK_INT(pthread_join(readers[i], NULL), 0);
  CHECK_OK(set_number(cache, 0, "value", 5, 0));
  cachecore_close(cache);
}

/* ---- fork ---------------------------------------------------------------- */

static pid_t child;

static void fork_and_write(cachecore_t *cache) {
  NEXT; child = fork();
  if (child == 0) {
    alarm(10); /* a lock held for ever ends here */
    CHECK_OK(set_text(cache, "a", "child", 0));
    _exit(0);
  }
  NEXT; CHECK_OK(set_text(cache, "a", "parent", 0));
}

/* Handlers that were installed before the library's run while it holds every
 * lock there is. */
static void fork_handlers_of_others(void) {
  cachecore_t *cache;
  int status = -1;
  CHECK_INT(pthread_atfork(pthread_testcancel, pthread_testcancel,
                           pthread_testcancel), 0);
  cache = open_plain(1000, 0);
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  fflush(NULL);
  run_cancelled(cache, fork_and_write);
  CHECK_INT(waitpid(child, &status, 0), child);
  CHECK_INT(status, 0);
  CHECK_TEXT(cache, "a", "parent");
  cachecore_close(cache);
}

TESTS(T(every_function_returns), T(waits_for_the_sweeper),
      T(waits_for_a_claim), T(waits_for_readers), T(fork_handlers_of_others))
