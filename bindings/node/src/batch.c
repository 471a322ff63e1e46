/* Many entries at once: keys and values are packed into blocks of bytes, and
 * the library is called once. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

/* Elements of an array, one after another; element i is the bytes from
 * offsets[i] up to offsets[i + 1]. */
typedef struct {
  char *bytes;
  size_t room;
  size_t *offsets;
  cachecore_status_t *statuses;
} packed_t;

static void packed_free(packed_t *packed) {
  free(packed->bytes);
  free(packed->offsets);
  free(packed->statuses);
}

static bool append(napi_env env, packed_t *packed, size_t index,
                   napi_value element) {
  bytes_t bytes;
  size_t start = packed->offsets[index];
  if (!bytes_get(env, element, &bytes)) return false;
  if (bytes.size > packed->room - start) {
    size_t room = 2 * (start + bytes.size);
    char *larger = realloc(packed->bytes, room);
    if (larger == NULL) {
      bytes_free(&bytes);
      fail(env, CACHECORE_E_NO_MEMORY);
      return false;
    }
    packed->bytes = larger;
    packed->room = room;
  }
  if (bytes.size > 0) memcpy(packed->bytes + start, bytes.data, bytes.size);
  packed->offsets[index + 1] = start + bytes.size;
  bytes_free(&bytes);
  return true;
}

/* Packs each `step`th element of the array, `count` of them, from `first` on. */
static bool pack(napi_env env, napi_value array, size_t first, size_t step,
                 size_t count, packed_t *packed) {
  size_t i;
  packed->room = 32 * count + 64;
  packed->bytes = malloc(packed->room);
  packed->offsets = calloc(count + 1, sizeof *packed->offsets);
  packed->statuses = calloc(count + 1, sizeof *packed->statuses);
  if (packed->bytes == NULL || packed->offsets == NULL ||
      packed->statuses == NULL) {
    packed_free(packed);
    fail(env, CACHECORE_E_NO_MEMORY);
    return false;
  }
  for (i = 0; i < count; i++) {
    napi_value element;
    napi_handle_scope scope;
    bool is_packed;
    if (napi_open_handle_scope(env, &scope) != napi_ok) break;
    is_packed = napi_get_element(env, array, (uint32_t)(first + i * step),
                                 &element) == napi_ok &&
                append(env, packed, i, element);
    napi_close_handle_scope(env, scope);
    if (!is_packed) break;
  }
  if (i == count) return true;
  packed_free(packed);
  return false;
}

static bool length_get(napi_env env, napi_value array, size_t *count) {
  uint32_t length;
  bool is_array;
  if (napi_is_array(env, array, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, array, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "keys must be an array");
    return false;
  }
  *count = length;
  return true;
}

/* (array of keys, arena, Float64Array sizes): each size is as `sized` */
static napi_value get_many(napi_env env, napi_callback_info info) {
  call_t call;
  packed_t keys;
  char *arena, *place;
  size_t count, capacity, place_size, *sizes, i;
  cachecore_status_t first_error = CACHECORE_OK;
  if (!call_begin(&call, env, info) ||
      !length_get(env, call.argument[0], &count) ||
      !buffer_get(env, call.argument[1], &arena, &capacity) ||
      !buffer_get(env, call.argument[2], &place, &place_size))
    return NULL;
  if (place_size / sizeof(double) < count)
    return fail(env, CACHECORE_E_ARGUMENT);
  sizes = calloc(count + 1, sizeof *sizes);
  if (sizes == NULL) return fail(env, CACHECORE_E_NO_MEMORY);
  if (!pack(env, call.argument[0], 0, 1, count, &keys)) {
    free(sizes);
    return NULL;
  }
  lib.get_packed(call.cache, count, keys.bytes, keys.offsets, arena, capacity,
                 sizes, keys.statuses);
  for (i = 0; i < count; i++) {
    cachecore_status_t status = keys.statuses[i];
    double size = status == CACHECORE_OK     ? (double)sizes[i]
                  : status == CACHECORE_MISS ? -1
                                             : -2.0 - (double)sizes[i];
    memcpy(place + i * sizeof size, &size, sizeof size);
    if (status < 0 && status != CACHECORE_E_TOO_SMALL && first_error == 0)
      first_error = status;
  }
  packed_free(&keys);
  free(sizes);
  return done(env, first_error);
}

/* (array of key, value, key, value..., lifetime, Int32Array statuses) => how
 * many were not stored */
static napi_value set_many(napi_env env, napi_callback_info info) {
  call_t call;
  packed_t keys, values;
  uint64_t ttl_ms, *ttls = NULL;
  char *place;
  size_t count, place_size, failed = 0, i;
  if (!call_begin(&call, env, info) ||
      !length_get(env, call.argument[0], &count) ||
      !lifetime_get(env, call.argument[1], &ttl_ms) ||
      !buffer_get(env, call.argument[2], &place, &place_size))
    return NULL;
  count /= 2;
  if (place_size / sizeof(cachecore_status_t) < count)
    return fail(env, CACHECORE_E_ARGUMENT);
  if (!pack(env, call.argument[0], 0, 2, count, &keys)) return NULL;
  if (!pack(env, call.argument[0], 1, 2, count, &values)) {
    packed_free(&keys);
    return NULL;
  }
  if (ttl_ms != 0) ttls = malloc((count + 1) * sizeof *ttls);
  if (ttl_ms == 0 || ttls != NULL) {
    for (i = 0; ttls != NULL && i < count; i++) ttls[i] = ttl_ms;
    lib.set_packed(call.cache, count, keys.bytes, keys.offsets, values.bytes,
                   values.offsets, ttls, keys.statuses);
  } else {
    for (i = 0; i < count; i++) keys.statuses[i] = CACHECORE_E_NO_MEMORY;
  }
  for (i = 0; i < count; i++) failed += keys.statuses[i] != CACHECORE_OK;
  if (count > 0) memcpy(place, keys.statuses, count * sizeof *keys.statuses);
  free(ttls);
  packed_free(&values);
  packed_free(&keys);
  return number(env, (double)failed);
}

/* (array of keys) => how many were removed */
static napi_value delete_many(napi_env env, napi_callback_info info) {
  call_t call;
  packed_t keys;
  size_t count;
  uint64_t removed;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !length_get(env, call.argument[0], &count) ||
      !pack(env, call.argument[0], 0, 1, count, &keys))
    return NULL;
  status = lib.delete_packed(call.cache, count, keys.bytes, keys.offsets, NULL,
                             &removed);
  packed_free(&keys);
  return status < 0 ? fail(env, status) : number(env, (double)removed);
}

void batch_methods(methods_t *methods) {
  methods_add(methods, "getMany", get_many);
  methods_add(methods, "setMany", set_many);
  methods_add(methods, "deleteMany", delete_many);
}
