/*
 * What the library has of glibc's headers, as numbers.  It is compiled with
 * those of glibc and of musl, and fails with one of them if they differ.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define SAME(what, value) _Static_assert((what) == (value), #what)

SAME(sizeof(pthread_t), 8);
SAME(sizeof(sigset_t), 128);
SAME(sizeof(struct timespec), 16);
SAME(sizeof(struct stat), 144);
SAME(sizeof(struct statfs), 120);
SAME(sizeof(struct flock), 32);
SAME(PTHREAD_CANCEL_ENABLE, 0);
SAME(PTHREAD_CANCEL_DISABLE, 1);
SAME(SIG_SETMASK, 2);
SAME(_SC_PAGESIZE, 30);
SAME(_SC_NPROCESSORS_ONLN, 84);
SAME(_SC_PHYS_PAGES, 85);
SAME(CLOCK_REALTIME, 0);
SAME(CLOCK_MONOTONIC, 1);
SAME(CLOCK_MONOTONIC_COARSE, 6);
SAME(F_GETFL, 3);
SAME(F_DUPFD_CLOEXEC, 1030);
SAME(O_CLOEXEC, 02000000);
SAME(O_NOFOLLOW, 0400000);
SAME(MAP_NORESERVE, 0x4000);
SAME(MADV_DONTFORK, 10);
SAME(MADV_DONTDUMP, 16);
SAME(ENOSYS, 38);
SAME(EINTR, 4);
