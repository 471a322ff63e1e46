/*
 * faults.h - system calls that fail when they are told to.
 *
 * The test program defines what the library calls of libc, and so stands
 * between the two: it counts the calls that come from the library's code, and
 * fails those it was asked to.  Calls from anywhere else go through.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stddef.h>
#include <stdint.h>

typedef enum fault_call {
  CALL_MMAP,
  CALL_MADVISE,
  CALL_CALLOC,
  CALL_PTHREAD_CREATE,
  CALL_REGISTER_ATFORK,
  CALL_GETRANDOM,
  CALL_SYSCONF,
  CALL_CLOCK_GETTIME,
  CALL_FUTEX_WAIT,
  CALL_FUTEX_WAKE, /* counted alone: on a word of one's own it cannot fail */
  CALL_NANOSLEEP,
  CALL_SCHED_YIELD,
  CALL_MUNMAP, /* counted alone */
  CALL_POSIX_MEMALIGN,
  CALL_FILE, /* any call about a file but close and unlinkat */
  FAULT_CALLS
} fault_call_t;

extern const char *const call_names[FAULT_CALLS];

/* Counts from zero, and fails calls number `first` (from 0) to `last`. */
void fail_calls(fault_call_t call, uint64_t first, uint64_t last);
/* Fails nothing more; goes on counting. */
void fail_nothing(void);

/* How a CALL_FILE fails: an error's number, or 0 to read or write one byte
 * alone. */
extern int file_error;

uint64_t calls_made(fault_call_t call);
uint64_t calls_failed(void);

/* Bytes that the library has mapped and not unmapped. */
size_t bytes_mapped(void);

/* Whether a symbol that the library needs is one of those above, or one that
 * cannot fail. */
int is_known_symbol(const char *name);

/* The file that the library was loaded from. */
const char *library_path(void);

#endif
