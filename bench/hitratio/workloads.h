/*
 * workloads.h - sequences of keys that are hard on a cache of a given size.
 */
#ifndef WORKLOADS_H
#define WORKLOADS_H

#include <stddef.h>
#include <stdint.h>

struct workload {
  const char *name;
  /* What the name is followed by: a length in caches, or an exponent. */
  double parameter;
};

/* All of them; the last has no name. */
extern const struct workload workloads[];

/* Writes `count` keys for a cache of `capacity` entries. */
void workload_fill(const struct workload *workload, uint64_t capacity,
                   uint64_t *keys, size_t count);

/* Keys that none of them uses, in the proportions of Zipf, for a cache that is
 * not empty when it begins. */
void workload_warm(uint64_t capacity, uint64_t *keys, size_t count);

#endif
