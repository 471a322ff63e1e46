/*
 * peer.h - what a cache must offer to be measured.
 *
 * One table of functions for each peer; the workloads know nothing else, so
 * that every peer is given the same work by the same code.  All keys have
 * KEY_SIZE bytes.  A function that a peer has no use for, or cannot offer, is
 * NULL.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { KEY_SIZE = 16, BATCH = 100 };

/* The lifetime of every entry that is not meant to expire while we look: an
 * expiring cache has to carry a deadline, so that all of them do. */
#define TTL_MS (UINT64_C(3600) * 1000)

typedef struct peer_options {
  uint64_t capacity;  /* entries the cache may hold */
  size_t value_size;  /* of every value, for the floors */
} peer_options_t;

typedef struct peer {
  const char *name;

  void *(*open)(const peer_options_t *options); /* NULL: it cannot be had */
  void (*close)(void *cache);

  /* A thread's own way in, such as a connection; NULL: the cache itself. */
  void *(*attach)(void *cache);
  void (*detach)(void *way);

  /* `get` copies the value out; its size, or 0 for a miss. */
  size_t (*get)(void *way, const char *key, void *buffer, size_t capacity);
  void (*set)(void *way, const char *key, const void *value, size_t size);
  bool (*erase)(void *way, const char *key);

  /* `count` keys lie one after the other, value i goes to `buffers` + i *
   * capacity; the number found.  NULL: as many single calls. */
  size_t (*get_many)(void *way, const char *keys, size_t count, char *buffers,
                     size_t capacity);

  /* One value under many keys, to fill a cache: for a server, without waiting
   * for each answer.  A deadline of 0 stands for TTL_MS from now. */
  void (*set_many)(void *way, const char *keys, size_t count,
                   const void *value, size_t size, int64_t deadline_unix_ms);

  /* The cache holds `capacity` entries now and shall grow no further: for
   * those that are bounded by memory and not by a number. */
  void (*seal)(void *cache);

  /* Expiry: the entries still in memory, a sweep by the caller, a sweeper of
   * the cache's own, and what it says of itself, as JSON pairs. */
  uint64_t (*held)(void *cache);
  uint64_t (*sweep)(void *cache);
  void (*start_sweeper)(void *cache);
  void (*describe_sweeper)(void *cache, FILE *out);

  /* When the sweeper's last sweep began and ended, by now_ns.  For a cache to
   * which `held` is work; NULL: asking disturbs nobody. */
  void (*last_sweep)(void *cache, uint64_t *began_ns, uint64_t *ended_ns);

  int (*process)(void *cache); /* the server's; NULL: our own */
  bool is_floor;               /* no cache, but what a cache cannot beat */
  bool is_unbounded;     /* and never forgets: nothing for a full cache */
  bool is_single_writer;       /* has no locks: writes by one thread only */
} peer_t;

extern const peer_t peer_cachecore, peer_cachecore_adaptive, peer_seed,
    peer_redis, peer_memcached, peer_table, peer_two_loads, peer_memcpy,
    peer_empty;

#endif
