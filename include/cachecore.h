/*
 * cachecore.h - a bounded, concurrent, in-process cache.
 *
 * A cache maps byte-string keys to byte-string values.  It never holds more
 * than it was allowed to; when it is full it forgets the entry that was used
 * longest ago, and an entry whose time is up is never seen again.  This header
 * is the whole public interface: what is not here is not promised.
 *
 *     cachecore_options_t options = CACHECORE_OPTIONS_INIT;
 *     cachecore_t *cache;
 *     char buffer[64];
 *     size_t size;
 *
 *     options.max_entries = 10000;
 *     if (cachecore_open(&options, &cache) != CACHECORE_OK) return 1;
 *     cachecore_set(cache, "key", 3, "value", 5, 60 * 1000);
 *     if (cachecore_get(cache, "key", 3, buffer, sizeof buffer, &size) ==
 *         CACHECORE_OK) fwrite(buffer, 1, size, stdout);
 *     cachecore_close(cache);
 *
 * Conventions, for every function that does not say otherwise
 *
 *   Results    Zero is success, a positive status is an ordinary answer that
 *              is not an error (a miss, say), a negative status is an error.
 *              On an error nothing has changed, and no output is written
 *              unless the function says so.
 *   Ownership  Arguments are borrowed for the call: keys and values are copied
 *              in, nothing passed is kept.  What `open` or `acquire` hands out
 *              goes back through `close` or `release`, and no other way.
 *   Threads    Any function may be called on one cache by any thread at any
 *              time.  Only `close` must be the last call on its cache.
 *   Waiting    A read (get, get_many, peek, acquire, contains, ttl, inspect)
 *              takes no lock.
 *              A write holds one short lock, shared by the keys of its shard.
 *              Calls that work through the whole cache (clear, scan,
 *              delete_prefix, cleanup_expired, resize) do so in slices and let
 *              others in between; they are not one atomic step.
 *   Callbacks  There are none.
 *   Pointers   None may be NULL, except where it is written or where the size
 *              that goes with it is 0.  A NULL is CACHECORE_E_ARGUMENT.
 *   Keys       1 to 65535 bytes of any content.  Other sizes are
 *              CACHECORE_E_ARGUMENT.
 *   Values     0 bytes and up, of any content.
 *   Units      Are in the name: _ms, _us, _ns, _bytes.  Zero in an option or a
 *              ttl_ms means "the default".
 *   Structs    Begin with `struct_size`, which the caller sets to the sizeof
 *              it was compiled with, also for the structs that the library
 *              fills.  Fields are only ever appended.  A struct smaller than
 *              the library's stands for one whose missing fields are zero; a
 *              larger one is accepted while the part the library does not know
 *              is zero, and is CACHECORE_E_VERSION otherwise.  The library
 *              writes no byte beyond struct_size.  A struct_size below 4 or
 *              above 4096 is CACHECORE_E_ARGUMENT.
 *   Time       Lifetimes are measured on a monotonic clock: setting the wall
 *              clock neither shortens nor lengthens them.  Time in which the
 *              machine is suspended does not count.  An entry has expired when
 *              its deadline is reached.  It is never treated so too early; it
 *              may be found for as long after as the kernel's coarse clock is
 *              behind (under 10 ms, usually).
 *   Room       When a cache is full, an entry that has expired makes room
 *              before any live one of its shard is forgotten, and before
 *              CACHECORE_E_FULL is returned.
 *   fork       The child of a fork has a private, working copy of each cache
 *              and a stopped sweeper, unless the sweeper was started with
 *              CACHECORE_SWEEPER_RESTART_AFTER_FORK.
 *   Signals    Nothing here is safe to call from a signal handler.
 */
#ifndef CACHECORE_H
#define CACHECORE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef CACHECORE_API
#define CACHECORE_API
#endif

/* ---- Version ------------------------------------------------------------ */

/* Major, minor and patch as 0x00MMmmpp.  The SONAME carries the ABI's own
 * number, 1: it changes only when a program would have to be recompiled. */
#define CACHECORE_VERSION 0x00000100u

/* The version of the library in use, to be compared with CACHECORE_VERSION. */
CACHECORE_API uint32_t cachecore_version(void);

/* ---- Results ------------------------------------------------------------ */

typedef int32_t cachecore_status_t;

/* Values are never renumbered and never reused. */
enum {
  CACHECORE_OK = 0,
  CACHECORE_MISS = 1,     /* no live entry under this key                    */
  CACHECORE_EXISTS = 2,   /* add: there is a live entry already              */
  CACHECORE_REFUSED = 3,  /* not stored: larger than this cache can hold     */
  CACHECORE_CONFLICT = 4, /* compare_and_set: the version is another by now  */

