/* A cache that processes share: that they see one cache, who may open it, what
 * is left when they end. */
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static char path[64];

static cachecore_options_t options(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  options.max_entries = 10000;
  options.max_bytes = 32 << 20;
  return options;
}

static cachecore_t *opened(void) {
  cachecore_options_t o = options();
  new_path(path, sizeof path);
  return open_path(path, &o);
}

static cachecore_status_t open_with(uint32_t flags, uint32_t cache_flags,
                                    cachecore_t **out) {
  cachecore_options_t o = options();
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  o.flags = cache_flags;
  shared.path = path;
  shared.flags = flags;
  return cachecore_open_shared(&o, &shared, out);
}

static void put(cachecore_t *cache, const char *key, const char *value) {
  CHECK_OK(cachecore_set(cache, key, strlen(key), value, strlen(value), 0));
}

static bool has(cachecore_t *cache, const char *key, const char *value) {
  char found[64];
  size_t size = 0;
  return cachecore_get(cache, key, strlen(key), found, sizeof found, &size) ==
             CACHECORE_OK &&
         size == strlen(value) && memcmp(found, value, size) == 0;
}

static cachecore_shared_info_t info_of(cachecore_t *cache) {
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  CHECK_OK(cachecore_shared_info(cache, &info));
  return info;
}

static void nap_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

/* Runs `body` in a child and waits until it has ended well. */
static void in_child(void (*body)(void)) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Runs `body` in a child, which then is killed. */
static void in_killed_child(void (*body)(void)) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    body();
    raise(SIGKILL);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static cachecore_t *cache;

/* ---- One cache ----------------------------------------------------------- */

static void other_writes(void) {
  cachecore_t *own = NULL;
  CHECK_OK(open_with(CACHECORE_SHARED_ATTACH_ONLY, 0, &own));
  CHECK(has(own, "a", "1"));
  put(own, "b", "2");
  /* And the child has its parent's handle. */
  CHECK_INT(info_of(own).processes, 3);
  cachecore_close(own);
}

static void all_see_one_cache(void) {
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  cache = opened();
  put(cache, "a", "1");
  in_child(other_writes);
  CHECK(has(cache, "b", "2"));
  CHECK_INT(cachecore_count(cache), 2);
  CHECK_OK(cachecore_stats(cache, &stats));
  CHECK_INT(stats.hits, 2);
  CHECK_INT(stats.inserts, 2);
  CHECK_INT(info_of(cache).processes, 1);
  cachecore_close(cache);
  unlink(path);
}

static void child_goes_on(void) {
  CHECK(has(cache, "a", "1"));
  put(cache, "b", "2");
  CHECK_INT(info_of(cache).processes, 2);
}

static void a_child_of_fork_goes_on(void) {
  cache = opened();
  put(cache, "a", "1");
  in_child(child_goes_on);
  CHECK(has(cache, "b", "2"));
  in_killed_child(child_goes_on);
  CHECK_INT(info_of(cache).processes, 1);
  cachecore_close(cache);
  unlink(path);
}


static int fd = -1;

static void by_descriptor(void) {
  cachecore_options_t o = options();
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_t *own = NULL;
  shared.fd = fd;
  CHECK_OK(cachecore_open_shared(&o, &shared, &own));
  CHECK(has(own, "a", "1"));
  put(own, "b", "2");
  cachecore_close(own);
}

static void a_memfd_is_handed_on(void) {
  cachecore_options_t o = options();
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  CHECK_OK(cachecore_open_shared(&o, &shared, &cache));
  put(cache, "a", "1");
  CHECK_OK(cachecore_shared_fd(cache, &fd));
  CHECK(fd >= 0);
  in_child(by_descriptor);
  CHECK(has(cache, "b", "2"));
  CHECK_INT(info_of(cache).unlinked, 0);
  cachecore_close(cache);
}

