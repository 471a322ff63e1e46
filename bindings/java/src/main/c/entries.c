/* Reads and writes of one entry. */
#include <stdlib.h>

#include "binding.h"

/* ---- Reads --------------------------------------------------------------- */

/* A value in C's memory. */
typedef struct {
  cachecore_status_t status;
  char *data;
  size_t size;
  char *heap;
  char room[4096];
} value_t;

/* Of up to `most` bytes; the status is TOO_SMALL for more.  A second attempt is
 * a peek, because the first has been counted. */
static void value_get(cachecore_t *cache, const bytes_t *key, bool is_peek,
                      size_t most, value_t *value) {
  __typeof__(cachecore_get) *get = is_peek ? cachecore_peek : cachecore_get;
  size_t capacity = most < sizeof value->room ? most : sizeof value->room;
  value->heap = NULL;
  value->data = value->room;
  for (;;) {
    value->status = get(cache, key->data, key->size, value->data, capacity,
                        &value->size);
    if (value->status != CACHECORE_E_TOO_SMALL || value->size > most) return;
    get = cachecore_peek;
    free(value->heap);
    capacity = value->size;
    value->data = value->heap = malloc(capacity);
    if (value->heap != NULL) continue;
    value->status = CACHECORE_E_NO_MEMORY;
    return;
  }
}

/* The value; null for a miss. */
METHOD(jbyteArray, get)
(JNIEnv *env, jobject self, jlong handle, jboolean is_peek, BYTES(key)) {
  call_t call;
  bytes_t key;
  value_t value;
  jbyteArray array = NULL;
  (void)self;
  if (!call_begin(&call, env, handle)) return NULL;
  if (BYTES_GET(env, key, &key)) {
    value_get(call.cache, &key, is_peek, INT32_MAX, &value);
    bytes_free(&key);
    if (value.status == CACHECORE_OK)
      array = array_of(env, value.data, value.size);
    else if (value.status != CACHECORE_MISS)
      fail(env, value.status, "");
    free(value.heap);
  }
  call_end(&call);
  return array;
}

/* The size; -1 for a miss; -2 - N where N bytes are needed. */
METHOD(jlong, getInto)
(JNIEnv *env, jobject self, jlong handle, jboolean is_peek, BYTES(key),
 BYTES(into)) {
  call_t call;
  bytes_t key;
  value_t value; /* of which little is used, so nothing is cleared */
  char *start;
  (void)self;
  value.heap = NULL;
  if (!call_begin(&call, env, handle)) return -1;
  if (!BYTES_GET(env, key, &key)) {
    call_end(&call);
    return -1;
  }
  if (into_array == NULL) {
    start = (*env)->GetDirectBufferAddress(env, into_buffer);
    value.status = (is_peek ? cachecore_peek : cachecore_get)(
        call.cache, key.data, key.size, start == NULL ? NULL : start + into_at,
        start == NULL ? 0 : (size_t)into_n, &value.size);
  } else {
    value_get(call.cache, &key, is_peek, (size_t)into_n, &value);
    if (value.status == CACHECORE_OK)
      (*env)->SetByteArrayRegion(env, into_array, into_at, (jsize)value.size,
                                 (const jbyte *)value.data);
  }
  bytes_free(&key);
  free(value.heap);
  call_end(&call);
  switch (value.status) {
    case CACHECORE_OK: return (jlong)value.size;
    case CACHECORE_MISS: return -1;
    case CACHECORE_E_TOO_SMALL: return -2 - (jlong)value.size;
    default: fail(env, value.status, ""); return -1;
  }
}

/* Throws what is no answer. */
static jint answer(JNIEnv *env, cachecore_status_t status) {
  if (status < 0 || status == CACHECORE_REFUSED) fail(env, status, "");
  return status;
}

METHOD(jint, contains)(JNIEnv *env, jobject self, jlong handle, BYTES(key)) {
  call_t call;
  bytes_t key;
  cachecore_status_t status = CACHECORE_MISS;
  (void)self;
  if (!call_begin(&call, env, handle)) return status;
  if (BYTES_GET(env, key, &key)) {
    status = cachecore_contains(call.cache, key.data, key.size);
    bytes_free(&key);
  }
  call_end(&call);
  return answer(env, status);
}

static void info_set(JNIEnv *env, jlongArray out,
                     const cachecore_entry_info_t *info) {
  const jlong longs[5] = {(jlong)info->value_size, info->ttl_ms, info->age_ms,
                          info->idle_ms, (jlong)info->version};
  longs_set(env, out, longs, 5);
}

