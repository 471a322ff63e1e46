#include "workloads.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct workload workloads[] = {
    {"loop", 1.02},      {"loop", 1.1},      {"loop", 1.5},
    {"loop", 2},         {"loop", 5},        {"zigzag", 1.1},
    {"zigzag", 1.5},     {"zigzag", 2},      {"zigzag", 4},
    {"back", 0.3},       {"back", 1},        {"back", 1.5},
    {"back", 3},         {"zipf", 0.7},      {"zipf", 1},
    {"drift", 1},        {"drift", 10},      {"scans", 0.3},
    {"scans", 2},        {"replaced", 5},    {"replaced", 20},
    {"replaced", 50},    {"phases", 5},      {"phases", 20},
    {"phases", 50},      {"twice", 0.5},     {"twice", 0.9},
    {"mixed", 0.5},      {"mixed", 1},       {"mixed", 2},
    {"turns", 0.3},      {"turns", 1.2},     {NULL, 0},
};

/* The sequence so far. */
struct keys {
  uint64_t *at;
  size_t count, limit;
  uint64_t random;
};

static uint64_t mixed(uint64_t word) {
  word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9u;
  word = (word ^ word >> 27) * 0x94D049BB133111EBu;
  return word ^ word >> 31;
}

static double chance(struct keys *keys) {
  keys->random += 0x9E3779B97F4A7C15u;
  return (double)(mixed(keys->random) >> 11) / 9007199254740992.0;
}

static int is_full(const struct keys *keys) {
  return keys->count == keys->limit;
}

static void add(struct keys *keys, uint64_t key) {
  if (!is_full(keys)) keys->at[keys->count++] = key;
}

/* Keys of different parts do not meet. */
static uint64_t part(uint64_t number) { return (number + 1) << 40; }

static void loop(struct keys *keys, uint64_t first, uint64_t length,
                 uint64_t count) {
  for (uint64_t i = 0; i < count; i++) add(keys, first + i % length);
}

static void zigzag(struct keys *keys, uint64_t first, uint64_t length,
                   uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    uint64_t place = i % (2 * length - 2);
    add(keys, first + (place < length ? place : 2 * length - 2 - place));
  }
}

/* The chance of a rank below or at each, of so many. */
static double *zipf_table(uint64_t ranks, double exponent) {
  double *table = malloc(ranks * sizeof *table), sum = 0;
  if (table == NULL) abort();
  for (uint64_t i = 0; i < ranks; i++) {
    sum += pow((double)i + 1, -exponent);
    table[i] = sum;
  }
  for (uint64_t i = 0; i < ranks; i++) table[i] /= sum;
  return table;
}