  CACHECORE_E_ARGUMENT = -1,  /* a NULL, a size, or an option out of range   */
  CACHECORE_E_NO_MEMORY = -2, /* the system refused memory or a thread       */
  CACHECORE_E_TOO_SMALL = -3, /* the buffer; the size needed is reported     */
  CACHECORE_E_VERSION = -4,   /* a struct newer than this library            */
  CACHECORE_E_FULL = -5,      /* a no-evict cache is at its bound            */
  CACHECORE_E_STATE = -6,     /* not now: for example, a sweeper that runs
                                 already, or a cache that has been closed    */
  CACHECORE_E_TIMEOUT = -7,   /* the wait ended before the event             */
  CACHECORE_E_TYPE = -8,      /* increment: the value is no decimal number   */
  CACHECORE_E_RANGE = -9      /* the result does not fit                     */
};

/* A short, static, lower-case English description of any status, known or
 * not.  Never NULL; not to be freed. */
CACHECORE_API const char *cachecore_status_text(cachecore_status_t status);

/* ---- Opening and closing ------------------------------------------------ */

typedef struct cachecore cachecore_t;

enum {
  /* Forget what was used longest ago: exact within a shard in a process where
   * one thread reads.  Where several do, what was used lately stays, but which
   * of the rest goes first is known to 32 ms only, or to an eighth of the time
   * that unused entries stay, if that is less. */
  CACHECORE_POLICY_LRU = 0,
  /* Keep what is likely to be used again, by recency or by frequency,
   * whichever serves the present load: scans pass through without emptying
   * the cache.  Needs no tuning. */
  CACHECORE_POLICY_ADAPTIVE = 1
};

enum {
  /* Never forget a live entry to make room: a write that does not fit is
   * CACHECORE_E_FULL and changes nothing, the older value included. */
  CACHECORE_NO_EVICT = 1u << 0,
  /* Time stands still until cachecore_advance_clock moves it: for tests that
   * must replay exactly. */
  CACHECORE_MANUAL_CLOCK = 1u << 1,
  /* Keep every entry that leaves the cache for cachecore_take_removals. */
  CACHECORE_REPORT_REMOVALS = 1u << 2
};

/* The longest key, in bytes. */
#define CACHECORE_KEY_SIZE_MAX 65535u

/* The smallest max_bytes a cache can be opened with, or resized to if it has
 * few shards: each takes some 20 KB for itself, and half must be left. */
#define CACHECORE_MAX_BYTES_MIN 65536u

/* A ttl_ms that stands for "never expires". */
#define CACHECORE_TTL_NEVER UINT64_MAX

typedef struct cachecore_options {
  uint32_t struct_size;    /* sizeof(cachecore_options_t)                    */
  uint32_t policy;         /* CACHECORE_POLICY_...                           */
  uint32_t flags;          /* CACHECORE_NO_EVICT and so on                   */
  uint32_t shard_count;    /* 1 to 256, rounded up to a power of two, fewer
                              if max_bytes is too small for them; 0: chosen
                              from capacity and cores; 1: one exact global
                              order of use                                   */
  uint64_t max_entries;    /* most entries held at once; 0: no such bound    */
  uint64_t max_bytes;      /* most memory in use: keys, values, index, every
                              header and counter; 0: no such bound.  At least
                              one of the two bounds must be set              */
  uint64_t default_ttl_ms; /* lifetime of an entry stored with ttl_ms 0;
                              0 or CACHECORE_TTL_NEVER: it never expires     */
  uint64_t default_tti_ms; /* an entry not used for so long expires, whatever
                              its lifetime; 0: entries may idle              */
  uint64_t hash_seed;      /* 0: random, which keeps crafted keys harmless   */
} cachecore_options_t;

#define CACHECORE_OPTIONS_INIT \
  { sizeof(cachecore_options_t), 0, 0, 0, 0, 0, 0, 0, 0 }

/* Sets struct_size and the default of every field, for callers that cannot
 * use CACHECORE_OPTIONS_INIT.  Writes sizeof(cachecore_options_t) bytes as
 * this header declares it; NULL is ignored. */
CACHECORE_API void cachecore_options_init(cachecore_options_t *options);

/* Opens a cache and starts no thread.  The address space is reserved here;
 * memory is taken from the system as entries need it.  CACHECORE_E_ARGUMENT
 * for options out of range, CACHECORE_E_NO_MEMORY when the system refuses. */
CACHECORE_API cachecore_status_t
cachecore_open(const cachecore_options_t *options, cachecore_t **cache_out);

/* Stops the sweeper, in the middle of a sweep if need be, and gives everything
 * back to the system.  Must be the last call on this cache.  Values that are
 * still acquired stay readable until they are released; the last release frees
 * the memory.  NULL is ignored, and so is a cache that was just closed. */
CACHECORE_API void cachecore_close(cachecore_t *cache);

/* ---- Reading ------------------------------------------------------------ */

