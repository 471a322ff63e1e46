/*
 * A counted handle: one open cache of the process.
 *
 * A JavaScript object belongs to one thread, an open cache to the process.  So
 * each Cache object has a reference to a handle, and so has each job that runs
 * on another thread.  The last reference closes the cache.  That keeps the rule
 * of the header, that `close` is the last call, whatever workers do.
 *
 * A handle has a number, by which another thread opens it: numbers can be sent
 * to a worker, pointers must not be.  A number whose handle has gone finds
 * nothing, and is never given twice.
 */
#ifndef CACHECORE_NODE_HANDLE_H
#define CACHECORE_NODE_HANDLE_H

#include "library.h"

typedef struct handle_s {
  cachecore_t *cache;
  uint64_t number;
  uint64_t references;
  struct handle_s *next;
} handle_t;

/* Takes the cache over, with one reference.  NULL: no memory, and the cache is
 * still the caller's. */
handle_t *handle_new(cachecore_t *cache);

/* One more reference to the handle with this number; NULL: there is none. */
handle_t *handle_find(uint64_t number);

/* One more reference to a handle that the caller has one to. */
handle_t *handle_retain(handle_t *handle);

/* Gives a reference back; the last one closes the cache.  From any thread. */
void handle_release(handle_t *handle);

#endif
