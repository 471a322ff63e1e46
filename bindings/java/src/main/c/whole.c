/* The cache as a whole, and the sweeper. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

/* As NativeCache's constants. */
enum {
  DO_CLEAR,
  DO_DELETE_PREFIX,
  DO_EVICT,
  DO_CLEANUP,
  DO_RESIZE,
  DO_SAVE,
  DO_LOAD,
  DO_COUNT,
  DO_RESET_STATS,
  DO_ADVANCE_CLOCK,
  DO_SWEEPER_START,
  DO_SWEEPER_STOP,
  DO_SWEEPER_PAUSE,
  DO_SWEEPER_RESUME,
  DO_SWEEPER_SET_INTERVAL,
  DO_SWEEPER_TRIGGER
};

static cachecore_status_t sweeper_start(cachecore_t *cache, uint64_t interval,
                                        uint64_t flags, uint64_t slice_us) {
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  options.interval_ms = interval;
  options.flags = (uint32_t)flags;
  options.max_slice_us = slice_us;
  return cachecore_sweeper_start(cache, &options);
}

static cachecore_status_t run(cachecore_t *cache, jint what, const bytes_t *b,
                              uint64_t one, uint64_t two, uint64_t three,
                              uint64_t *result) {
  switch (what) {
    case DO_CLEAR: return cachecore_clear(cache);
    case DO_DELETE_PREFIX:
      return cachecore_delete_prefix(cache, b->data, b->size, result);
    case DO_EVICT: return cachecore_evict(cache, one, result);
    case DO_CLEANUP: return cachecore_cleanup_expired(cache, one, result);
    case DO_RESIZE: return cachecore_resize(cache, one, two);
    case DO_SAVE: return cachecore_save(cache, b->data, result);
    case DO_LOAD: return cachecore_load(cache, b->data, result);
    case DO_COUNT: *result = cachecore_count(cache); return CACHECORE_OK;
    case DO_RESET_STATS: return cachecore_reset_stats(cache);
    case DO_ADVANCE_CLOCK: return cachecore_advance_clock(cache, one);
    case DO_SWEEPER_START: return sweeper_start(cache, one, two, three);
    case DO_SWEEPER_STOP: return cachecore_sweeper_stop(cache, (uint32_t)one);
    case DO_SWEEPER_PAUSE: return cachecore_sweeper_pause(cache);
    case DO_SWEEPER_RESUME: return cachecore_sweeper_resume(cache);
    case DO_SWEEPER_SET_INTERVAL:
      return cachecore_sweeper_set_interval(cache, one);
    case DO_SWEEPER_TRIGGER: return cachecore_sweeper_trigger(cache, result);
    default: return CACHECORE_E_ARGUMENT;
  }
}

/* `bytes` is a prefix, or a path that ends with a 0; or null. */
METHOD(jlong, run)
(JNIEnv *env, jobject self, jlong handle, jint what, jbyteArray array,
 jlong one, jlong two, jlong three) {
  call_t call;
  bytes_t bytes;
  uint64_t result = 0;
  cachecore_status_t status = CACHECORE_OK;
  (void)self;
  if (!call_begin(&call, env, handle)) return 0;
  if (bytes_of_array(env, array, &bytes)) {
    status = run(call.cache, what, &bytes, (uint64_t)one, (uint64_t)two,
                 (uint64_t)three, &result);
    bytes_free(&bytes);
  }
  call_end(&call);
  if (status != CACHECORE_OK) fail(env, status, "");
  return (jlong)result;
}

/* ---- Lists --------------------------------------------------------------- */

enum {
  LIST_SCAN,
  LIST_SCAN_VALUES,
  LIST_COLDEST,
  LIST_HOTTEST,
  LIST_REMOVALS
};

#define LIST_SIZE (128 * 1024)

static cachecore_status_t list(cachecore_t *cache, jint what,
                               const bytes_t *prefix, uint64_t *cursor,
                               char *buffer, size_t capacity, size_t *size,
                               size_t *count) {
  switch (what) {
    case LIST_SCAN:
      return cachecore_scan(cache, cursor, prefix->data, prefix->size, buffer,
                            capacity, size, count);
    case LIST_SCAN_VALUES:
      return cachecore_scan_values(cache, cursor, prefix->data, prefix->size,
                                   buffer, capacity, size, count);
    case LIST_COLDEST:
      return cachecore_coldest(cache, *cursor, buffer, capacity, size, count);
    case LIST_HOTTEST:
      return cachecore_hottest(cache, *cursor, buffer, capacity, size, count);
    default:
      return cachecore_take_removals(cache, buffer, capacity, size, count);
  }
}

