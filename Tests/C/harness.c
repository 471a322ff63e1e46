#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TEST_SECONDS_MAX = 120 };

/* ---- Running ------------------------------------------------------------- */

static int run_one(const test_t *test) {
  double start = now_ms();
  int status = 0;
  pid_t child;

  fflush(NULL);
  child = fork();
  if (child == 0) {
    alarm(TEST_SECONDS_MAX + test_duration_ms(0) / 500);
    test->run();
    exit(0);
  }
  if (child < 0) return perror("fork"), 1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    printf("ok      %s (%.0f ms)\n", test->name, now_ms() - start);
    return 0;
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    printf("FAILED  %s: no end after %d s\n", test->name, TEST_SECONDS_MAX);
  else if (WIFSIGNALED(status))
    printf("FAILED  %s: %s\n", test->name, strsignal(WTERMSIG(status)));
  else
    printf("FAILED  %s: exit status %d\n", test->name, WEXITSTATUS(status));
  return 1;
}

static int is_wanted(const char *name, int argc, char **argv) {
  int i;
  for (i = 1; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return 1;
  return argc < 2;
}

int run_tests(const test_t *tests, size_t count, int argc, char **argv) {
  int here = argc > 2 && strcmp(argv[1], "--here") == 0;
  size_t i, failed = 0, run = 0;

  for (i = 0; i < count; i++) {
    if (!is_wanted(tests[i].name, argc, argv)) continue;
    run++;
    if (here)
      tests[i].run();
    else
      failed += (size_t)run_one(&tests[i]);
  }
  printf("%zu tests, %zu failed\n", run, failed);
  return failed > 0 || run == 0;
}

void check_failed(const char *file, int line, const char *format, ...) {
  va_list arguments;
  int unused;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &unused);
  va_start(arguments, format);
  flockfile(stdout);
  printf("%s:%d: ", file, line);
  vprintf(format, arguments);
  printf("\n");
  fflush(stdout);
  funlockfile(stdout);
  va_end(arguments);
  _exit(1);
}

void skipped_at(const char *file, int line, const char *what) {
  if (getenv("CACHECORE_NO_SKIPS") != NULL)
    check_failed(file, line, "skipped, and CACHECORE_NO_SKIPS is set: %s",
                 what);
  printf("skipped: %s\n", what);
}

/* ---- A cache in a line --------------------------------------------------- */

static cachecore_t *open_checked(const cachecore_options_t *options) {
  cachecore_t *cache = NULL;
  CHECK_OK(cachecore_open(options, &cache));
  CHECK(cache != NULL);
  return cache;
}

cachecore_t *open_exact(uint64_t max_entries, uint64_t max_bytes,
                        uint32_t flags) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  options.max_entries = max_entries;
  options.max_bytes = max_bytes;
  options.flags = flags | CACHECORE_MANUAL_CLOCK;
  options.shard_count = 1;
  options.hash_seed = 1;
  return open_checked(&options);
}

cachecore_t *open_plain(uint64_t max_entries, uint64_t max_bytes) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  options.max_entries = max_entries;
  options.max_bytes = max_bytes;
  return open_checked(&options);
}

cachecore_status_t set_text(cachecore_t *cache, const char *key,
                            const char *value, uint64_t ttl_ms) {
  return cachecore_set(cache, key, strlen(key), value, strlen(value), ttl_ms);
}

cachecore_status_t set_number(cachecore_t *cache, uint64_t key,
                              const void *value, size_t size,
                              uint64_t ttl_ms) {
  return cachecore_set(cache, &key, sizeof key, value, size, ttl_ms);
}

cachecore_status_t contains(cachecore_t *cache, const char *key) {
  return cachecore_contains(cache, key, strlen(key));
}

cachecore_status_t contains_number(cachecore_t *cache, uint64_t key) {
  return cachecore_contains(cache, &key, sizeof key);
}

cachecore_status_t get_text_at(const char *file, int line, cachecore_t *cache,
                               const char *key, const char *expected) {
  char buffer[256];
  size_t size = 12345;
  cachecore_status_t status =
      cachecore_get(cache, key, strlen(key), buffer, sizeof buffer, &size);
  if (status != CACHECORE_OK) {
    if (size != 0 && status != CACHECORE_E_TOO_SMALL)
      check_failed(file, line, "size is %zu after status %d", size, status);
    return status;
  }
  if (size != strlen(expected) || memcmp(buffer, expected, size) != 0)
    check_failed(file, line, "\"%s\" is \"%.*s\", not \"%s\"", key, (int)size,
                 buffer, expected);
  return status;
}

cachecore_stats_t stats_of(cachecore_t *cache) {
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  CHECK_OK(cachecore_stats(cache, &stats));
  return stats;
}