/*
 * Copies the value into `buffer` and its size into *size_out: CACHECORE_OK, or
 * CACHECORE_MISS.  When the value is larger than `capacity` the result is
 * CACHECORE_E_TOO_SMALL, *size_out is the size needed, and the contents of
 * `buffer` are unspecified; with CACHECORE_MISS they are too, and *size_out is
 * 0.  `buffer` may be NULL when `capacity` is 0.  Counts as a use
 * and as a hit or a miss; a call that was CACHECORE_E_TOO_SMALL is a hit.
 */
CACHECORE_API cachecore_status_t
cachecore_get(cachecore_t *cache, const void *key, size_t key_size,
              void *buffer, size_t capacity, size_t *size_out);

/* As `get`, with the same arguments and results, touching nothing: neither a
 * use nor a statistic. */
CACHECORE_API cachecore_status_t
cachecore_peek(cachecore_t *cache, const void *key, size_t key_size,
               void *buffer, size_t capacity, size_t *size_out);

/* A value lent by the cache. */
typedef struct cachecore_value {
  const void *data; /* `size` readable bytes, 8-byte aligned only by chance  */
  size_t size;
  void *owner;      /* private */
  uint64_t lease;   /* private */
} cachecore_value_t;

/* Lends the value without copying it: CACHECORE_OK, or CACHECORE_MISS and a
 * cleared *value_out.  The bytes stay as they are until `release`, even when
 * the entry is replaced, deleted, evicted or expires meanwhile, and its memory
 * counts against the bound for as long.  Counts as a use and as a hit or a
 * miss.  One entry can be lent 4095 times at once; CACHECORE_E_STATE beyond. */
CACHECORE_API cachecore_status_t
cachecore_acquire(cachecore_t *cache, const void *key, size_t key_size,
                  cachecore_value_t *value_out);

/* Gives the value back, from any thread, and clears *value.  NULL is ignored,
 * and so is a value that was cleared.  Copies of a cachecore_value_t are one
 * lease, to be released once. */
CACHECORE_API void cachecore_release(cachecore_value_t *value);

/* CACHECORE_OK if there is a live entry, CACHECORE_MISS if not.  Counts as
 * nothing: neither as a use nor in the statistics. */
CACHECORE_API cachecore_status_t
cachecore_contains(cachecore_t *cache, const void *key, size_t key_size);

/* The time left to live in milliseconds, -1 for an entry that never expires;
 * time to idle is included, whichever ends first.  CACHECORE_MISS if absent.
 * Counts as nothing. */
CACHECORE_API cachecore_status_t
cachecore_ttl(cachecore_t *cache, const void *key, size_t key_size,
              int64_t *remaining_ms_out);

typedef struct cachecore_entry_info {
  uint32_t struct_size; /* sizeof(cachecore_entry_info_t), set by the caller */
  uint32_t reserved;    /* 0                                                 */
  uint64_t value_size;  /* bytes                                             */
  int64_t ttl_ms;       /* time left to live; -1: never expires              */
  int64_t age_ms;       /* since the value was stored                        */
  int64_t idle_ms;      /* since it was stored, touched or read; while several
                           threads read, up to 32 more where the cache has no
                           time to idle                                      */
  uint64_t version;     /* differs for every value ever stored under the key */
} cachecore_entry_info_t;

#define CACHECORE_ENTRY_INFO_INIT \
  { sizeof(cachecore_entry_info_t), 0, 0, 0, 0, 0, 0 }

/* All about one entry, touching nothing: neither a use nor a statistic. */
CACHECORE_API cachecore_status_t
cachecore_inspect(cachecore_t *cache, const void *key, size_t key_size,
                  cachecore_entry_info_t *info_out);

/* ---- Writing ------------------------------------------------------------ */

/*
 * The status of every function in this section, where it applies:
 *
 *   CACHECORE_OK           stored
 *   CACHECORE_REFUSED      larger than this cache can ever hold, or than can be
 *                          freed while values are lent: not stored, and the
 *                          older value is dropped, so that nobody is given a
 *                          value that was meant to be replaced
 *   CACHECORE_E_NO_MEMORY  as REFUSED: not stored, the older value dropped;
 *                          (CACHECORE_NO_EVICT) nothing has changed
 *   CACHECORE_E_FULL       (CACHECORE_NO_EVICT) no room; nothing has changed
 *
 * ttl_ms is the lifetime from now: 0 for the cache's default,
 * CACHECORE_TTL_NEVER for none; more than 34 years is kept as 34 years.
 */

/* Stores the value, or replaces the one that is there. */
CACHECORE_API cachecore_status_t
cachecore_set(cachecore_t *cache, const void *key, size_t key_size,
              const void *value, size_t value_size, uint64_t ttl_ms);

/* As `set`, with the deadline as a point of the wall clock, in milliseconds
 * since 1970; it is converted once, here.  With a deadline that has passed,
 * nothing is stored, the older value is dropped, and the result is
 * CACHECORE_OK. */