/* (..., long[5] out) */
METHOD(jint, inspect)
(JNIEnv *env, jobject self, jlong handle, BYTES(key), jlongArray out) {
  call_t call;
  bytes_t key;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_status_t status = CACHECORE_MISS;
  (void)self;
  if (!call_begin(&call, env, handle)) return status;
  if (BYTES_GET(env, key, &key)) {
    status = cachecore_inspect(call.cache, key.data, key.size, &info);
    bytes_free(&key);
  }
  call_end(&call);
  if (status == CACHECORE_OK) info_set(env, out, &info);
  return answer(env, status);
}

/* (..., long[5] out); null for a miss */
METHOD(jbyteArray, getWithInfo)
(JNIEnv *env, jobject self, jlong handle, BYTES(key), jlongArray out) {
  call_t call;
  bytes_t key;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_status_t status = CACHECORE_MISS;
  char room[16384], *data = room;
  size_t capacity = sizeof room, size = 0;
  jbyteArray array = NULL;
  (void)self;
  if (!call_begin(&call, env, handle)) return NULL;
  if (BYTES_GET(env, key, &key)) {
    while ((status = cachecore_get_with_info(call.cache, key.data, key.size,
                                             data, capacity, &size, &info)) ==
           CACHECORE_E_TOO_SMALL) {
      if (data != room) free(data);
      capacity = size;
      data = malloc(capacity);
      if (data == NULL) {
        status = CACHECORE_E_NO_MEMORY;
        break;
      }
    }
    bytes_free(&key);
  }
  call_end(&call);
  if (status == CACHECORE_OK) {
    info_set(env, out, &info);
    array = array_of(env, data, size);
  } else {
    answer(env, status);
  }
  if (data != room) free(data);
  return array;
}

/* ---- Writes -------------------------------------------------------------- */

enum { STORE_SET, STORE_ADD, STORE_REPLACE, STORE_IF_VERSION, STORE_UNTIL };

/* `extra` is the version, or the deadline. */
METHOD(jint, store)
(JNIEnv *env, jobject self, jlong handle, jint how, BYTES(key), BYTES(value),
 jlong ttl, jlong extra) {
  call_t call;
  bytes_t key, value;
  uint64_t ttl_ms = (uint64_t)ttl;
  cachecore_status_t status = CACHECORE_MISS;
  (void)self;
  if (!call_begin(&call, env, handle)) return status;
  if (BYTES_GET(env, key, &key)) {
    if (BYTES_GET(env, value, &value)) {
      switch (how) {
        case STORE_SET:
          status = cachecore_set(call.cache, key.data, key.size, value.data,
                                 value.size, ttl_ms);
          break;
        case STORE_ADD:
          status = cachecore_add(call.cache, key.data, key.size, value.data,
                                 value.size, ttl_ms);
          break;
        case STORE_REPLACE:
          status = cachecore_replace(call.cache, key.data, key.size, value.data,
                                     value.size, ttl_ms);
          break;
        case STORE_IF_VERSION:
          status = cachecore_compare_and_set(call.cache, key.data, key.size,
                                             value.data, value.size,
                                             (uint64_t)extra, ttl_ms);
          break;
        default:
          status = cachecore_set_until(call.cache, key.data, key.size,
                                       value.data, value.size, extra);
      }
      bytes_free(&value);
    }
    bytes_free(&key);
  }
  call_end(&call);
  return answer(env, status);
}

METHOD(jint, delete)(JNIEnv *env, jobject self, jlong handle, BYTES(key)) {
  call_t call;
  bytes_t key;
  cachecore_status_t status = CACHECORE_MISS;
  (void)self;
  if (!call_begin(&call, env, handle)) return status;
  if (BYTES_GET(env, key, &key)) {
    status = cachecore_delete(call.cache, key.data, key.size);
    bytes_free(&key);
  }
  call_end(&call);
  return answer(env, status);
}

METHOD(jint, touch)
(JNIEnv *env, jobject self, jlong handle, BYTES(key), jlong ttl) {
  call_t call;
  bytes_t key;
  cachecore_status_t status = CACHECORE_MISS;
  (void)self;
  if (!call_begin(&call, env, handle)) return status;
  if (BYTES_GET(env, key, &key)) {
    status = cachecore_touch(call.cache, key.data, key.size, (uint64_t)ttl);
    bytes_free(&key);
  }
  call_end(&call);
  return answer(env, status);
}

METHOD(jlong, increment)
(JNIEnv *env, jobject self, jlong handle, BYTES(key), jlong delta,
 jlong initial, jlong ttl) {
  call_t call;
  bytes_t key;
  int64_t sum = 0;
  cachecore_status_t status = CACHECORE_MISS;
  (void)self;
  if (!call_begin(&call, env, handle)) return 0;
  if (BYTES_GET(env, key, &key)) {
    status = cachecore_increment(call.cache, key.data, key.size, delta, initial,
                                 (uint64_t)ttl, &sum);
    bytes_free(&key);
  }
  call_end(&call);
  answer(env, status);
  return sum;
}
