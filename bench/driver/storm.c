#include "storm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "memory.h"

/* What the reader's measurements are credited to. */
enum { IDLE, STORM, AFTER, PHASES };

typedef struct reader {
  const bench_t *bench;
  const sequence_t *sequence;
  atomic_int phase;
  atomic_bool is_over;
  uint64_t misses;
  histogram_t *latency[PHASES];
} reader_t;

static void *read_on(void *argument) {
  reader_t *r = argument;
  const peer_t *peer = r->bench->peer;
  size_t size = r->bench->value_size;
  void *way = peer->attach ? peer->attach(r->bench->cache) : r->bench->cache;
  char *buffer = must_allocate(size);
  for (size_t i = 0; !atomic_load_explicit(&r->is_over, memory_order_relaxed);
       i = i + 1 < r->sequence->count ? i + 1 : 0) {
    const char *key = r->sequence->keys + i * KEY_SIZE;
    int phase = atomic_load_explicit(&r->phase, memory_order_relaxed);
    uint64_t start = ticks();
    size_t got = peer->get(way, key, buffer, size);
    histogram_add(r->latency[phase], ticks() - start);
    r->misses += got == 0;
  }
  if (peer->detach) peer->detach(way);
  free(buffer);
  return NULL;
}

/* For a cache without a sweeper of its own: one that is called as soon as all
 * are due, which flatters it: who would know that moment? */
typedef struct sweeper {
  const bench_t *bench;
  uint64_t at_ns;
} sweeper_t;

static void *sweep_then(void *argument) {
  sweeper_t *s = argument;
  while (now_ns() < s->at_ns) sleep_ns(100000);
  s->bench->peer->sweep(s->bench->cache);
  return NULL;
}

typedef struct course {
  uint64_t first_ns, last_ns; /* when the first and the last were gone; 0: no */
  uint64_t held;
} course_t;

/* Asks again and again how many are left. */
static course_t ask_on(const bench_t *b, uint64_t count, uint64_t full,
                       uint64_t give_up_ns) {
  course_t course = {.held = full};
  while (course.last_ns == 0 && now_ns() < give_up_ns) {
    course.held = b->peer->held(b->cache);
    uint64_t now = now_ns();
    if (course.first_ns == 0 && course.held < full) course.first_ns = now;
    if (course.held <= full - count) course.last_ns = now;
    sleep_ns(200000);
  }
  return course;
}

/* Asks a cache that counts what is due when it is asked, which is work that the
 * question would do for the sweep, only when the memory is back. */
static course_t ask_afterwards(const bench_t *b, uint64_t count, uint64_t full,
                               uint64_t rss_gone, uint64_t give_up_ns) {
  course_t course = {.held = full};
  while (roughly_resident_bytes() > rss_gone && now_ns() < give_up_ns) {
    sleep_ns(200000);
  }
  sleep_ns(20000000); /* its end is near */
  b->peer->last_sweep(b->cache, &course.first_ns, &course.last_ns);
  course.held = b->peer->held(b->cache);
  if (course.held > full - count) course.last_ns = 0;
  return course;
}

