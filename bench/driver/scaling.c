/*
 * scaling - how reads scale with threads, on a machine with many cores.
 *
 *   scaling [ROUNDS [MS]] > scaling.csv
 *
 * Needs nothing but libcachecore.so.1 beside it.  For 10 000 and 1 000 000
 * entries: read-only (uniform), nine gets to one set (Zipf, over twice the
 * capacity), and one hot key for all.  The rounds of the thread counts take
 * turns; each has a line of its own.
 */
#include <stdlib.h>
#include <unistd.h>

#include "memory.h"
#include "workload.h"

static const struct {
  const char *name;
  enum workload workload;
  int distribution;
} cases[] = {{"read", HIT, UNIFORM}, {"hot", HOT, UNIFORM},
             {"mixed", MIXED, ZIPF}};

static void measure(uint64_t entries, int rounds, double seconds) {
  bench_t *b = must_allocate(sizeof *b);
  b->peer = &peer_cachecore;
  b->entries = entries;
  b->value_size = 64;
  b->fresh_id = 4 * entries;
  b->cache = b->peer->open(&(peer_options_t){entries, b->value_size});
  if (b->cache == NULL) fail("cachecore_open failed");
  bench_fill(b, 0, entries, 0);
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    for (int round = 0; round < rounds; round++) {
      double alone = 0;
      for (int threads = 1; threads <= cores && threads <= THREADS_MAX;
           threads *= 2) {
        result_t r = bench_run(b, cases[c].workload, cases[c].distribution,
                               threads, seconds, .3, NULL);
        double speed = (double)r.operations / r.seconds;
        if (threads == 1) alone = speed;
        printf("%s,%llu,%d,%d,%.0f,%.2f,%.2f,%.5f\n", cases[c].name,
               (unsigned long long)entries, threads, round, speed,
               1e9 * threads / speed, speed / alone,
               (double)r.hits / (double)r.gets);
        fflush(stdout);
      }
    }
  }
  b->peer->close(b->cache);
}

int main(int count, char **arguments) {
  int rounds = count > 1 ? atoi(arguments[1]) : 7;
  double seconds = count > 2 ? atof(arguments[2]) / 1e3 : .2;
  puts("case,entries,threads,round,ops_per_s,ns_per_op,speedup,hit_ratio");
  measure(10000, rounds, seconds);
  measure(1000000, rounds, seconds);
  return 0;
}