/* A program that becomes a daemon closes what it did not open. */
static void descriptors_may_be_closed(void) {
  cache = opened();
  put(cache, "a", "1");
  for (int i = 3; i < 4096; i++) close(i);
  CHECK(has(cache, "a", "1"));
  for (int i = 0; i < 3000; i++) {
    char key[16];
    snprintf(key, sizeof key, "key %d", i);
    put(cache, key, "some value that takes pages that were not there before");
  }
  in_killed_child(child_goes_on);
  CHECK_INT(info_of(cache).processes, 1);
  cachecore_close(cache);
  unlink(path);
}

/* ---- What is there ------------------------------------------------------- */

static void what_may_be_there(void) {
  cachecore_t *none = (cachecore_t *)&path;
  new_path(path, sizeof path);
  CHECK_INT(open_with(CACHECORE_SHARED_ATTACH_ONLY, 0, &none),
            CACHECORE_E_STATE);
  CHECK(none == NULL && strlen(cachecore_open_error()) > 0);
  CHECK(access(path, F_OK) != 0);
  CHECK_OK(open_with(CACHECORE_SHARED_CREATE_ONLY, 0, &cache));
  CHECK_INT(open_with(CACHECORE_SHARED_CREATE_ONLY, 0, &none),
            CACHECORE_E_STATE);
  CHECK_INT(open_with(0, CACHECORE_NO_EVICT, &none), CACHECORE_E_STATE);
  CHECK_INT(open_with(0, CACHECORE_MANUAL_CLOCK, &none), CACHECORE_E_STATE);
  CHECK_INT(open_with(0, CACHECORE_REPORT_REMOVALS, &none),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(open_with(16, 0, &none), CACHECORE_E_ARGUMENT);
  CHECK_INT(open_with(CACHECORE_SHARED_READ_ONLY | CACHECORE_SHARED_REPLACE, 0,
                      &none),
            CACHECORE_E_ARGUMENT);
  put(cache, "a", "1");
  /* Two handles of one process are two that share it. */
  {
    cachecore_t *second = NULL;
    CHECK_OK(open_with(0, 0, &second));
    CHECK(has(second, "a", "1"));
    CHECK_INT(info_of(second).processes, 2);
    cachecore_close(second);
  }
  /* A new file in its place; who has the old one keeps it. */
  {
    cachecore_t *new_one = NULL;
    CHECK_OK(open_with(CACHECORE_SHARED_REPLACE, 0, &new_one));
    CHECK(!has(new_one, "a", "1"));
    CHECK(has(cache, "a", "1"));
    CHECK_INT(info_of(cache).unlinked, 1);
    CHECK_INT(info_of(new_one).unlinked, 0);
    cachecore_close(new_one);
  }
  cachecore_close(cache);
  unlink(path);
}

static void what_a_file_may_be(void) {
  cachecore_t *none;
  int file;
  struct stat before, after;
  char other[80];
  new_path(path, sizeof path);
  file = open(path, O_CREAT | O_RDWR, 0600);
  CHECK(write(file, "not a cache, but long enough", 28) == 28);
  CHECK(fstat(file, &before) == 0);
  for (uint32_t flags = 0; flags <= 4; flags += flags ? flags : 1)
    CHECK_INT(open_with(flags, 0, &none), CACHECORE_E_LAYOUT);
  CHECK(fstat(file, &after) == 0);
  CHECK(after.st_size == 28 && after.st_nlink == 1);
  CHECK(fchmod(file, 0622) == 0 && ftruncate(file, 0) == 0);
  CHECK_INT(open_with(0, 0, &none), CACHECORE_E_ACCESS);
  CHECK(fchmod(file, 0600) == 0);
  snprintf(other, sizeof other, "%s.link", path);
  CHECK(rename(path, other) == 0 && symlink(other, path) == 0);
  CHECK_INT(open_with(0, 0, &none), CACHECORE_E_ACCESS);
  CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
  CHECK_INT(open_with(0, 0, &none), CACHECORE_E_ACCESS);
  CHECK(rmdir(path) == 0 && mkfifo(path, 0600) == 0);
  CHECK_INT(open_with(0, 0, &none), CACHECORE_E_ACCESS);
  CHECK(unlink(path) == 0);
  /* An empty file of ours will do. */
  CHECK(rename(other, path) == 0);
  CHECK_OK(open_with(0, 0, &cache));
  CHECK(fstat(file, &after) == 0);
  CHECK((after.st_mode & 0777) == 0600);
  cachecore_close(cache);
  close(file);
  unlink(path);
}

/* Whatever byte of what a cache begins with is another: it is refused, or it
 * works, and never a crash. */
static void a_damaged_file_is_no_crash(void) {
  unsigned seed = (unsigned)time(NULL);
  printf("seed %u\n", seed);
  srand(seed);
  for (int round = 0; round < 200; round++) {
    cachecore_t *own = NULL;
    cachecore_status_t status;
    int file;
    cache = opened();
    for (int i = 0; i < 200; i++) {
      char key[16];
      snprintf(key, sizeof key, "key %d", i);
      put(cache, key, "some value");
    }
    cachecore_close(cache);
    file = open(path, O_RDWR);
    for (int i = 0; i < 1 + round % 8; i++) {
      unsigned char byte = (unsigned char)rand();
      off_t place = rand() % (round % 2 ? 1024 : 32768);
      CHECK(pwrite(file, &byte, 1, place) == 1);
    }
    close(file);
    status = open_with(0, 0, &own);
    if (status == CACHECORE_OK) {
      for (int i = 0; i < 400; i++) {
        char key[16];
        snprintf(key, sizeof key, "key %d", i);
        has(own, key, "some value");
        cachecore_set(own, key, strlen(key), "another value", 13, 0);
      }
      cachecore_close(own);
    } else {
      CHECK(status < 0 && own == NULL);
    }
    unlink(path);
  }
}

/* ---- What the dead leave ------------------------------------------------- */

static void acquires(void) {
  cachecore_value_t value;
  CHECK_OK(cachecore_acquire(cache, "a", 1, &value));
  CHECK_OK(cachecore_acquire(cache, "a", 1, &value));
}

static void values_of_the_dead_come_back(void) {
  cachecore_stats_t before = CACHECORE_STATS_INIT, after = CACHECORE_STATS_INIT;
  static char large[1 << 20];
  cachecore_options_t o = options();
  new_path(path, sizeof path);
  o.max_bytes = 8 << 20;
  o.shard_count = 1;
  cache = open_path(path, &o);
  CHECK_OK(cachecore_stats(cache, &before));
  CHECK_OK(cachecore_set(cache, "a", 1, large, sizeof large, 0));
  in_killed_child(acquires);
  CHECK_OK(cachecore_delete(cache, "a", 1));
  CHECK_INT(cachecore_count(cache), 0);
  {
    /* Who comes next takes from the dead what they had. */
    cachecore_t *second = NULL;
    CHECK_OK(open_with(0, 0, &second));
    CHECK_INT(info_of(second).borrows_reclaimed, 2);
    cachecore_close(second);
  }
  CHECK_OK(cachecore_clear(cache));
  CHECK_OK(cachecore_stats(cache, &after));
  CHECK(after.bytes_used <= before.bytes_used + (64 << 10));
  cachecore_close(cache);
  unlink(path);
}

static cachecore_value_t lent;

static void ignores_the_parents(void) {
  cachecore_release(&lent);
  CHECK_OK(cachecore_delete(cache, "a", 1));
}

static void a_parents_value_stays_its_own(void) {
  cache = opened();
  put(cache, "a", "1");
  CHECK_OK(cachecore_acquire(cache, "a", 1, &lent));
  in_child(ignores_the_parents);
  for (int i = 0; i < 100; i++) {
    char key[16];
    snprintf(key, sizeof key, "key %d", i);
    put(cache, key, "2");
  }
  CHECK(lent.size == 1 && *(const char *)lent.data == '1');
  cachecore_release(&lent);
  cachecore_close(cache);
  unlink(path);
}

static void claims(void) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  size_t size;
  CHECK_INT(cachecore_get_or_claim(cache, "k", 1, NULL, 0, &size, &claim),
            CACHECORE_CLAIMED);
  nap_ms(200);
}

