/* The sweeper's controls, but for `trigger` and `stop`, which wait: jobs.c. */
#include "binding.h"

/* (interval, slice in microseconds, flags) */
static napi_value start(napi_env env, napi_callback_info info) {
  call_t call;
  cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
  uint64_t flags;
  if (!call_begin(&call, env, info) ||
      !count_get(env, call.argument[0], &options.interval_ms) ||
      !count_get(env, call.argument[1], &options.max_slice_us) ||
      !count_get(env, call.argument[2], &flags))
    return NULL;
  options.flags = (uint32_t)flags;
  return done(env, lib.sweeper_start(call.cache, &options));
}

static napi_value pause(napi_env env, napi_callback_info info) {
  call_t call;
  if (!call_begin(&call, env, info)) return NULL;
  return done(env, lib.sweeper_pause(call.cache));
}

static napi_value resume(napi_env env, napi_callback_info info) {
  call_t call;
  if (!call_begin(&call, env, info)) return NULL;
  return done(env, lib.sweeper_resume(call.cache));
}

/* (interval) */
static napi_value set_interval(napi_env env, napi_callback_info info) {
  call_t call;
  uint64_t interval_ms;
  if (!call_begin(&call, env, info) ||
      !count_get(env, call.argument[0], &interval_ms))
    return NULL;
  return done(env, lib.sweeper_set_interval(call.cache, interval_ms));
}

#define STATUS(name, field, kind) \
  {name, offsetof(cachecore_sweeper_status_t, field), kind}
static const field_t status_fields[] = {
    STATUS("state", state, FIELD_U32),
    STATUS("healthy", healthy, FIELD_FLAG),
    STATUS("leads", leads, FIELD_FLAG),
    STATUS("interval", interval_ms, FIELD_U64),
    STATUS("sweepsRun", sweeps_run, FIELD_U64),
    STATUS("entriesRemoved", entries_removed, FIELD_U64),
    STATUS("lastRemoved", last_removed, FIELD_U64),
    STATUS("lastDurationNs", last_duration_ns, FIELD_U64),
    STATUS("maxSliceNs", max_slice_ns, FIELD_U64),
    STATUS("lastRunAge", last_run_age_ms, FIELD_MAYBE),
    STATUS("errors", errors, FIELD_U64),
    STATUS("backlog", backlog, FIELD_U64),
    STATUS("lastLag", last_lag_ms, FIELD_U64),
    STATUS("maxLag", max_lag_ms, FIELD_U64),
};
#define STATUS_FIELDS (sizeof status_fields / sizeof status_fields[0])

static napi_value status(napi_env env, napi_callback_info info) {
  call_t call;
  cachecore_sweeper_status_t found = CACHECORE_SWEEPER_STATUS_INIT;
  cachecore_status_t result;
  if (!call_begin(&call, env, info)) return NULL;
  result = lib.sweeper_status(call.cache, &found);
  if (result != CACHECORE_OK) return fail(env, result);
  return object_of(env, status_fields, STATUS_FIELDS, &found, false);
}

void sweeper_methods(methods_t *methods) {
  methods_add(methods, "sweeperStart", start);
  methods_add(methods, "sweeperPause", pause);
  methods_add(methods, "sweeperResume", resume);
  methods_add(methods, "sweeperSetInterval", set_interval);
  methods_add(methods, "sweeperStatus", status);
}
