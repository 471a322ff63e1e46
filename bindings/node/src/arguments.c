/* JavaScript's values as C's. */
#include <math.h>
#include <stdlib.h>

#include "binding.h"

bool call_begin(call_t *call, napi_env env, napi_callback_info info) {
  size_t count = ARGUMENTS_MAX;
  void *object;
  call->env = env;
  if (napi_get_cb_info(env, info, &count, call->argument, &call->self, NULL) !=
          napi_ok ||
      napi_unwrap(env, call->self, &object) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_THIS", "this is not a Cache");
    return false;
  }
  call->object = object;
  if (call->object->handle == NULL) {
    fail(env, STATUS_CLOSED);
    return false;
  }
  call->cache = call->object->handle->cache;
  return true;
}

/* The longest character of UTF-8, and the 0 that Node writes after it. */
#define TAIL 5

static bool string_get(napi_env env, napi_value value, bytes_t *bytes,
                       bool *is_string) {
  size_t size = 0;
  *is_string = napi_get_value_string_utf8(env, value, bytes->room,
                                          sizeof bytes->room, &size) == napi_ok;
  bytes->data = bytes->room;
  if (!*is_string || size < sizeof bytes->room - TAIL) {
    bytes->size = size;
    return *is_string;
  }
  /* It may have been cut off. */
  napi_get_value_string_utf8(env, value, NULL, 0, &size);
  bytes->heap = malloc(size + 1);
  if (bytes->heap == NULL) {
    fail(env, CACHECORE_E_NO_MEMORY);
    return false;
  }
  bytes->data = bytes->heap;
  return napi_get_value_string_utf8(env, value, bytes->heap, size + 1,
                                    &bytes->size) == napi_ok;
}

static bool is_view(napi_env env, napi_value value) {
  bool is;
  return napi_is_buffer(env, value, &is) == napi_ok && is;
}

bool bytes_get(napi_env env, napi_value value, bytes_t *bytes) {
  bool is_string;
  void *data;
  bytes->heap = NULL;
  if (string_get(env, value, bytes, &is_string)) return true;
  if (is_string) return false;
  if (is_view(env, value) &&
      napi_get_buffer_info(env, value, &data, &bytes->size) == napi_ok) {
    /* An empty view has no address. */
    bytes->data = data != NULL ? data : bytes->room;
    return true;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                        "a key or a value must be a string, or a Buffer or "
                        "another view of an ArrayBuffer");
  return false;
}

void bytes_free(bytes_t *bytes) { free(bytes->heap); }

bool buffer_get(napi_env env, napi_value value, char **data, size_t *size) {
  void *start = NULL;
  if (is_view(env, value) &&
      napi_get_buffer_info(env, value, &start, size) == napi_ok) {
    *data = start;
    return true;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                        "the buffer must be a Buffer or another view of an "
                        "ArrayBuffer");
  return false;
}

/* 2^64; doubles from here on do not fit. */
#define TOO_LARGE 18446744073709551616.0

static bool double_get(napi_env env, napi_value value, double *number_out) {
  if (napi_get_value_double(env, value, number_out) == napi_ok) return true;
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "a number is needed");
  return false;
}

bool count_get(napi_env env, napi_value value, uint64_t *count) {
  double given;
  if (!double_get(env, value, &given)) return false;
  *count = !(given > 0)         ? 0
           : given >= TOO_LARGE ? UINT64_MAX
                                : (uint64_t)ceil(given);
  return true;
}

bool lifetime_get(napi_env env, napi_value value, uint64_t *ttl_ms) {
  double given;
  if (!double_get(env, value, &given)) return false;
  /* 2^63 and beyond have other meanings; it is more than 34 years anyway. */
  *ttl_ms = given == -1                ? CACHECORE_TTL_KEEP
            : given == INFINITY        ? CACHECORE_TTL_NEVER
            : !(given > 0)             ? 0
            : given >= TOO_LARGE / 4.0 ? (uint64_t)1 << 62
                                       : (uint64_t)ceil(given);
  return true;
}
