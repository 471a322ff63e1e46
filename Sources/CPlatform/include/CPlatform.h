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

/* ---- Address space and memory ------------------------------------------- */

/* Address space without memory behind it; NULL when there is none. */
PLATFORM_INLINE void *platform_reserve(size_t bytes) {
  void *address = mmap(NULL, bytes, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return address == MAP_FAILED ? NULL : address;
}

PLATFORM_INLINE void platform_unreserve(void *address, size_t bytes) {
  munmap(address, bytes);
}

/* Makes reserved pages usable.  0, or -1 when the system refuses. */
PLATFORM_INLINE int platform_commit(void *address, size_t bytes) {
  return mprotect(address, bytes, PROT_READ | PROT_WRITE);
}

/* Gives the memory back and keeps the pages usable: they read as zero. */
PLATFORM_INLINE int platform_discard(void *address, size_t bytes) {
  return madvise(address, bytes, MADV_DONTNEED);
}

PLATFORM_INLINE uint64_t platform_physical_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

PLATFORM_INLINE uint32_t platform_core_count(void) {
  PLATFORM_IF_SCHEDULED(return 2)
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? (uint32_t)cores : 1;
}

PLATFORM_INLINE void platform_prefetch(const void *address) {
  __builtin_prefetch(address, 0, 3);
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
/* Up to 64 bytes without a call: loads that may overlap, then stores. */
PLATFORM_INLINE void platform_copy(void *to, const void *from, size_t size) {
  typedef struct { uint64_t words[2]; } part;
  const char *p = from;
  char *q = to;
  part first, second, before_last, last;
  PLATFORM_IF_SCHEDULED(platform_copy_scheduled(to, from, size); return)
  if (size - 16 > 48) {
    __builtin_memcpy(to, from, size);
    return;
  }
  __builtin_memcpy(&first, p, 16);
  __builtin_memcpy(&last, p + size - 16, 16);
  if (size > 32) {
    __builtin_memcpy(&second, p + 16, 16);
    __builtin_memcpy(&before_last, p + size - 32, 16);
    __builtin_memcpy(q + 16, &second, 16);
    __builtin_memcpy(q + size - 32, &before_last, 16);
  }
  __builtin_memcpy(q, &first, 16);
  __builtin_memcpy(q + size - 16, &last, 16);
}

/* Keys of 8 to 16 bytes, the usual ones, are two loads that may overlap. */
PLATFORM_INLINE bool platform_equal(const void *a, const void *b, size_t size) {
  const char *p = a, *q = b;
  uint64_t p0, p1, q0, q1;
  if (size - 8 > 8) return __builtin_memcmp(a, b, size) == 0;
  __builtin_memcpy(&p0, p, 8);
  __builtin_memcpy(&q0, q, 8);
  __builtin_memcpy(&p1, p + size - 8, 8);
  __builtin_memcpy(&q1, q + size - 8, 8);
  return ((p0 ^ q0) | (p1 ^ q1)) == 0;
}
#endif

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

/* Less than a second. */
PLATFORM_INLINE void platform_nap(uint64_t ns) {
  struct timespec t = {0, (long)ns};
  PLATFORM_IF_SCHEDULED(platform_scheduler->wait(ns); return)
  nanosleep(&t, NULL);
}

/* Sleeps while *word is `expected`, until woken or timeout_ns has passed
 * (UINT64_MAX: no limit).  May return early; the caller looks again. */
PLATFORM_INLINE void platform_futex_wait(const void *word, uint32_t expected,
                                         uint64_t timeout_ns) {
  struct timespec t, *limit = NULL;
  PLATFORM_IF_SCHEDULED(platform_scheduler->wait(timeout_ns); return)
  if (timeout_ns != UINT64_MAX) {
    t.tv_sec = (time_t)(timeout_ns / 1000000000u);
    t.tv_nsec = (long)(timeout_ns % 1000000000u);
    limit = &t;
  }
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, limit, NULL, 0);
}

PLATFORM_INLINE void platform_futex_wake(const void *word, int count) {
  PLATFORM_IF_SCHEDULED(return)
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* The version of these two that glibc 2.34 brought is the one a library built
 * there would ask for; the first one is in every glibc, and does the same.
 * Before 2.34 they are in libpthread: weak, so that a program without it can
 * still load the library, and has all but a sweeper. */
#if defined(PLATFORM_EVERY_GLIBC) && defined(__x86_64__)
#define PLATFORM_FIRST(name) __asm__(#name "@GLIBC_2.2.5")
#elif defined(PLATFORM_EVERY_GLIBC) && defined(__aarch64__)
#define PLATFORM_FIRST(name) __asm__(#name "@GLIBC_2.17")
#else
#define PLATFORM_FIRST(name) __asm__(#name)
#endif
int platform_pthread_create(pthread_t *thread_out, const pthread_attr_t *how,
                            void *(*main)(void *), void *context)
    PLATFORM_FIRST(pthread_create) __attribute__((weak));
int platform_pthread_join(pthread_t thread, void **result_out)
    PLATFORM_FIRST(pthread_join) __attribute__((weak));

/* Starts a joinable thread with all signals blocked.  0, or an error code.
 * On Linux sigprocmask is about the calling thread. */
PLATFORM_INLINE int platform_thread_start(uint64_t *thread_out,
                                          void *(*main)(void *),
                                          void *context) {
  sigset_t all, before;
  pthread_t thread;
  int error;
  PLATFORM_IF_SCHEDULED(
      return platform_scheduler->thread_start(thread_out, main, context))
  if (platform_pthread_create == NULL) return ENOSYS;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  error = platform_pthread_create(&thread, NULL, main, context);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (error == 0) *thread_out = (uint64_t)thread;
  return error;
}

PLATFORM_INLINE void platform_thread_join(uint64_t thread) {
  PLATFORM_IF_SCHEDULED(platform_scheduler->thread_join(thread); return)
  platform_pthread_join((pthread_t)thread, NULL);
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
