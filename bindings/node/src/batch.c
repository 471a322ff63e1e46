/*
 * Many entries at once: keys and values are packed into blocks of bytes, and
 * the library is called once.
 *
 * To take an element out of a JavaScript array costs more than the call that is
 * saved.  So JavaScript passes strings joined into one, with the length of
 * each, beside the array.  Where all are ASCII, lengths are bytes, and the
 * block is there; where they are not, the array is walked.  Text goes back
 * likewise, as one string to be cut.
 */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

/* Elements of an array, one after another; element i is the bytes from
 * offsets[i] up to offsets[i + 1]. */
typedef struct {
  size_t count;
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

/* Handles of so many elements stay until they are given back together; a scope
 * costs an allocation. */
#define SCOPE 128

static bool pack_array(napi_env env, napi_value array, packed_t *packed) {
  napi_handle_scope scope;
  bool is_packed = true;
  size_t i, end;
  for (i = 0; i < packed->count && is_packed; i = end) {
    end = packed->count - i > SCOPE ? i + SCOPE : packed->count;
    is_packed = napi_open_handle_scope(env, &scope) == napi_ok;
    if (!is_packed) break;
    for (; i < end && is_packed; i++) {
      napi_value element;
      is_packed =
          napi_get_element(env, array, (uint32_t)i, &element) == napi_ok &&
          append(env, packed, i, element);
    }
    napi_close_handle_scope(env, scope);
  }
  return is_packed;
}

/* Whether the joined string has been packed: it is ASCII, and there is one. */
static bool pack_joined(napi_env env, const napi_value *argument,
                        packed_t *packed) {
  bytes_t joined;
  char *place;
  size_t place_size, i, total = 0;
  napi_valuetype kind;
  if (napi_typeof(env, argument[1], &kind) != napi_ok || kind != napi_string ||
      !buffer_get(env, argument[2], &place, &place_size) ||
      place_size / sizeof(uint32_t) < packed->count ||
      !bytes_get(env, argument[1], &joined))
    return false;
  for (i = 0; i < packed->count; i++) {
    uint32_t length;
    memcpy(&length, place + i * sizeof length, sizeof length);
    total += length;
    packed->offsets[i + 1] = total;
  }
  if (total == joined.size && total <= packed->room) {
    memcpy(packed->bytes, joined.data, total);
  } else if (total == joined.size && joined.heap != NULL) {
    free(packed->bytes);
    packed->bytes = joined.heap;
    packed->room = total;
    joined.heap = NULL;
  } else {
    total = SIZE_MAX;
  }
  bytes_free(&joined);
  return total != SIZE_MAX;
}

/* Packs (array, joined string or undefined, Uint32Array of lengths). */
static bool pack(napi_env env, const napi_value *argument, size_t count,
                 packed_t *packed) {
  packed->count = count;
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
  if (pack_joined(env, argument, packed) ||
      pack_array(env, argument[0], packed))
    return true;
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

/* Each size as `sized`; the first error but TOO_SMALL, and all bytes. */
static cachecore_status_t sizes_out(const packed_t *keys, const size_t *sizes,
                                    char *place, size_t *total) {
  cachecore_status_t first_error = CACHECORE_OK;
  size_t i;
  *total = 0;
  for (i = 0; i < keys->count; i++) {
    cachecore_status_t status = keys->statuses[i];
    double size = status == CACHECORE_OK     ? (double)sizes[i]
                  : status == CACHECORE_MISS ? -1
                                             : -2.0 - (double)sizes[i];
    memcpy(place + i * sizeof size, &size, sizeof size);
    if (status == CACHECORE_OK) *total += sizes[i];
    if (status < 0 && status != CACHECORE_E_TOO_SMALL && first_error == 0)
      first_error = status;
  }
  return first_error;
}

/* (keys, joined, lengths, arena, Float64Array sizes, as text) => the values,
 * one after another, as a string, if that was asked for and all is ASCII */
static napi_value get_many(napi_env env, napi_callback_info info) {
  call_t call;
  packed_t keys;
  char *arena, *place;
  size_t count, capacity, place_size, *sizes, total;
  bool is_text = false;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !length_get(env, call.argument[0], &count) ||
      !buffer_get(env, call.argument[3], &arena, &capacity) ||
      !buffer_get(env, call.argument[4], &place, &place_size))
    return NULL;
  napi_get_value_bool(env, call.argument[5], &is_text);
  if (place_size / sizeof(double) < count)
    return fail(env, CACHECORE_E_ARGUMENT);
  sizes = calloc(count + 1, sizeof *sizes);
  if (sizes == NULL) return fail(env, CACHECORE_E_NO_MEMORY);
  if (!pack(env, call.argument, count, &keys)) {
    free(sizes);
    return NULL;
  }
  lib.get_packed(call.cache, count, keys.bytes, keys.offsets, arena, capacity,
                 sizes, keys.statuses);
  status = sizes_out(&keys, sizes, place, &total);
  packed_free(&keys);
  free(sizes);
  if (status != CACHECORE_OK) return fail(env, status);
  return is_text && is_ascii(arena, total) ? string_of(env, arena, total)
                                           : undefined(env);
}

/* (keys, joined, lengths, values, joined, lengths, lifetime, Int32Array
 * statuses) => how many were not stored */
static napi_value set_many(napi_env env, napi_callback_info info) {
  call_t call;
  packed_t keys, values;
  uint64_t ttl_ms, *ttls = NULL;
  char *place;
  size_t count, values_count, place_size, failed = 0, i;
  if (!call_begin(&call, env, info) ||
      !length_get(env, call.argument[0], &count) ||
      !length_get(env, call.argument[3], &values_count) ||
      !lifetime_get(env, call.argument[6], &ttl_ms) ||
      !buffer_get(env, call.argument[7], &place, &place_size))
    return NULL;
  if (values_count != count || place_size / sizeof(cachecore_status_t) < count)
    return fail(env, CACHECORE_E_ARGUMENT);
  if (!pack(env, call.argument, count, &keys)) return NULL;
  if (!pack(env, call.argument + 3, count, &values)) {
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

/* (keys, joined, lengths) => how many were removed */
static napi_value delete_many(napi_env env, napi_callback_info info) {
  call_t call;
  packed_t keys;
  size_t count;
  uint64_t removed;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !length_get(env, call.argument[0], &count) ||
      !pack(env, call.argument, count, &keys))
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
