/*
 * fibers.h - threads that run only when they are told to: a stack each, and a
 * switch from one to another.  For tests that decide themselves who goes on.
 */
#ifndef FIBERS_H
#define FIBERS_H

#include <sys/types.h>

typedef struct fiber fiber_t;

/* A fiber for what is running already. */
fiber_t *fiber_of_this_thread(void);

/* A fiber that has nothing to do yet; NULL without memory. */
fiber_t *fiber_new(void);

/* What it does when it is first switched to; it must never return. */
void fiber_prepare(fiber_t *fiber, void (*main)(void *context), void *context);

/* Goes on where `to` left off, until somebody switches back to `from`. */
void fiber_switch(fiber_t *from, fiber_t *to);

/* Goes on where `to` left off, and never comes back. */
void fiber_leave(fiber_t *to) __attribute__((noreturn));

/* From now on the fiber that runs is left for ever, for `home`, after so many
 * of its instructions.  -1 if this processor is not one that does this. */
int fiber_step_begin(fiber_t *home, long most);

/* It is not; how many instructions it was. */
long fiber_step_end(void);

/* fork(2), which Swift does not want to be called: the child has the memory of
 * all fibers and goes on as the one that forked. */
pid_t fork_fiber(void);

/* How the child of a fork ended: its exit status, or minus the signal. */
int wait_for_child(pid_t child);

#endif
