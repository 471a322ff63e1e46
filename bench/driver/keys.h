/*
 * keys.h - keys and the order in which they are asked for.
 *
 * The order is worked out before the clock starts: the timed loops walk
 * through an array of keys, one after the other, and draw no random numbers.
 */
#ifndef BENCH_KEYS_H
#define BENCH_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "peer.h"

typedef struct sequence {
  char *keys;     /* count * KEY_SIZE bytes */
  uint8_t *is_set; /* count flags: this step writes; NULL: it does not vary */
  size_t count;
  size_t position; /* where the next run goes on */
} sequence_t;

enum { UNIFORM, ZIPF };

/* Writes "user:%011u". */
void key_write(char *key, uint64_t id);

/* Splitmix64: the next of a row of random numbers. */
uint64_t random_next(uint64_t *state);

/* `count` keys drawn from `first` to `first` + `population` - 1.  With ZIPF
 * (exponent 0.99) the frequent ones are strewn over that range.  A share of
 * `set_percent` of the steps are writes. */
sequence_t sequence_draw(size_t count, uint64_t first, uint64_t population,
                         int distribution, int set_percent, uint64_t seed);

/* Overwrites the keys with the ids that follow `first`, in order. */
void sequence_renew(sequence_t *sequence, uint64_t first);

sequence_t sequence_reserve(size_t count);
void sequence_free(sequence_t *sequence);

#endif
