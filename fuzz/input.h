/*
 * input.h - a fuzzer's bytes, read as choices from the front.  Where they end,
 * every choice is 0.
 */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct input {
  const uint8_t *at, *end;
} input_t;

static inline bool has_input(const input_t *input) {
  return input->at < input->end;
}

static inline uint64_t take(input_t *input, size_t bytes) {
  uint64_t word = 0;
  size_t left = (size_t)(input->end - input->at);
  if (bytes > left) bytes = left;
  memcpy(&word, input->at, bytes);
  input->at += bytes;
  return word;
}

static inline uint64_t take_below(input_t *input, uint64_t bound) {
  return take(input, bound <= 256 ? 1 : bound <= 65536 ? 2 : 4) % bound;
}

/* What a target finds wrong ends the run: libFuzzer keeps the input. */
#define EXPECT(condition)                                                  \
  do {                                                                     \
    if (!(condition)) {                                                    \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
      abort();                                                             \
    }                                                                      \
  } while (0)

#endif
