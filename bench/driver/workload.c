/* For pthread_setaffinity_np. */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"

const char *const workload_names[WORKLOADS] = {
    "hit", "miss", "overwrite", "batch", "hot", "insert", "mixed"};

/* A thread's share of a run. */
typedef struct worker {
  const bench_t *bench;
  pthread_barrier_t *start;
  enum workload workload;
  int number;
  const char *keys;
  const uint8_t *is_set;
  size_t key_count, first_key;
  uint64_t operations, gets, hits;
  uint64_t began_ns, ended_ns;
  histogram_t *latency;
  void *way;
  char *buffer, *value;
} worker_t;

bool bind_to_core(int core) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  return pthread_setaffinity_np(pthread_self(), sizeof one, &one) == 0;
}

/* One step of a workload; a batch counts as the keys in it. */
static inline void step(worker_t *w, size_t i) {
  const peer_t *peer = w->bench->peer;
  const char *key = w->keys + i * KEY_SIZE;
  size_t size = w->bench->value_size;
  switch (w->workload) {
    case HIT:
    case MISS:
    case HOT:
      w->hits += peer->get(w->way, key, w->buffer, size) != 0;
      break;
    case BATCHED:
      if (peer->get_many != NULL) {
        w->hits += peer->get_many(w->way, key, BATCH, w->buffer, size);
        break;
      }
      for (int j = 0; j < BATCH; j++) {
        w->hits += peer->get(w->way, key + j * KEY_SIZE,
                             w->buffer + (size_t)j * size, size) != 0;
      }
      break;
    case OVERWRITE:
    case INSERT:
      peer->set(w->way, key, w->value, size);
      break;
    default:
      if (w->is_set[i]) {
        peer->set(w->way, key, w->value, size);
      } else {
        w->gets++;
        w->hits += peer->get(w->way, key, w->buffer, size) != 0;
      }
  }
}

static inline void loop(worker_t *shared, enum workload workload,
                        bool is_timed) {
  /* On this thread's stack: counters side by side would be a cache line that
   * the threads fight for.  With a constant workload, each gets a loop of its
   * own from the compiler. */
  worker_t own = *shared, *w = &own;
  w->workload = workload;
  size_t stride = workload == BATCHED ? BATCH : 1, i = w->first_key;
  if (i + stride > w->key_count) i = 0;
  for (uint64_t left = w->operations / stride; left > 0; left--) {
    if (is_timed) {
      uint64_t start = ticks();
      step(w, i);
      histogram_add(w->latency, ticks() - start);
    } else {
      step(w, i);
    }
    i += stride;
    if (i + stride > w->key_count) i = 0;
  }
  *shared = own;
}

static void *work(void *argument) {
  worker_t *w = argument;
  const peer_t *peer = w->bench->peer;
  size_t room = w->bench->value_size * BATCH;
  w->way = peer->attach ? peer->attach(w->bench->cache) : w->bench->cache;
  w->buffer = must_allocate(room);
  w->value = must_allocate(w->bench->value_size);
  memset(w->value, 'v', w->bench->value_size);

  /* Each thread stays on a core of its own, if there are enough. */
  if (peer->process == NULL) { /* a server needs a core, too */
    bind_to_core((int)(w->number % sysconf(_SC_NPROCESSORS_ONLN)));
  }

  pthread_barrier_wait(w->start);
  w->began_ns = now_ns();
#define CASE(NAME)                          \
  case NAME:                                \
    if (w->latency != NULL) {               \
      loop(w, NAME, true);                  \
    } else {                                \
      loop(w, NAME, false);                 \
    }                                       \
    break
  switch (w->workload) {
    CASE(HIT);
    CASE(MISS);
    CASE(OVERWRITE);
    CASE(BATCHED);
    CASE(HOT);
    CASE(INSERT);
    default: CASE(MIXED);
  }
#undef CASE
  w->ended_ns = now_ns();
  if (peer->detach) peer->detach(w->way);
  free(w->buffer);
  free(w->value);
  return NULL;
}

