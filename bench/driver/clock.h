/* clock.h - two clocks: nanoseconds for spans, ticks for single operations. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int64_t unix_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t unix_ms(void) { return unix_ns() / 1000000; }

static inline void sleep_ns(uint64_t ns) {
  struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
  nanosleep(&t, NULL);
}

/* The fences keep the measured operation between the two readings. */
static inline uint64_t ticks(void) {
#if defined(__x86_64__)
  _mm_lfence();
  uint64_t t = __rdtsc();
  _mm_lfence();
  return t;
#else
  return now_ns();
#endif
}

/* Nanoseconds of one tick, measured once over 20 ms. */
static inline double tick_ns(void) {
#if defined(__x86_64__)
  static double length;
  if (length == 0) {
    uint64_t ns = now_ns(), t = ticks();
    while (now_ns() - ns < 20000000) continue;
    length = (double)(now_ns() - ns) / (double)(ticks() - t);
  }
  return length;
#else
  return 1;
#endif
}

#endif