CACHECORE_API cachecore_status_t
cachecore_set_until(cachecore_t *cache, const void *key, size_t key_size,
                    const void *value, size_t value_size,
                    int64_t deadline_unix_ms);

/* As `set`, but only if there is no live entry: else CACHECORE_EXISTS. */
CACHECORE_API cachecore_status_t
cachecore_add(cachecore_t *cache, const void *key, size_t key_size,
              const void *value, size_t value_size, uint64_t ttl_ms);

/* As `set`, but only if there is a live entry: else CACHECORE_MISS. */
CACHECORE_API cachecore_status_t
cachecore_replace(cachecore_t *cache, const void *key, size_t key_size,
                  const void *value, size_t value_size, uint64_t ttl_ms);

/* As `set`, but only if the live entry still has the version that `inspect`
 * reported: CACHECORE_CONFLICT if it has another, CACHECORE_MISS if there is
 * no live entry. */
CACHECORE_API cachecore_status_t
cachecore_compare_and_set(cachecore_t *cache, const void *key, size_t key_size,
                          const void *value, size_t value_size,
                          uint64_t expected_version, uint64_t ttl_ms);

/* Removes the entry: CACHECORE_OK if it was live, CACHECORE_MISS if not. */
CACHECORE_API cachecore_status_t
cachecore_delete(cachecore_t *cache, const void *key, size_t key_size);

/* Gives a live entry a new lifetime, counted from now, and counts as a use:
 * CACHECORE_OK or CACHECORE_MISS.  The value and its version stay. */
CACHECORE_API cachecore_status_t
cachecore_touch(cachecore_t *cache, const void *key, size_t key_size,
                uint64_t ttl_ms);

/*
 * Adds `delta` to a value that is a decimal number in text ("-12"), in one
 * atomic step, and returns the sum in *value_out (NULL if not wanted).  An
 * absent entry is stored as `initial`, without the delta, and with the lifetime
 * ttl_ms; an entry that is there keeps its deadline, and ttl_ms is not used.
 * Counts as a use, and as a store in the statistics.
 * CACHECORE_E_TYPE when the value is not an optional '-' and 1 to 19 digits
 * that fit int64_t; CACHECORE_E_RANGE when the sum would not fit.  Neither
 * changes anything.
 */
CACHECORE_API cachecore_status_t
cachecore_increment(cachecore_t *cache, const void *key, size_t key_size,
                    int64_t delta, int64_t initial, uint64_t ttl_ms,
                    int64_t *value_out);

/* ---- Many at once ------------------------------------------------------- */

/*
 * Each means the same as a loop over `count` single calls in order, in one
 * call, with the waits for memory overlapped.  The arrays run in parallel and
 * have `count` elements.  The status of element i goes to statuses_out[i]
 * (NULL if not wanted).  Every element is attempted; the result is the first
 * error among them, or CACHECORE_OK: a miss is no error.  A NULL array is
 * CACHECORE_E_ARGUMENT before anything is attempted; `count` may be 0.
 */

/* Value i goes to buffers[i], which has room for capacities[i] bytes, and its
 * size to sizes_out[i]. */
CACHECORE_API cachecore_status_t
cachecore_get_many(cachecore_t *cache, size_t count, const void *const *keys,
                   const size_t *key_sizes, void *const *buffers,
                   const size_t *capacities, size_t *sizes_out,
                   cachecore_status_t *statuses_out);

/* `ttls_ms` may be NULL: the cache's default for all. */
CACHECORE_API cachecore_status_t
cachecore_set_many(cachecore_t *cache, size_t count, const void *const *keys,
                   const size_t *key_sizes, const void *const *values,
                   const size_t *value_sizes, const uint64_t *ttls_ms,
                   cachecore_status_t *statuses_out);

/* The number of live entries removed goes to *removed_out (NULL if not
 * wanted), also when some elements were errors. */
CACHECORE_API cachecore_status_t
cachecore_delete_many(cachecore_t *cache, size_t count,
                      const void *const *keys, const size_t *key_sizes,
                      cachecore_status_t *statuses_out, uint64_t *removed_out);

/* ---- The cache as a whole ----------------------------------------------- */

/* One entry in the buffer that `scan` fills: this header, then the key's
 * bytes; the next record begins record_size bytes after this one. */
typedef struct cachecore_scan_record {
  uint32_t record_size; /* bytes, a multiple of 8                            */
  uint32_t key_size;    /* bytes, from the end of this header                */
  uint64_t value_size;  /* bytes                                             */
  int64_t ttl_ms;       /* time left to live; -1: never expires              */
} cachecore_scan_record_t;