static result_t run(const bench_t *bench, sequence_t *sequence,
                    enum workload workload, int threads, uint64_t operations,
                    histogram_t *latency) {
  worker_t *workers = must_allocate((size_t)threads * sizeof *workers);
  pthread_t ids[THREADS_MAX];
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  for (int t = 0; t < threads; t++) {
    /* Whoever inserts needs keys that no other thread has. */
    size_t share = sequence->count / (size_t)threads;
    share -= workload == BATCHED ? share % BATCH : 0;
    bool is_own = workload == INSERT;
    size_t offset = (size_t)t * share;
    workers[t] = (worker_t){
        .bench = bench, .start = &start, .workload = workload, .number = t,
        .keys = sequence->keys + (is_own ? offset * KEY_SIZE : 0),
        .is_set = sequence->is_set,
        .key_count = is_own ? share : sequence->count,
        .first_key =
            is_own ? 0 : (sequence->position + offset) % sequence->count,
        .operations = operations / (uint64_t)threads};
    if (latency) workers[t].latency = must_allocate(sizeof(histogram_t));
  }
  for (int t = 1; t < threads; t++) {
    if (pthread_create(&ids[t], NULL, work, &workers[t]) != 0) {
      fail("no thread");
    }
  }
  cpu_set_t cores; /* the main thread works, too; it must not stay bound */
  pthread_getaffinity_np(pthread_self(), sizeof cores, &cores);
  work(&workers[0]);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);

  result_t result = {.latency = latency};
  uint64_t began = workers[0].began_ns, ended = workers[0].ended_ns;
  for (int t = 0; t < threads; t++) {
    worker_t *w = &workers[t];
    if (t > 0) pthread_join(ids[t], NULL);
    if (w->began_ns < began) began = w->began_ns;
    if (w->ended_ns > ended) ended = w->ended_ns;
    uint64_t stride = workload == BATCHED ? BATCH : 1;
    result.operations += w->operations / stride * stride;
    result.hits += w->hits;
    result.gets += w->gets;
    if (latency) histogram_merge(latency, w->latency);
    free(w->latency);
  }
  result.seconds = (double)(ended - began) / 1e9;
  /* The next run goes on where this one ended. */
  sequence->position += result.operations / (uint64_t)threads;
  sequence->position %= sequence->count;
  if (workload != MIXED && workload != OVERWRITE && workload != INSERT) {
    result.gets = result.operations;
  }
  pthread_barrier_destroy(&start);
  free(workers);
  return result;
}

/* ---- Which keys --------------------------------------------------------- */

/* Long enough that it does not become a habit, short enough at 10 000 entries
 * to leave the caches to the peer. */
static size_t sequence_length(uint64_t entries) {
  uint64_t length = entries * 4;
  if (length < 1 << 15) length = 1 << 15;
  if (length > 1 << 21) length = 1 << 21;
  return length;
}

static sequence_t *sequence_for(bench_t *b, enum workload workload,
                                int distribution, int threads) {
  sequence_t *s = &b->sequences[workload][distribution];
  size_t length = sequence_length(b->entries);
  if (workload == INSERT) {
    if (threads < 2) threads = 2;
    size_t wanted = (size_t)threads << 20;
    if (s->count < wanted) {
      sequence_free(s);
      *s = sequence_reserve(wanted);
    }
    sequence_renew(s, b->fresh_id);
    b->fresh_id += s->count;
  } else if (s->count == 0) {
    switch (workload) {
      case MISS:
        *s = sequence_draw(length, b->entries, b->entries, distribution, 0, 2);
        break;
      case HOT:
        *s = sequence_draw(1 << 10, b->entries / 2, 1, UNIFORM, 0, 3);
        break;
      case MIXED:
        /* What is not asked for within this length never is: longer. */
        length = 16 * b->entries > 1 << 20 ? 16 * b->entries : 1 << 20;
        *s = sequence_draw(length, 0, 2 * b->entries, distribution, 10, 4);
        break;
      default:
        *s = sequence_draw(length, 0, b->entries, distribution, 0, 1);
    }
  }
  return s;
}

