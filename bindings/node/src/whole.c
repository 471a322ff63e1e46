/* The cache as a whole: what is over in a short time, or in slices that the
 * caller asks for.  What may take long is in jobs.c. */
#include <string.h>

#include "binding.h"

static napi_value count(napi_env env, napi_callback_info info) {
  call_t call;
  if (!call_begin(&call, env, info)) return NULL;
  return number(env, (double)lib.count(call.cache));
}

/* (prefix, BigUint64Array cursor, buffer) => sized */
static napi_value scan_by(napi_env env, napi_callback_info info,
                          __typeof__(cachecore_scan) *function) {
  call_t call;
  bytes_t prefix;
  char *cursor, *buffer;
  size_t cursor_size, capacity, size;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !buffer_get(env, call.argument[1], &cursor, &cursor_size) ||
      !buffer_get(env, call.argument[2], &buffer, &capacity))
    return NULL;
  if (cursor_size < sizeof(uint64_t)) return fail(env, CACHECORE_E_ARGUMENT);
  if (!bytes_get(env, call.argument[0], &prefix)) return NULL;
  status = function(call.cache, (uint64_t *)(void *)cursor, prefix.data,
                    prefix.size, buffer, capacity, &size, NULL);
  bytes_free(&prefix);
  return sized(env, status, size);
}

static napi_value scan(napi_env env, napi_callback_info info) {
  return scan_by(env, info, lib.scan);
}

static napi_value scan_values(napi_env env, napi_callback_info info) {
  return scan_by(env, info, lib.scan_values);
}

/* (limit, buffer) => sized */
static napi_value listed(napi_env env, napi_callback_info info,
                         __typeof__(cachecore_coldest) *list) {
  call_t call;
  uint64_t limit;
  char *buffer;
  size_t capacity, size;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !count_get(env, call.argument[0], &limit) ||
      !buffer_get(env, call.argument[1], &buffer, &capacity))
    return NULL;
  status = list(call.cache, limit, buffer, capacity, &size, NULL);
  return sized(env, status, size);
}

static napi_value coldest(napi_env env, napi_callback_info info) {
  return listed(env, info, lib.coldest);
}

static napi_value hottest(napi_env env, napi_callback_info info) {
  return listed(env, info, lib.hottest);
}

/* (buffer) => sized */
static napi_value take_removals(napi_env env, napi_callback_info info) {
  call_t call;
  char *buffer;
  size_t capacity, size;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !buffer_get(env, call.argument[0], &buffer, &capacity))
    return NULL;
  status = lib.take_removals(call.cache, buffer, capacity, &size, NULL);
  return sized(env, status, size);
}

#define STATS(name, field) {name, offsetof(cachecore_stats_t, field), FIELD_U64}
static const field_t stats_fields[] = {
    {"shardCount", offsetof(cachecore_stats_t, shard_count), FIELD_U32},
    STATS("entries", entries),
    STATS("bytesUsed", bytes_used),
    STATS("bytesLimit", bytes_limit),
    STATS("entriesLimit", entries_limit),
    STATS("hits", hits),
    STATS("misses", misses),
    STATS("inserts", inserts),
    STATS("updates", updates),
    STATS("deletes", deletes),
    STATS("evictions", evictions),
    STATS("expirations", expirations),
    STATS("refused", refused),
    STATS("bytesResident", bytes_resident),
    STATS("removalsLost", removals_lost),
    STATS("expired", expired),
    STATS("entriesBefore", entries_before),
    STATS("stale", stale),
    STATS("absent", absent),
    STATS("staleServed", stale_served),
    STATS("absentServed", absent_served),
};
#define STATS_FIELDS (sizeof stats_fields / sizeof stats_fields[0])

/* (bigint) => object */
static napi_value stats(napi_env env, napi_callback_info info) {
  call_t call;
  cachecore_stats_t figures = CACHECORE_STATS_INIT;
  bool is_bigint = false;
  cachecore_status_t status;
  if (!call_begin(&call, env, info)) return NULL;
  napi_get_value_bool(env, call.argument[0], &is_bigint);
  status = lib.stats(call.cache, &figures);
  if (status != CACHECORE_OK) return fail(env, status);
  return object_of(env, stats_fields, STATS_FIELDS, &figures, is_bigint);
}

static napi_value reset_stats(napi_env env, napi_callback_info info) {
  call_t call;
  if (!call_begin(&call, env, info)) return NULL;
  return done(env, lib.reset_stats(call.cache));
}

