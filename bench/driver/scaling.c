/*
 * scaling - how reads scale with threads, on a machine with many cores.
 *
 *   scaling [ROUNDS [MS]] > scaling.csv
 *
 * Needs nothing but libcachecore.so.1 beside it.  For 10 000 and 1 000 000
 * entries: read-only (uniform), one hot key for all, and nine gets to one set
 * (Zipf, over twice the capacity).  The rounds of the thread counts take turns;
 * each has a line of its own.
 *
 * What the machine itself allows is measured in the same turns: reads of a bare
 * hash table, which writes nothing (`hash-table`; cores share clock, power and
 * often more), and what it costs that one core takes a cache line over from
 * another (`line`; on a virtual machine that may change from minute to minute).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"
#include "workload.h"

static const struct {
  const char *name;
  enum workload workload;
  int distribution;
} cases[] = {{"read", HIT, UNIFORM}, {"hot", HOT, UNIFORM},
             {"mixed", MIXED, ZIPF}};

static bench_t *open_bench(const peer_t *peer, uint64_t entries) {
  bench_t *b = must_allocate(sizeof *b);
  b->peer = peer;
  b->entries = entries;
  b->value_size = 64;
  b->fresh_id = 4 * entries;
  b->cache = peer->open(&(peer_options_t){entries, b->value_size});
  if (b->cache == NULL) fail("%s does not open", peer->name);
  bench_fill(b, 0, entries, 0);
  return b;
}

/* ---- A line from core to core ------------------------------------------- */

enum { BATCHES = 41, TURNS = 500 };

static struct {
  _Alignas(128) atomic_int turn;
  int last_core;
  atomic_bool is_bound;
} line;

static void pass(int from, int to) {
  for (int turn = from; turn < to; turn += 2) {
    while (atomic_load(&line.turn) != turn) {}
    atomic_store(&line.turn, turn + 1);
  }
}

static void *answer(void *unused) {
  line.is_bound = bind_to_core(line.last_core);
  atomic_store(&line.turn, 0);
  if (line.is_bound) pass(1, 2 * BATCHES * TURNS);
  return unused;
}

static int compare(const void *a, const void *b) {
  const double *p = a, *q = b;
  return (*p > *q) - (*p < *q);
}

/* Nanoseconds from the first core to the last one: the median of the batches,
 * so that it does not matter if a thread is made to wait.  Negative: this
 * process may not use both. */
static double hand_over_ns(long cores) {
  pthread_t other;
  cpu_set_t before;
  double ns[BATCHES];
  pthread_getaffinity_np(pthread_self(), sizeof before, &before);
  if (!bind_to_core(0)) return -1;
  atomic_store(&line.turn, -1);
  line.last_core = (int)cores - 1;
  if (pthread_create(&other, NULL, answer, NULL) != 0) fail("no thread");
  while (atomic_load(&line.turn) < 0) {}
  for (int b = 0; b < BATCHES && line.is_bound; b++) {
    uint64_t start = now_ns();
    pass(2 * b * TURNS, 2 * (b + 1) * TURNS);
    ns[b] = (double)(now_ns() - start) / (2 * TURNS);
  }
  pthread_join(other, NULL);
  pthread_setaffinity_np(pthread_self(), sizeof before, &before);
  if (!line.is_bound) return -1;
  qsort(ns, BATCHES, sizeof *ns, compare);
  return ns[BATCHES / 2];
}

/* ---- Rounds ------------------------------------------------------------- */

static void measure(uint64_t entries, int rounds, double seconds) {
  bench_t *benches[] = {open_bench(&peer_cachecore, entries),
                        open_bench(&peer_table, entries)};
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    int peers = cases[c].workload == MIXED ? 1 : 2;
    for (int round = 0; round < rounds; round++) {
      double alone[2] = {0, 0};
      double line_ns = cores > 1 ? hand_over_ns(cores) : -1;
      if (line_ns >= 0)
        printf("line,%s,%llu,2,%d,,%.2f,,\n", cases[c].name,
               (unsigned long long)entries, round, line_ns);
      for (int threads = 1; threads <= cores && threads <= THREADS_MAX;
           threads *= 2) {
        for (int p = 0; p < peers; p++) {
          result_t r = bench_run(benches[p], cases[c].workload,
                                 cases[c].distribution, threads, seconds, .3,
                                 NULL);
          double speed = (double)r.operations / r.seconds;
          if (threads == 1) alone[p] = speed;
          printf("%s,%s,%llu,%d,%d,%.0f,%.2f,%.2f,%.5f\n",
                 benches[p]->peer->name, cases[c].name,
                 (unsigned long long)entries, threads, round, speed,
                 1e9 * threads / speed, speed / alone[p],
                 (double)r.hits / (double)r.gets);
          fflush(stdout);
        }
      }
    }
  }
  for (int p = 0; p < 2; p++) benches[p]->peer->close(benches[p]->cache);
}

int main(int count, char **arguments) {
  int rounds = count > 1 ? atoi(arguments[1]) : 7;
  double seconds = count > 2 ? atof(arguments[2]) / 1e3 : .2;
  puts("peer,case,entries,threads,round,ops_per_s,ns_per_op,speedup,hit_ratio");
  measure(10000, rounds, seconds);
  measure(1000000, rounds, seconds);
  return 0;
}
