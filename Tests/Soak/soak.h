/*
 * soak.h - what the parts of the soak share; soak.c says what it is.
 */
#ifndef SOAK_H
#define SOAK_H

#include <pthread.h>
#include <stdio.h>

#include "../C/harness.h"

enum { CACHES = 10, THREADS_MAX = 16, HELD_MAX = 24 };

/* ---- Latency (latency.c) ------------------------------------------------- */

/* What a call is counted under. */
enum { READ, WRITE, LIST, CONTROL, KINDS };
extern const char *const kind_names[KINDS];

/* Times in bins of an eighth of a power of two: 12 % wide, up to 18 minutes. */
enum { BINS = 40 * 8 };
typedef struct histogram { uint64_t counts[BINS]; } histogram_t;

void note_time(histogram_t *histogram, uint64_t ns);
uint64_t total_of(const histogram_t *histogram);
/* The upper end of the bin that holds this part of all times, in ns. */
uint64_t percentile(const histogram_t *histogram, double part);
void add_times(histogram_t *sum, const histogram_t *other);

/* ---- Load (load.c) ------------------------------------------------------- */

/* What callers were told, to be held against the cache's statistics. */
typedef struct ledger {
  uint64_t hits, misses, stored, refused, deleted;
  uint64_t taken[CACHECORE_REMOVED_DELETED + 1]; /* removals by cause */
} ledger_t;

/* One cache of the soak.  `gate` is held for reading by whoever uses it and
 * for writing by who closes it. */
typedef struct subject {
  const char *name;
  cachecore_options_t options;
  cachecore_t *cache;
  pthread_rwlock_t gate;
  uint64_t number;
  uint64_t key_count;
  uint32_t value_max;
  int is_loose;      /* a bound was lowered and leases are in the way */
  uint64_t most;     /* bytes this cache may have had since the last sample */
  uint64_t lives;    /* times it was closed and opened again */
  ledger_t past;     /* of threads, up to when it was opened */
} subject_t;

extern subject_t subjects[CACHES];

/* What closed caches hold on to because values of theirs are still lent. */
uint64_t orphaned_bytes(void);

typedef struct loader {
  unsigned index;
  uint64_t seed;
  pthread_t thread;
  uint64_t operations; /* atomic: the controller reads it */
  ledger_t ledgers[CACHES];
  histogram_t times[KINDS]; /* since the last interval; under `lock` */
  pthread_mutex_t lock;
  cachecore_value_t held[HELD_MAX]; /* leases, and whose they are */
  uint64_t held_keys[HELD_MAX];
} loader_t;

extern int is_loading;

void *load(void *loader);
ledger_t ledger_of(const loader_t *loaders, unsigned count, unsigned subject);
/* Uses a cache fully, alone: for the child of a fork. */
void use_alone(subject_t *subject, uint64_t seed);
uint64_t take_removals(cachecore_t *cache, uint64_t subject, ledger_t *ledger);

/* ---- Report (report.c) --------------------------------------------------- */

typedef struct report {
  const char *path;
  FILE *json;
  uint64_t seed;
  double start_ms, last_ms;
  size_t baseline;     /* resident before the first entry */
  uint64_t operations; /* up to the last interval */
  unsigned intervals;
  size_t most_excess;  /* beyond what the caches own */
  histogram_t times[KINDS];
} report_t;

void begin_report(report_t *report, const char *path, uint64_t seed,
                  unsigned threads);
void sample_memory(report_t *report);
void end_interval(report_t *report, loader_t *loaders, unsigned count);
void end_report(report_t *report, uint64_t forks, uint64_t reopened);

#endif
