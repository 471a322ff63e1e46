/*
 * Threads.h - the library's own threads: starting, naming and ending them.
 */
#ifndef CPLATFORM_THREADS_H
#define CPLATFORM_THREADS_H

#include <sys/prctl.h>

#include "CPlatform.h"

/* The version of these three that glibc 2.34 brought is the one a library built
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
int platform_pthread_attr_setstacksize(pthread_attr_t *how, size_t size)
    PLATFORM_FIRST(pthread_attr_setstacksize) __attribute__((weak));

/* Starts a joinable thread with all signals blocked and a stack of so many
 * bytes; of the usual size if that is too little for the program's thread-local
 * variables, which glibc puts on the stack.  0, or an error code.  On Linux
 * sigprocmask is about the calling thread. */
PLATFORM_INLINE int platform_thread_start(uint64_t *thread_out,
                                          size_t stack_size,
                                          void *(*main)(void *),
                                          void *context) {
  sigset_t all, before;
  pthread_attr_t attributes;
  pthread_t thread;
  int error;
  PLATFORM_IF_SCHEDULED(
      return platform_scheduler->thread_start(thread_out, main, context))
  if (platform_pthread_create == NULL) return ENOSYS;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  error = pthread_attr_init(&attributes);
  if (error == 0) {
    /* A static program may not have it: nothing weak is linked in. */
    if (platform_pthread_attr_setstacksize != NULL)
      error = platform_pthread_attr_setstacksize(&attributes, stack_size);
    if (error == 0)
      error = platform_pthread_create(&thread, &attributes, main, context);
    pthread_attr_destroy(&attributes);
  }
  if (error == EINVAL)
    error = platform_pthread_create(&thread, NULL, main, context);
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (error == 0) *thread_out = (uint64_t)thread;
  return error;
}

/* Names the calling thread, in 15 bytes at most. */
PLATFORM_INLINE void platform_thread_name(const char *name) {
  PLATFORM_IF_SCHEDULED(return)
  syscall(SYS_prctl, PR_SET_NAME, name, 0, 0, 0);
}

PLATFORM_INLINE void platform_thread_join(uint64_t thread) {
  int before;
  PLATFORM_IF_SCHEDULED(platform_scheduler->thread_join(thread); return)
  before = platform_disable_cancel();
  platform_pthread_join((pthread_t)thread, NULL);
  platform_restore_cancel(before);
}

#endif /* CPLATFORM_THREADS_H */
