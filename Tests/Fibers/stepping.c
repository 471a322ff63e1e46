/*
 * The processor traps after every instruction while TF is set in its flags.  In
 * a signal handler it is not set, so that what counts is what is stepped.
 */
#define _GNU_SOURCE
#include "fibers.h"

#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

static long steps, limit;
static fiber_t *home;

#if defined(__x86_64__)

enum { TRAP_FLAG = 0x100 };

static void on_trap(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  if (++steps == limit) fiber_leave(home);
}

int fiber_step_begin(fiber_t *to, long most) {
  struct sigaction action = {0};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGTRAP, &action, NULL) != 0) return -1;
  home = to;
  steps = 0;
  limit = most;
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq %0, (%%rsp)\n\tpopfq\n\t"
      "leaq 128(%%rsp), %%rsp" ::"i"(TRAP_FLAG)
      : "cc", "memory");
  return 0;
}

long fiber_step_end(void) {
  __asm__ volatile(
      "leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\t"
      "leaq 128(%%rsp), %%rsp" ::"i"(~TRAP_FLAG)
      : "cc", "memory");
  return steps;
}

#else

int fiber_step_begin(fiber_t *to, long most) {
  (void)to, (void)most;
  return -1;
}

long fiber_step_end(void) { return 0; }

#endif