static const field_t window_fields[] = {
    {"hits", offsetof(cachecore_window_t, hits), FIELD_U64},
    {"misses", offsetof(cachecore_window_t, misses), FIELD_U64},
    {"span", offsetof(cachecore_window_t, span_ms), FIELD_U64},
};

/* (milliseconds) => object */
static napi_value window(napi_env env, napi_callback_info info) {
  call_t call;
  uint64_t window_ms;
  cachecore_window_t found = CACHECORE_WINDOW_INIT;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !count_get(env, call.argument[0], &window_ms))
    return NULL;
  status = lib.window(call.cache, window_ms, &found);
  if (status != CACHECORE_OK) return fail(env, status);
  return object_of(env, window_fields, 3, &found, false);
}

static const field_t options_fields[] = {
    {"policy", offsetof(cachecore_options_t, policy), FIELD_U32},
    {"flags", offsetof(cachecore_options_t, flags), FIELD_U32},
    {"shards", offsetof(cachecore_options_t, shard_count), FIELD_U32},
    {"maxEntries", offsetof(cachecore_options_t, max_entries), FIELD_U64},
    {"maxBytes", offsetof(cachecore_options_t, max_bytes), FIELD_U64},
    {"ttl", offsetof(cachecore_options_t, default_ttl_ms), FIELD_U64},
    {"tti", offsetof(cachecore_options_t, default_tti_ms), FIELD_U64},
    {"hashSeed", offsetof(cachecore_options_t, hash_seed), FIELD_BIGINT},
    {"jitterPermille", offsetof(cachecore_options_t, ttl_jitter_permille),
     FIELD_U64},
};
#define OPTIONS_FIELDS (sizeof options_fields / sizeof options_fields[0])

static napi_value options(napi_env env, napi_callback_info info) {
  call_t call;
  cachecore_options_t found = CACHECORE_OPTIONS_INIT;
  cachecore_status_t status;
  if (!call_begin(&call, env, info)) return NULL;
  status = lib.get_options(call.cache, &found);
  if (status != CACHECORE_OK) return fail(env, status);
  return object_of(env, options_fields, OPTIONS_FIELDS, &found, false);
}

static const field_t shared_fields[] = {
    {"processes", offsetof(cachecore_shared_info_t, processes), FIELD_U32},
    {"maxProcesses", offsetof(cachecore_shared_info_t, max_processes),
     FIELD_U32},
    {"warm", offsetof(cachecore_shared_info_t, warm), FIELD_FLAG},
    {"unlinked", offsetof(cachecore_shared_info_t, unlinked), FIELD_FLAG},
    {"recoveries", offsetof(cachecore_shared_info_t, recoveries), FIELD_U64},
    {"entriesLost", offsetof(cachecore_shared_info_t, entries_lost), FIELD_U64},
    {"borrowsReclaimed", offsetof(cachecore_shared_info_t, borrows_reclaimed),
     FIELD_U64},
    {"regionBytes", offsetof(cachecore_shared_info_t, region_bytes), FIELD_U64},
};
#define SHARED_FIELDS (sizeof shared_fields / sizeof shared_fields[0])

static napi_value shared_info(napi_env env, napi_callback_info info) {
  call_t call;
  cachecore_shared_info_t found = CACHECORE_SHARED_INFO_INIT;
  cachecore_status_t status;
  if (!call_begin(&call, env, info)) return NULL;
  status = lib.shared_info(call.cache, &found);
  if (status != CACHECORE_OK) return fail(env, status);
  return object_of(env, shared_fields, SHARED_FIELDS, &found, false);
}

/* (milliseconds) */
static napi_value advance_clock(napi_env env, napi_callback_info info) {
  call_t call;
  uint64_t ms;
  if (!call_begin(&call, env, info) || !count_get(env, call.argument[0], &ms))
    return NULL;
  return done(env, lib.advance_clock(call.cache, ms));
}

void whole_methods(methods_t *methods) {
  methods_add(methods, "count", count);
  methods_add(methods, "scan", scan);
  methods_add(methods, "scanValues", scan_values);
  methods_add(methods, "coldest", coldest);
  methods_add(methods, "hottest", hottest);
  methods_add(methods, "takeRemovals", take_removals);
  methods_add(methods, "stats", stats);
  methods_add(methods, "resetStats", reset_stats);
  methods_add(methods, "window", window);
  methods_add(methods, "options", options);
  methods_add(methods, "sharedInfo", shared_info);
  methods_add(methods, "advanceClock", advance_clock);
}
