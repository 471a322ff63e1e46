/*
 * CPlatform.h - what the engine needs from Linux and cannot say in Swift.
 *
 * Header-only, so that every call is inlined into the engine.  No policy lives
 * here: each function is one system call, one instruction, or one loop that
 * the Swift optimiser must not look into.
 */
#ifndef CPLATFORM_H
#define CPLATFORM_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define PLATFORM_INLINE static inline __attribute__((always_inline, unused))

/* Built for tests alone, somebody else may decide who goes on and when
 * (Scheduler.h); in what ships there is nothing here. */
#ifdef PLATFORM_SCHEDULED
#include "Scheduler.h"
#define PLATFORM_IF_SCHEDULED(...) \
  if (platform_scheduler != NULL) { __VA_ARGS__; }
#else
#define PLATFORM_IF_SCHEDULED(...)
#endif

/* ---- Cancellation ------------------------------------------------------- */

/*
 * pthread_cancel ends a thread in a function that is a cancellation point
 * (POSIX, XSH 2.9.5).  The library calls none of these: a thread that ended in
 * it would leave a lock taken or a change half made.  Waits are bare system
 * calls, which libc does not cancel.  The two functions of libc that POSIX
 * counts among the cancellation points, pthread_join and (optionally) sysconf,
 * are called with cancellation disabled.  tools/check_symbols.py has the list
 * of what the library may import.
 */
PLATFORM_INLINE int platform_disable_cancel(void) {
  int before = PTHREAD_CANCEL_ENABLE;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  return before;
}

/* `before` is what platform_disable_cancel gave. */
PLATFORM_INLINE void platform_restore_cancel(int before) {
  int disabled;
  pthread_setcancelstate(before, &disabled);
}

/* ---- Address space and memory ------------------------------------------- */

/* Address space: zeros, each page of which takes memory when it is first
 * written to.  NULL when the system refuses.  No huge pages: one of them would
 * take 2 MB where the engine has charged for 4 KB.  (A kernel without them
 * refuses the advice, and need not be asked.) */
PLATFORM_INLINE void *platform_map(size_t bytes) {
  void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return NULL;
  (void)madvise(address, bytes, MADV_NOHUGEPAGE);
  return address;
}

PLATFORM_INLINE void platform_unmap(void *address, size_t bytes) {
  munmap(address, bytes);
}

/* Gives the memory back and keeps the pages usable: they read as zero. */
PLATFORM_INLINE int platform_discard(void *address, size_t bytes) {
  return madvise(address, bytes, MADV_DONTNEED);
}

PLATFORM_INLINE long platform_sysconf(int name) {
  int before = platform_disable_cancel();
  long value = sysconf(name);
  platform_restore_cancel(before);
  return value;
}

