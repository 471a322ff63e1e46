/* Many entries at once: Java packs keys and values into one array each, with
 * count + 1 offsets, and the library is called once. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

/* A long is a size_t here. */
_Static_assert(sizeof(jlong) == sizeof(size_t), "a 64-bit machine");

typedef struct {
  size_t count;
  bytes_t bytes;
  size_t *offsets;
} packed_t;

static bool packed_get(JNIEnv *env, jbyteArray bytes, jlongArray offsets,
                       packed_t *packed) {
  jsize length = (*env)->GetArrayLength(env, offsets);
  packed->count = (size_t)length - 1;
  packed->offsets = malloc((size_t)length * sizeof *packed->offsets);
  if (packed->offsets == NULL) {
    fail(env, CACHECORE_E_NO_MEMORY, "");
    return false;
  }
  (*env)->GetLongArrayRegion(env, offsets, 0, length,
                             (jlong *)packed->offsets);
  if (bytes_of_array(env, bytes, &packed->bytes)) return true;
  free(packed->offsets);
  return false;
}

static void packed_free(packed_t *packed) {
  free(packed->offsets);
  bytes_free(&packed->bytes);
}

/* Room for values, and for what is not found there a call of its own. */
#define ARENA_SIZE (256 * 1024)

/* The values one after another; each of `out` is a size, -1 for a miss, or -2
 * for a value that did not fit. */
METHOD(jbyteArray, getMany)
(JNIEnv *env, jobject self, jlong handle, jbyteArray keys_bytes,
 jlongArray keys_offsets, jlongArray out) {
  call_t call;
  packed_t keys;
  char *block = NULL;
  jbyteArray array = NULL;
  (void)self;
  if (!call_begin(&call, env, handle)) return NULL;
  if (packed_get(env, keys_bytes, keys_offsets, &keys)) {
    size_t count = keys.count, i, total = 0;
    block = malloc(ARENA_SIZE + count * (sizeof(size_t) +
                                         sizeof(cachecore_status_t)));
    if (block == NULL) {
      fail(env, CACHECORE_E_NO_MEMORY, "");
    } else {
      size_t *sizes = (size_t *)(void *)(block + ARENA_SIZE);
      cachecore_status_t *statuses =
          (cachecore_status_t *)(void *)(sizes + count);
      cachecore_status_t error = CACHECORE_OK;
      cachecore_get_packed(call.cache, count, keys.bytes.data, keys.offsets,
                           block, ARENA_SIZE, sizes, statuses);
      for (i = 0; i < count; i++) {
        if (statuses[i] == CACHECORE_OK)
          total += sizes[i];
        else
          sizes[i] = statuses[i] == CACHECORE_MISS ? (size_t)-1 : (size_t)-2;
        if (error == CACHECORE_OK && statuses[i] < 0 &&
            statuses[i] != CACHECORE_E_TOO_SMALL)
          error = statuses[i];
      }
      if (error != CACHECORE_OK) {
        fail(env, error, "");
      } else {
        longs_set(env, out, (const jlong *)sizes, (jsize)count);
        array = array_of(env, block, total);
      }
      free(block);
    }
    packed_free(&keys);
  }
  call_end(&call);
  return array;
}

/* How many were not stored; the status of each is in `out`. */
METHOD(jint, setMany)
(JNIEnv *env, jobject self, jlong handle, jbyteArray keys_bytes,
 jlongArray keys_offsets, jbyteArray values_bytes, jlongArray values_offsets,
 jlong ttl, jintArray out) {
  call_t call;
  packed_t keys, values;
  jint failed = 0;
  (void)self;
  if (!call_begin(&call, env, handle)) return 0;
  if (packed_get(env, keys_bytes, keys_offsets, &keys)) {
    if (packed_get(env, values_bytes, values_offsets, &values)) {
      size_t count = keys.count, i;
      char *block = malloc(1 + count * (sizeof(uint64_t) +
                                        sizeof(cachecore_status_t)));
      if (block == NULL) {
        fail(env, CACHECORE_E_NO_MEMORY, "");
      } else {
        uint64_t *ttls = (uint64_t *)(void *)block;
        cachecore_status_t *statuses =
            (cachecore_status_t *)(void *)(ttls + count);
        for (i = 0; i < count; i++) ttls[i] = (uint64_t)ttl;
        cachecore_set_packed(call.cache, count, keys.bytes.data, keys.offsets,
                             values.bytes.data, values.offsets, ttls, statuses);
        for (i = 0; i < count; i++) failed += statuses[i] != CACHECORE_OK;
        (*env)->SetIntArrayRegion(env, out, 0, (jsize)count, statuses);
        free(block);
      }
      packed_free(&values);
    }
    packed_free(&keys);
  }
  call_end(&call);
  return failed;
}

/* How many were removed. */
METHOD(jlong, deleteMany)
(JNIEnv *env, jobject self, jlong handle, jbyteArray keys_bytes,
 jlongArray keys_offsets) {
  call_t call;
  packed_t keys;
  uint64_t removed = 0;
  cachecore_status_t status = CACHECORE_OK;
  (void)self;
  if (!call_begin(&call, env, handle)) return 0;
  if (packed_get(env, keys_bytes, keys_offsets, &keys)) {
    status = cachecore_delete_packed(call.cache, keys.count, keys.bytes.data,
                                     keys.offsets, NULL, &removed);
    packed_free(&keys);
  }
  call_end(&call);
  if (status < 0) fail(env, status, "");
  return (jlong)removed;
}
