/* Values that are lent: Borrowed.java says for how long. */
#include <stdint.h>
#include <stdlib.h>

#include "binding.h"

/* The lease, and its bytes as a direct buffer in out[0]; 0 for a miss. */
METHOD(jlong, acquire)
(JNIEnv *env, jobject self, jlong handle, BYTES(key), jobjectArray out) {
  call_t call;
  bytes_t key;
  cachecore_value_t *value = calloc(1, sizeof *value);
  cachecore_status_t status = CACHECORE_MISS;
  jobject buffer;
  (void)self;
  if (value == NULL) {
    fail(env, CACHECORE_E_NO_MEMORY, "");
    return 0;
  }
  if (!call_begin(&call, env, handle)) {
    free(value);
    return 0;
  }
  if (BYTES_GET(env, key, &key)) {
    status = cachecore_acquire(call.cache, key.data, key.size, value);
    bytes_free(&key);
  }
  call_end(&call);
  if (status == CACHECORE_OK) {
    if (value->size > INT32_MAX)
      fail(env, CACHECORE_E_RANGE, "it is longer than a buffer can be");
    else if ((buffer = (*env)->NewDirectByteBuffer(env, (void *)value->data,
                                                   (jlong)value->size)) != NULL)
      (*env)->SetObjectArrayElement(env, out, 0, buffer);
    if (!(*env)->ExceptionCheck(env)) return (jlong)(intptr_t)value;
    cachecore_release(value);
  } else if (status < 0) {
    fail(env, status, "");
  }
  free(value);
  return 0;
}

/* Once for each lease, from any thread, also when the cache has been closed. */
METHOD(void, release)(JNIEnv *env, jclass class, jlong lease) {
  cachecore_value_t *value = (cachecore_value_t *)(intptr_t)lease;
  (void)env;
  (void)class;
  cachecore_release(value);
  free(value);
}