static uint64_t zipf_rank(struct keys *keys, const double *table,
                          uint64_t ranks) {
  double wanted = chance(keys);
  uint64_t low = 0, high = ranks - 1;
  while (low < high) {
    uint64_t middle = (low + high) / 2;
    if (table[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

static void zipf(struct keys *keys, uint64_t first, uint64_t ranks,
                 double exponent, uint64_t count) {
  double *table = zipf_table(ranks, exponent);
  for (uint64_t i = 0; i < count && !is_full(keys); i++) {
    add(keys, first + zipf_rank(keys, table, ranks));
  }
  free(table);
}

/* Forward for a while, then back over some of it. */
static void back_and_forth(struct keys *keys, double longest) {
  uint64_t place = part(0);
  while (!is_full(keys)) {
    uint64_t forward = (uint64_t)(longest * (0.5 + chance(keys))) + 1;
    uint64_t back = (uint64_t)((double)forward * (0.5 + 0.5 * chance(keys)));
    for (uint64_t i = 0; i < forward; i++) add(keys, ++place);
    for (uint64_t i = 0; i < back; i++) add(keys, --place);
  }
}

/* Popularity that moves on; a scan of `scan` keys after every five caches. */
static void drift(struct keys *keys, uint64_t capacity, double speed,
                  uint64_t scan) {
  double *table = zipf_table(10 * capacity, 1);
  uint64_t moved = 0, scanned = part(1), next = 5 * capacity;
  while (!is_full(keys)) {
    if (scan > 0 && keys->count >= next) {
      for (uint64_t i = 0; i < scan; i++) add(keys, scanned++);
      next = keys->count + 5 * capacity;
    }
    if (chance(keys) < 0.01 * speed) moved++;
    add(keys, part(0) + zipf_rank(keys, table, 10 * capacity) + moved);
  }
  free(table);
}

/* One kind of load after another, each for `length` requests. */
static void phases(struct keys *keys, uint64_t capacity, uint64_t length) {
  for (uint64_t phase = 0; !is_full(keys); phase++) {
    uint64_t first = part(phase);
    switch (phase % 5) {
      case 0: zipf(keys, first, 10 * capacity, 1, length); break;
      case 1: loop(keys, first, capacity * 3 / 2, length); break;
      case 2: zigzag(keys, first, capacity * 13 / 10, length); break;
      case 3: zipf(keys, first, 3 * capacity, 0.7, length); break;
      default: loop(keys, first, capacity * 11 / 10, length);
    }
  }
}

/* New keys, each used again after so many others. */
static void twice(struct keys *keys, uint64_t distance) {
  for (uint64_t i = 0; !is_full(keys); i++) {
    add(keys, part(0) + i);
    if (i >= distance / 2) add(keys, part(0) + i - distance / 2);
  }
}

/* A loop of `length` and popular keys, by turns. */
static void mix(struct keys *keys, uint64_t capacity, uint64_t length) {
  double *table = zipf_table(5 * capacity, 0.9);
  for (uint64_t i = 0; !is_full(keys);) {
    if (chance(keys) < 0.5) {
      add(keys, part(0) + zipf_rank(keys, table, 5 * capacity));
    } else {
      add(keys, part(1) + i++ % length);
    }
  }
  free(table);
}

/* Popular keys, and now and then a new range that is read to and fro. */
static void turns(struct keys *keys, uint64_t capacity, uint64_t length) {
  double *table = zipf_table(5 * capacity, 0.9);
  for (uint64_t first = part(1); !is_full(keys); first += length) {
    for (uint64_t i = 0; i < 2 * capacity; i++) {
      add(keys, part(0) + zipf_rank(keys, table, 5 * capacity));
    }
    for (int turn = 0; turn < 4; turn++) {
      for (uint64_t i = 0; i < length; i++) {
        add(keys, first + (turn % 2 ? length - 1 - i : i));
      }
    }
  }
  free(table);
}

void workload_fill(const struct workload *workload, uint64_t capacity,
                   uint64_t *at, size_t count) {
  struct keys keys = {at, 0, count, 17};
  const char *name = workload->name;
  double parameter = workload->parameter;
  uint64_t length = (uint64_t)(parameter * (double)capacity);
  if (strcmp(name, "loop") == 0) {
    loop(&keys, part(0), length, count);
  } else if (strcmp(name, "zigzag") == 0) {
    zigzag(&keys, part(0), length, count);
  } else if (strcmp(name, "back") == 0) {
    back_and_forth(&keys, (double)length);
  } else if (strcmp(name, "zipf") == 0) {
    zipf(&keys, part(0), 10 * capacity, parameter, count);
  } else if (strcmp(name, "drift") == 0) {
    drift(&keys, capacity, parameter, 0);
  } else if (strcmp(name, "scans") == 0) {
    drift(&keys, capacity, parameter, length);
  } else if (strcmp(name, "phases") == 0) {
    phases(&keys, capacity, length);
  } else if (strcmp(name, "twice") == 0) {
    twice(&keys, length);
  } else if (strcmp(name, "mixed") == 0) {
    mix(&keys, capacity, length);
  } else if (strcmp(name, "turns") == 0) {
    turns(&keys, capacity, length);
  } else {
    /* Popular keys, all replaced by others after every `length`. */
    for (uint64_t i = 0; !is_full(&keys); i++) {
      zipf(&keys, part(i), 5 * capacity, 0.9, length);
    }
  }
}

void workload_warm(uint64_t capacity, uint64_t *at, size_t count) {
  struct keys keys = {at, 0, count, 5};
  zipf(&keys, part(1u << 20), 10 * capacity, 0.9, count);
}
