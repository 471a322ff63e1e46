/*
 * sharing - a shared cache beside a private one, in turns, and what it costs to
 * come to one, and to go on after a death.
 *
 *   sharing [FOLDER [ROUNDS]]      /dev/shm, 15
 *
 * Calls are timed by the processor time of their thread, what is waited for by
 * the clock.  One line each: what, median, least, most.
 */
#define _GNU_SOURCE
#include "cachecore.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 10000, LARGE = 1000000, CALLS = 200000, SHARDS = 8 };

static char path[256];
static char value[64];

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void print(const char *what, double *figures, int count,
                  const char *unit) {
  qsort(figures, (size_t)count, sizeof *figures, by_value);
  printf("%-44s %10.3f %10.3f %10.3f %s\n", what, figures[count / 2],
         figures[0], figures[count - 1], unit);
}

static void key_of(char *key, unsigned number) {
  snprintf(key, 17, "%016u", number);
}

static cachecore_t *opened(bool is_shared, uint64_t entries) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_t *cache = NULL;
  /* A bound in bytes too, or the file is as large as memory. */
  options.max_entries = entries;
  options.max_bytes = entries * 512;
  options.shard_count = SHARDS;
  shared.path = path;
  if ((is_shared ? cachecore_open_shared(&options, &shared, &cache)
                 : cachecore_open(&options, &cache)) != CACHECORE_OK) {
    fprintf(stderr, "sharing: %s\n", cachecore_open_error());
    exit(1);
  }
  return cache;
}

static void fill(cachecore_t *cache, unsigned count) {
  char key[24];
  for (unsigned i = 0; i < count; i++) {
    key_of(key, i);
    cachecore_set(cache, key, 16, value, sizeof value, 3600000);
  }
}

/* Nanoseconds a call, the making of the key left out. */
static double per_call(cachecore_t *cache, bool is_set, unsigned entries) {
  char key[24], buffer[64];
  size_t size;
  double begin, keys, all;
  volatile char last = 0;
  begin = seconds(CLOCK_THREAD_CPUTIME_ID);
  for (unsigned i = 0; i < CALLS; i++) {
    key_of(key, i * 7919u % entries);
    last = (char)(last + key[15]);
  }
  keys = seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
  begin = seconds(CLOCK_THREAD_CPUTIME_ID);
  for (unsigned i = 0; i < CALLS; i++) {
    key_of(key, i * 7919u % entries);
    if (is_set)
      cachecore_set(cache, key, 16, value, sizeof value, 3600000);
    else
      cachecore_get(cache, key, 16, buffer, sizeof buffer, &size);
  }
  all = seconds(CLOCK_THREAD_CPUTIME_ID) - begin;
  return (all - keys) / CALLS * 1e9;
}

static void calls(unsigned entries, int rounds) {
  cachecore_t *caches[2] = {opened(false, entries), opened(true, entries)};
  double figures[2][2][64], ratios[64];
  char what[64];
  fill(caches[0], entries);
  fill(caches[1], entries);
  for (int round = 0; round < rounds; round++)
    for (int set = 0; set < 2; set++)
      for (int shared = 0; shared < 2; shared++)
        figures[set][shared][round] =
            per_call(caches[shared], set == 1, entries);
  for (int set = 0; set < 2; set++) {
    for (int i = 0; i < rounds; i++)
      ratios[i] = figures[set][1][i] / figures[set][0][i];
    snprintf(what, sizeof what, "%s, %u entries: shared / private",
             set ? "set" : "get", entries);
    print(what, ratios, rounds, "");
    print("  private", figures[set][0], rounds, "ns");
    print("  shared", figures[set][1], rounds, "ns");
  }
  cachecore_close(caches[0]);
  cachecore_close(caches[1]);
  unlink(path);
}

/* Gets a second by so many processes, which begin together. */
static double rate(int processes) {
  typedef struct { volatile int go, done[2]; double rates[2]; } board_t;
  board_t *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t children[2];
  double sum = 0;
  for (int i = 0; i < processes; i++)
    if ((children[i] = fork()) == 0) {
      cachecore_t *cache = opened(true, SMALL);
      char key[24], buffer[64];
      size_t size;
      double begin;
      board->done[i] = 1;
      while (!board->go) {}
      begin = seconds(CLOCK_MONOTONIC);
      for (unsigned k = 0; k < 10 * CALLS; k++) {
        key_of(key, k * 7919u % SMALL);
        cachecore_get(cache, key, 16, buffer, sizeof buffer, &size);
      }
      board->rates[i] = 10 * CALLS / (seconds(CLOCK_MONOTONIC) - begin);
      _exit(0);
    }
  for (int i = 0; i < processes; i++)
    while (!board->done[i]) {}
  board->go = 1;
  for (int i = 0; i < processes; i++) waitpid(children[i], NULL, 0);
  for (int i = 0; i < processes; i++) sum += board->rates[i];
  munmap(board, sizeof *board);
  return sum;
}