PLATFORM_INLINE uint64_t platform_physical_bytes(void) {
  long pages = platform_sysconf(_SC_PHYS_PAGES);
  long size = platform_sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

PLATFORM_INLINE uint32_t platform_core_count(void) {
  PLATFORM_IF_SCHEDULED(return 2)
  long cores = platform_sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? (uint32_t)cores : 1;
}

PLATFORM_INLINE void platform_prefetch(const void *address) {
  __builtin_prefetch(address, 0, 3);
}

/* ---- A search ----------------------------------------------------------- */

/* The first place of `value` among the first `count`, or `count`.  Looks at up
 * to seven beyond them, which must be there. */
PLATFORM_INLINE uint32_t platform_find16(const uint16_t *values,
                                         uint32_t count, uint16_t value) {
#if defined(__SSE2__)
  __m128i wanted = _mm_set1_epi16((short)value);
  for (uint32_t at = 0; at < count; at += 8) {
    const void *next = values + at;
    __m128i eight = _mm_loadu_si128((const __m128i *)next);
    int equal = _mm_movemask_epi8(_mm_cmpeq_epi16(eight, wanted));
    if (equal != 0) {
      uint32_t place = at + (uint32_t)__builtin_ctz((unsigned)equal) / 2;
      return place < count ? place : count;
    }
  }
  return count;
#else
  uint32_t at = 0;
  while (at < count && values[at] != value) at++;
  return at;
#endif
}

/* ---- Copies that may race ----------------------------------------------- */

/*
 * The one place where bytes are read that another thread may be writing, and
 * the writer's side of it.  A reader copies or compares first and checks
 * afterwards that the entry was still in place (Shard+Lookup.swift); what it
 * has in the other case is thrown away.  Everything that decides that is an
 * atomic.  For ThreadSanitizer, which would rightly object to the rest, the
 * bytes are moved by instructions it does not look into.
 */
#if defined(PLATFORM_THREAD_SANITIZER) && defined(__x86_64__)
PLATFORM_INLINE void platform_copy(void *to, const void *from, size_t size) {
  __asm__ volatile("rep movsb"
                   : "+D"(to), "+S"(from), "+c"(size)
                   :
                   : "memory");
}

PLATFORM_INLINE bool platform_equal(const void *a, const void *b, size_t size) {
  bool is_equal = true;
  if (size > 0)
    __asm__ volatile("repe cmpsb\n\tsete %0"
                     : "=q"(is_equal), "+S"(a), "+D"(b), "+c"(size)
                     :
                     : "memory", "cc");
  return is_equal;
}
#else
/* What may be loaded from any address, whatever is there. */
typedef uint64_t platform_part16
    __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t platform_part8 __attribute__((aligned(1), may_alias));
typedef uint32_t platform_part4 __attribute__((aligned(1), may_alias));

/* The first and the last bytes, as many as a part has: they may overlap, and
 * are loaded before either is stored. */
#define PLATFORM_COPY_ENDS(part)               \
  do {                                         \
    part first = *(const part *)p;             \
    part last = *(const part *)(p + size - sizeof(part)); \
    *(part *)q = first;                        \
    *(part *)(q + size - sizeof(part)) = last; \
  } while (0)

/* Up to 64 bytes without a call. */
PLATFORM_INLINE void platform_copy(void *to, const void *from, size_t size) {
  const char *p = (const char *)from;
  char *q = (char *)to;
  PLATFORM_IF_SCHEDULED(platform_copy_scheduled(to, from, size); return)
  if (size > 64) {
    __builtin_memcpy(to, from, size);
  } else if (size >= 16) {
    if (size > 32) {
      platform_part16 second = *(const platform_part16 *)(p + 16);
      platform_part16 before = *(const platform_part16 *)(p + size - 32);
      PLATFORM_COPY_ENDS(platform_part16);
      *(platform_part16 *)(q + 16) = second;
      *(platform_part16 *)(q + size - 32) = before;
    } else {
      PLATFORM_COPY_ENDS(platform_part16);
    }
  } else if (size >= 8) {
    PLATFORM_COPY_ENDS(platform_part8);
  } else if (size >= 4) {
    PLATFORM_COPY_ENDS(platform_part4);
  } else if (size > 0) {
    char first = p[0], middle = p[size >> 1], last = p[size - 1];
    q[0] = first;
    q[size >> 1] = middle;
    q[size - 1] = last;
  }
}

/* Without a call, since keys are short: eight bytes after another, the last two
 * times eight may overlap. */
PLATFORM_INLINE bool platform_equal(const void *a, const void *b, size_t size) {
  const char *p = (const char *)a, *q = (const char *)b;
  if (size >= 8) {
    while (size > 16) {
      if (*(const platform_part8 *)p != *(const platform_part8 *)q)
        return false;
      p += 8;
      q += 8;
      size -= 8;
    }
    return *(const platform_part8 *)p == *(const platform_part8 *)q &&
           *(const platform_part8 *)(p + size - 8) ==
               *(const platform_part8 *)(q + size - 8);
  }
  if (size >= 4)
    return *(const platform_part4 *)p == *(const platform_part4 *)q &&
           *(const platform_part4 *)(p + size - 4) ==
               *(const platform_part4 *)(q + size - 4);
  while (size > 0 && *p == *q) p++, q++, size--;
  return size == 0;
}
#endif

/* A number from 0 to 31 that stands for the highest bit of a word that is not
 * 0: the same for all words with that bit, another for each bit, and which one
 * is the processor's choice.  lzcnt, which counts the zeros before the bit, is
 * one operation where bsr, which numbers it, is eight on some processors; where
 * there is no lzcnt, the same bytes are bsr. */
PLATFORM_INLINE uint64_t platform_bit(uint32_t word) {
#if defined(__x86_64__)
  uint64_t bit;
  __asm__("lzcntl %1, %k0" : "=r"(bit) : "r"(word) : "cc");
  return bit;
#else
  return (uint64_t)__builtin_clz(word);
#endif
}

/* Which of the 16 bytes in two words are `byte`: a bit for each, the lowest for
 * the lowest byte of `low`. */
PLATFORM_INLINE uint32_t platform_equal_bytes(uint64_t low, uint64_t high,
                                              uint8_t byte) {
#if defined(__SSE2__)
  __m128i bytes = _mm_set_epi64x((long long)high, (long long)low);
  __m128i equal = _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)byte));
  return (uint32_t)_mm_movemask_epi8(equal);
