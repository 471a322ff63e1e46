/*
 * The first entry into a stack is by ucontext, which is slow (it saves the
 * signal mask, a system call); from then on it is _setjmp and _longjmp, which
 * are some twenty instructions.  Jumping up into another stack is what no
 * standard promises and every Linux does; it must not be built with
 * _FORTIFY_SOURCE, whose longjmp objects.
 */
#undef _FORTIFY_SOURCE
#include "fibers.h"

#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { STACK_SIZE = 512 << 10 };

struct fiber {
  jmp_buf place;
  int is_begun;
  void *stack;
  void (*main)(void *);
  void *context;
};

fiber_t *fiber_of_this_thread(void) {
  fiber_t *fiber = (fiber_t *)calloc(1, sizeof *fiber);
  if (fiber != NULL) fiber->is_begun = 1;
  return fiber;
}

fiber_t *fiber_new(void) {
  fiber_t *fiber = (fiber_t *)calloc(1, sizeof *fiber);
  if (fiber == NULL) return NULL;
  fiber->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (fiber->stack == MAP_FAILED) {
    free(fiber);
    return NULL;
  }
  return fiber;
}

void fiber_prepare(fiber_t *fiber, void (*main)(void *), void *context) {
  fiber->main = main;
  fiber->context = context;
  fiber->is_begun = 0;
}

/* makecontext passes ints: the fiber to begin is left here instead. */
static __thread fiber_t *beginning;

static void begin(void) {
  fiber_t *fiber = beginning;
  fiber->main(fiber->context);
  abort();
}

void fiber_switch(fiber_t *from, fiber_t *to) {
  ucontext_t context;
  if (_setjmp(from->place) != 0) return;
  if (to->is_begun) _longjmp(to->place, 1);
  to->is_begun = 1;
  beginning = to;
  getcontext(&context);
  context.uc_stack.ss_sp = to->stack;
  context.uc_stack.ss_size = STACK_SIZE;
  context.uc_link = NULL;
  makecontext(&context, begin, 0);
  setcontext(&context);
  abort();
}

void fiber_leave(fiber_t *to) { _longjmp(to->place, 1); }

pid_t fork_fiber(void) { return fork(); }

int wait_for_child(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1000;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
