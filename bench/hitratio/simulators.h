/*
 * simulators.h - published policies, for caches of so many keys, written from
 * the papers.  Each says whether a key hits, and stores it if not.
 */
#ifndef SIMULATORS_H
#define SIMULATORS_H

#include <stdint.h>

struct simulator;

/* Keys are numbers below `key_count`. */
struct simulator *lru_open(uint32_t key_count, uint32_t capacity);
struct simulator *s3fifo_open(uint32_t key_count, uint32_t capacity);
struct simulator *tinylfu_open(uint32_t key_count, uint32_t capacity);

int simulator_use(struct simulator *simulator, uint32_t key);
void simulator_close(struct simulator *simulator);

#endif
