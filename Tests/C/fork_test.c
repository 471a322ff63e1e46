/* fork in the middle of everything: the child has a private, working copy of
 * the cache, whichever thread held what, and a sweeper as its options say. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

enum { CHILD_SECONDS = 10, KEPT = 100 };

/* Runs `body` in a child; it must end by itself, and well. */
static void in_child(cachecore_t *cache, void (*body)(cachecore_t *)) {
  int status = 0;
  pid_t child;
  fflush(NULL);
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    alarm(CHILD_SECONDS); /* a lock held for ever ends here */
    body(cache);
    _exit(0);
  }
  CHECK_INT(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status))
    check_failed(__FILE__, __LINE__, "the child: %s",
                 WTERMSIG(status) == SIGALRM ? "no end" :
                 strsignal(WTERMSIG(status)));
  CHECK_INT(WEXITSTATUS(status), 0);
}

static void keep_some(cachecore_t *cache) {
  unsigned char bytes[100];
  uint64_t key;
  for (key = 0; key < KEPT; key++) {
    fill_pattern(bytes, sizeof bytes, key, 0);
    CHECK_OK(set_number(cache, key, bytes, sizeof bytes, 0));
  }
}

static void check_kept(cachecore_t *cache) {
  unsigned char bytes[100];
  uint64_t key;
  size_t size;
  for (key = 0; key < KEPT; key++) {
    CHECK_OK(cachecore_get(cache, &key, sizeof key, bytes, 100, &size));
    CHECK(holds_pattern(bytes, size, key));
  }
}

/* Everything once, each shard's lock and each allocator included. */
static void use_fully(cachecore_t *cache) {
  unsigned char bytes[1000];
  uint64_t key, cursor = 0, removed, buffer[128];
  size_t size;
  check_kept(cache);
  for (key = 5000; key < 10000; key++) {
    size = 10 + key % 990;
    fill_pattern(bytes, size, key, 1);
    CHECK_OK(set_number(cache, key, bytes, size, key % 2 ? 1 : 0));
    CHECK(cachecore_get(cache, &key, 8, bytes, sizeof bytes, &size) >= 0);
  }
  do
    CHECK_OK(cachecore_scan(cache, &cursor, NULL, 0, buffer, sizeof buffer,
                            &size, NULL));
  while (cursor != 0);
  CHECK_OK(cachecore_delete_prefix(cache, "\x88\x13", 2, &removed));
  sleep_ms(25);
  CHECK_OK(cachecore_cleanup_expired(cache, 0, &removed));
  check_kept(cache);
  CHECK_OK(cachecore_clear(cache));
  CHECK_INT(cachecore_count(cache), 0);
  cachecore_close(cache);
}

static void quiet_fork(void) {
  cachecore_t *cache = open_plain(0, 8 << 20);
  keep_some(cache);
  in_child(cache, use_fully);
  check_kept(cache); /* what the child did was done to its own copy */
  CHECK_INT(cachecore_count(cache), KEPT);
  cachecore_close(cache);
}

static void child_leaves_by_exit(cachecore_t *cache) {
  (void)cache;
  exit(0); /* runs destructors, ours too if there are any */
}

static void exit_in_the_child(void) {
  cachecore_t *cache = open_plain(1000, 0);
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  in_child(cache, child_leaves_by_exit);
  cachecore_close(cache);
}

/* ---- The sweeper --------------------------------------------------------- */

static void expect_stopped(cachecore_t *cache) {
  uint64_t removed;
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_STOPPED);
  CHECK_INT(sweeper_of(cache).healthy, 0);
  CHECK_INT(cachecore_sweeper_stop(cache, 0), CACHECORE_E_STATE);
  CHECK_INT(cachecore_sweeper_trigger(cache, &removed), CACHECORE_E_STATE);
  CHECK_OK(cachecore_sweeper_start(cache, NULL)); /* it can be had again */
  CHECK_OK(cachecore_sweeper_trigger(cache, &removed));
  CHECK_OK(cachecore_sweeper_stop(cache, 60000));
  cachecore_close(cache);
}

static void expect_restarted(cachecore_t *cache) {
  uint64_t removed = 0;
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_RUNNING);
  CHECK_INT(sweeper_of(cache).interval_ms, 3600000);
  CHECK_OK(cachecore_sweeper_trigger(cache, &removed));
  CHECK_INT(sweeper_of(cache).healthy, 1);
  CHECK_OK(cachecore_sweeper_stop(cache, 60000));
  cachecore_close(cache);
}

