/* storm.h - a great many entries whose time is up at the same moment. */
#ifndef BENCH_STORM_H
#define BENCH_STORM_H

#include <stdio.h>

#include "workload.h"

/* Stores `count` entries that all expire at one moment, beside the ones that
 * are there and stay; a thread reads the latter before, during and after.
 * Writes a JSON object. */
void storm(bench_t *bench, uint64_t count, FILE *out);

/* Times `repeats` sweeps with nothing due: a JSON object. */
void idle_sweep(bench_t *bench, int repeats, FILE *out);

/* Times a chain of dependent loads over `bytes` of memory, in pages of the
 * usual size and in huge ones: a JSON object. */
void chase(uint64_t bytes, FILE *out);

#endif