/* ---- How many operations ------------------------------------------------ */

result_t bench_run(bench_t *b, enum workload workload, int distribution,
                   int threads, double seconds, double warm_up,
                   histogram_t *latency) {
  double *estimate = &b->estimate_ns[workload][distribution][threads];
  uint64_t unit = (uint64_t)threads * (workload == BATCHED ? BATCH : 1);
  if (*estimate == 0) {
    uint64_t began = now_ns(), operations = unit;
    double took;
    do {
      sequence_t *s = sequence_for(b, workload, distribution, threads);
      if (workload == INSERT && operations > s->count) operations = s->count;
      result_t r = run(b, s, workload, threads, operations, NULL);
      took = r.seconds;
      *estimate = took * 1e9 / (double)r.operations;
      if (took < 0.02) operations *= 2;
    } while (took < 0.01 || (double)(now_ns() - began) < warm_up * 1e9);
  }
  sequence_t *s = sequence_for(b, workload, distribution, threads);
  double operations = seconds * 1e9 / *estimate;
  /* Who evicts by scanning is fast until he has to: too short a round of the
   * mix would show the one or the other. */
  double least = (double)unit * (workload == MIXED ? 1000 : 1);
  if (operations < least) operations = least;
  if (workload == INSERT && operations > (double)s->count) {
    operations = (double)s->count;
  }
  return run(b, s, workload, threads, (uint64_t)operations / unit * unit,
             latency);
}

enum { CHUNK = 1000 };

/* Stores `count` keys that lie one after the other. */
static void store(const bench_t *b, void *way, const char *keys, size_t count,
                  const char *value, int64_t deadline_unix_ms) {
  const peer_t *peer = b->peer;
  if (peer->set_many != NULL) {
    peer->set_many(way, keys, count, value, b->value_size, deadline_unix_ms);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    peer->set(way, keys + i * KEY_SIZE, value, b->value_size);
  }
}

static char *new_value(const bench_t *b) {
  char *value = must_allocate(b->value_size);
  memset(value, 'v', b->value_size);
  return value;
}

void bench_fill(bench_t *b, uint64_t first, uint64_t count,
                int64_t deadline_unix_ms) {
  static char keys[CHUNK * KEY_SIZE];
  char *value = new_value(b);
  void *way = b->peer->attach ? b->peer->attach(b->cache) : b->cache;
  for (uint64_t done = 0; done < count;) {
    size_t n = count - done < CHUNK ? count - done : CHUNK;
    for (size_t i = 0; i < n; i++) {
      key_write(keys + i * KEY_SIZE, first + done + i);
    }
    store(b, way, keys, n, value, deadline_unix_ms);
    done += n;
  }
  if (b->peer->detach) b->peer->detach(way);
  free(value);
}

void bench_settle(bench_t *b, int distribution, double seconds) {
  sequence_t *s = sequence_for(b, MIXED, distribution, 1);
  char *value = new_value(b);
  void *way = b->peer->attach ? b->peer->attach(b->cache) : b->cache;
  uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);
  /* About seven keys of the mix for each entry make the cache full. */
  size_t wanted = 12 * b->entries < s->count ? 12 * b->entries : s->count;
  /* In small portions: there is a peer that takes 0.1 s for a single set. */
  for (size_t i = 0; i + 100 <= wanted && now_ns() < until; i += 100) {
    store(b, way, s->keys + i * KEY_SIZE, 100, value, 0);
    s->position = i + 100;
  }
  if (b->peer->detach) b->peer->detach(way);
  free(value);
}
