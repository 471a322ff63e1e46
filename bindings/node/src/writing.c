/* Writes of one entry. */
#include <math.h>

#include "binding.h"

typedef __typeof__(cachecore_set) setter_t;

/* (key, value, lifetime) */
static bool store(napi_env env, napi_callback_info info, setter_t *setter,
                  cachecore_status_t *status) {
  call_t call;
  bytes_t key, value;
  uint64_t ttl_ms;
  if (!call_begin(&call, env, info) ||
      !lifetime_get(env, call.argument[2], &ttl_ms) ||
      !bytes_get(env, call.argument[0], &key))
    return false;
  if (!bytes_get(env, call.argument[1], &value)) {
    bytes_free(&key);
    return false;
  }
  *status = setter(call.cache, key.data, key.size, value.data, value.size,
                   ttl_ms);
  bytes_free(&value);
  bytes_free(&key);
  return true;
}

static napi_value set(napi_env env, napi_callback_info info) {
  cachecore_status_t status;
  return store(env, info, lib.set, &status) ? done(env, status) : NULL;
}

static napi_value add(napi_env env, napi_callback_info info) {
  cachecore_status_t status;
  return store(env, info, lib.add, &status) ? answer(env, status) : NULL;
}

static napi_value replace(napi_env env, napi_callback_info info) {
  cachecore_status_t status;
  return store(env, info, lib.replace, &status) ? answer(env, status) : NULL;
}

/* (key, value, milliseconds since 1970) */
static napi_value set_until(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key, value;
  int64_t deadline;
  cachecore_status_t status;
  if (!call_begin(&call, env, info)) return NULL;
  /* Node converts what does not fit to the nearest that does, NaN to 0. */
  if (napi_get_value_int64(env, call.argument[2], &deadline) != napi_ok)
    return fail(env, CACHECORE_E_ARGUMENT);
  if (!bytes_get(env, call.argument[0], &key)) return NULL;
  if (!bytes_get(env, call.argument[1], &value)) {
    bytes_free(&key);
    return NULL;
  }
  status = lib.set_until(call.cache, key.data, key.size, value.data, value.size,
                         deadline);
  bytes_free(&value);
  bytes_free(&key);
  return done(env, status);
}

/* (key, value, version, lifetime) => boolean */
static napi_value compare_and_set(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key, value;
  uint64_t version, ttl_ms;
  bool is_whole;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !lifetime_get(env, call.argument[3], &ttl_ms))
    return NULL;
  if (napi_get_value_bigint_uint64(env, call.argument[2], &version,
                                   &is_whole) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                          "a version must be a BigInt");
    return NULL;
  }
  if (!is_whole) return fail(env, CACHECORE_E_ARGUMENT);
  if (!bytes_get(env, call.argument[0], &key)) return NULL;
  if (!bytes_get(env, call.argument[1], &value)) {
    bytes_free(&key);
    return NULL;
  }
  status = lib.compare_and_set(call.cache, key.data, key.size, value.data,
                               value.size, version, ttl_ms);
  bytes_free(&value);
  bytes_free(&key);
  return answer(env, status);
}

/* (key) => boolean */
static napi_value delete_one(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !bytes_get(env, call.argument[0], &key))
    return NULL;
  status = lib.delete(call.cache, key.data, key.size);
  bytes_free(&key);
  return answer(env, status);
}

/* (key, lifetime) => boolean */
static napi_value touch(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  uint64_t ttl_ms;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !lifetime_get(env, call.argument[1], &ttl_ms) ||
      !bytes_get(env, call.argument[0], &key))
    return NULL;
  status = lib.touch(call.cache, key.data, key.size, ttl_ms);
  bytes_free(&key);
  return answer(env, status);
}

/* (key, BigInt delta, BigInt initial, lifetime) => BigInt */
static napi_value increment(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  int64_t delta, initial, sum;
  uint64_t ttl_ms;
  bool is_delta_whole, is_initial_whole;
  cachecore_status_t status;
  napi_value made = NULL;
  if (!call_begin(&call, env, info) ||
      !lifetime_get(env, call.argument[3], &ttl_ms))
    return NULL;
  if (napi_get_value_bigint_int64(env, call.argument[1], &delta,
                                  &is_delta_whole) != napi_ok ||
      napi_get_value_bigint_int64(env, call.argument[2], &initial,
                                  &is_initial_whole) != napi_ok)
    return fail(env, CACHECORE_E_ARGUMENT);
  if (!is_delta_whole || !is_initial_whole)
    return fail(env, CACHECORE_E_RANGE);
  if (!bytes_get(env, call.argument[0], &key)) return NULL;
  status = lib.increment(call.cache, key.data, key.size, delta, initial, ttl_ms,
                         &sum);
  bytes_free(&key);
  if (status != CACHECORE_OK) return fail(env, status);
  napi_create_bigint_int64(env, sum, &made);
  return made;
}

void writing_methods(methods_t *methods) {
  methods_add(methods, "set", set);
  methods_add(methods, "setUntil", set_until);
  methods_add(methods, "add", add);
  methods_add(methods, "replace", replace);
  methods_add(methods, "compareAndSet", compare_and_set);
  methods_add(methods, "delete", delete_one);
  methods_add(methods, "touch", touch);
  methods_add(methods, "increment", increment);
}
