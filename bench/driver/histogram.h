/*
 * histogram.h - counts of latencies, true to 1.6 % at any size.
 *
 * Each power of two is cut into 64 equal parts.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

enum { PARTS_LOG2 = 6, PARTS = 1 << PARTS_LOG2 };

typedef struct histogram {
  uint64_t counts[(64 - PARTS_LOG2 + 1) * PARTS];
  uint64_t total;
  uint64_t largest;
} histogram_t;

static inline void histogram_add(histogram_t *h, uint64_t ticks) {
  unsigned bucket = (unsigned)ticks;
  if (ticks >= PARTS) {
    unsigned shift = 63 - (unsigned)__builtin_clzll(ticks) - PARTS_LOG2;
    bucket = (shift << PARTS_LOG2) + (unsigned)(ticks >> shift);
  }
  h->counts[bucket]++;
  h->total++;
  if (ticks > h->largest) h->largest = ticks;
}

void histogram_merge(histogram_t *into, const histogram_t *from);

/* In ticks: the middle of the bucket that holds this quantile. */
double histogram_quantile(const histogram_t *h, double quantile);

/* {"samples": ..., "p50": ..., "p95", "p99", "p999", "max"}, in ns. */
void histogram_print(const histogram_t *h, FILE *out);

/* What a measurement of nothing shows, in ns. */
double timer_cost_ns(void);

#endif
