/* Reads of one entry. */
#include <stdlib.h>

#include "binding.h"

typedef __typeof__(cachecore_get) getter_t;

/* (key, buffer, offset) => sized */
static napi_value into(napi_env env, napi_callback_info info,
                       getter_t *getter) {
  call_t call;
  bytes_t key;
  char *buffer;
  size_t capacity, size;
  uint32_t offset;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !buffer_get(env, call.argument[1], &buffer, &capacity))
    return NULL;
  if (napi_get_value_uint32(env, call.argument[2], &offset) != napi_ok ||
      offset > capacity)
    return fail(env, CACHECORE_E_ARGUMENT);
  if (!bytes_get(env, call.argument[0], &key)) return NULL;
  status = getter(call.cache, key.data, key.size, buffer + offset,
                  capacity - offset, &size);
  bytes_free(&key);
  return sized(env, status, size);
}

static napi_value get_into(napi_env env, napi_callback_info info) {
  return into(env, info, lib.get);
}

static napi_value peek_into(napi_env env, napi_callback_info info) {
  return into(env, info, lib.peek);
}

/* (key) => string, undefined for a miss */
static napi_value string_by(napi_env env, napi_callback_info info,
                            getter_t *getter) {
  call_t call;
  bytes_t key;
  char room[4096], *data = room;
  size_t capacity = sizeof room, size;
  cachecore_status_t status;
  napi_value made;
  if (!call_begin(&call, env, info) ||
      !bytes_get(env, call.argument[0], &key))
    return NULL;
  for (;;) {
    status = getter(call.cache, key.data, key.size, data, capacity, &size);
    getter = lib.peek; /* it has been counted */
    if (status != CACHECORE_E_TOO_SMALL) break;
    if (data != room) free(data);
    /* A little more, in case that it grows meanwhile. */
    capacity = size + size / 8;
    data = malloc(capacity);
    if (data == NULL) {
      status = CACHECORE_E_NO_MEMORY;
      break;
    }
  }
  bytes_free(&key);
  made = status == CACHECORE_OK     ? string_of(env, data, size)
         : status == CACHECORE_MISS ? undefined(env)
                                    : fail(env, status);
  if (data != room) free(data);
  return made;
}

static napi_value get_string(napi_env env, napi_callback_info info) {
  return string_by(env, info, lib.get);
}

static napi_value peek_string(napi_env env, napi_callback_info info) {
  return string_by(env, info, lib.peek);
}

/* (key) => boolean */
static napi_value has(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !bytes_get(env, call.argument[0], &key))
    return NULL;
  status = lib.contains(call.cache, key.data, key.size);
  bytes_free(&key);
  return answer(env, status);
}

/* (key) => milliseconds, Infinity, or undefined for a miss */
static napi_value ttl(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  int64_t ms;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !bytes_get(env, call.argument[0], &key))
    return NULL;
  status = lib.ttl(call.cache, key.data, key.size, &ms);
  bytes_free(&key);
  if (status == CACHECORE_MISS) return undefined(env);
  if (status != CACHECORE_OK) return fail(env, status);
  return number(env, ms < 0 ? __builtin_inf() : (double)ms);
}

static const field_t info_fields[] = {
    {"size", offsetof(cachecore_entry_info_t, value_size), FIELD_U64},
    {"ttl", offsetof(cachecore_entry_info_t, ttl_ms), FIELD_LIFETIME},
    {"age", offsetof(cachecore_entry_info_t, age_ms), FIELD_U64},
    {"idle", offsetof(cachecore_entry_info_t, idle_ms), FIELD_U64},
    {"version", offsetof(cachecore_entry_info_t, version), FIELD_BIGINT},
};
#define INFO_FIELDS (sizeof info_fields / sizeof info_fields[0])

/* (key) => object, undefined for a miss */
static napi_value inspect(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  cachecore_entry_info_t entry = CACHECORE_ENTRY_INFO_INIT;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !bytes_get(env, call.argument[0], &key))
    return NULL;
  status = lib.inspect(call.cache, key.data, key.size, &entry);
  bytes_free(&key);
  if (status == CACHECORE_MISS) return undefined(env);
  if (status != CACHECORE_OK) return fail(env, status);
  return object_of(env, info_fields, INFO_FIELDS, &entry, false);
}

/* (key, buffer) => object with what `inspect` has; a number as `sized` for a
 * miss or a buffer that is too small */
static napi_value get_with_info(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  char *buffer;
  size_t capacity, size;
  cachecore_entry_info_t entry = CACHECORE_ENTRY_INFO_INIT;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !buffer_get(env, call.argument[1], &buffer, &capacity) ||
      !bytes_get(env, call.argument[0], &key))
    return NULL;
  status = lib.get_with_info(call.cache, key.data, key.size, buffer, capacity,
                             &size, &entry);
  bytes_free(&key);
  if (status != CACHECORE_OK) return sized(env, status, size);
  return object_of(env, info_fields, INFO_FIELDS, &entry, false);
}

void reading_methods(methods_t *methods) {
  methods_add(methods, "getInto", get_into);
  methods_add(methods, "peekInto", peek_into);
  methods_add(methods, "getString", get_string);
  methods_add(methods, "peekString", peek_string);
  methods_add(methods, "has", has);
  methods_add(methods, "ttl", ttl);
  methods_add(methods, "inspect", inspect);
  methods_add(methods, "getWithInfo", get_with_info);
}