static void sweeper_in_the_child(void) {
  cachecore_t *cache = open_plain(1000, 0);
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  options.interval_ms = 3600000;
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  in_child(cache, expect_stopped);
  CHECK_OK(cachecore_sweeper_stop(cache, 60000)); /* ours runs on */
  options.flags = CACHECORE_SWEEPER_RESTART_AFTER_FORK;
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  in_child(cache, expect_restarted);
  CHECK_OK(cachecore_sweeper_stop(cache, 60000));
  in_child(cache, expect_stopped); /* stopped before: stays so */
  cachecore_close(cache);
}

/* ---- Under load ---------------------------------------------------------- */

static int hammering;

static void *hammer(void *argument) {
  cachecore_t *cache = (cachecore_t *)argument;
  static uint64_t next_seed;
  uint64_t seed = __atomic_add_fetch(&next_seed, 77, __ATOMIC_RELAXED);
  unsigned char bytes[600];
  while (is_raised(&hammering)) {
    uint64_t key = 1000 + random_below(&seed, 3000), buffer[64], cursor = 0;
    size_t size = random_below(&seed, sizeof bytes);
    fill_pattern(bytes, size, key, seed);
    switch (random_below(&seed, 8)) {
      case 0: cachecore_delete(cache, &key, 8); break;
      case 1: cachecore_get(cache, &key, 8, bytes, sizeof bytes, &size); break;
      case 2: stats_of(cache); break;
      case 3:
        cachecore_scan(cache, &cursor, NULL, 0, buffer, sizeof buffer, &size,
                       NULL);
        break;
      case 4: cachecore_cleanup_expired(cache, 10, NULL); break;
      default: set_number(cache, key, bytes, size, key % 3 ? 2 : 0);
    }
  }
  return NULL;
}

static void fork_under_load(uint32_t flags, void (*body)(cachecore_t *)) {
  enum { THREADS = 6, FORKS = 60 };
  cachecore_t *cache = open_plain(0, 8 << 20);
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  pthread_t threads[THREADS];
  int i;
  options.interval_ms = 1;
  options.flags = flags;
  keep_some(cache);
  CHECK_OK(cachecore_sweeper_start(cache, &options));
  raise_flag(&hammering);
  for (i = 0; i < THREADS; i++)
    CHECK_INT(pthread_create(&threads[i], NULL, hammer, cache), 0);
  for (i = 0; i < FORKS; i++) in_child(cache, body);
  lower_flag(&hammering);
  for (i = 0; i < THREADS; i++) CHECK_INT(pthread_join(threads[i], NULL), 0);
  check_kept(cache);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void use_with_sweeper(cachecore_t *cache) {
  CHECK_INT(sweeper_of(cache).state, CACHECORE_SWEEPER_RUNNING);
  CHECK_OK(cachecore_sweeper_trigger(cache, NULL));
  use_fully(cache);
}

static void hammered(void) { fork_under_load(0, use_fully); }
static void hammered_and_swept(void) {
  fork_under_load(CACHECORE_SWEEPER_RESTART_AFTER_FORK, use_with_sweeper);
}

/* A value lent in the parent is lent in the child as well, each its own. */
static cachecore_value_t lent;

static void give_back_lent(cachecore_t *cache) {
  CHECK(holds_pattern(lent.data, lent.size, 5));
  cachecore_release(&lent);
  use_fully(cache);
}

static void lent_across_fork(void) {
  cachecore_t *cache = open_plain(0, 8 << 20);
  uint64_t key = 5;
  keep_some(cache);
  CHECK_OK(cachecore_acquire(cache, &key, sizeof key, &lent));
  in_child(cache, give_back_lent);
  CHECK(holds_pattern(lent.data, lent.size, 5));
  cachecore_release(&lent);
  check_kept(cache);
  cachecore_close(cache);
}

static void fork_again(cachecore_t *cache) {
  in_child(cache, use_fully);
  use_fully(cache);
}

static void grandchildren(void) {
  cachecore_t *cache = open_plain(0, 8 << 20);
  keep_some(cache);
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  in_child(cache, fork_again);
  check_kept(cache);
  cachecore_close(cache);
}

TESTS(T(quiet_fork), T(exit_in_the_child), T(sweeper_in_the_child),
      T(hammered), T(hammered_and_swept), T(lent_across_fork),
      T(grandchildren))