/* coldest and hottest write as many as fit: whether more may not have. */
static bool is_cut_off(jint what, uint64_t limit, size_t count, size_t left) {
  return (what == LIST_COLDEST || what == LIST_HOTTEST) && count < limit &&
         left < CACHECORE_KEY_SIZE_MAX + 64;
}

/* Records, as the library writes them; null for a miss.  state[0] is the
 * cursor, or the limit. */
METHOD(jbyteArray, list)
(JNIEnv *env, jobject self, jlong handle, jint what, jbyteArray prefix_array,
 jlongArray state) {
  call_t call;
  bytes_t prefix;
  jlong cursor;
  size_t capacity = LIST_SIZE, size = 0, count = 0;
  char *buffer = NULL;
  jbyteArray array = NULL;
  cachecore_status_t status = CACHECORE_E_TOO_SMALL;
  (void)self;
  (*env)->GetLongArrayRegion(env, state, 0, 1, &cursor);
  if (!call_begin(&call, env, handle)) return NULL;
  if (!bytes_of_array(env, prefix_array, &prefix)) {
    call_end(&call);
    return NULL;
  }
  for (;;) {
    free(buffer);
    buffer = malloc(capacity);
    if (buffer == NULL) {
      status = CACHECORE_E_NO_MEMORY;
      break;
    }
    status = list(call.cache, what, &prefix, (uint64_t *)&cursor, buffer,
                  capacity, &size, &count);
    if (status == CACHECORE_E_TOO_SMALL)
      capacity = size;
    else if (status == CACHECORE_OK &&
             is_cut_off(what, (uint64_t)cursor, count, capacity - size))
      capacity *= 4;
    else
      break;
  }
  bytes_free(&prefix);
  call_end(&call);
  if (status == CACHECORE_OK) {
    longs_set(env, state, &cursor, 1);
    array = array_of(env, buffer, size);
  } else if (status != CACHECORE_MISS) {
    fail(env, status, "");
  }
  free(buffer);
  return array;
}

/* ---- Figures ------------------------------------------------------------- */

enum {
  FIGURES_STATS,
  FIGURES_SWEEPER,
  FIGURES_SHARED,
  FIGURES_OPTIONS,
  FIGURES_WINDOW
};

#define FIGURES_MAX 32

static cachecore_status_t stats_get(cachecore_t *cache, jlong *out) {
  cachecore_stats_t s = CACHECORE_STATS_INIT;
  cachecore_status_t status = cachecore_stats(cache, &s);
  const uint64_t all[] = {
      s.shard_count,  s.entries,        s.bytes_used,   s.bytes_limit,
      s.entries_limit, s.hits,          s.misses,       s.inserts,
      s.updates,      s.deletes,        s.evictions,    s.expirations,
      s.refused,      s.bytes_resident, s.removals_lost, s.expired,
      s.entries_before, s.stale,        s.absent,       s.stale_served,
      s.absent_served};
  memcpy(out, all, sizeof all);
  return status;
}

static cachecore_status_t sweeper_get(cachecore_t *cache, jlong *out) {
  cachecore_sweeper_status_t s = CACHECORE_SWEEPER_STATUS_INIT;
  cachecore_status_t status = cachecore_sweeper_status(cache, &s);
  const uint64_t all[] = {s.state,
                          s.healthy,
                          s.leads,
                          s.interval_ms,
                          s.sweeps_run,
                          s.entries_removed,
                          s.last_removed,
                          s.last_duration_ns,
                          s.max_slice_ns,
                          (uint64_t)s.last_run_age_ms,
                          s.errors,
                          s.backlog,
                          s.last_lag_ms,
                          s.max_lag_ms};
  memcpy(out, all, sizeof all);
  return status;
}

static cachecore_status_t shared_get(cachecore_t *cache, jlong *out) {
  cachecore_shared_info_t s = CACHECORE_SHARED_INFO_INIT;
  cachecore_status_t status = cachecore_shared_info(cache, &s);
  const uint64_t all[] = {s.processes,    s.max_processes,     s.warm,
                          s.unlinked,     s.recoveries,        s.entries_lost,
                          s.borrows_reclaimed, s.region_bytes};
  memcpy(out, all, sizeof all);
  return status;
}

