#include "simulators.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = UINT32_MAX };
enum { NOWHERE, FIRST, SECOND, THIRD, QUEUES };

struct queue {
  uint32_t newest, oldest, count;
};

struct simulator {
  int (*use)(struct simulator *, uint32_t key);
  uint32_t capacity;
  /* By key. */
  uint32_t *newer, *older, *evicted;
  uint8_t *place, *uses;
  struct queue queues[QUEUES];
  uint32_t clock;
  /* Of W-TinyLFU: four rows of counters. */
  uint8_t *counters;
  uint32_t mask, recorded;
};

static void put(struct simulator *s, uint32_t key, int place) {
  struct queue *queue = &s->queues[place];
  s->place[key] = (uint8_t)place;
  s->newer[key] = NONE;
  s->older[key] = queue->newest;
  if (queue->newest != NONE) s->newer[queue->newest] = key;
  else queue->oldest = key;
  queue->newest = key;
  queue->count++;
}

static void take(struct simulator *s, uint32_t key) {
  struct queue *queue = &s->queues[s->place[key]];
  uint32_t newer = s->newer[key], older = s->older[key];
  if (newer != NONE) s->older[newer] = older;
  else queue->newest = older;
  if (older != NONE) s->newer[older] = newer;
  else queue->oldest = newer;
  queue->count--;
  s->place[key] = NOWHERE;
}

static void move(struct simulator *s, uint32_t key, int place) {
  take(s, key);
  put(s, key, place);
}

static void *zeros(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) abort();
  return memory;
}

static struct simulator *make(uint32_t key_count, uint32_t capacity,
                              int (*use)(struct simulator *, uint32_t)) {
  struct simulator *s = zeros(1, sizeof *s);
  s->use = use;
  s->capacity = capacity;
  s->newer = zeros(key_count, sizeof *s->newer);
  s->older = zeros(key_count, sizeof *s->older);
  s->evicted = zeros(key_count, sizeof *s->evicted);
  s->place = zeros(key_count, 1);
  s->uses = zeros(key_count, 1);
  s->clock = 1;
  for (int i = 0; i < QUEUES; i++) s->queues[i] = (struct queue){NONE, NONE, 0};
  return s;
}

int simulator_use(struct simulator *s, uint32_t key) { return s->use(s, key); }

void simulator_close(struct simulator *s) {
  free(s->newer);
  free(s->older);
  free(s->evicted);
  free(s->place);
  free(s->uses);
  free(s->counters);
  free(s);
}

/* ---- LRU ----------------------------------------------------------------- */

static int lru_use(struct simulator *s, uint32_t key) {
  if (s->place[key] != NOWHERE) {
    move(s, key, FIRST);
    return 1;
  }
  if (s->queues[FIRST].count == s->capacity) take(s, s->queues[FIRST].oldest);
  put(s, key, FIRST);
  return 0;
}

struct simulator *lru_open(uint32_t key_count, uint32_t capacity) {
  return make(key_count, capacity, lru_use);
}

/* ---- S3-FIFO ------------------------------------------------------------- */
/* Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache
 * eviction", SOSP 2023.  FIRST is the small queue, SECOND the main one. */

static uint32_t s3fifo_small(const struct simulator *s) {
  return s->capacity >= 10 ? s->capacity / 10 : 1;
}

static void s3fifo_evict_main(struct simulator *s) {
  for (;;) {
    uint32_t key = s->queues[SECOND].oldest;
    if (key == NONE) return;
    if (s->uses[key] == 0) {
      take(s, key);
      return;
    }
    s->uses[key]--;
    move(s, key, SECOND);
  }
}

static void s3fifo_evict(struct simulator *s) {
  uint32_t small = s3fifo_small(s), key;
  if (s->queues[FIRST].count < small && s->queues[SECOND].count > 0) {
    s3fifo_evict_main(s);
    return;
  }
  while ((key = s->queues[FIRST].oldest) != NONE) {
    if (s->uses[key] <= 1) {
      take(s, key);
      s->evicted[key] = s->clock++;
      return;
    }
    s->uses[key] = 0;
    move(s, key, SECOND);
    if (s->queues[SECOND].count > s->capacity - small) {
      s3fifo_evict_main(s);
      return;
    }
  }
}

