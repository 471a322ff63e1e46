/*
 * cachecore.h - a bounded, concurrent, in-process cache.
 *
 * A cache maps byte-string keys to byte-string values, within a bound on its
 * entries, its memory, or both.  When it is full it evicts: with the default
 * policy, the entry that was used longest ago.  Expired entries are not
 * returned.  This header is the whole public interface.
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
 *   Results    Zero is success.  A positive status is an ordinary answer, such
 *              as a miss.  A negative status is an error, and then nothing has
 *              changed.  Compare with CACHECORE_OK: the condition of
 *              `if (cachecore_contains(...))` is true on a miss.
 *   Outputs    A pointer whose name ends in _out is written to whatever the
 *              result.  On an error or a miss the number is 0, the pointer is
 *              NULL, and the struct is zeros behind its struct_size.  Four
 *              things are not cleared: a buffer, whose contents are then
 *              unspecified; the size that comes with CACHECORE_E_TOO_SMALL,
 *              which is the size needed; a cursor, which stays where it was;
 *              and a struct whose struct_size is out of range.
 *   Ownership  Arguments are read during the call and not kept: keys and
 *              values are copied.  A cache from `open` is freed by `close`, a
 *              value from `acquire` by `release`.
 *   Threads    Any function may be called on one cache by any thread at any
 *              time.  Only `close` must be the last call on its cache: no
 *              other call may be under way, except claim_wait, and none may
 *              follow.
 *   Closed     Every function answers CACHECORE_E_STATE to a closed handle, and
 *              `close` ignores it, until 8192 more caches of the process have
 *              been closed.  After that the handle may belong to another cache.
 *   Waiting    A read (get, get_many, get_packed, get_with_info, peek,
 *              acquire, contains, ttl, inspect) takes no lock, with two
 *              exceptions: after 64 attempts in which the entry's neighbours
 *              changed it takes the shard's lock; and a hit applies recorded
 *              accesses under that lock, if it is free.  get_or_claim is such a
 *              read, and takes the lock to give somebody a claim.  A write
 *              holds the lock of one shard for a short time.  Functions that
 *              work through the whole cache (clear, scan, scan_values,
 *              delete_prefix, evict, cleanup_expired, resize) release the lock
 *              between slices, and are not atomic.  coldest and hottest hold
 *              the locks of all shards while they list.  claim_wait sleeps
 *              until a claim ends; sweeper_stop and sweeper_trigger wait for
 *              the sweeper.
 *   Callbacks  There are none.
 *   Pointers   NULL is CACHECORE_E_ARGUMENT, except where a comment allows it
 *              or where the size that goes with the pointer is 0.
 *   Keys       1 to 65535 bytes of any content.  Other sizes are
 *              CACHECORE_E_ARGUMENT.
 *   Values     0 bytes and up, of any content.
 *   Units      Names end in the unit: _ms, _us, _ns, _bytes.  Zero in an option
 *              or a ttl_ms means the default.
 *   Structs    The first field is struct_size.  The caller sets it to the
 *              sizeof that it was compiled with, also for structs that the
 *              library fills.  Fields are only appended.  In a smaller struct
 *              than the library's the missing fields count as zero.  A larger
 *              one is accepted if the part that the library does not know is
 *              zero, and is CACHECORE_E_VERSION otherwise.  The library writes
 *              no byte beyond struct_size.  A struct_size below 4 or above 4096
 *              is CACHECORE_E_ARGUMENT.
 *   Time       Lifetimes are measured on a monotonic clock.  Setting the wall
 *              clock does not change them, and time in which the machine is
 *              suspended does not count.  An entry expires when its deadline is
 *              reached.  It never expires early.  It may be returned for a few
 *              milliseconds after its deadline, because the kernel's coarse
 *              clock decides, which is usually less than 10 ms behind.
 *   Room       When a cache is full, expired entries of a shard are removed
 *              before a live one is evicted, and before CACHECORE_E_FULL is
 *              returned.
 *   fork       The child of a fork has a private, working copy of each cache,
 *              without claims and with a stopped sweeper, unless the sweeper
 *              was started with CACHECORE_SWEEPER_RESTART_AFTER_FORK.  A child
 *              that runs no fork handlers (of vfork, clone or _Fork) may only
 *              exec or _exit.  posix_spawn and system are safe.
 *   Cancelling A thread may be cancelled at any time (pthread_cancel).  No
 *              function here is a cancellation point: the call that is under
 *              way completes, also when it waits, and the thread ends at its
 *              next cancellation point after it.  Asynchronous cancellation
 *              (PTHREAD_CANCEL_ASYNCHRONOUS) must not be enabled during a call.
 *   Signals    Nothing here is safe to call from a signal handler.
 *   Limits     A cache reserves address space in proportion to its bounds (200
 *              KB for a thousand entries, up to 1.3 GB at once) and, when it
 *              holds more, to what it holds: up to four times as much.  It
 *              takes 24 mappings at most, seldom more than one, of the 65530
 *              that Linux allows a process (vm.max_map_count).  When the system
 *              refuses, the call is CACHECORE_E_NO_MEMORY; the cache works on,
 *              in what it has.  A shard holds 32 GiB at most.
 *   TSan       ThreadSanitizer in the program reports the library's validated
 *              copies as races.  share/cachecore/cachecore.tsan.supp, which is
 *              installed with the library, suppresses these reports:
 *              TSAN_OPTIONS=suppressions=FILE.
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
  CACHECORE_CONFLICT = 4, /* compare_and_set: the version is another by now;
                             fulfill: the claim has ended                    */
  CACHECORE_STALE = 5,    /* get_or_claim: a value past its deadline         */
  CACHECORE_PENDING = 6,  /* get_or_claim: somebody else computes the value  */
  CACHECORE_ABSENT = 7,   /* get_or_claim: there is known to be no value     */
  CACHECORE_CLAIMED = 8,  /* get_or_claim: the caller computes the value     */

  CACHECORE_E_ARGUMENT = -1,  /* a NULL, a size, or an option out of range   */
  CACHECORE_E_NO_MEMORY = -2, /* the system refused memory, a thread, or room in
                                 a file                                      */
  CACHECORE_E_TOO_SMALL = -3, /* the buffer; the size needed is reported     */
  CACHECORE_E_VERSION = -4,   /* a struct newer than this library            */
  CACHECORE_E_FULL = -5,      /* a no-evict cache is at its bound            */
  CACHECORE_E_STATE = -6,     /* not now: for example, a sweeper that runs
                                 already, or a cache that has been closed    */
  CACHECORE_E_TIMEOUT = -7,   /* the wait ended before the event; in a cache
                                 that processes share, behind a stopped one  */
  CACHECORE_E_TYPE = -8,      /* increment: the value is no decimal number   */
  CACHECORE_E_RANGE = -9,     /* the result does not fit                     */
  CACHECORE_E_LAYOUT = -10,   /* a file that is no cache, or is damaged, or of
                                 another layout or machine                   */
  CACHECORE_E_ACCESS = -11    /* a file's owner or permissions               */
};