static cachecore_status_t options_get(cachecore_t *cache, jlong *out) {
  cachecore_options_t o = CACHECORE_OPTIONS_INIT;
  cachecore_status_t status = cachecore_get_options(cache, &o);
  const uint64_t all[] = {o.policy,      o.flags,          o.shard_count,
                          o.max_entries, o.max_bytes,      o.default_ttl_ms,
                          o.default_tti_ms, o.hash_seed,
                          o.ttl_jitter_permille};
  memcpy(out, all, sizeof all);
  return status;
}

static cachecore_status_t window_get(cachecore_t *cache, uint64_t ms,
                                     jlong *out) {
  cachecore_window_t w = CACHECORE_WINDOW_INIT;
  cachecore_status_t status = cachecore_window(cache, ms, &w);
  const uint64_t all[] = {w.hits, w.misses, w.span_ms};
  memcpy(out, all, sizeof all);
  return status;
}

static jlongArray longs_of(JNIEnv *env, const jlong *longs) {
  jlongArray array = (*env)->NewLongArray(env, FIGURES_MAX);
  if (array != NULL) longs_set(env, array, longs, FIGURES_MAX);
  return array;
}

/* The fields in the order of the header. */
METHOD(jlongArray, figures)
(JNIEnv *env, jobject self, jlong handle, jint what, jlong argument) {
  call_t call;
  jlong longs[FIGURES_MAX] = {0};
  cachecore_status_t status;
  (void)self;
  if (!call_begin(&call, env, handle)) return NULL;
  switch (what) {
    case FIGURES_STATS: status = stats_get(call.cache, longs); break;
    case FIGURES_SWEEPER: status = sweeper_get(call.cache, longs); break;
    case FIGURES_SHARED: status = shared_get(call.cache, longs); break;
    case FIGURES_OPTIONS: status = options_get(call.cache, longs); break;
    default: status = window_get(call.cache, (uint64_t)argument, longs);
  }
  call_end(&call);
  if (status == CACHECORE_OK) return longs_of(env, longs);
  fail(env, status, "");
  return NULL;
}

/* ask: kinds to remove, near expiry, idle, batch size */
METHOD(jlongArray, audit)
(JNIEnv *env, jobject self, jlong handle, jbyteArray prefix_array,
 jlongArray ask) {
  call_t call;
  bytes_t prefix;
  jlong asked[4], longs[FIGURES_MAX] = {0};
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t a = CACHECORE_AUDIT_INIT;
  cachecore_status_t status = CACHECORE_E_NO_MEMORY;
  (void)self;
  (*env)->GetLongArrayRegion(env, ask, 0, 4, asked);
  options.remove_kinds = (uint32_t)asked[0];
  options.near_expiry_ms = (uint64_t)asked[1];
  options.idle_ms = (uint64_t)asked[2];
  options.batch_size = (uint32_t)asked[3];
  if (!call_begin(&call, env, handle)) return NULL;
  if (!bytes_of_array(env, prefix_array, &prefix)) {
    call_end(&call);
    return NULL;
  }
  status = cachecore_audit(call.cache, prefix.data, prefix.size, &options, &a);
  bytes_free(&prefix);
  call_end(&call);
  if (status != CACHECORE_OK) {
    fail(env, status, "");
    return NULL;
  }
  const uint64_t all[] = {a.scanned,
                          a.expired,
                          a.near_expiry,
                          a.without_expiry,
                          a.idle,
                          a.removed,
                          a.bytes,
                          a.removed_bytes,
                          (uint64_t)a.average_ttl_ms,
                          (uint64_t)a.average_age_ms};
  memcpy(longs, all, sizeof all);
  return longs_of(env, longs);
}

/* The name of a field of the statistics, in the order of the header; null
 * beyond the last: for a test that none is missing. */
METHOD(jstring, statsField)(JNIEnv *env, jclass class, jint number) {
  cachecore_stats_field_t field = CACHECORE_STATS_FIELD_INIT;
  (void)class;
  if (cachecore_stats_field((uint32_t)number, &field) != CACHECORE_OK)
    return NULL;
  return (*env)->NewStringUTF(env, field.name);
}
