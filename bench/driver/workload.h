/*
 * workload.h - the same work for every peer.
 *
 *   hit        get of keys that are there             (uniform or zipf)
 *   miss       get of keys that are not
 *   overwrite  set of keys that are there
 *   batch      get_many of 100 keys that are there
 *   hot        get of one and the same key
 *   insert     set of a key never seen before, into a full cache
 *   mixed      nine gets to one set, over twice as many keys as fit
 *
 * The last two change what is in the cache: give them a process of their own.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "histogram.h"
#include "keys.h"
#include "peer.h"

enum workload { HIT, MISS, OVERWRITE, BATCHED, HOT, INSERT, MIXED, WORKLOADS };

extern const char *const workload_names[WORKLOADS];

enum { THREADS_MAX = 64 };

typedef struct bench {
  const peer_t *peer;
  void *cache;
  uint64_t entries; /* in the cache, ids 0 and up; and its capacity */
  size_t value_size;
  uint64_t fresh_id; /* the next that was never used */
  sequence_t sequences[WORKLOADS][2];
  double estimate_ns[WORKLOADS][2][THREADS_MAX + 1]; /* by distribution */
} bench_t;

typedef struct result {
  uint64_t operations, gets, hits;
  double seconds;
  histogram_t *latency; /* NULL: not asked for */
} result_t;

/* Stores ids `first` to `first` + `count` - 1; a deadline of 0 stands for
 * TTL_MS from now. */
void bench_fill(bench_t *bench, uint64_t first, uint64_t count,
                int64_t deadline_unix_ms);

/* Brings the cache into the state that the mix leaves it in, by storing the
 * keys of its sequence in turn; gives up after `seconds`. */
void bench_settle(bench_t *bench, int distribution, double seconds);

/* Binds the calling thread; false if this process may not use that core. */
bool bind_to_core(int core);

/* Does as much as `seconds` are enough for.  The first time it also finds out
 * how much that is, and warms up for as long as `warm_up` says. */
result_t bench_run(bench_t *bench, enum workload workload, int distribution,
                   int threads, double seconds, double warm_up,
                   histogram_t *latency);

#endif
