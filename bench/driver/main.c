/*
 * cachecore-bench - measures one peer, a round at a time.
 *
 *   cachecore-bench PEER [entries=N] [value=BYTES] [capacity=N] [full=1]
 *                   [mix=1]
 *
 * fills the peer's cache, says so in a line of JSON, and then answers each
 * line it reads with a line of JSON.  With `full`, who is bounded by bytes
 * shall hold no more than that; with `mix`, what is in the cache is what the
 * mixed workload leaves there.  The lines:
 *
 *   speed WORKLOAD uniform|zipf THREADS MS WARM_UP_MS    one round
 *   latency WORKLOAD uniform|zipf THREADS MS WARM_UP_MS  one operation a time
 *   sweep REPEATS    sweeps with nothing due
 *   storm COUNT      that many more entries, expiring at one moment
 *   chase BYTES      dependent loads over so much memory
 *
 * Whoever runs several of these can give them turns: bench/run.py does.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "memory.h"
#include "storm.h"
#include "workload.h"

static const peer_t *const peers[] = {
    &peer_cachecore, &peer_cachecore_adaptive, &peer_seed,
    &peer_redis,     &peer_memcached,          &peer_table,
    &peer_two_loads, &peer_memcpy,             &peer_empty};

static const peer_t *peer_named(const char *name) {
  for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
    if (strcmp(peers[i]->name, name) == 0) return peers[i];
  }
  fail("there is no peer %s", name);
}

static enum workload workload_named(const char *name) {
  for (int i = 0; i < WORKLOADS; i++) {
    if (strcmp(workload_names[i], name) == 0) return (enum workload)i;
  }
  fail("there is no workload %s", name);
}

static void print_run(const bench_t *b, const result_t *r, int threads) {
  printf("{\"operations\": %llu, \"ns_per_op\": %.3f, \"ops_per_s\": %.0f",
         (unsigned long long)r->operations,
         r->seconds * 1e9 * threads / (double)r->operations,
         (double)r->operations / r->seconds);
  if (r->gets > 0) {
    printf(", \"hit_ratio\": %.5f", (double)r->hits / (double)r->gets);
  }
  if (b->peer->held) {
    printf(", \"held\": %llu", (unsigned long long)b->peer->held(b->cache));
  }
  if (r->latency != NULL) {
    printf(", \"timer_ns\": %.1f, \"latency\": ", timer_cost_ns());
    histogram_print(r->latency, stdout);
  }
  puts("}");
}

static void answer_run(bench_t *bench, bool is_latency, const char *text) {
  char workload[32], distribution[32];
  int threads;
  double ms, warm_up_ms;
  if (sscanf(text, "%31s %31s %d %lf %lf", workload, distribution, &threads,
             &ms, &warm_up_ms) != 5 ||
      threads < 1 || threads > THREADS_MAX) {
    fail("cannot make sense of: %s", text);
  }
  enum workload work = workload_named(workload);
  if (bench->peer->is_unbounded && (work == INSERT || work == MIXED)) {
    fail("%s is never full", bench->peer->name);
  }
  if (bench->peer->is_single_writer && threads > 1 && work == OVERWRITE) {
    fail("%s has no locks", bench->peer->name);
  }
  histogram_t *h = is_latency ? must_allocate(sizeof *h) : NULL;
  result_t r = bench_run(bench, work,
                         strcmp(distribution, "zipf") == 0 ? ZIPF : UNIFORM,
                         threads, ms / 1e3, warm_up_ms / 1e3, h);
  print_run(bench, &r, threads);
  free(h);
}

static void answer(bench_t *bench, char *line) {
  char *rest = line + strcspn(line, " \n");
  bool is_end = *rest != ' ';
  *rest = '\0';
  rest += !is_end;
  if (strcmp(line, "speed") == 0 || strcmp(line, "latency") == 0) {
    answer_run(bench, line[0] == 'l', rest);
  } else if (strcmp(line, "sweep") == 0) {
    idle_sweep(bench, atoi(rest), stdout);
  } else if (strcmp(line, "storm") == 0) {
    storm(bench, strtoull(rest, NULL, 10), stdout);
  } else if (strcmp(line, "chase") == 0) {
    chase(strtoull(rest, NULL, 10), stdout);
  } else {
    fail("there is no command %s", line);
  }
  fflush(stdout);
}

typedef struct settings {
  uint64_t capacity;
  bool is_full, is_mix;
} settings_t;

static void open_and_fill(bench_t *b, const settings_t *settings) {
  peer_options_t options = {
      settings->capacity != 0 ? settings->capacity : b->entries,
      b->value_size};
  tick_ns();
  bench_fill(&(bench_t){.peer = &peer_empty, .value_size = b->value_size}, 0,
             1, 0); /* so that its own memory is there before we look */
  uint64_t own = resident_bytes(0);
  b->cache = b->peer->open(&options);
  if (b->cache == NULL) fail("%s cannot be had", b->peer->name);
  int process = b->peer->process ? b->peer->process(b->cache) : 0;
  uint64_t before = process != 0 ? resident_bytes(process) : own;
  uint64_t start = now_ns();
  /* For the mix, who knows its capacity begins with nothing. */
  bool is_filled = !settings->is_mix || b->peer->seal != NULL;
  if (is_filled) bench_fill(b, 0, b->entries, 0);
  double each = (double)b->entries;
  double ns = (double)(now_ns() - start) / each;
  double grown = (double)(resident_bytes(process) - before) / each;
  if (settings->is_full && b->peer->seal) b->peer->seal(b->cache);
  if (settings->is_mix) bench_settle(b, ZIPF, 30);
  printf("{\"peer\": \"%s\", \"entries\": %llu, \"value_size\": %zu, "
         "\"fill_ns\": %.1f, \"rss_per_entry\": %.2f, "
         "\"rss_overhead\": %.2f}\n",
         b->peer->name, (unsigned long long)b->entries, b->value_size, ns,
         grown, grown - KEY_SIZE - (double)b->value_size);
  fflush(stdout);
}

static void read_option(bench_t *bench, settings_t *settings, char *option) {
  char *value = strchr(option, '=');
  if (value == NULL) fail("cannot make sense of: %s", option);
  *value++ = '\0';
  uint64_t number = strtoull(value, NULL, 10);
  if (strcmp(option, "entries") == 0) {
    bench->entries = number;
  } else if (strcmp(option, "value") == 0) {
    bench->value_size = number;
  } else if (strcmp(option, "capacity") == 0) {
    settings->capacity = number;
  } else if (strcmp(option, "full") == 0) {
    settings->is_full = number != 0;
  } else if (strcmp(option, "mix") == 0) {
    settings->is_mix = number != 0;
  } else {
    fail("there is no option %s", option);
  }
}

int main(int count, char **arguments) {
  static bench_t bench = {.entries = 10000, .value_size = 64};
  settings_t settings = {0, false, false};
  if (count < 2) fail("usage: cachecore-bench PEER [entries=N] ...");
  bench.peer = peer_named(arguments[1]);
  for (int i = 2; i < count; i++) {
    read_option(&bench, &settings, arguments[i]);
  }
  /* Above the ids that hits, misses and the mix use. */
  bench.fresh_id = 4 * bench.entries;
  open_and_fill(&bench, &settings);
  for (char line[256]; fgets(line, sizeof line, stdin) != NULL;) {
    answer(&bench, line);
  }
  bench.peer->close(bench.cache);
  return 0;
}
