/*
 * generated - ADAPTIVE beside simulated policies, on generated workloads.
 *
 *   generated SEEDS CAPACITY LENGTH cold|warm
 *
 * For each workload of LENGTH requests for each of CAPACITY entries writes
 * "workload,parameter,capacity,length,start," and hit ratios in percent: those
 * of LRU, S3-FIFO and W-TinyLFU, and the least, the mean and the most of
 * ADAPTIVE with so many hash seeds.  `warm`: after ten requests for each entry
 * to other keys, not counted.
 */
#include <cachecore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulators.h"
#include "workloads.h"

static uint64_t *keys;     /* as they were generated */
static uint32_t *numbers;  /* the same, from 0 on */
static size_t count, counted_from;

/* Numbers keys as they first appear; how many there are. */
static uint32_t number_keys(void) {
  size_t size = 1;
  uint32_t next = 0;
  while (size < 2 * count) size *= 2;
  uint64_t *known = calloc(size, sizeof *known);
  uint32_t *as = calloc(size, sizeof *as);
  if (known == NULL || as == NULL) abort();
  for (size_t i = 0; i < count; i++) {
    size_t at = keys[i] * 0x9E3779B97F4A7C15u >> 20 & (size - 1);
    while (known[at] != 0 && known[at] != keys[i]) at = (at + 1) & (size - 1);
    if (known[at] == 0) {
      known[at] = keys[i];
      as[at] = next++;
    }
    numbers[i] = as[at];
  }
  free(known);
  free(as);
  return next;
}

static double percent(size_t hits) {
  return 100.0 * (double)hits / (double)(count - counted_from);
}

static double simulated(struct simulator *simulator) {
  size_t hits = 0;
  for (size_t i = 0; i < count; i++) {
    int is_hit = simulator_use(simulator, numbers[i]);
    if (i >= counted_from) hits += (size_t)is_hit;
  }
  simulator_close(simulator);
  return percent(hits);
}

static double adaptive(uint64_t capacity, uint64_t seed) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *cache;
  size_t hits = 0, size;
  char value[8];
  options.policy = CACHECORE_POLICY_ADAPTIVE;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.shard_count = 1;
  options.max_entries = capacity;
  options.hash_seed = seed;
  if (cachecore_open(&options, &cache) != CACHECORE_OK) abort();
  for (size_t i = 0; i < count; i++) {
    const uint64_t *key = &keys[i];
    if (cachecore_get(cache, key, sizeof *key, value, sizeof value, &size) ==
        CACHECORE_OK) {
      if (i >= counted_from) hits++;
    } else if (cachecore_set(cache, key, sizeof *key, "", 0, 0) !=
               CACHECORE_OK) {
      abort();
    }
  }
  cachecore_close(cache);
  return percent(hits);
}

int main(int argument_count, char **arguments) {
  if (argument_count != 5) return 2;
  uint64_t seeds = strtoull(arguments[1], NULL, 10);
  uint32_t capacity = (uint32_t)strtoul(arguments[2], NULL, 10);
  size_t length = strtoul(arguments[3], NULL, 10) * capacity;
  int is_warm = strcmp(arguments[4], "warm") == 0;
  counted_from = is_warm ? 10 * (size_t)capacity : 0;
  count = counted_from + length;
  keys = malloc(count * sizeof *keys);
  numbers = malloc(count * sizeof *numbers);
  if (keys == NULL || numbers == NULL || seeds == 0 || length == 0) return 2;
  for (const struct workload *w = workloads; w->name != NULL; w++) {
    workload_warm(capacity, keys, counted_from);
    workload_fill(w, capacity, keys + counted_from, length);
    uint32_t key_count = number_keys();
    double least = 100, most = 0, sum = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
      double ratio = adaptive(capacity, seed);
      if (ratio < least) least = ratio;
      if (ratio > most) most = ratio;
      sum += ratio;
    }
    printf("%s,%g,%u,%s,%s,", w->name, w->parameter, capacity, arguments[3],
           arguments[4]);
    printf("%.2f,%.2f,%.2f,%.2f,%.2f,%.2f\n",
           simulated(lru_open(key_count, capacity)),
           simulated(s3fifo_open(key_count, capacity)),
           simulated(tinylfu_open(key_count, capacity)), least,
           sum / (double)seeds, most);
    fflush(stdout);
  }
  return 0;
}