void storm(bench_t *b, uint64_t count, FILE *out) {
  const uint64_t give_up_ns = UINT64_C(20000000000);
  const peer_t *peer = b->peer;
  int process = peer->process ? peer->process(b->cache) : 0;

  /* How long will storing take?  A storm that began before all is stored
   * would be none. */
  uint64_t began = now_ns();
  bench_fill(b, b->fresh_id, count / 20, unix_ms() + 1000);
  uint64_t lead_ms = (now_ns() - began) / 1000000 * 30 + 2500;

  int64_t deadline = unix_ms() + (int64_t)lead_ms;
  deadline += 1000 - deadline % 1000; /* memcached knows whole seconds */
  uint64_t deadline_ns = now_ns() + (uint64_t)(deadline * 1000000 - unix_ns());
  uint64_t rss_before = resident_bytes(process);
  bench_fill(b, b->fresh_id, count, deadline); /* the first ones once more */
  if (now_ns() > deadline_ns) fail("storing took longer than foreseen");
  uint64_t rss_full = resident_bytes(process);
  uint64_t held_full = peer->held(b->cache);

  sequence_t sequence =
      sequence_draw(1 << 16, 0, b->entries, UNIFORM, 0, 5);
  reader_t reader = {.bench = b, .sequence = &sequence};
  for (int i = 0; i < PHASES; i++) {
    reader.latency[i] = must_allocate(sizeof(histogram_t));
  }
  if (peer->start_sweeper) peer->start_sweeper(b->cache);
  sweeper_t sweeper = {b, deadline_ns + 2000000};
  pthread_t reading, sweeping;
  pthread_create(&reading, NULL, read_on, &reader);
  bool is_ours = peer->start_sweeper == NULL && peer->sweep != NULL;
  if (is_ours) pthread_create(&sweeping, NULL, sweep_then, &sweeper);

  while (now_ns() < deadline_ns) sleep_ns(50000);
  atomic_store(&reader.phase, STORM);
  uint64_t end_ns = deadline_ns + give_up_ns;
  course_t course =
      peer->last_sweep != NULL
          ? ask_afterwards(b, count, held_full, rss_before, end_ns)
          : ask_on(b, count, held_full, end_ns);
  atomic_store(&reader.phase, AFTER);
  sleep_ns(1000000000);
  uint64_t rss_after = resident_bytes(process);
  atomic_store(&reader.is_over, true);
  pthread_join(reading, NULL);
  if (is_ours) pthread_join(sweeping, NULL);

  fprintf(out, "{\"expiring\": %llu, \"remaining\": %llu, ",
          (unsigned long long)count, (unsigned long long)course.held);
  if (course.first_ns != 0) {
    fprintf(out, "\"lag_ms\": %.2f, ",
            ((double)course.first_ns - (double)deadline_ns) / 1e6);
  }
  if (course.last_ns != 0) {
    fprintf(out, "\"gone_ms\": %.2f, \"removal_ms\": %.2f, ",
            ((double)course.last_ns - (double)deadline_ns) / 1e6,
            (double)(course.last_ns - course.first_ns) / 1e6);
  }
  if (peer->describe_sweeper) {
    peer->describe_sweeper(b->cache, out);
    fputs(", ", out);
  }
  fprintf(out,
          "\"rss_empty\": %llu, \"rss_full\": %llu, \"rss_after\": %llu, "
          "\"misses\": %llu, \"idle\": ",
          (unsigned long long)rss_before, (unsigned long long)rss_full,
          (unsigned long long)rss_after, (unsigned long long)reader.misses);
  histogram_print(reader.latency[IDLE], out);
  fputs(", \"storm\": ", out);
  histogram_print(reader.latency[STORM], out);
  fputs("}\n", out);
  for (int i = 0; i < PHASES; i++) free(reader.latency[i]);
  sequence_free(&sequence);
}

void idle_sweep(bench_t *b, int repeats, FILE *out) {
  histogram_t *h = must_allocate(sizeof *h);
  uint64_t removed = 0;
  for (int i = 0; i < repeats; i++) {
    uint64_t start = ticks();
    removed += b->peer->sweep(b->cache);
    histogram_add(h, ticks() - start);
  }
  fprintf(out, "{\"entries\": %llu, \"removed\": %llu, \"latency\": ",
          (unsigned long long)b->entries, (unsigned long long)removed);
  histogram_print(h, out);
  fputs("}\n", out);
  free(h);
}

static double chase_in(uint64_t bytes, int advice) {
  enum { LINE = 64, LOADS = 2000000 };
  size_t count = bytes / LINE;
  char *lines = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (lines == MAP_FAILED) fail("cannot map");
  madvise(lines, bytes, advice);

  /* Sattolo's shuffle makes one cycle through all the lines. */
  uint64_t state = 1;
  for (size_t i = 0; i < count; i++) *(uint64_t *)(lines + i * LINE) = i;
  for (size_t i = count - 1; i > 0; i--) {
    size_t j = (size_t)((random_next(&state) >> 32) * i >> 32);
    uint64_t *a = (uint64_t *)(lines + i * LINE);
    uint64_t *b = (uint64_t *)(lines + j * LINE), c = *a;
    *a = *b;
    *b = c;
  }
  volatile uint64_t at = 0;
  double best = 0;
  for (int round = 0; round < 4; round++) {
    uint64_t start = now_ns(), i = at;
    for (int n = 0; n < LOADS; n++) i = *(uint64_t *)(lines + i * LINE);
    at = i;
    double ns = (double)(now_ns() - start) / LOADS;
    if (round == 1 || (round > 1 && ns < best)) best = ns; /* 0: warm-up */
  }
  munmap(lines, bytes);
  return best;
}

void chase(uint64_t bytes, FILE *out) {
  double small = chase_in(bytes, MADV_NOHUGEPAGE);
  double huge = chase_in(bytes, MADV_HUGEPAGE);
  fprintf(out,
          "{\"bytes\": %llu, \"ns_small_pages\": %.2f, "
          "\"ns_huge_pages\": %.2f}\n",
          (unsigned long long)bytes, small, huge);
}
