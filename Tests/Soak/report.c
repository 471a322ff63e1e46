/*
 * What the soak writes down: for each interval the latency of each kind of
 * call by percentile, operations, and memory against its bound; at the end the
 * same over all, and each cache's statistics.  Lines on stdout, JSON in a file.
 */
#include "soak.h"

#include <malloc.h>
#include <unistd.h>

/* What the process may hold beyond its caches: 1.6 KB of handle for each, the
 * sweepers' stacks, the threads' own buffers and stacks, and what malloc keeps
 * of them.  None of it grows with time. */
static const size_t beside_max = 6u << 20;

static const double parts[] = {0.5, 0.99, 0.999, 1.0};
static const char *const part_names[] = {"p50", "p99", "p999", "max"};

void begin_report(report_t *report, const char *path, uint64_t seed,
                  unsigned threads) {
  memset(report, 0, sizeof *report);
  report->path = path;
  report->seed = seed;
  report->json = fopen(path, "w");
  if (report->json == NULL) {
    perror(path);
    exit(2);
  }
  report->start_ms = report->last_ms = now_ms();
  report->baseline = resident_bytes();
  fprintf(report->json,
          "{\"seed\": %llu, \"threads\": %u, \"caches\": %d, "
          "\"version\": \"%08x\",\n \"intervals\": [",
          (unsigned long long)seed, threads, CACHES, cachecore_version());
  printf("%7s %9s %7s %7s  %-33s %-33s %-33s\n", "seconds", "calls/s",
         "MB", "bound", "read p50/p99/p99.9/max us", "write", "list");
}

/* ---- Memory -------------------------------------------------------------- */

static uint64_t bound_of(subject_t *subject) {
  cachecore_stats_t stats = stats_of(subject->cache);
  uint64_t limit = stats.bytes_limit;
  if (stats.bytes_resident <= limit) subject->is_loose = 0;
  if (limit != 0 && !subject->is_loose && stats.bytes_resident > limit)
    check_failed(__FILE__, __LINE__, "%s: %llu bytes resident, %llu allowed",
                 subject->name, (unsigned long long)stats.bytes_resident,
                 (unsigned long long)limit);
  if (limit == 0 || subject->is_loose) limit = stats.bytes_resident;
  return limit > stats.bytes_resident ? limit : stats.bytes_resident;
}

/* The process against what its caches say they hold.  Bounds by bytes hold at
 * any moment; of a cache bounded by entries the larger of two readings, one
 * on each side, is as much as can be said. */
void sample_memory(report_t *report) {
  uint64_t before[CACHES], allowed = report->baseline;
  size_t resident;
  unsigned i;
  if (!SANITIZED) allowed += orphaned_bytes();
  for (i = 0; i < CACHES; i++) before[i] = bound_of(&subjects[i]);
  resident = resident_bytes();
  for (i = 0; i < CACHES; i++) {
    uint64_t after = bound_of(&subjects[i]);
    uint64_t most = before[i] > after ? before[i] : after;
    if (subjects[i].most > most) most = subjects[i].most;
    subjects[i].most = 0;
    allowed += most;
  }
  if (resident > allowed && resident - allowed > report->most_excess)
    report->most_excess = resident - allowed;
  if (!SANITIZED && resident > allowed + beside_max)
    check_failed(__FILE__, __LINE__, "%zu bytes resident, %llu + %zu allowed",
                 resident, (unsigned long long)allowed, beside_max);
}

/* ---- Intervals ----------------------------------------------------------- */

static void print_times(const histogram_t *times) {
  unsigned i;
  char text[64];
  int size = 0;
  for (i = 0; i < 4; i++)
    size += snprintf(text + size, sizeof text - (size_t)size, "%s%.1f",
                     i ? "/" : "", (double)percentile(times, parts[i]) / 1e3);
  printf(" %-33s", text);
}

static void write_times(FILE *json, const histogram_t *times) {
  unsigned kind, i;
  for (kind = 0; kind < KINDS; kind++) {
    fprintf(json, ", \"%s\": {\"count\": %llu", kind_names[kind],
            (unsigned long long)total_of(&times[kind]));
    for (i = 0; i < 4; i++)
      fprintf(json, ", \"%s_ns\": %llu", part_names[i],
              (unsigned long long)percentile(&times[kind], parts[i]));
    fprintf(json, "}");
  }
}

static uint64_t bounds(void) {
  uint64_t sum = 0;
  unsigned i;
  for (i = 0; i < CACHES; i++) sum += bound_of(&subjects[i]);
  return sum;
}

void end_interval(report_t *report, loader_t *loaders, unsigned count) {
  histogram_t times[KINDS];
  uint64_t operations = 0, bound = bounds() + report->baseline;
  double now = now_ms(), seconds = (now - report->last_ms) / 1e3;
  size_t resident = resident_bytes();
  unsigned i, kind;
  memset(times, 0, sizeof times);
  for (i = 0; i < count; i++) {
    operations += __atomic_load_n(&loaders[i].operations, __ATOMIC_RELAXED);
    pthread_mutex_lock(&loaders[i].lock);
    for (kind = 0; kind < KINDS; kind++)
      add_times(&times[kind], &loaders[i].times[kind]);
    memset(loaders[i].times, 0, sizeof loaders[i].times);
    pthread_mutex_unlock(&loaders[i].lock);
  }
  for (kind = 0; kind < KINDS; kind++)
    add_times(&report->times[kind], &times[kind]);
  printf("%7.0f %9.0f %7.1f %7.1f ", (now - report->start_ms) / 1e3,
         (double)(operations - report->operations) / seconds,
         (double)resident / 1e6, (double)bound / 1e6);
  for (kind = 0; kind < CONTROL; kind++) print_times(&times[kind]);
  printf("\n");
  fflush(stdout);
  fprintf(report->json,
          "%s\n  {\"seconds\": %.1f, \"operations\": %llu, "
          "\"resident_bytes\": %zu, \"bound_bytes\": %llu",
          report->intervals++ ? "," : "", (now - report->start_ms) / 1e3,
          (unsigned long long)(operations - report->operations), resident,
          (unsigned long long)bound);
  write_times(report->json, times);
  fprintf(report->json, "}");
  report->operations = operations;
  report->last_ms = now;
}

void end_report(report_t *report, uint64_t forks, uint64_t reopened) {
  double seconds = (now_ms() - report->start_ms) / 1e3;
  fprintf(report->json,
          "\n ],\n \"seconds\": %.1f, \"operations\": %llu, \"forks\": %llu, "
          "\"reopened\": %llu,\n \"baseline_bytes\": %zu, "
          "\"most_beside_bytes\": %zu, \"beside_max_bytes\": %zu",
          seconds, (unsigned long long)report->operations,
          (unsigned long long)forks, (unsigned long long)reopened,
          report->baseline, report->most_excess, beside_max);
  write_times(report->json, report->times);
  fprintf(report->json, "}\n");
  if (fclose(report->json) != 0) {
    perror(report->path);
    exit(2);
  }
  printf("%.0f s, %llu calls, %llu forks, %llu caches closed and opened anew; "
         "at most %.1f MB beside the caches' bounds (%.0f allowed): %s\n",
         seconds, (unsigned long long)report->operations,
         (unsigned long long)forks, (unsigned long long)reopened,
         (double)report->most_excess / 1e6, (double)beside_max / 1e6,
         report->path);
}
