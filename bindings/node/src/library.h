/*
 * The functions of libcachecore.so, loaded at run time.
 *
 * The addon does not link with the library: JavaScript decides which file is
 * loaded (lib/library.js), and a missing one is an Error with a sentence in it
 * and not a failure of the loader.  One process has one copy, whichever worker
 * loads it first.  A call through the table costs what one through the linker's
 * table costs.
 */
#ifndef CACHECORE_NODE_LIBRARY_H
#define CACHECORE_NODE_LIBRARY_H

#include <cachecore.h>

#define CACHECORE_FUNCTIONS(X)                                                \
  X(version) X(status_text) X(open) X(open_shared) X(open_error)              \
  X(get_options) X(close) X(get) X(peek) X(contains) X(ttl) X(inspect)        \
  X(get_with_info) X(set) X(set_until) X(add) X(replace) X(compare_and_set)   \
  X(delete) X(touch) X(increment) X(get_packed) X(set_packed)                 \
  X(delete_packed) X(scan) X(scan_values) X(coldest) X(hottest) X(evict)      \
  X(delete_prefix) X(clear) X(count) X(cleanup_expired) X(resize) X(stats)    \
  X(reset_stats) X(stats_field) X(take_removals) X(window) X(audit)           \
  X(get_or_claim) X(claim_wait) X(fulfill) X(fulfill_absent) X(abandon)       \
  X(shared_info) X(save) X(load) X(sweeper_start) X(sweeper_stop)             \
  X(sweeper_pause) X(sweeper_resume) X(sweeper_set_interval)                  \
  X(sweeper_trigger) X(sweeper_status) X(advance_clock)

typedef struct {
#define FIELD(name) __typeof__(cachecore_##name) *name;
  CACHECORE_FUNCTIONS(FIELD)
#undef FIELD
} library_t;

/* Valid once library_load has succeeded in this process. */
extern library_t lib;

/* Loads the file, unless one is loaded already.  NULL, or why it cannot be
 * used: a sentence that is valid until the thread's next call. */
const char *library_load(const char *path);

#endif