/*
 * Lists the live entries whose keys begin with the given prefix (all, when
 * prefix_size is 0), a bounded amount of work at a time.  Start with *cursor
 * 0; call again with the same cursor until it is 0 once more.  Each call
 * writes whole records to `buffer`, which must be 8-byte aligned, their total
 * size to *size_out and their number to *count_out (NULL if not wanted); it
 * may write none and still have more to do.  An entry that is there from the
 * first call to the last is seen at least once, whatever else happens
 * meanwhile; one that comes or goes may be missed.  CACHECORE_E_TOO_SMALL when
 * not one record fits, or not all of those whose keys have the same hash (very
 * seldom two): *size_out is the size needed, and the cursor stays.
 * Any cursor value is safe; touches neither recency nor statistics.
 */
CACHECORE_API cachecore_status_t
cachecore_scan(cachecore_t *cache, uint64_t *cursor, const void *prefix,
               size_t prefix_size, void *buffer, size_t capacity,
               size_t *size_out, size_t *count_out);

/* Deletes every live entry whose key begins with the prefix, walking the whole
 * cache in slices; their number goes to *removed_out (NULL if not wanted).
 * prefix_size must be at least 1: `clear` removes everything. */
CACHECORE_API cachecore_status_t
cachecore_delete_prefix(cachecore_t *cache, const void *prefix,
                        size_t prefix_size, uint64_t *removed_out);

/* Removes every entry that was there when the call began and returns the
 * memory to the system.  Statistics count the live ones as deletes. */
CACHECORE_API cachecore_status_t cachecore_clear(cachecore_t *cache);

/* The number of live entries: one that has expired is not counted, removed or
 * not.  0 for NULL. */
CACHECORE_API uint64_t cachecore_count(cachecore_t *cache);

/* Removes entries that have expired, at most max_entries of them (0: all that
 * are due), on the calling thread; needs no sweeper.  The number removed goes
 * to *removed_out (NULL if not wanted).  Costs what it removes, not what is
 * there.  Large freed ranges go back to the system. */
CACHECORE_API cachecore_status_t
cachecore_cleanup_expired(cachecore_t *cache, uint64_t max_entries,
                          uint64_t *removed_out);

/* Sets new bounds, with the meaning they have in the options, and evicts until
 * they hold.  A no-evict cache that holds more than the new bounds allow is
 * CACHECORE_E_FULL and keeps its old ones.  CACHECORE_E_STATE when lent values
 * stand in the way of a smaller max_bytes: the bounds are set, and hold when
 * those values are released and the cache has been written to for a while.  A
 * max_bytes beyond the address space that `open` reserved (at least four times
 * its max_bytes, and the machine's memory) is CACHECORE_E_ARGUMENT. */
CACHECORE_API cachecore_status_t
cachecore_resize(cachecore_t *cache, uint64_t max_entries, uint64_t max_bytes);

/* ---- Statistics --------------------------------------------------------- */

/* Counters run from `open` or the last `reset_stats`; the first four fields
 * are readings of this moment, each shard's of one moment for all fields.
 * Every entry is accounted for, whatever others do meanwhile:
 *
 *     entries_before + inserts =
 *         deletes + evictions + expirations + entries + expired
 */
typedef struct cachecore_stats {
  uint32_t struct_size;   /* sizeof(cachecore_stats_t), set by the caller    */
  uint32_t shard_count;   /* shards in use                                   */
  uint64_t entries;       /* live entries, as `count`                        */
  uint64_t bytes_used;    /* memory in use: entries, index, bookkeeping      */
  uint64_t bytes_limit;   /* max_bytes; 0: unbounded                         */
  uint64_t entries_limit; /* max_entries; 0: unbounded                       */
  uint64_t hits;          /* reads that found a live entry                   */
  uint64_t misses;        /* reads that did not                              */
  uint64_t inserts;       /* stored under a key that had no live entry       */
  uint64_t updates;       /* stored in place of a live entry                 */
  uint64_t deletes;       /* live entries removed by delete, clear, ...      */
  uint64_t evictions;     /* live entries forgotten to make room             */
  uint64_t expirations;   /* entries removed because they had expired        */
  uint64_t refused;       /* writes that were REFUSED, E_FULL or E_NO_MEMORY */
  uint64_t bytes_resident; /* memory held from the system: bytes_used, and
                              free space kept for new entries                */
  uint64_t removals_lost;  /* removals dropped before they were taken        */
  uint64_t expired;        /* entries that have expired and are still there  */
  uint64_t entries_before; /* entries there when the counters began          */
} cachecore_stats_t;