cachecore_sweeper_status_t sweeper_of(cachecore_t *cache) {
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;
  CHECK_OK(cachecore_sweeper_status(cache, &status));
  return status;
}

uint64_t version_of(cachecore_t *cache, const char *key) {
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  CHECK_OK(cachecore_inspect(cache, key, strlen(key), &info));
  return info.version;
}

void check_identity_at(const char *file, int line, cachecore_t *cache) {
  cachecore_stats_t stats = stats_of(cache);
  if (stats.entries_before + stats.inserts !=
      stats.deletes + stats.evictions + stats.expirations + stats.entries +
          stats.expired)
    check_failed(file, line,
                 "entries before %llu + inserts %llu, but deletes %llu + "
                 "evictions %llu + expirations %llu + entries %llu + "
                 "expired %llu",
                 (unsigned long long)stats.entries_before,
                 (unsigned long long)stats.inserts,
                 (unsigned long long)stats.deletes,
                 (unsigned long long)stats.evictions,
                 (unsigned long long)stats.expirations,
                 (unsigned long long)stats.entries,
                 (unsigned long long)stats.expired);
}

void close_checked_at(const char *file, int line, cachecore_t *cache) {
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  if (cachecore_stats(cache, &stats) == CACHECORE_OK)
    check_identity_at(file, line, cache);
  (cachecore_close)(cache);
}

/* ---- Values that know their key ------------------------------------------ */

void fill_pattern(void *buffer, size_t size, uint64_t key, uint64_t salt) {
  unsigned char *bytes = (unsigned char *)buffer;
  uint64_t state = key ^ (salt << 32);
  size_t i;
  if (size < 8) {
    memset(buffer, (int)(key & 0xff), size);
    return;
  }
  memcpy(bytes, &state, 8);
  for (i = 8; i < size; i++) {
    if (i % 8 == 0) random_next(&state);
    bytes[i] = (unsigned char)(state >> (i % 8 * 8));
  }
}

int holds_pattern(const void *buffer, size_t size, uint64_t key) {
  const unsigned char *bytes = (const unsigned char *)buffer;
  uint64_t state;
  size_t i;
  if (size < 8) {
    for (i = 0; i < size; i++)
      if (bytes[i] != (key & 0xff)) return 0;
    return 1;
  }
  memcpy(&state, bytes, 8);
  if ((state & 0xffffffffu) != (key & 0xffffffffu)) return 0;
  for (i = 8; i < size; i++) {
    if (i % 8 == 0) random_next(&state);
    if (bytes[i] != (unsigned char)(state >> (i % 8 * 8))) return 0;
  }
  return 1;
}

/* ---- Time, chance, memory, threads --------------------------------------- */

double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int64_t unix_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms) {
  struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

uint64_t new_seed(void) {
  const char *given = getenv("SEED");
  uint64_t seed = given ? strtoull(given, NULL, 0)
                        : (uint64_t)unix_ms() * 1000003u + (uint64_t)getpid();
  printf("SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

uint64_t random_next(uint64_t *state) { /* splitmix64 */
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t random_below(uint64_t *state, uint64_t bound) {
  return random_next(state) % bound;
}

unsigned test_duration_ms(unsigned default_ms) {
  const char *given = getenv("CACHECORE_TEST_MS");
  return given ? (unsigned)strtoul(given, NULL, 10) : default_ms;
}

size_t resident_bytes(void) {
  unsigned long total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL);
  CHECK_INT(fscanf(file, "%lu %lu", &total, &resident), 2);
  fclose(file);
  return resident * (size_t)sysconf(_SC_PAGESIZE);
}

void raise_flag(int *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }
void lower_flag(int *flag) { __atomic_store_n(flag, 0, __ATOMIC_RELEASE); }
int is_raised(const int *flag) {
  return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static pthread_barrier_t start_line;

static void *worker_main(void *argument) {
  worker_t *worker = (worker_t *)argument;
  pthread_barrier_wait(&start_line);
  worker->run(worker);
  return NULL;
}

uint64_t run_workers(cachecore_t *cache, unsigned count, void *shared,
                     void (*run)(worker_t *)) {
  static worker_t workers[WORKERS_MAX];
  pthread_t threads[WORKERS_MAX];
  uint64_t sum = 0;
  unsigned i;

  CHECK(count <= WORKERS_MAX);
  pthread_barrier_init(&start_line, NULL, count);
  for (i = 0; i < count; i++) {
    worker_t worker = {cache, i, 0x1234567u * (i + 1), shared, 0, run};
    workers[i] = worker;
    CHECK_INT(pthread_create(&threads[i], NULL, worker_main, &workers[i]), 0);
  }
  for (i = 0; i < count; i++) {
    CHECK_INT(pthread_join(threads[i], NULL), 0);
    sum += workers[i].result;
  }
  pthread_barrier_destroy(&start_line);
  return sum;
}