static void a_claim_of_the_dead_is_anybodys(void) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  struct timespec begin, end;
  size_t size;
  int status;
  pid_t child;
  cache = opened();
  child = fork();
  if (child == 0) {
    claims();
    nap_ms(60000);
    _exit(0);
  }
  nap_ms(100);
  CHECK_INT(cachecore_get_or_claim(cache, "k", 1, NULL, 0, &size, &claim),
            CACHECORE_PENDING);
  CHECK_INT(cachecore_claim_wait(cache, "k", 1, &claim, 0),
            CACHECORE_E_TIMEOUT);
  kill(child, SIGKILL);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  CHECK_OK(cachecore_claim_wait(cache, "k", 1, &claim, 10000));
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("waited %.1f ms\n", (double)(end.tv_sec - begin.tv_sec) * 1e3 +
                                 (double)(end.tv_nsec - begin.tv_nsec) / 1e6);
  CHECK_INT(cachecore_get_or_claim(cache, "k", 1, NULL, 0, &size, &claim),
            CACHECORE_CLAIMED);
  CHECK_OK(cachecore_fulfill(cache, "k", 1, "v", 1, 0, &claim));
  waitpid(child, &status, 0);
  cachecore_close(cache);
  unlink(path);
}

static uint64_t parents_token;

