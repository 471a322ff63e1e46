#include "keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

void key_write(char *key, uint64_t id) {
  memcpy(key, "user:", 5);
  for (int i = KEY_SIZE - 1; i >= 5; i--, id /= 10) {
    key[i] = (char)('0' + id % 10);
  }
}

uint64_t random_next(uint64_t *state) {
  uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/* A number below `bound`, which is far below 2^32. */
static uint64_t random_below(uint64_t *state, uint64_t bound) {
  return (random_next(state) >> 32) * bound >> 32;
}

/* What each rank is called: the hot keys must not be neighbours. */
static uint32_t *shuffled(uint64_t count, uint64_t *state) {
  uint32_t *names = must_allocate(count * sizeof *names);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t j = random_below(state, i + 1);
    names[i] = names[j];
    names[j] = (uint32_t)i;
  }
  return names;
}

/* cumulated[r] is the chance of a rank of r or less. */
static double *zipf_table(uint64_t population) {
  double *cumulated = must_allocate(population * sizeof *cumulated);
  double sum = 0;
  for (uint64_t i = 0; i < population; i++) {
    cumulated[i] = sum += pow((double)(i + 1), -0.99);
  }
  for (uint64_t i = 0; i < population; i++) cumulated[i] /= sum;
  return cumulated;
}

static uint64_t zipf_draw(const double *cumulated, uint64_t population,
                          uint64_t *state) {
  double x = (double)(random_next(state) >> 11) * 0x1p-53;
  uint64_t low = 0, high = population - 1;
  while (low < high) {
    uint64_t middle = (low + high) / 2;
    if (cumulated[middle] < x) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

sequence_t sequence_reserve(size_t count) {
  return (sequence_t){must_allocate(count * KEY_SIZE), NULL, count, 0};
}

void sequence_renew(sequence_t *sequence, uint64_t first) {
  for (size_t i = 0; i < sequence->count; i++) {
    key_write(sequence->keys + i * KEY_SIZE, first + i);
  }
}

sequence_t sequence_draw(size_t count, uint64_t first, uint64_t population,
                         int distribution, int set_percent, uint64_t seed) {
  sequence_t sequence = sequence_reserve(count);
  uint32_t *names = NULL;
  double *table = NULL;
  if (distribution == ZIPF) {
    names = shuffled(population, &seed);
    table = zipf_table(population);
  }
  if (set_percent > 0) sequence.is_set = must_allocate(count);
  for (size_t i = 0; i < count; i++) {
    uint64_t id = distribution == ZIPF
                      ? names[zipf_draw(table, population, &seed)]
                      : random_below(&seed, population);
    key_write(sequence.keys + i * KEY_SIZE, first + id);
    if (set_percent > 0) {
      sequence.is_set[i] = random_below(&seed, 100) < (uint64_t)set_percent;
    }
  }
  free(names);
  free(table);
  return sequence;
}

void sequence_free(sequence_t *sequence) {
  free(sequence->keys);
  free(sequence->is_set);
  *sequence = (sequence_t){NULL, NULL, 0, 0};
}