/* A short, static, lower-case English description of any status, known or
 * not.  Never NULL; not to be freed. */
CACHECORE_API const char *cachecore_status_text(cachecore_status_t status);

/* ---- Opening and closing ------------------------------------------------ */

typedef struct cachecore_s cachecore_t;

enum {
  /* Evict the entry that was used longest ago.  The order is exact within a
   * shard while one thread of the process reads.  While several do, recently
   * used entries stay, but the order of the others is accurate only to 32 ms,
   * or to an eighth of the time that unused entries stay, if that is less. */
  CACHECORE_POLICY_LRU = 0,
  /* Keep entries that are likely to be used again, by recency or frequency,
   * whichever hits more often at present.  A scan does not empty the cache.
   * Needs no tuning. */
  CACHECORE_POLICY_ADAPTIVE = 1
};

enum {
  /* Never evict a live entry.  A write that does not fit is CACHECORE_E_FULL
   * and changes nothing. */
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

/* A ttl_ms that keeps the deadline of the live entry; an entry that is stored
 * anew has the cache's default lifetime.  For a value that is read, changed and
 * written back.  (A remaining lifetime that was read and is passed again counts
 * from the moment of writing, so the deadline moves with each turn.) */
#define CACHECORE_TTL_KEEP ((uint64_t)1 << 63)

typedef struct cachecore_options_s {
  uint32_t struct_size;    /* sizeof(cachecore_options_t)                    */
  uint32_t policy;         /* CACHECORE_POLICY_...                           */
  uint32_t flags;          /* CACHECORE_NO_EVICT and so on                   */
  uint32_t shard_count;    /* 1 to 256, rounded up to a power of two, fewer
                              if max_bytes is too small for them; 0: four
                              for each core, but no more than one for every
                              1000 entries or 4 MB; 1: one exact global
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
  uint64_t ttl_jitter_permille; /* each lifetime is shortened by a random part
                              of up to so many thousandths of it, 0 to 1000,
                              so that entries stored together do not expire
                              together; 0: none                              */
} cachecore_options_t;

#define CACHECORE_OPTIONS_INIT \
  { sizeof(cachecore_options_t), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/*
 * Sets options->struct_size to `struct_size` and every other field to its
 * default, for callers that cannot use CACHECORE_OPTIONS_INIT.  Pass
 * sizeof(cachecore_options_t).  Writes struct_size bytes and no more, whatever
 * the library's own struct has; fields that it does not know become 0.  With a
 * struct_size below 4 nothing is written.  One above 4096 is a mistake: the
 * field is set to 0, which `open` refuses, and nothing else is written.  NULL
 * is ignored.
 */
CACHECORE_API void cachecore_options_init(cachecore_options_t *options,
                                          size_t struct_size);

/* Opens a cache and starts no thread.  Some address space is reserved at once;
 * memory is taken from the system as entries need it.  CACHECORE_E_ARGUMENT
 * for options out of range, CACHECORE_E_NO_MEMORY when the system refuses;
 * cachecore_open_error() says which and why. */
CACHECORE_API cachecore_status_t
cachecore_open(const cachecore_options_t *options, cachecore_t **cache_out);

/* Why the calling thread's last `open` was refused: a static English sentence
 * that names the option, "" after one that was not and before the first.  Never
 * NULL; not to be freed.  For people to read: the wording may change. */
CACHECORE_API const char *cachecore_open_error(void);

/*
 * What the cache was opened with, as it is in force: max_entries and max_bytes
 * are the bounds of this moment, those of the last `resize` if there was one;
 * shard_count is the number of shards in use; a default_ttl_ms of
 * CACHECORE_TTL_NEVER is 0, a default_tti_ms of more than 34 years is 34 years.
 * The others are as they were given: a random hash_seed is 0, and stays secret.
 * A cache opened with the result is one of the same kind.
 */
CACHECORE_API cachecore_status_t
cachecore_get_options(cachecore_t *cache, cachecore_options_t *options_out);

/* Stops the sweeper, in the middle of a sweep if need be, ends every claim_wait
 * that is under way, and returns all memory to the system.  Must be the last
 * call on this cache.  Values that are still acquired stay readable until they
 * are released; the last release frees the memory.  NULL is ignored, and so is
 * a cache that was closed before ("Closed" above). */
CACHECORE_API void cachecore_close(cachecore_t *cache);

/* ---- Reading ------------------------------------------------------------ */

/*
 * Copies the value into `buffer` and its size into *size_out: CACHECORE_OK, or
 * CACHECORE_MISS.  When the value is larger than `capacity` the result is
 * CACHECORE_E_TOO_SMALL and *size_out is the size needed.  `buffer` may be NULL
 * when `capacity` is 0.  Counts as a use and as a hit or a miss;
 * CACHECORE_E_TOO_SMALL is a hit.
 */
CACHECORE_API cachecore_status_t
cachecore_get(cachecore_t *cache, const void *key, size_t key_size,
              void *buffer, size_t capacity, size_t *size_out);

/* As `get`, with the same arguments and results.  Counts as no use and in no
 * statistic. */
CACHECORE_API cachecore_status_t
cachecore_peek(cachecore_t *cache, const void *key, size_t key_size,
               void *buffer, size_t capacity, size_t *size_out);

/* A value lent by the cache. */
typedef struct cachecore_value_s {
  const void *data; /* `size` readable bytes, at any alignment               */
  size_t size;
  void *owner;      /* private */
  uint64_t lease;   /* private */
} cachecore_value_t;

/* Lends the value without copying it: CACHECORE_OK, or CACHECORE_MISS.  The
 * bytes stay as they are until `release`, even when the entry is replaced,
 * deleted, evicted or expires meanwhile, and its memory counts against the
 * bound for as long.  They may be passed on as a key or a value, to `set` under
 * their own key too.  Counts as a use and as a hit or a miss.  One entry can be
 * lent 4095 times at once; CACHECORE_E_STATE beyond. */
CACHECORE_API cachecore_status_t
cachecore_acquire(cachecore_t *cache, const void *key, size_t key_size,
                  cachecore_value_t *value_out);

/* Gives the value back, from any thread, and clears *value.  NULL is ignored,
 * and so is a value that was cleared.  Copies of a cachecore_value_t are one
 * lease, to be released once. */
CACHECORE_API void cachecore_release(cachecore_value_t *value);

/* CACHECORE_OK, which is 0, if there is a live entry, CACHECORE_MISS if not.
 * Counts as no use and in no statistic. */
CACHECORE_API cachecore_status_t
cachecore_contains(cachecore_t *cache, const void *key, size_t key_size);

/* The time left to live in milliseconds, -1 for an entry that never expires.
 * With a time to idle, the time until the first of the two ends.
 * CACHECORE_MISS if there is no live entry.  Counts as no use and in no
 * statistic. */
CACHECORE_API cachecore_status_t
cachecore_ttl(cachecore_t *cache, const void *key, size_t key_size,
              int64_t *remaining_ms_out);

typedef struct cachecore_entry_info_s {
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

/* Reports on one entry.  Counts as no use and in no statistic. */
CACHECORE_API cachecore_status_t
cachecore_inspect(cachecore_t *cache, const void *key, size_t key_size,
                  cachecore_entry_info_t *info_out);

/*
 * As `get`, with what `inspect` reports of the same value: version, time left
 * to live, age.  Use it with compare_and_set to store a value that depends on
 * the present one, without losing the updates of other threads:
 *
 *     do {
 *       status = cachecore_get_with_info(cache, key, key_size, &n, sizeof n,
 *                                        &size, &info);
 *       if (status != CACHECORE_OK) break;
 *       n += 1;
 *       status = cachecore_compare_and_set(cache, key, key_size, &n, sizeof n,
 *                                          info.version, ttl_ms);
 *     } while (status == CACHECORE_CONFLICT);
 *
 * `get` followed by `inspect` loses updates: another thread may store a value
 * between the two, and then the version found belongs to that value.
 */
CACHECORE_API cachecore_status_t
cachecore_get_with_info(cachecore_t *cache, const void *key, size_t key_size,
                        void *buffer, size_t capacity, size_t *size_out,
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
 * CACHECORE_TTL_NEVER for none, CACHECORE_TTL_KEEP for the deadline that the
 * live entry has.  More than 34 years counts as 34 years.  A computed lifetime
 * of 0 means the default as well, and without a default that is "never".  For
 * a value that has expired already, call `delete`, or `set_until` with its
 * deadline.
 *
 * In a cache with ttl_jitter_permille, a lifetime that is given, or is the
 * default, is shortened at random, but not to 0, by all that take a ttl_ms.
 * The deadline of set_until, one that CACHECORE_TTL_KEEP keeps, and the time
 * to idle stay as they are.  With a hash_seed the random parts are the same in
 * every run that makes the same calls in one thread.
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

/* As `set`, but only if the live entry still has the version that
 * `get_with_info` reported with the value that the new one was made of:
 * CACHECORE_CONFLICT if it has another, CACHECORE_MISS if there is no live
 * entry.  The lifetime begins anew; CACHECORE_TTL_KEEP keeps the deadline. */
CACHECORE_API cachecore_status_t
cachecore_compare_and_set(cachecore_t *cache, const void *key, size_t key_size,
                          const void *value, size_t value_size,
                          uint64_t expected_version, uint64_t ttl_ms);

/* Removes the entry: CACHECORE_OK if it was live, CACHECORE_MISS if not.  Its
 * memory is free for new entries.  The sweeper and cleanup_expired return free
 * memory to the system. */
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
 * CACHECORE_E_ARGUMENT before anything is attempted, and the status of every
 * element; so is any other error of the call.  `count` may be 0, and is below
 * 2^44.
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

/* ---- Many at once, packed ------------------------------------------------ */

/*
 * The same batches for languages in which an array of pointers is slow to make,
 * or forbidden: all keys lie in one block of bytes, and all values in another.
 * A block of `count` elements comes with count + 1 offsets that do not fall:
 * element i is the bytes from offsets[i] up to offsets[i + 1].  What is said
 * above holds here too.  An element between offsets that fall is
 * CACHECORE_E_ARGUMENT, and so is a byte of a block that is NULL.
 */

/*
 * Copies the values into `arena`, which has room for `capacity` bytes, one
 * after another, in the order of the keys, without gaps.  sizes_out[i] is the
 * size of value i, 0 if there is none.  A value that does not fit into the rest
 * of the arena is CACHECORE_E_TOO_SMALL: its size is reported, it takes no
 * room, and later values are tried.  So the value of the first element that is
 * CACHECORE_OK begins at `arena`, and each other one where the one before it
 * ends.  `arena` may be NULL when `capacity` is 0.  Neither sizes_out nor
 * statuses_out may be NULL: without them nobody can tell where a value is.
 */
CACHECORE_API cachecore_status_t
cachecore_get_packed(cachecore_t *cache, size_t count, const void *keys,
                     const size_t *key_offsets, void *arena, size_t capacity,
                     size_t *sizes_out, cachecore_status_t *statuses_out);

/* `ttls_ms` may be NULL: the cache's default for all.  `values` may be NULL if
 * all of them are empty. */
CACHECORE_API cachecore_status_t
cachecore_set_packed(cachecore_t *cache, size_t count, const void *keys,
                     const size_t *key_offsets, const void *values,
                     const size_t *value_offsets, const uint64_t *ttls_ms,
                     cachecore_status_t *statuses_out);

/* As delete_many. */
CACHECORE_API cachecore_status_t
cachecore_delete_packed(cachecore_t *cache, size_t count, const void *keys,
                        const size_t *key_offsets,
                        cachecore_status_t *statuses_out,
                        uint64_t *removed_out);

/* ---- The cache as a whole ----------------------------------------------- */

/* One entry in the buffer that `scan`, `coldest` and `hottest` fill: this
 * header, then the key's bytes; the next record begins record_size bytes after
 * this one. */
typedef struct cachecore_scan_record_s {
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
 * seldom two): *size_out is the size needed, and the cursor stays.  Call again
 * with it and a buffer of that size, also when it is 0, as it is at first.
 * Any cursor value is safe; touches neither recency nor statistics.
 */
CACHECORE_API cachecore_status_t
cachecore_scan(cachecore_t *cache, uint64_t *cursor, const void *prefix,
               size_t prefix_size, void *buffer, size_t capacity,
               size_t *size_out, size_t *count_out);

/* One entry in the buffer that `scan_values` fills: this header, the key's
 * bytes, the value's bytes; the next record begins record_size bytes after this
 * one. */
typedef struct cachecore_value_record_s {
  uint64_t record_size; /* bytes, a multiple of 8                            */
  uint64_t value_size;  /* bytes, from the end of the key                    */
  int64_t ttl_ms;       /* time left to live; -1: never expires              */
  uint32_t key_size;    /* bytes, from the end of this header                */
  uint32_t reserved;    /* 0                                                 */
} cachecore_value_record_t;

/* As `scan`, with the values.  A call copies 64 KB and what is left of one
 * bucket of the index, under the lock of a shard, however large the buffer is;
 * but an entry that is larger needs a buffer for all of it. */
CACHECORE_API cachecore_status_t
cachecore_scan_values(cachecore_t *cache, uint64_t *cursor, const void *prefix,
                      size_t prefix_size, void *buffer, size_t capacity,
                      size_t *size_out, size_t *count_out);

/*
 * Lists up to `limit` live entries in the order in which they would be evicted
 * if nothing were read or written any more, or in the reverse of it: the keys
 * to give up first, or those to keep.
 *
 * LRU's order is by last use: exact within a shard in a process where one
 * thread reads; shards are merged by the time of last use, in milliseconds,
 * those of one time in an order of the shards that is always the same.
 * ADAPTIVE decides at each eviction by what it knows then: what is listed is
 * the likely order, by last use within each of its three parts: what has won a
 * place and was not used since, what is new, and what was used again.  With
 * several shards its hottest may differ a little from the reverse of its
 * coldest.
 *
 * Writes whole records to `buffer`, which must be 8-byte aligned, their total
 * size to *size_out and their number to *count_out (NULL if not wanted): as
 * many as fit, from the first on.  CACHECORE_E_TOO_SMALL when not one fits:
 * *size_out is the size that the first needs.  With `limit` 0 nothing is
 * listed.  Touches neither recency nor statistics.
 *
 * It is the order of one moment: writes to the whole cache wait meanwhile.  An
 * entry takes some 100 ns, and one that has expired and was not yet removed is
 * passed over; so ask for thousands, not for millions.
 */
CACHECORE_API cachecore_status_t
cachecore_coldest(cachecore_t *cache, uint64_t limit, void *buffer,
                  size_t capacity, size_t *size_out, size_t *count_out);
CACHECORE_API cachecore_status_t
cachecore_hottest(cachecore_t *cache, uint64_t limit, void *buffer,
                  size_t capacity, size_t *size_out, size_t *count_out);

/*
 * Removes up to `count` entries, as if room were needed for as many: first
 * those that have expired, in any shard, then live ones in the order of
 * `coldest`, and among them, by their last use, what get_or_claim alone finds;
 * with ADAPTIVE the policy decides each time.  `count` 0 removes none; a
 * `count` beyond the entries that there are, all that were there when the call
 * began.  The number of entries removed, of all kinds, goes to *removed_out
 * (NULL if not wanted); statistics count the live ones as evictions and the
 * others as expirations, and removals are reported likewise.  CACHECORE_E_STATE
 * for a no-evict cache.  Looks at each shard once, then does a bounded amount
 * of work an entry, in slices.  The memory stays with the cache for what is
 * stored next: cleanup_expired returns it to the system.
 */
CACHECORE_API cachecore_status_t
cachecore_evict(cachecore_t *cache, uint64_t count, uint64_t *removed_out);

/* Deletes every live entry whose key begins with the prefix, walking the whole
 * cache in slices, and returns their memory to the system as cleanup_expired
 * does; their number goes to *removed_out (NULL if not wanted).
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
 * to *removed_out (NULL if not wanted).  Returns free memory to the system,
 * however it became free: ranges of 64 KB or more, all of it in a cache that
 * has become empty.  Costs what it removes and returns, not what is there. */
CACHECORE_API cachecore_status_t
cachecore_cleanup_expired(cachecore_t *cache, uint64_t max_entries,
                          uint64_t *removed_out);

/* Sets new bounds, with the meaning they have in the options, and evicts until
 * they hold.  A no-evict cache that holds more than the new bounds allow is
 * CACHECORE_E_FULL and keeps its old ones.  CACHECORE_E_STATE when lent values
 * stand in the way of a smaller max_bytes: the bounds are set, and hold when
 * those values are released and the cache has been written to for a while.
 * CACHECORE_E_ARGUMENT for bounds that `open` would refuse, and for a max_bytes
 * less than twice what the cache takes when it is empty. */
CACHECORE_API cachecore_status_t
cachecore_resize(cachecore_t *cache, uint64_t max_entries, uint64_t max_bytes);

/* ---- Statistics --------------------------------------------------------- */

/* Counters run from `open` or the last `reset_stats`.  shard_count, entries,
 * bytes_used, the limits, bytes_resident and expired are readings of this
 * moment.  The figures of one shard are of one moment.  Every entry is
 * accounted for, whatever other threads do meanwhile:
 *
 *     entries_before + inserts =
 *         deletes + evictions + expirations + entries + expired
 */
typedef struct cachecore_stats_s {
  uint32_t struct_size;   /* sizeof(cachecore_stats_t), set by the caller    */
  uint32_t shard_count;   /* shards in use                                   */
  uint64_t entries;       /* live entries, as `count`                        */
  uint64_t bytes_used;    /* memory in use: entries, index, bookkeeping      */
  uint64_t bytes_limit;   /* max_bytes; 0: unbounded                         */
  uint64_t entries_limit; /* max_entries; 0: unbounded                       */
  uint64_t hits;          /* reads that found a live entry                   */
  uint64_t misses;        /* reads that did not                              */
  uint64_t inserts;       /* stored under a key that had no live entry;
                             absences too                                    */
  uint64_t updates;       /* stored in place of a live entry                 */
  uint64_t deletes;       /* live entries removed by delete, clear, ...      */
  uint64_t evictions;     /* live entries removed to make room               */
  uint64_t expirations;   /* entries removed because they had expired        */
  uint64_t refused;       /* writes that were REFUSED, E_FULL or E_NO_MEMORY */
  uint64_t bytes_resident; /* memory held from the system: bytes_used, and
                              free space that has not been returned          */
  uint64_t removals_lost;  /* removals dropped before they were taken        */
  uint64_t expired;        /* entries past their deadline that are still
                              there, those in `stale` and `absent` included  */
  uint64_t entries_before; /* entries there when the counters began          */
  uint64_t stale;          /* values past their deadline that get_or_claim
                              may still serve                                */
  uint64_t absent;         /* entries that say that there is no value        */
  uint64_t stale_served;   /* get_or_claim: results CACHECORE_STALE          */
  uint64_t absent_served;  /* get_or_claim: results CACHECORE_ABSENT         */
} cachecore_stats_t;

#define CACHECORE_STATS_INIT \
  { sizeof(cachecore_stats_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
    0, 0, 0, 0, 0, 0 }

CACHECORE_API cachecore_status_t
cachecore_stats(cachecore_t *cache, cachecore_stats_t *stats_out);

/* Sets the counters to zero, hits and misses included. */
CACHECORE_API cachecore_status_t cachecore_reset_stats(cachecore_t *cache);

/* What a field of the statistics is. */
enum {
  CACHECORE_FIELD_COUNTER = 1, /* it only rises, until reset_stats           */
  CACHECORE_FIELD_GAUGE = 2    /* a reading of the moment, or a limit        */
};

/* A field of cachecore_stats_t.  The texts are static and not to be freed. */
typedef struct cachecore_stats_field_s {
  uint32_t struct_size; /* sizeof(cachecore_stats_field_t)                   */
  uint32_t kind;        /* CACHECORE_FIELD_...                               */
  const char *name;     /* as in cachecore_stats_t: "hits"                   */
  const char *unit;     /* what it counts, in the plural: "bytes", "reads"   */
  const char *help;     /* an English sentence, for people to read           */
  uint32_t offset;      /* bytes from the beginning of cachecore_stats_t     */
  uint32_t size;        /* bytes of the field, an unsigned integer: 4 or 8   */
} cachecore_stats_field_t;

#define CACHECORE_STATS_FIELD_INIT \
  { sizeof(cachecore_stats_field_t), 0, NULL, NULL, NULL, 0, 0 }

/*
 * Describes a field of the statistics, so that a program can export all of them
 * without naming one: those also that a later library has, if its
 * cachecore_stats_t has room.  Ask for 0, 1, 2 and so on, in the order of the
 * struct, until the result is CACHECORE_MISS: there are no more.
 */
CACHECORE_API cachecore_status_t
cachecore_stats_field(uint32_t number, cachecore_stats_field_t *field_out);

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
typedef struct cachecore_removal_record_s {
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
 * Removals that have not been taken hold their memory, inside max_bytes.  When
 * that memory is needed for new entries the oldest removals are dropped, and
 * counted as removals_lost; a cache bounded by entries alone loses none.
 * An expired entry is reported when it is removed, not at its deadline: by the
 * sweeper, by cleanup_expired, or when its room is needed.
 */
CACHECORE_API cachecore_status_t
cachecore_take_removals(cachecore_t *cache, void *buffer, size_t capacity,
                        size_t *size_out, size_t *count_out);

/* ---- Audit and window --------------------------------------------------- */

/* Hits and misses of the recent past. */
typedef struct cachecore_window_s {
  uint32_t struct_size; /* sizeof(cachecore_window_t), set by the caller     */
  uint32_t reserved;    /* 0                                                 */
  uint64_t hits;        /* as in cachecore_stats_t, but no reset ends them   */
  uint64_t misses;
  uint64_t span_ms;     /* for how long they were really counted             */
} cachecore_window_t;

#define CACHECORE_WINDOW_INIT { sizeof(cachecore_window_t), 0, 0, 0, 0 }

/*
 * Hits and misses of the last window_ms (0: since the cache was opened).  While
 * the cache is used its counters are recorded once a minute, for 32 hours.  The
 * window begins at the last record before it: up to a minute early, or up to an
 * hour for windows longer than an hour.  After a time without use, or beyond 32
 * hours, it may begin earlier; span_ms says how long it is.
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

typedef struct cachecore_audit_options_s {
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

typedef struct cachecore_audit_s {
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
 * Examines every entry whose key begins with the prefix (all, when prefix_size
 * is 0), counts the entries by kind, and removes the kinds in remove_kinds:
 * expired ones count as expirations, others as deletes.  Works in batches and
 * releases the lock between them.  Examines no entry twice, and each entry that
 * is there all the while once.  Counts as no use and in no statistic of reads.
 * `options` may be NULL: a dry run with the defaults.
 */
CACHECORE_API cachecore_status_t
cachecore_audit(cachecore_t *cache, const void *prefix, size_t prefix_size,
                const cachecore_audit_options_t *options,
                cachecore_audit_t *audit_out);

/* ---- Claims ------------------------------------------------------------- */

/*
 * Claims decide which caller computes a missing value.  When an entry expires
 * that many threads ask for, all of them miss, and each would compute the
 * value.  This is called a stampede.  With claims one of them computes.  The
 * others wait for the value, or are served the old one meanwhile.
 *
 * `get_or_claim` is a `get` that, on a miss, gives one caller a claim.  That
 * caller computes the value and ends the claim by `fulfill`, which stores the
 * value, by `fulfill_absent`, which stores that there is none, or by `abandon`:
 *
 *     cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
 *     cachecore_status_t status;
 *
 *     while ((status = cachecore_get_or_claim(cache, key, key_size, buffer,
 *                                             sizeof buffer, &size, &claim)) ==
 *            CACHECORE_PENDING)
 *       cachecore_claim_wait(cache, key, key_size, &claim, 1000);
 *     if (claim.token != 0) {
 *       size = compute(buffer, sizeof buffer);
 *       claim.stale_ms = 10 * 1000;
 *       cachecore_fulfill(cache, key, key_size, buffer, size, ttl_ms, &claim);
 *     }
 *
 * How a claim ends.  The caller that has the claim ends it; or it ends by
 * itself after claim_ms, so that the next caller can compute if the first one
 * died; or something voids it.  A `fulfill` that comes later is
 * CACHECORE_CONFLICT and stores nothing.  So a program that changes the origin
 * of a value and then calls `delete` can rely on it: a value that was computed
 * from the old state is not stored after the delete.  What voids a claim, and
 * what does not:
 *
 *   Voids      A write under the key that stored its value, or was REFUSED,
 *              E_NO_MEMORY, E_TIMEOUT or E_FULL; set_until with a deadline in
 *              the past; delete, delete_many, delete_prefix and clear, whether
 *              or not they removed anything.
 *   Does not   add that was EXISTS, compare_and_set that was CONFLICT or a
 *              MISS, replace that was a MISS, touch, any read, any error not
 *              named above; eviction, evict, expiry, cleanup_expired, audit and
 *              resize.
 *
 * The library may also void a claim that nothing of this concerns; it never
 * keeps a claim that something above voids.  A shard holds 16 to 1024 claims,
 * according to the bounds of the cache, and one more claim voids the oldest.
 * delete_prefix knows only the first 16 bytes of a claim's key, and voids every
 * claim whose key may have the prefix.
 *
 * A claim is not an entry.  No count, scan or report includes it, no eviction
 * removes it, and a full no-evict cache can give one.  Any thread of the
 * process may end it.  The child of a fork has no claims.  No token is used
 * twice.  In a shared cache a handle's slot owns its claims: a path that one
 * process opens twice is two owners.
 *
 * Stale values.  A value that `fulfill` stored may have a window of stale_ms
 * after its deadline.  In the window get_or_claim serves it as CACHECORE_STALE
 * while one caller computes a new one.  `set` gives no window, and a value that
 * never expires has none.  `touch` keeps the window's length.  A time to idle
 * ends a window as it ends a lifetime.
 *
 * Absences.  `fulfill_absent` stores that there is no value.  Until that
 * expires get_or_claim answers CACHECORE_ABSENT, and nobody computes.
 *
 * Only get_or_claim finds stale values and absences.  For every other function
 * they have expired: get, contains, count, scan and audit do not see them, add
 * stores in their place, and increment starts at `initial`.  They are entries
 * all the same and count against both bounds.  They are evicted as other
 * entries are, but before a live entry that was used in the same millisecond;
 * a no-evict cache removes them before a write is CACHECORE_E_FULL.  delete,
 * delete_prefix and clear remove them, and do not count them in their results.
 * cleanup_expired and the sweeper remove them at the end of the window, or of
 * the absence.  Statistics count them in `expired`, and in `expirations` when
 * they are removed, whatever the reason.  A stale value is reported as one
 * removal, CACHECORE_REMOVED_EXPIRED; an absence is not reported.
 */

enum {
  /* get_or_claim elects a caller to compute a fresh value anew, a little
   * before its deadline.  Each call is elected with a probability that rises
   * with the time that the value took to compute, and as the deadline comes
   * closer (Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic
   * Cache Stampede Prevention", VLDB 2015).  Set the flag for `fulfill`,
   * which records how many milliseconds the value took, and for
   * `get_or_claim`. */
  CACHECORE_CLAIM_EARLY = 1u << 0
};

typedef struct cachecore_claim_s {
  uint32_t struct_size; /* It is sizeof(cachecore_claim_t).                  */
  uint32_t flags;       /* It is 0 or CACHECORE_CLAIM_EARLY.                 */
  uint64_t token;       /* get_or_claim sets it.  If it is not 0, the caller
                           has the claim and must end it.                    */
  uint64_t stale_ms;    /* fulfill reads it: for so long past its deadline the
                           value may be served.  0: it may not be.           */
  uint64_t claim_ms;    /* get_or_claim reads it: the claim is void after so
                           long.  0: after 30 s.                             */
  uint64_t seen;        /* get_or_claim sets it for claim_wait: the claim that
                           stands, whichever caller has it.  0: it saw none. */
} cachecore_claim_t;

#define CACHECORE_CLAIM_INIT { sizeof(cachecore_claim_t), 0, 0, 0, 0, 0 }

/*
 * As `get`, with these results:
 *
 *   CACHECORE_OK       There is a fresh value: a hit.  With the flag
 *                      CACHECORE_CLAIM_EARLY the caller that is elected also
 *                      gets a token.
 *   CACHECORE_STALE    There is a value past its deadline.  The caller that is
 *                      elected to compute a new one also gets a token.
 *   CACHECORE_ABSENT   There is no value, as fulfill_absent said.
 *   CACHECORE_CLAIMED  There is nothing, and this caller has the claim.
 *   CACHECORE_PENDING  There is nothing, and another caller has the claim.
 *
 * The function checks the size first: CACHECORE_E_TOO_SMALL takes no claim.
 * STALE, ABSENT and CLAIMED count as misses, and the first two also count in
 * stale_served and absent_served.  PENDING, and a stale value that is
 * E_TOO_SMALL, count as nothing.
 *
 * The function sets claim->token and claim->seen, to 0 if there is nothing to
 * tell.  It sets neither if it refuses the struct itself: one without room for
 * all the fields above is CACHECORE_E_ARGUMENT.  It overwrites a token that is
 * in the struct: end that claim first, or use another struct.
 */
CACHECORE_API cachecore_status_t
cachecore_get_or_claim(cachecore_t *cache, const void *key, size_t key_size,
                       void *buffer, size_t capacity, size_t *size_out,
                       cachecore_claim_t *claim);

/*
 * Waits until the claim that get_or_claim saw (claim->seen) no longer stands,
 * and returns CACHECORE_OK; at once if the claim has ended already, or if
 * get_or_claim saw none.  Then call get_or_claim again: there may be a value,
 * or the next claim to take.  The result is CACHECORE_E_TIMEOUT after
 * timeout_ms, which is real time also with a manual clock; with 0 the function
 * does not wait.  It is CACHECORE_E_STATE if the cache is closed meanwhile:
 * this is the one call that may be under way at `close`.
 */
CACHECORE_API cachecore_status_t
cachecore_claim_wait(cachecore_t *cache, const void *key, size_t key_size,
                     const cachecore_claim_t *claim, uint32_t timeout_ms);

/*
 * Stores the value that was computed for a claim, as `set` would, with a window
 * of claim->stale_ms.  The result is that of `set`; or CACHECORE_CONFLICT, with
 * nothing stored, if the claim of this key with claim->token no longer stands.
 * Whatever the result, the function ends the claim, sets claim->token to 0 and
 * wakes the callers that wait.  The exceptions are CACHECORE_E_ARGUMENT and
 * CACHECORE_E_VERSION: then the claim stands.
 */
CACHECORE_API cachecore_status_t
cachecore_fulfill(cachecore_t *cache, const void *key, size_t key_size,
                  const void *value, size_t value_size, uint64_t ttl_ms,
                  cachecore_claim_t *claim);

/* Stores, in the same way, that there is no value.  This answer stands for
 * ttl_ms, and replaces a value that is there; the function does not use
 * claim->stale_ms.  A ttl_ms of 0 in a cache without a default, and
 * CACHECORE_TTL_KEEP, are CACHECORE_E_ARGUMENT. */
CACHECORE_API cachecore_status_t
cachecore_fulfill_absent(cachecore_t *cache, const void *key, size_t key_size,
                         uint64_t ttl_ms, cachecore_claim_t *claim);

/* Gives the claim up, and ends it as `fulfill` does.  The result is
 * CACHECORE_OK, also if the claim no longer stands.  If it stands and there
 * is a stale value, get_or_claim serves that for retry_ms before it elects
 * the next caller.  Where there is no value, the next caller is elected at
 * once. */
CACHECORE_API cachecore_status_t
cachecore_abandon(cachecore_t *cache, const void *key, size_t key_size,
                  uint64_t retry_ms, cachecore_claim_t *claim);

/* ---- Shared by processes ------------------------------------------------- */

/*
 * A shared cache is one cache for all processes of a machine.  Each process
 * opens the same file, or has the cache from its parent over fork, or opens it
 * by a descriptor that another process gave it.  All see the same entries.
 * Every function of this header works on a shared cache as on a private one, at
 * about its speed.  The differences are stated here.
 *
 * A process may end at any instruction: by kill -9, a crash or the OOM killer.
 * The write that it was making at that moment may be lost; nothing else is.
 * The other processes go on.  One that needs a shard which the dead process had
 * locked waits for some milliseconds, repairs the shard, and takes its lock.
 * The library ends the claims of the dead process, and takes back the values
 * that it had acquired.
 *
 * A process may also be stopped (SIGSTOP, a debugger, a frozen container) while
 * it changes a shard.  It still lives, so its lock is not taken from it, and
 * the other processes do not wait for it.  After 0.5 seconds, or ten where
 * /proc does not say that it is stopped, a call that needs the shard's lock is
 * CACHECORE_E_TIMEOUT, and later calls are so after a few milliseconds.  A
 * write with this result has stored nothing, and no read finds the value that
 * it would have replaced: reads of the shard miss from then on.  When the
 * process goes on or is killed, the next process that locks the shard empties
 * it first.  In a NO_EVICT cache the write has changed nothing, and reads go on
 * to find the entries.  In both the shard's claims are void.  `scan`,
 * `coldest`, `hottest`, `save` and `load` are CACHECORE_E_TIMEOUT as well;
 * `evict`, cleanup and the sweeper leave the shard out; `stats` and `count`
 * read what it has.  Two waits have no limit.  A process that is stopped within
 * the few instructions in which a read notes its time holds up the next write
 * to that entry or its neighbours in the index.  In a NO_EVICT cache a process
 * that is stopped while it overwrites an entry in place holds up reads of it
 * and these neighbours.
 *
 * After a restart, or when all processes were killed, the next process that
 * opens the file finds the entries with the lifetimes that are left, unless the
 * machine has booted since.  After a boot it finds them only if the last
 * process that had the cache closed it; the lifetimes then went on by the wall
 * clock.  Otherwise the cache begins empty, since nothing says which pages of
 * the file were written back.
 *
 * The file is as large as the cache may ever get (about four times max_bytes
 * for each shard, or as much as the file system can hold).  It is sparse and
 * takes room only as the cache grows.  On /dev/shm, /run or another tmpfs this
 * room is memory.  The library asks for room before it uses it: on a file
 * system that is full a write is CACHECORE_E_NO_MEMORY, and no signal is
 * raised.  Nothing but the library may truncate the file: then a process that
 * uses it gets SIGBUS, as with any mapped file.
 *
 * A core dump does not include the region.  The child of a fork maps it again,
 * at the same address, and is a process of its own.  If it cannot (no slot is
 * free), the cache is closed in the child.  Values that the parent acquired
 * stay the parent's: the child must not read them, and `release` ignores them
 * there.  Claims stay the parent's, too.
 */

enum {
  /* open_shared makes a new cache, and fails if there is one already. */
  CACHECORE_SHARED_CREATE_ONLY = 1,
  /* open_shared attaches to a cache, and fails if there is none. */
  CACHECORE_SHARED_ATTACH_ONLY = 2,
  /* open_shared puts a new file in the place of one that holds a cache or is
   * empty.  Processes that have the old file open keep it. */
  CACHECORE_SHARED_REPLACE = 4,
  /* open_shared attaches without changing anything, for tools that look at a
   * cache while others use it, or after them.  The handle is no process of
   * cachecore_shared_info, takes no lock, and works with a file that this
   * process may only read.  What works is get, peek, contains, ttl, inspect,
   * get_with_info, get_many, get_packed, count, stats, scan, scan_values,
   * shared_info, shared_fd, get_options and close; all else is
   * CACHECORE_E_STATE.  Its reads are not
   * counted and do not count as a use.  Its statistics are not of one moment.
   * While a writer stays within a bucket (it is stopped, or writes a large
   * value in place) a read of that bucket is a miss after 10 ms, and a scan
   * that comes to it is CACHECORE_E_TIMEOUT; where a writer was killed there,
   * the entry that it was writing is missing until somebody who writes has put
   * it right.  A scan lists a bucket at a time: the buffer must have room for
   * its entries, some ten.  The options must be valid, but their flags and
   * bounds do not matter.  A file of another boot is CACHECORE_E_LAYOUT. */
  CACHECORE_SHARED_READ_ONLY = 8
};

typedef struct cachecore_shared_options_s {
  uint32_t struct_size;   /* It is sizeof(cachecore_shared_options_t).       */
  uint32_t flags;         /* It is a combination of CACHECORE_SHARED_...     */
  const char *path;       /* It names the file, which is made if there is
                             none.  NULL: fd says which file.                */
  int32_t fd;             /* It is a descriptor of such a file or of a memfd,
                             and stays the caller's.  -1, and no path: the
                             library makes a new memfd.                      */
  uint32_t max_processes; /* So many processes, 1023 at most, may have the
                             cache open at once.  Each takes 8 KB when it
                             does.  0: 64.                                   */
} cachecore_shared_options_t;

#define CACHECORE_SHARED_OPTIONS_INIT \
  { sizeof(cachecore_shared_options_t), 0, 0, -1, 0 }

/*
 * Makes a shared cache, or attaches to one.  If several processes open at once,
 * one of them makes the cache and the others wait for it, five seconds at most.
 *
 * A new file has mode 0600.  A file that is there must be a regular file,
 * belong to this user, have one name, and be writable for nobody else.  Its
 * directory must be one where other users cannot replace it (a sticky one, as
 * /tmp is, will do).  The library does not follow a symbolic link.
 *
 * To attach, `options` must be valid and have the flags of the cache.  Bounds,
 * policy, lifetimes and the rest are those of the cache, whatever `options`
 * says (cachecore_get_options).
 *
 *   CACHECORE_E_ARGUMENT   An argument is wrong as for cachecore_open; or there
 *                          are both a path and an fd; or REPORT_REMOVALS is
 *                          set, which a shared cache does not have.
 *   CACHECORE_E_STATE      There is nothing, and ATTACH_ONLY is set; there is a
 *                          cache, and CREATE_ONLY is set; or the flags are not
 *                          those of the cache.
 *   CACHECORE_E_FULL       max_processes processes have the cache open.
 *   CACHECORE_E_ACCESS     The file's owner, its permissions, a link, or a
 *                          network's file system forbids it.
 *   CACHECORE_E_LAYOUT     The file is not a cache, or has another layout.
 *   CACHECORE_E_NO_MEMORY  The file system has no room, or the process has no
 *                          addresses left.
 *   CACHECORE_E_TIMEOUT    Another process is making the cache and has not
 *                          finished, or was stopped meanwhile.
 *
 * cachecore_open_error() says more.  Close with cachecore_close, which
 * detaches: the entries stay, with the file.
 */
CACHECORE_API cachecore_status_t
cachecore_open_shared(const cachecore_options_t *options,
                      const cachecore_shared_options_t *shared,
                      cachecore_t **cache_out);

typedef struct cachecore_shared_info_s {
  uint32_t struct_size;       /* It is sizeof(cachecore_shared_info_t).      */
  uint32_t processes;         /* So many processes have the cache open now.  */
  uint32_t max_processes;     /* So many may have it open.                   */
  uint32_t warm;              /* 1: the cache had entries when it was last
                                 opened by a process that found no other.    */
  uint32_t unlinked;          /* 1: the file is no longer at its path, and a
                                 process that opens the path gets another
                                 cache.                                      */
  uint32_t reserved;          /* It is 0.                                    */
  uint64_t recoveries;        /* So many shards were repaired after a process
                                 died.                                       */
  uint64_t entries_lost;      /* So many entries these repairs dropped.      */
  uint64_t borrows_reclaimed; /* So many acquired values were taken back from
                                 processes that died.                        */
  uint64_t region_bytes;      /* It is the size of the file, which is sparse. */
} cachecore_shared_info_t;

#define CACHECORE_SHARED_INFO_INIT \
  { sizeof(cachecore_shared_info_t), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Fills *info_out.  The counters are those of all processes since the file was
 * made.  The result is CACHECORE_E_STATE for a private cache. */
CACHECORE_API cachecore_status_t
cachecore_shared_info(cachecore_t *cache, cachecore_shared_info_t *info_out);

/* Stores in *fd_out a descriptor of the file, to be handed to another
 * process.  The descriptor stays the library's: duplicate it to keep it, and
 * do not close it.  For a private cache, or if the program closed the
 * descriptor and the file cannot be opened again, the result is
 * CACHECORE_E_STATE and *fd_out is -1. */
CACHECORE_API cachecore_status_t cachecore_shared_fd(cachecore_t *cache,
                                                     int32_t *fd_out);

/* ---- Saving and loading ------------------------------------------------- */

/*
 * A saved cache is a file.  A process that starts anew, on this machine or
 * another, can load it and need not start empty.
 *
 * What is saved: the entries that are live, and those past their deadline that
 * get_or_claim may still serve, with keys, values, deadlines, windows, and the
 * order in which they were used.  Not saved: the seed of the hash, claims,
 * statistics, options, versions and ages; and what the ADAPTIVE policy has
 * learned, but for the order that it has made of it.
 *
 * It is no snapshot of one moment.  Other threads read and write meanwhile; an
 * entry that is there all the while is saved once, as it is when its turn
 * comes.  The lock of a shard is held for slices only, never while the disk is
 * waited for.  Saving takes 16 bytes an entry and a megabyte beside the cache's
 * bounds, loading a megabyte, or as much as the largest value.
 *
 * Lifetimes go on by the wall clock while nobody runs.  Nothing lives longer
 * than it would have: if the wall clock was set back after the save, no time
 * has passed.  A time to idle goes on as well, from the last use; an entry that
 * was used longer ago than this cache is open gets the end of it as its
 * deadline, and so does one that comes to a cache without a time to idle.  In a
 * cache with CACHECORE_MANUAL_CLOCK no time passes between saving and loading.
 */

/*
 * Saves the cache to the file `path`, of mode 0600.  It is written beside the
 * target under the name PATH.*.tmp, brought to the disk and renamed, so that
 * the target is the old file or the new one, whole, whatever happens; a process
 * that is killed meanwhile may leave the other.  The number of entries in the
 * file goes to *entries_out (NULL if not wanted).  After an error there is no
 * new file, nor what was written of it:
 *
 *   CACHECORE_E_ARGUMENT   `path` is NULL, empty or too long
 *   CACHECORE_E_STATE      there is no such folder
 *   CACHECORE_E_ACCESS     the folder may not be written to
 *   CACHECORE_E_LAYOUT     at `path` is something else than a regular file: a
 *                          folder, a symbolic link, a pipe, a device
 *   CACHECORE_E_NO_MEMORY  the disk is full, or the process's limit for files
 *                          is reached; there is no memory; or the disk fails
 */
CACHECORE_API cachecore_status_t
cachecore_save(cachecore_t *cache, const char *path, uint64_t *entries_out);

/*
 * Adds what is in a saved file to the cache, where there is neither an entry
 * under the key, live or still of use to get_or_claim, nor a claim.  Bounds
 * hold all the while: the least recently used come first, and are evicted
 * first.  What has expired, is too large for this cache, or does not fit in a
 * full no-evict cache, is left out.  How many were stored goes to *entries_out
 * (NULL if not wanted), also after an error.
 *
 * Of a damaged file the damaged blocks are left out, each a megabyte of
 * entries; of a file that was cut off the whole blocks are loaded.  Compare
 * *entries_out with what `save` said.  No damage crashes the program.  Every
 * later version of the library can read the file.
 *
 *   CACHECORE_E_ARGUMENT   `path` is NULL or empty
 *   CACHECORE_E_STATE      there is no such file
 *   CACHECORE_E_ACCESS     it may not be read, belongs to another user who is
 *                          not root, or others may write to it
 *   CACHECORE_E_LAYOUT     it is no saved cache, or its beginning is damaged,
 *                          or it is of a later version; or `path` is a symbolic
 *                          link, or is not a regular file
 *   CACHECORE_E_NO_MEMORY  some is loaded, and then the system refused memory
 */
CACHECORE_API cachecore_status_t
cachecore_load(cachecore_t *cache, const char *path, uint64_t *entries_out);

/* ---- The sweeper -------------------------------------------------------- */

/*
 * An optional thread of the library, at most one for each cache.  Each sweep
 * does what cleanup_expired does: it removes expired entries and returns free
 * memory to the system.  Expired entries are not returned whether or not they
 * have been swept.  A sweep works in slices and releases the lock between them.
 * All signals are blocked in the thread.  It is named cachecore-sweep, as
 * debuggers and `top -H` show, and has a stack of 256 KB.
 *
 * The automatic interval is a fifth of the average lifetime of what was stored
 * lately, between 10 ms and 1 s; 1 s as long as nothing with a lifetime was
 * stored.  Lifetimes under 50 ms count as 50 ms, those over 5 s as 5 s, and a
 * time to idle is the most that an average can be.  It is chosen anew at the
 * end of each sweep, and once between two sweeps when a lifetime that is
 * stored is shorter than the average was.  So an expired entry stays for a
 * second at most if the sweeper keeps up.
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

typedef struct cachecore_sweeper_options_s {
  uint32_t struct_size;  /* sizeof(cachecore_sweeper_options_t)              */
  uint32_t flags;        /* CACHECORE_SWEEPER_...                            */
  uint64_t interval_ms;  /* from the end of one sweep to the start of the
                            next, in real time also with a manual clock;
                            0: automatic                                     */
  uint64_t max_slice_us; /* longest the lock is held at a time; 0: 200       */
} cachecore_sweeper_options_t;

#define CACHECORE_SWEEPER_OPTIONS_INIT \
  { sizeof(cachecore_sweeper_options_t), 0, 0, 0 }

/* As cachecore_options_init. */
CACHECORE_API void
cachecore_sweeper_options_init(cachecore_sweeper_options_t *options,
                               size_t struct_size);

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
typedef struct cachecore_sweeper_status_s {
  uint32_t struct_size;      /* sizeof(cachecore_sweeper_status_t)           */
  uint32_t state;            /* CACHECORE_SWEEPER_...                        */
  uint32_t healthy;          /* 1: there is a thread, it is alive, and it has
                                not hung: no slice of a sweep is taking over
                                5 s, no wake-up is overdue by as much        */
  uint32_t leads;            /* 1: there is a thread, and it keeps the
                                schedule; of the processes that share a
                                cache one does                               */
  uint64_t interval_ms;      /* in force: scheduled sweeps are no less than
                                this apart; with 0 asked for, the one chosen */
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