static void cannot_fulfill(void) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  claim.token = parents_token;
  CHECK_INT(cachecore_fulfill(cache, "k", 1, "v", 1, 0, &claim),
            CACHECORE_CONFLICT);
}

static void a_claim_stays_the_parents(void) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  size_t size;
  cache = opened();
  CHECK_INT(cachecore_get_or_claim(cache, "k", 1, NULL, 0, &size, &claim),
            CACHECORE_CLAIMED);
  parents_token = claim.token;
  in_child(cannot_fulfill);
  CHECK_OK(cachecore_fulfill(cache, "k", 1, "v", 1, 0, &claim));
  cachecore_close(cache);
  unlink(path);
}

/* ---- The sweeper --------------------------------------------------------- */

static void sweeps_until_killed(void) {
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  for (int i = 0; i < 300; i++) {
    CHECK_OK(cachecore_sweeper_status(cache, &status));
    if (status.leads) return;
    nap_ms(10);
  }
  CHECK(status.leads);
}

static void one_sweeper_leads(void) {
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;
  uint64_t removed;
  cache = opened();
  in_killed_child(sweeps_until_killed);
  CHECK_OK(cachecore_sweeper_start(cache, NULL));
  for (int i = 0; i < 200 && !status.leads; i++) {
    nap_ms(10);
    CHECK_OK(cachecore_sweeper_status(cache, &status));
  }
  CHECK_INT(status.leads, 1);
  {
    cachecore_t *second = NULL;
    CHECK_OK(open_with(0, 0, &second));
    CHECK_OK(cachecore_sweeper_start(second, NULL));
    nap_ms(50);
    CHECK_OK(cachecore_sweeper_status(second, &status));
    CHECK_INT(status.leads, 0);
    CHECK_INT(status.healthy, 1);
    CHECK_OK(cachecore_sweeper_trigger(second, &removed));
    CHECK_OK(cachecore_sweeper_stop(cache, 0));
    for (int i = 0; i < 200 && !status.leads; i++) {
      nap_ms(10);
      CHECK_OK(cachecore_sweeper_status(second, &status));
    }
    CHECK_INT(status.leads, 1);
    cachecore_close(second);
  }
  cachecore_close(cache);
  unlink(path);
}

/* ---- Warm ---------------------------------------------------------------- */

