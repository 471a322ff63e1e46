#include "histogram.h"

#include "clock.h"
#include "memory.h"

#include <stdlib.h>

enum { BUCKETS = sizeof ((histogram_t *)0)->counts / sizeof(uint64_t) };

void histogram_merge(histogram_t *into, const histogram_t *from) {
  for (int i = 0; i < BUCKETS; i++) into->counts[i] += from->counts[i];
  into->total += from->total;
  if (from->largest > into->largest) into->largest = from->largest;
}

static double middle(int bucket) {
  if (bucket < PARTS) return bucket;
  int shift = (bucket >> PARTS_LOG2) - 1;
  uint64_t low = (uint64_t)((bucket & (PARTS - 1)) + PARTS) << shift;
  return (double)low + (double)(UINT64_C(1) << shift) / 2;
}

double histogram_quantile(const histogram_t *h, double quantile) {
  double wanted = quantile * (double)h->total, seen = 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += (double)h->counts[i];
    if (seen >= wanted && h->counts[i] > 0) return middle(i);
  }
  return (double)h->largest;
}

void histogram_print(const histogram_t *h, FILE *out) {
  double ns = tick_ns();
  fprintf(out,
          "{\"samples\": %llu, \"p50\": %.1f, \"p95\": %.1f, \"p99\": %.1f, "
          "\"p999\": %.1f, \"max\": %.1f}",
          (unsigned long long)h->total, histogram_quantile(h, .5) * ns,
          histogram_quantile(h, .95) * ns, histogram_quantile(h, .99) * ns,
          histogram_quantile(h, .999) * ns, (double)h->largest * ns);
}

double timer_cost_ns(void) {
  histogram_t *h = must_allocate(sizeof *h);
  for (int i = 0; i < 100000; i++) {
    uint64_t start = ticks();
    histogram_add(h, ticks() - start);
  }
  double cost = histogram_quantile(h, .5) * tick_ns();
  free(h);
  return cost;
}