static int s3fifo_use(struct simulator *s, uint32_t key) {
  if (s->place[key] != NOWHERE) {
    if (s->uses[key] < 3) s->uses[key]++;
    return 1;
  }
  while (s->queues[FIRST].count + s->queues[SECOND].count >= s->capacity) {
    s3fifo_evict(s);
  }
  int is_ghost = s->evicted[key] != 0 &&
                 s->clock - s->evicted[key] <= s->capacity - s3fifo_small(s);
  s->evicted[key] = 0;
  s->uses[key] = 0;
  put(s, key, is_ghost ? SECOND : FIRST);
  return 0;
}

struct simulator *s3fifo_open(uint32_t key_count, uint32_t capacity) {
  return make(key_count, capacity, s3fifo_use);
}

/* ---- W-TinyLFU ----------------------------------------------------------- */
/* Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission
 * Policy", TOS 2017.  FIRST is the window, SECOND is probation, THIRD is what
 * is protected. */

static uint32_t tinylfu_row(const struct simulator *s, uint32_t key, int row) {
  uint64_t word = ((uint64_t)key + 1) * 0x9E3779B97F4A7C15u;
  word = (word ^ word >> 29) * (0xBF58476D1CE4E5B9u + 2 * (uint64_t)row);
  return (uint32_t)row * (s->mask + 1) + ((uint32_t)(word >> 32) & s->mask);
}

static unsigned tinylfu_count(const struct simulator *s, uint32_t key) {
  unsigned least = 15;
  for (int row = 0; row < 4; row++) {
    unsigned count = s->counters[tinylfu_row(s, key, row)];
    if (count < least) least = count;
  }
  return least;
}

static void tinylfu_record(struct simulator *s, uint32_t key) {
  for (int row = 0; row < 4; row++) {
    uint8_t *counter = &s->counters[tinylfu_row(s, key, row)];
    if (*counter < 15) ++*counter;
  }
  if (++s->recorded < 10 * s->capacity) return;
  s->recorded /= 2;
  for (size_t i = 0; i < 4 * ((size_t)s->mask + 1); i++) s->counters[i] /= 2;
}

static int tinylfu_use(struct simulator *s, uint32_t key) {
  uint32_t window = s->capacity >= 100 ? s->capacity / 100 : 1;
  uint32_t protected_max = (s->capacity - window) * 4 / 5;
  tinylfu_record(s, key);
  switch (s->place[key]) {
    case FIRST:
    case THIRD: move(s, key, s->place[key]); return 1;
    case SECOND:
      move(s, key, THIRD);
      if (s->queues[THIRD].count > protected_max) {
        move(s, s->queues[THIRD].oldest, SECOND);
      }
      return 1;
  }
  put(s, key, FIRST);
  if (s->queues[FIRST].count <= window) return 0;
  uint32_t candidate = s->queues[FIRST].oldest;
  uint32_t main_count = s->queues[SECOND].count + s->queues[THIRD].count;
  if (s->queues[FIRST].count + main_count <= s->capacity) {
    move(s, candidate, SECOND);
    return 0;
  }
  uint32_t victim = s->queues[SECOND].oldest;
  if (victim == NONE) victim = s->queues[THIRD].oldest;
  if (victim != NONE &&
      tinylfu_count(s, candidate) > tinylfu_count(s, victim)) {
    take(s, victim);
    move(s, candidate, SECOND);
  } else {
    take(s, candidate);
  }
  return 0;
}

struct simulator *tinylfu_open(uint32_t key_count, uint32_t capacity) {
  struct simulator *s = make(key_count, capacity, tinylfu_use);
  s->mask = 255;
  while (s->mask < capacity) s->mask = 2 * s->mask + 1;
  s->counters = zeros(4 * ((size_t)s->mask + 1), 1);
  return s;
}
