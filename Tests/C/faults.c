#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const char *const call_names[FAULT_CALLS] = {
    "mmap",       "madvise",    "calloc",
    "pthread_create", "__register_atfork", "getrandom", "sysconf",
    "clock_gettime",  "futex wait",  "futex wake", "nanosleep",
    "sched_yield", "munmap", "posix_memalign", "about a file"};

int file_error = EIO;

/* ---- Whose call it is ---------------------------------------------------- */

static uintptr_t code_start, code_end;
static char path[PATH_MAX];

static int find_library(struct dl_phdr_info *info, size_t size, void *unused) {
  int i;
  (void)size;
  (void)unused;
  if (strstr(info->dlpi_name, "libcachecore") == NULL) return 0;
  snprintf(path, sizeof path, "%s", info->dlpi_name);
  for (i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *part = &info->dlpi_phdr[i];
    if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
    code_start = info->dlpi_addr + part->p_vaddr;
    code_end = code_start + part->p_memsz;
  }
  return 1;
}

__attribute__((constructor)) static void find(void) {
  dl_iterate_phdr(find_library, NULL);
  if (code_start == 0) abort();
}

const char *library_path(void) { return path; }

#define IS_OURS                                                        \
  ((uintptr_t)__builtin_return_address(0) - code_start <               \
   code_end - code_start)

/* ---- What fails ---------------------------------------------------------- */

static uint64_t counts[FAULT_CALLS], failures, first_failing, last_failing;
static fault_call_t failing = FAULT_CALLS;
static size_t mapped;

void fail_calls(fault_call_t call, uint64_t first, uint64_t last) {
  memset(counts, 0, sizeof counts);
  failures = 0;
  first_failing = first;
  last_failing = last;
  __atomic_store_n(&failing, call, __ATOMIC_SEQ_CST);
}

void fail_nothing(void) {
  __atomic_store_n(&failing, FAULT_CALLS, __ATOMIC_SEQ_CST);
}

uint64_t calls_made(fault_call_t call) { return counts[call]; }
uint64_t calls_failed(void) { return failures; }
size_t bytes_mapped(void) { return mapped; }

static int must_fail(fault_call_t call) {
  uint64_t number = __atomic_fetch_add(&counts[call], 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&failing, __ATOMIC_SEQ_CST) != call ||
      number < first_failing || number > last_failing)
    return 0;
  __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
  return 1;
}

/* The function that would have been called. */
#define REAL(name)                                                     \
  static __typeof__(&name) real;                                       \
  if (real == NULL) {                                                  \
    void *found_ = dlsym(RTLD_NEXT, #name);                            \
    memcpy(&real, &found_, sizeof real);                               \
  }

#define FAIL(call, error, result)                                      \
  if (IS_OURS && must_fail(call)) {                                    \
    errno = (error);                                                   \
    return (result);                                                   \
  }

/* ---- What stands between ------------------------------------------------- */

void *mmap(void *address, size_t size, int protection, int flags, int file,
           off_t offset) {
  void *result;
  REAL(mmap)
  FAIL(CALL_MMAP, ENOMEM, MAP_FAILED)
  result = real(address, size, protection, flags, file, offset);
  if (IS_OURS && result != MAP_FAILED)
    __atomic_add_fetch(&mapped, size, __ATOMIC_SEQ_CST);
  return result;
}

int munmap(void *address, size_t size) {
  REAL(munmap)
  if (IS_OURS) {
    must_fail(CALL_MUNMAP);
    __atomic_sub_fetch(&mapped, size, __ATOMIC_SEQ_CST);
  }
  return real(address, size);
}

int madvise(void *address, size_t size, int advice) {
  REAL(madvise)
  FAIL(CALL_MADVISE, EAGAIN, -1)
  return real(address, size, advice);
}

/* dlsym may allocate: this one is reached by its other name. */
extern void *__libc_calloc(size_t count, size_t size);

void *calloc(size_t count, size_t size) {
  FAIL(CALL_CALLOC, ENOMEM, NULL)
  return __libc_calloc(count, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  REAL(posix_memalign)
  if (IS_OURS && must_fail(CALL_POSIX_MEMALIGN)) return ENOMEM;
  return real(result, alignment, size);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*body)(void *), void *argument) {
  REAL(pthread_create)
  if (IS_OURS && must_fail(CALL_PTHREAD_CREATE)) return EAGAIN;
  return real(thread, attributes, body, argument);
}

extern int __register_atfork(void (*prepare)(void), void (*parent)(void),
                             void (*child)(void), void *object);

int __register_atfork(void (*prepare)(void), void (*parent)(void),
                      void (*child)(void), void *object) {
  REAL(__register_atfork)
  if (IS_OURS && must_fail(CALL_REGISTER_ATFORK)) return ENOMEM;
  return real(prepare, parent, child, object);
}

long sysconf(int name) {
  REAL(sysconf)
  FAIL(CALL_SYSCONF, EINVAL, -1)
  return real(name);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  REAL(clock_gettime)
  if (IS_OURS && must_fail(CALL_CLOCK_GETTIME)) {
    memset(time, 0xFF, sizeof *time);
    errno = EINVAL;
    return -1;
  }
  return real(clock, time);
}

int sched_yield(void) {
  REAL(sched_yield)
  FAIL(CALL_SCHED_YIELD, EINVAL, -1)
  return real();
}

static int is_about_a_file(long number) {
  return number == SYS_openat || number == SYS_pread64 ||
         number == SYS_pwrite64 || number == SYS_fsync ||
         number == SYS_renameat || number == SYS_fstat ||
         number == SYS_newfstatat;
}

/* Futexes: a wait may end early, by a signal or as the word has changed.
 * nanosleep, which in libc is a cancellation point.  And getrandom, which not
 * every libc has a function for. */
long syscall(long number, ...) {
  long a[6];
  va_list arguments;
  int i;
  REAL(syscall)
  va_start(arguments, number);
  for (i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_futex && a[1] == FUTEX_WAIT_PRIVATE) {
    FAIL(CALL_FUTEX_WAIT, counts[CALL_FUTEX_WAIT] % 2 ? EINTR : EAGAIN, -1)
  } else if (IS_OURS && number == SYS_futex) {
    must_fail(CALL_FUTEX_WAKE);
  } else if (number == SYS_nanosleep) {
    FAIL(CALL_NANOSLEEP, EINTR, -1)
  } else if (number == SYS_getrandom) {
    FAIL(CALL_GETRANDOM, EAGAIN, -1)
  } else if (IS_OURS && is_about_a_file(number) && must_fail(CALL_FILE)) {
    if (file_error != 0) return errno = file_error, -1;
    if (number == SYS_pread64 || number == SYS_pwrite64) a[2] = 1;
  }
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- What is left -------------------------------------------------------- */

int is_known_symbol(const char *name) {
  /* They work on memory alone, in glibc at least, or fail only for arguments
   * that they are never given: a thread that is joinable, a set of signals that
   * is one. */
  static const char *const others[] = {
      "syscall",    "memcpy",       "memmove",         "memset",
      "memcmp",     "bcmp",         "free",            "__stack_chk_fail",
      "sigfillset", "pthread_join", "sigprocmask",
      "pthread_attr_init", "pthread_attr_destroy",
      "pthread_setcancelstate", "__errno_location"};
  size_t i;
  for (i = 0; i < FAULT_CALLS; i++)
    if (strcmp(name, call_names[i]) == 0) return 1;
  for (i = 0; i < sizeof others / sizeof others[0]; i++)
    if (strcmp(name, others[i]) == 0) return 1;
  return 0;
}
