/* memory.h - allocating without excuses, and what a process holds. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Never NULL, and touched: it will not show up later as the cache's. */
void *must_allocate(size_t size);

/* Ends the program with a message, as printf. */
_Noreturn void fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Resident bytes of a process; 0 stands for our own. */
uint64_t resident_bytes(int process);

/* Our own, in a microsecond, and a few pages off. */
uint64_t roughly_resident_bytes(void);

#endif
