/*
 * harness.h - what every C test needs, and nothing more.
 *
 * A test is a function; a test file ends with TESTS(a, b, c).  Each test runs
 * in a process of its own with a time limit, so that a crash or a hang is that
 * test's failure alone.  `x_test NAME...` runs only the tests named;
 * `x_test --here NAME` runs one in this process, for a debugger.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cachecore.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

typedef struct test {
  const char *name;
  void (*run)(void);
} test_t;

int run_tests(const test_t *tests, size_t count, int argc, char **argv);

#define T(function) { #function, function }
#define TESTS(...)                                             \
  int main(int argc, char **argv) {                            \
    static const test_t tests[] = {__VA_ARGS__};               \
    return run_tests(tests, sizeof tests / sizeof tests[0],    \
                     argc, argv);                              \
  }

/* ---- Checks: a failed one ends the test --------------------------------- */

void check_failed(const char *file, int line, const char *format, ...);

#define CHECK(condition)                                       \
  do {                                                         \
    if (!(condition))                                          \
      check_failed(__FILE__, __LINE__, "%s", #condition);      \
  } while (0)

#define CHECK_INT(expression, expected)                        \
  do {                                                         \
    long long got_ = (long long)(expression);                  \
    long long want_ = (long long)(expected);                   \
    if (got_ != want_)                                         \
      check_failed(__FILE__, __LINE__,                         \
                   "%s is %lld, not %s (%lld)", #expression,   \
                   got_, #expected, want_);                    \
  } while (0)

#define CHECK_OK(expression) CHECK_INT(expression, CACHECORE_OK)

/* Says that a test cannot run here, for want of `what`; the test returns then.
 * With CACHECORE_NO_SKIPS in the environment, as in CI, the test fails. */
void skipped_at(const char *file, int line, const char *what);
#define SKIPPED(what) skipped_at(__FILE__, __LINE__, what)

/* ---- A cache in a line --------------------------------------------------- */

/* One shard, manual clock, a fixed seed: everything replays exactly. */
cachecore_t *open_exact(uint64_t max_entries, uint64_t max_bytes,
                        uint32_t flags);

/* As a service would open it: real clock, shards chosen by the library. */
cachecore_t *open_plain(uint64_t max_entries, uint64_t max_bytes);

cachecore_status_t set_text(cachecore_t *cache, const char *key,
                            const char *value, uint64_t ttl_ms);
cachecore_status_t set_number(cachecore_t *cache, uint64_t key,
                              const void *value, size_t size,
                              uint64_t ttl_ms);
cachecore_status_t contains(cachecore_t *cache, const char *key);
cachecore_status_t contains_number(cachecore_t *cache, uint64_t key);

/* The status of a get whose value must be `expected` when there is one. */
cachecore_status_t get_text_at(const char *file, int line, cachecore_t *cache,
                               const char *key, const char *expected);
#define CHECK_TEXT(cache, key, expected)                       \
  CHECK_INT(get_text_at(__FILE__, __LINE__, cache, key, expected), CACHECORE_OK)
#define CHECK_MISS(cache, key)                                 \
  CHECK_INT(get_text_at(__FILE__, __LINE__, cache, key, ""), CACHECORE_MISS)

cachecore_stats_t stats_of(cachecore_t *cache);
cachecore_sweeper_status_t sweeper_of(cachecore_t *cache);
uint64_t version_of(cachecore_t *cache, const char *key);

/* Checks that the statistics account for every entry (cachecore.h); at any
 * time, whatever other threads do. */
void check_identity_at(const char *file, int line, cachecore_t *cache);
#define CHECK_IDENTITY(cache) check_identity_at(__FILE__, __LINE__, cache)

/* So that it is checked at the end of every test, and of every cache in it. */
void close_checked_at(const char *file, int line, cachecore_t *cache);
#define cachecore_close(cache) close_checked_at(__FILE__, __LINE__, cache)

/* ---- Values that know their key ------------------------------------------ */

/* Fills `buffer` so that `holds_pattern` can tell whose it is and if whole. */
void fill_pattern(void *buffer, size_t size, uint64_t key, uint64_t salt);
int holds_pattern(const void *buffer, size_t size, uint64_t key);

/* ---- Time, chance, memory, threads --------------------------------------- */

double now_ms(void); /* monotonic */
int64_t unix_ms(void);
void sleep_ms(unsigned ms);

/* From the environment's SEED, or new; printed, so that a failure replays. */
uint64_t new_seed(void);
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t bound);

/* How long an open-ended test goes on: $CACHECORE_TEST_MS, or the default. */
unsigned test_duration_ms(unsigned default_ms);

size_t resident_bytes(void);

typedef struct worker {
  cachecore_t *cache;
  unsigned index;
  uint64_t seed;
  void *shared;
  uint64_t result;
  void (*run)(struct worker *);
} worker_t;

enum { WORKERS_MAX = 64 };

/* A flag that one thread raises and others watch. */
void raise_flag(int *flag);
void lower_flag(int *flag);
int is_raised(const int *flag);

/* Runs `run` on `count` threads that start together; the sum of results. */
uint64_t run_workers(cachecore_t *cache, unsigned count, void *shared,
                     void (*run)(worker_t *));

#endif