#define CACHECORE_STATS_INIT \
  { sizeof(cachecore_stats_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
    0, 0 }

CACHECORE_API cachecore_status_t
cachecore_stats(cachecore_t *cache, cachecore_stats_t *stats_out);

/* Sets the counters to zero, hits and misses included. */
CACHECORE_API cachecore_status_t cachecore_reset_stats(cachecore_t *cache);

/* ---- Removals ----------------------------------------------------------- */

/* Why an entry left. */
enum {
  CACHECORE_REMOVED_EXPIRED = 1,
  CACHECORE_REMOVED_EVICTED = 2,
  CACHECORE_REMOVED_REPLACED = 3,
  CACHECORE_REMOVED_DELETED = 4 /* by delete, clear, ..., or a REFUSED write */
};

/* One entry that left, in the buffer that `take_removals` fills: this header,
 * the key's bytes, the value's bytes; the next record begins record_size bytes
 * after this one. */
typedef struct cachecore_removal_record {
  uint64_t record_size; /* bytes, a multiple of 8                            */
  uint64_t value_size;  /* bytes, from the end of the key                    */
  uint32_t key_size;    /* bytes, from the end of this header                */
  uint32_t cause;       /* CACHECORE_REMOVED_...                             */
} cachecore_removal_record_t;

/*
 * Takes out what has left a cache opened with CACHECORE_REPORT_REMOVALS, in the
 * order in which it left its shard, and each removal once; CACHECORE_E_STATE
 * with any other cache.  Writes whole records to `buffer`, which must be
 * 8-byte aligned, their total size to *size_out and their number to *count_out
 * (NULL if not wanted).  CACHECORE_MISS when there is nothing to take;
 * CACHECORE_E_TOO_SMALL when not one record fits, and *size_out is the size
 * needed.
 *
 * Removals that wait hold their memory, inside max_bytes, and their values may
 * still be lent.  When that memory is needed for new entries the oldest are
 * dropped, and counted in the statistics: a cache that is bounded by entries
 * alone loses none.  An entry is reported when it is removed, not when its
 * time is up: a sweeper, or cleanup_expired, makes the two one.
 */
CACHECORE_API cachecore_status_t
cachecore_take_removals(cachecore_t *cache, void *buffer, size_t capacity,
                        size_t *size_out, size_t *count_out);

/* ---- Audit and advice --------------------------------------------------- */

/* Hits and misses of the recent past. */
typedef struct cachecore_window {
  uint32_t struct_size; /* sizeof(cachecore_window_t), set by the caller     */
  uint32_t reserved;    /* 0                                                 */
  uint64_t hits;        /* as in cachecore_stats_t, but no reset ends them   */
  uint64_t misses;
  uint64_t span_ms;     /* for how long they were really counted             */
} cachecore_window_t;

#define CACHECORE_WINDOW_INIT { sizeof(cachecore_window_t), 0, 0, 0, 0 }

/*
 * How the cache did in the last window_ms (0: since it was opened).  The
 * counters are noted once a minute while the cache is used, by its users; the
 * window begins at the last note before it: up to a minute early, or an hour
 * for windows longer than an hour.  After a time without use, or beyond the 32
 * hours that are kept, it may begin earlier still: span_ms tells.
 */
CACHECORE_API cachecore_status_t
cachecore_window(cachecore_t *cache, uint64_t window_ms,
                 cachecore_window_t *window_out);

/* Kinds of entries.  One that has expired is of no other kind; any other may be
 * of several, or of none. */
enum {
  CACHECORE_ENTRY_EXPIRED = 1u << 0,        /* and not yet removed           */
  CACHECORE_ENTRY_NEAR_EXPIRY = 1u << 1,    /* little time left to live      */
  CACHECORE_ENTRY_WITHOUT_EXPIRY = 1u << 2, /* never expires                 */
  CACHECORE_ENTRY_IDLE = 1u << 3            /* not used for a long time      */
};

typedef struct cachecore_audit_options {
  uint32_t struct_size;    /* sizeof(cachecore_audit_options_t)              */
  uint32_t remove_kinds;   /* CACHECORE_ENTRY_... to remove; 0: a dry run    */
  uint64_t near_expiry_ms; /* what is little time left; 0: a minute          */
  uint64_t idle_ms;        /* what is a long time, by cachecore_entry_info_t's
                              idle_ms; 0: 30 days                            */
  uint32_t batch_size;     /* entries looked at in one hold of a lock, give or
                              take a few; 0: 100                             */
  uint32_t reserved;       /* 0                                              */
} cachecore_audit_options_t;

#define CACHECORE_AUDIT_OPTIONS_INIT \
  { sizeof(cachecore_audit_options_t), 0, 0, 0, 0, 0 }

typedef struct cachecore_audit {
  uint32_t struct_size;    /* sizeof(cachecore_audit_t), set by the caller   */
  uint32_t reserved;       /* 0                                              */
  uint64_t scanned;        /* entries looked at                              */
  uint64_t expired;        /* of each kind, the removed ones included        */
  uint64_t near_expiry;
  uint64_t without_expiry;
  uint64_t idle;
  uint64_t removed;        /* entries removed by this audit                  */
  uint64_t bytes;          /* of all looked at: bookkeeping, keys, values    */
  uint64_t removed_bytes;  /* of those removed                               */
  int64_t average_ttl_ms;  /* time left to live, of the live ones that expire;
                              -1: there are none                             */
  int64_t average_age_ms;  /* since they were stored, of the live ones; -1   */
} cachecore_audit_t;

#define CACHECORE_AUDIT_INIT \
  { sizeof(cachecore_audit_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/*
 * Looks at every entry whose key begins with the prefix (all, when prefix_size
 * is 0), counts them by kind, and removes the kinds it is told to: expired ones
 * count as expirations, others as deletes.  Works through the cache a batch at
 * a time and lets others in between; sees no entry twice, and one that is there
 * all the while once.  Counts as no use: recency and statistics of reads stay.
 * `options` may be NULL: a dry run with the defaults.
 */
CACHECORE_API cachecore_status_t
cachecore_audit(cachecore_t *cache, const void *prefix, size_t prefix_size,
                const cachecore_audit_options_t *options,
                cachecore_audit_t *audit_out);

/* What the figures suggest; each is a bit. */
enum {
  CACHECORE_ADVICE_HIT_RATE_CRITICAL = 1u << 0,
  CACHECORE_ADVICE_HIT_RATE_LOW = 1u << 1,
  CACHECORE_ADVICE_HIT_RATE_GOOD = 1u << 2,
  CACHECORE_ADVICE_HIT_RATE_EXCELLENT = 1u << 3,
  CACHECORE_ADVICE_TTL_LOW = 1u << 4,       /* entries are near their end    */
  CACHECORE_ADVICE_MANY_ENTRIES = 1u << 5,
  CACHECORE_ADVICE_ERRORS = 1u << 6,        /* beside the hits               */
  CACHECORE_ADVICE_MEMORY_HIGH = 1u << 7,   /* beside max_bytes              */
  CACHECORE_ADVICE_WITHOUT_EXPIRY = 1u << 8 /* some entries never expire     */
};

/* Thresholds.  Shares are in thousandths; 0 stands for the default. */
typedef struct cachecore_advice_options {
  uint32_t struct_size;        /* sizeof(cachecore_advice_options_t)         */
  uint32_t hit_rate_critical;  /* below it: critical; default 500            */
  uint32_t hit_rate_low;       /* below it: low; 700                         */
  uint32_t hit_rate_excellent; /* from it on: excellent, else good; 900      */
  uint32_t ttl_low;            /* average time left, of expected_ttl_ms; 300 */
  uint32_t error_share;        /* errors, of hits; 10                        */
  uint32_t memory_share;       /* bytes_used, of bytes_limit; 800            */
  uint32_t reserved;           /* 0                                          */
  uint64_t entries_high;       /* more than so many are many; 10000          */
  uint64_t expected_ttl_ms;    /* default: the cache's default_ttl_ms        */
  uint64_t window_ms;          /* the hit rate is that of this window; 0: of
                                  the statistics                             */
  uint64_t errors;             /* the caller's own, added to `refused`       */
} cachecore_advice_options_t;

#define CACHECORE_ADVICE_OPTIONS_INIT \
  { sizeof(cachecore_advice_options_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/*
 * Rules of thumb on the cache's figures: any number of CACHECORE_ADVICE_... go
 * to *advice_out.  At most one is about the hit rate, and none if there were no
 * look-ups.  What only an audit knows (time left, entries that never expire) is
 * taken from `audit`, and left out if that is NULL.  `options` may be NULL.  A
 * share above 1000 is CACHECORE_E_ARGUMENT.
 */
CACHECORE_API cachecore_status_t
cachecore_advise(cachecore_t *cache, const cachecore_advice_options_t *options,
                 const cachecore_audit_t *audit, uint32_t *advice_out);

/* A short, static English sentence for one bit of advice.  Never NULL; not to
 * be freed. */
CACHECORE_API const char *cachecore_advice_text(uint32_t advice);

/* ---- The sweeper -------------------------------------------------------- */

/*
 * A thread of the library's own, at most one for each cache, which removes
 * expired entries and returns memory to the system.  Nothing depends on it: an
 * expired entry is never returned, swept or not.  It works in slices and lets
 * go of the cache between them.  All signals are blocked in it.
 */

enum {
  CACHECORE_SWEEPER_STOPPED = 0,
  CACHECORE_SWEEPER_RUNNING = 1,
  CACHECORE_SWEEPER_PAUSED = 2
};

enum {
  /* Sweep once at the start, not only after the first interval. */
  CACHECORE_SWEEPER_RUN_AT_ONCE = 1u << 0,
  /* Start again in the child of a fork, with the same options. */
  CACHECORE_SWEEPER_RESTART_AFTER_FORK = 1u << 1
};

typedef struct cachecore_sweeper_options {
  uint32_t struct_size;  /* sizeof(cachecore_sweeper_options_t)              */
  uint32_t flags;        /* CACHECORE_SWEEPER_...                            */
  uint64_t interval_ms;  /* from the end of one sweep to the next, in real
                            time also with a manual clock; 0:
                            automatic, a fifth of the lifetimes seen, between
                            10 ms and 60 s, and when the next entry is due
                            if that is sooner                                */
  uint64_t max_slice_us; /* longest the lock is held at a time; 0: 200       */
} cachecore_sweeper_options_t;

#define CACHECORE_SWEEPER_OPTIONS_INIT \
  { sizeof(cachecore_sweeper_options_t), 0, 0, 0 }

/* As cachecore_options_init. */
CACHECORE_API void
cachecore_sweeper_options_init(cachecore_sweeper_options_t *options);

/* Starts the thread; `options` may be NULL for the defaults.
 * CACHECORE_E_STATE if there is one already, CACHECORE_E_NO_MEMORY if the
 * system gives no thread. */
CACHECORE_API cachecore_status_t
cachecore_sweeper_start(cachecore_t *cache,
                        const cachecore_sweeper_options_t *options);

/* Ends the thread and waits for that, up to timeout_ms (0: as long as it
 * takes); milliseconds, even in the middle of an interval or of a sweep.
 * Triggers that wait get CACHECORE_E_STATE.  CACHECORE_E_STATE if there is no
 * thread.  After CACHECORE_E_TIMEOUT it is still ending: call again. */
CACHECORE_API cachecore_status_t
cachecore_sweeper_stop(cachecore_t *cache, uint32_t timeout_ms);

/* Suspends the schedule; a sweep under way ends early.  Triggers still work.
 * CACHECORE_E_STATE unless it runs. */
CACHECORE_API cachecore_status_t cachecore_sweeper_pause(cachecore_t *cache);

/* Takes the schedule up again.  CACHECORE_E_STATE unless it is paused. */
CACHECORE_API cachecore_status_t cachecore_sweeper_resume(cachecore_t *cache);

/* Changes the interval at once: the present wait is measured anew.  0 as in
 * the options.  CACHECORE_E_STATE if there is no thread. */
CACHECORE_API cachecore_status_t
cachecore_sweeper_set_interval(cachecore_t *cache, uint64_t interval_ms);

/* Has the thread do a full sweep now and waits for that very run; what it
 * removed goes to *removed_out (NULL if not wanted).  Triggers at the same
 * time are runs one after another.  The schedule is not disturbed.
 * CACHECORE_E_STATE if there is no thread, or it is stopped meanwhile. */
CACHECORE_API cachecore_status_t
cachecore_sweeper_trigger(cachecore_t *cache, uint64_t *removed_out);

/* Counters run from the first start on this cache, across stops and starts. */
typedef struct cachecore_sweeper_status {
  uint32_t struct_size;      /* sizeof(cachecore_sweeper_status_t)           */
  uint32_t state;            /* CACHECORE_SWEEPER_...                        */
  uint32_t healthy;          /* 1: there is a thread, it is alive, and it has
                                not hung: no slice of a sweep is taking over
                                5 s, no wake-up is overdue by as much        */
  uint32_t reserved;         /* 0                                            */
  uint64_t interval_ms;      /* in force; with 0 asked for, the one chosen   */
  uint64_t sweeps_run;
  uint64_t entries_removed;
  uint64_t last_removed;
  uint64_t last_duration_ns; /* of the last sweep, pauses between slices too */
  uint64_t max_slice_ns;     /* longest the lock was held by any slice       */
  int64_t last_run_age_ms;   /* since the last sweep ended; -1: none yet     */
  uint64_t errors;           /* failures survived: memory not returned, ...  */
  uint64_t backlog;          /* entries expired and not yet removed          */
  uint64_t last_lag_ms;      /* longest that an entry outlived its deadline
                                before the last sweep gave its memory back   */
  uint64_t max_lag_ms;       /* the same over all sweeps                     */
} cachecore_sweeper_status_t;

#define CACHECORE_SWEEPER_STATUS_INIT \
  { sizeof(cachecore_sweeper_status_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
    0, 0 }

/* Works whether or not there is a thread. */
CACHECORE_API cachecore_status_t
cachecore_sweeper_status(cachecore_t *cache,
                         cachecore_sweeper_status_t *status_out);

/* ---- Testing ------------------------------------------------------------ */

/* Moves the clock of a cache opened with CACHECORE_MANUAL_CLOCK forward;
 * CACHECORE_E_STATE with any other, CACHECORE_E_RANGE past 8 years. */
CACHECORE_API cachecore_status_t
cachecore_advance_clock(cachecore_t *cache, uint64_t ms);

#ifdef __cplusplus
}
#endif
#endif /* CACHECORE_H */