#else
  const uint64_t ones = 0x0101010101010101u, sevens = 0x7F * ones;
  uint64_t words[2] = {low ^ byte * ones, high ^ byte * ones};
  uint32_t mask = 0;
  for (int i = 1; i >= 0; i--) {
    /* The high bit of every byte that is zero; then all of them in one byte. */
    uint64_t zeros = ~((words[i] & sevens) + sevens | words[i] | sevens);
    mask = mask << 8 | (uint32_t)((zeros >> 7) * 0x0102040810204080u >> 56);
  }
  return mask;
#endif
}

/* Loads from any address. */
PLATFORM_INLINE uint64_t platform_load64(const void *address) {
  uint64_t word;
  __builtin_memcpy(&word, address, sizeof word);
  return word;
}

PLATFORM_INLINE uint32_t platform_load32(const void *address) {
  uint32_t word;
  __builtin_memcpy(&word, address, sizeof word);
  return word;
}

/* ---- Time --------------------------------------------------------------- */

/* A clock that could not be read, by another way: the exact one, then that by
 * a system call.  A kernel that refuses all of them has no time: 0. */
uint64_t platform_clock_ns_otherwise(void);

PLATFORM_INLINE uint64_t platform_clock_ns(clockid_t clock) {
  struct timespec t;
  PLATFORM_IF_SCHEDULED(return platform_scheduler->now_ns())
  if (__builtin_expect(clock_gettime(clock, &t) != 0, 0))
    return platform_clock_ns_otherwise();
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Nanoseconds of the monotonic clock, exact. */
PLATFORM_INLINE uint64_t platform_now_ns(void) {
  return platform_clock_ns(CLOCK_MONOTONIC);
}

/* The same clock as of the kernel's last tick: a quarter of the cost. */
PLATFORM_INLINE uint64_t platform_coarse_now_ns(void) {
  return platform_clock_ns(CLOCK_MONOTONIC_COARSE);
}

PLATFORM_INLINE int64_t platform_wall_ms(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_REALTIME, &t) != 0 &&
      syscall(SYS_clock_gettime, CLOCK_REALTIME, &t) != 0)
    return INT64_MAX; /* whatever is to expire then has */
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Nanoseconds of the wall clock; 0 if there is none. */
PLATFORM_INLINE uint64_t platform_wall_ns(void) {
  struct timespec t = {0, 0};
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- Threads ------------------------------------------------------------ */

/* Four bytes of each thread's own, 0 at first, where one load finds them also
 * in a library that is opened late: that is what initial-exec is about. */
extern __thread uint32_t platform_thread_word
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

/* What this thread was told last; 0: nothing yet. */
PLATFORM_INLINE uint32_t platform_thread_number(void) {
  PLATFORM_IF_SCHEDULED(return platform_scheduler->thread_number())
  return platform_thread_word;
}

PLATFORM_INLINE void platform_set_thread_number(uint32_t number) {
  PLATFORM_IF_SCHEDULED(return)
  platform_thread_word = number;
}

/* One more byte, likewise: why this thread's last attempt to open a cache was
 * refused. */
extern __thread uint8_t platform_thread_refusal
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

PLATFORM_INLINE uint8_t platform_refusal(void) {
  return platform_thread_refusal;
}

PLATFORM_INLINE void platform_set_refusal(uint8_t refusal) {
  platform_thread_refusal = refusal;
}

PLATFORM_INLINE void platform_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

PLATFORM_INLINE void platform_yield(void) {
  PLATFORM_IF_SCHEDULED(platform_scheduler->wait(0); return)
  sched_yield();
}

/* Less than a second.  libc's nanosleep is a cancellation point. */
PLATFORM_INLINE void platform_nap(uint64_t ns) {
  struct timespec t = {0, (long)ns};
  PLATFORM_IF_SCHEDULED(platform_scheduler->wait(ns); return)
  syscall(SYS_nanosleep, &t, NULL);
}

/* Sleeps while *word is `expected`, until woken or timeout_ns has passed
 * (UINT64_MAX: no limit).  May return early; the caller looks again.  False
 * only if the time has passed. */
PLATFORM_INLINE bool platform_futex_sleep(const void *word, uint32_t expected,
                                          uint64_t timeout_ns, int operation) {
  struct timespec t, *limit = NULL;
  PLATFORM_IF_SCHEDULED(
      platform_scheduler->futex_wait(word, expected, timeout_ns);
      return true)
  if (timeout_ns != UINT64_MAX) {
    t.tv_sec = (time_t)(timeout_ns / 1000000000u);
    t.tv_nsec = (long)(timeout_ns % 1000000000u);
    limit = &t;
  }
  return syscall(SYS_futex, word, operation, expected, limit, NULL, 0) == 0 ||
         errno != ETIMEDOUT;
}

PLATFORM_INLINE void platform_futex_rouse(const void *word, int count,
                                          int operation) {
  PLATFORM_IF_SCHEDULED(platform_scheduler->futex_wake(word, count); return)
  syscall(SYS_futex, word, operation, count, NULL, NULL, 0);
}

/* On a word of this process alone. */
PLATFORM_INLINE void platform_futex_wait(const void *word, uint32_t expected,
                                         uint64_t timeout_ns) {
  (void)platform_futex_sleep(word, expected, timeout_ns, FUTEX_WAIT_PRIVATE);
}

PLATFORM_INLINE void platform_futex_wake(const void *word, int count) {
  platform_futex_rouse(word, count, FUTEX_WAKE_PRIVATE);
}

/* On a word that other processes may have mapped. */
PLATFORM_INLINE bool platform_shared_futex_wait(const void *word,
                                                uint32_t expected,
                                                uint64_t timeout_ns) {
  return platform_futex_sleep(word, expected, timeout_ns, FUTEX_WAIT);
}

PLATFORM_INLINE void platform_shared_futex_wake(const void *word, int count) {
  platform_futex_rouse(word, count, FUTEX_WAKE);
}

/* 64 bytes, zeros at first, for what the process as a whole has to remember. */
void *platform_process_memory(void);

PLATFORM_INLINE int platform_at_fork(void (*prepare)(void),
                                     void (*parent)(void),
                                     void (*child)(void)) {
  return pthread_atfork(prepare, parent, child);
}

/* ---- Chance ------------------------------------------------------------- */

/* 64 random bits; from the clock and the address space if the system has no
 * better ones to give. */
PLATFORM_INLINE uint64_t platform_entropy(void) {
  uint64_t word = 0;
  /* The function is in glibc since 2.25 only. */
  if (syscall(SYS_getrandom, &word, sizeof word, GRND_NONBLOCK) !=
      (long)sizeof word)
    word = platform_now_ns() * 0x9E3779B97F4A7C15u ^ (uint64_t)(uintptr_t)&word;
  return word;
}

#endif /* CPLATFORM_H */
