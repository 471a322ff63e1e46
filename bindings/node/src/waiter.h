/*
 * Waiting for claims, without blocking an event loop.
 *
 * One thread of this addon, if there is anything to wait for, waits for all
 * Cache objects of the process.  It is not one of Node's pool: those run what
 * the computation itself may need (files, names, compression), and as many
 * waits as the pool has threads would stop the computation that all wait for.
 *
 * A wait is in the thread's list, or on its way back to the thread that asked,
 * in the queue of the environment's thread-safe function.  When an environment
 * ends, its waits are dropped first: after that nothing of it is touched.
 */
#ifndef CACHECORE_NODE_WAITER_H
#define CACHECORE_NODE_WAITER_H

#include "binding.h"

/* A promise of true once the claim no longer stands, or false after
 * timeout_ms; it is rejected when the object is closed. */
napi_value waiter_add(call_t *call, const bytes_t *key, uint64_t seen,
                      uint64_t timeout_ms);

#endif