static void fills(void) {
  cachecore_t *own = NULL;
  CHECK_OK(open_with(0, 0, &own));
  put(own, "a", "1");
  CHECK_OK(cachecore_set(own, "short", 5, "x", 1, 300));
  CHECK_OK(cachecore_set(own, "long", 4, "y", 1, 3600000));
}

static void it_is_warm_after_all_have_gone(void) {
  int64_t left = 0;
  new_path(path, sizeof path);
  in_killed_child(fills);
  CHECK_OK(open_with(CACHECORE_SHARED_ATTACH_ONLY, 0, &cache));
  CHECK_INT(info_of(cache).warm, 1);
  CHECK(has(cache, "a", "1") && has(cache, "short", "x"));
  CHECK_OK(cachecore_ttl(cache, "long", 4, &left));
  CHECK(left > 3590000 && left <= 3600000);
  nap_ms(350);
  CHECK(!has(cache, "short", "x"));
  cachecore_close(cache);
  CHECK_OK(open_with(CACHECORE_SHARED_ATTACH_ONLY, 0, &cache));
  CHECK(has(cache, "a", "1") && has(cache, "long", "y"));
  cachecore_close(cache);
  unlink(path);
}

/* ---- Bounds -------------------------------------------------------------- */

static void no_more_processes_than_said(void) {
  cachecore_options_t o = options();
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_t *second = NULL, *third = NULL;
  new_path(path, sizeof path);
  shared.path = path;
  shared.max_processes = 2;
  CHECK_OK(cachecore_open_shared(&o, &shared, &cache));
  CHECK_OK(cachecore_open_shared(&o, &shared, &second));
  CHECK_INT(cachecore_open_shared(&o, &shared, &third), CACHECORE_E_FULL);
  cachecore_close(second);
  CHECK_OK(cachecore_open_shared(&o, &shared, &third));
  CHECK_INT(info_of(third).max_processes, 2);
  cachecore_close(third);
  cachecore_close(cache);
  shared.max_processes = 1024;
  CHECK_INT(cachecore_open_shared(&o, &shared, &third), CACHECORE_E_ARGUMENT);
  unlink(path);
}

static void bounds_hold_for_all(void) {
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  static char value[2000];
  cache = opened();
  for (int i = 0; i < 30000; i++) {
    char key[16];
    int size = snprintf(key, sizeof key, "key %d", i);
    CHECK_OK(cachecore_set(cache, key, (size_t)size, value,
                           (size_t)(i % 2000), 0));
  }
  CHECK_OK(cachecore_stats(cache, &stats));
  CHECK(stats.entries <= 10000 && stats.bytes_used <= 32u << 20);
  CHECK(stats.entries > 9000);
  CHECK_OK(cachecore_resize(cache, 1000, 16 << 20));
  CHECK_OK(cachecore_stats(cache, &stats));
  CHECK(stats.entries <= 1000 && stats.bytes_used <= 16u << 20);
  cachecore_close(cache);
  unlink(path);
}

static void a_private_cache_is_not_shared(void) {
  cachecore_options_t o = options();
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  int32_t descriptor = 5;
  CHECK_OK(cachecore_open(&o, &cache));
  CHECK_INT(cachecore_shared_info(cache, &info), CACHECORE_E_STATE);
  CHECK_INT(cachecore_shared_fd(cache, &descriptor), CACHECORE_E_STATE);
  CHECK_INT(descriptor, -1);
  cachecore_close(cache);
}

TESTS(T(all_see_one_cache), T(a_child_of_fork_goes_on), T(a_memfd_is_handed_on),
      T(descriptors_may_be_closed), T(what_may_be_there), T(what_a_file_may_be),
      T(a_damaged_file_is_no_crash), T(values_of_the_dead_come_back),
      T(a_parents_value_stays_its_own), T(a_claim_of_the_dead_is_anybodys),
      T(a_claim_stays_the_parents), T(one_sweeper_leads),
      T(it_is_warm_after_all_have_gone), T(no_more_processes_than_said),
      T(bounds_hold_for_all), T(a_private_cache_is_not_shared))