static void readers(int rounds) {
  cachecore_t *cache = opened(true, SMALL);
  double ratios[64];
  fill(cache, SMALL);
  for (int i = 0; i < rounds; i++) {
    double one = rate(1);
    ratios[i] = rate(2) / one;
  }
  print("two processes reading / one", ratios, rounds, "");
  cachecore_close(cache);
  unlink(path);
}

static void coming(int rounds) {
  cachecore_t *cache = opened(true, LARGE), *second;
  double attach[64], reopen[64], read[64], first[64];
  char key[24], buffer[64];
  size_t size;
  fill(cache, LARGE);
  for (int i = 0; i < rounds; i++) {
    double begin = seconds(CLOCK_MONOTONIC);
    second = opened(true, LARGE);
    attach[i] = (seconds(CLOCK_MONOTONIC) - begin) * 1e3;
    cachecore_close(second);
  }
  print("attach beside a living process, 1 M entries", attach, rounds, "ms");
  cachecore_close(cache);
  for (int i = 0; i < rounds; i++) {
    double begin = seconds(CLOCK_MONOTONIC);
    second = opened(true, LARGE);
    reopen[i] = (seconds(CLOCK_MONOTONIC) - begin) * 1e3;
    begin = seconds(CLOCK_MONOTONIC);
    for (unsigned k = 0; k < 64; k++) {
      key_of(key, LARGE / 64 * k);
      cachecore_get(second, key, 16, buffer, sizeof buffer, &size);
    }
    read[i] = (seconds(CLOCK_MONOTONIC) - begin) * 1e3;
    begin = seconds(CLOCK_MONOTONIC);
    for (unsigned k = 0; k < 64; k++) {
      key_of(key, k);
      cachecore_set(second, key, 16, value, sizeof value, 3600000);
    }
    first[i] = (seconds(CLOCK_MONOTONIC) - begin) * 1e3;
    cachecore_close(second);
  }
  print("open after all had gone, 1 M entries", reopen, rounds, "ms");
  print("  and then 64 gets", read, rounds, "ms");
  print("  and then a set in every shard", first, rounds, "ms");
  unlink(path);
}

/* Kills a writer of one shard; how long the next write there takes. */
static double after_kill(cachecore_t *cache, unsigned entries, size_t ballast) {
  char key[24];
  double begin, longest = 0;
  volatile int *ready = mmap(NULL, sizeof *ready, PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t writer = fork();
  if (writer == 0) {
    char *memory = ballast ? malloc(ballast) : NULL;
    if (memory) memset(memory, 1, ballast);
    *ready = 1;
    for (unsigned i = 0;; i++) {
      key_of(key, i % entries);
      cachecore_set(cache, key, 16, value, sizeof value, 3600000);
    }
  }
  while (!*ready) usleep(1000);
  munmap((void *)ready, sizeof *ready);
  usleep(2000 + (useconds_t)(rand() % 1000));
  kill(writer, SIGKILL);
  for (unsigned i = 0; i < 200; i++) {
    double took;
    key_of(key, i);
    begin = seconds(CLOCK_MONOTONIC);
    cachecore_set(cache, key, 16, value, sizeof value, 3600000);
    took = (seconds(CLOCK_MONOTONIC) - begin) * 1e3;
    if (took > longest) longest = took;
  }
  waitpid(writer, NULL, 0);
  return longest;
}

static void deaths(const char *what, int kills, size_t ballast) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_shared_options_t shared = CACHECORE_SHARED_OPTIONS_INIT;
  cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
  cachecore_t *cache = NULL;
  double *took = malloc((size_t)kills * sizeof *took);
  options.max_entries = SMALL;
  options.max_bytes = SMALL * 512;
  options.shard_count = 1;
  shared.path = path;
  if (cachecore_open_shared(&options, &shared, &cache) != CACHECORE_OK) return;
  fill(cache, SMALL);
  for (int i = 0; i < kills; i++) took[i] = after_kill(cache, SMALL, ballast);
  cachecore_shared_info(cache, &info);
  qsort(took, (size_t)kills, sizeof *took, by_value);
  printf("%-44s %10.3f %10.3f %10.3f ms (median, p99, most of %d kills, %llu "
         "recoveries)\n",
         what, took[kills / 2], took[kills * 99 / 100], took[kills - 1], kills,
         (unsigned long long)info.recoveries);
  cachecore_close(cache);
  free(took);
  unlink(path);
}

int main(int count, char **arguments) {
  int rounds = count > 2 ? atoi(arguments[2]) : 15;
  if (rounds < 1 || rounds > 64) return 2;
  snprintf(path, sizeof path, "%s/cachecore-bench-%d",
           count > 1 ? arguments[1] : "/dev/shm", (int)getpid());
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("%-44s %10s %10s %10s\n", "", "median", "least", "most");
  calls(SMALL, rounds);
  calls(LARGE, rounds);
  readers(rounds);
  coming(rounds);
  deaths("kill -9 to the next writes, one shard", 300, 0);
  deaths("the same, with 1 GB in the killed process", 20, (size_t)1 << 30);
  return 0;
}
