/* Claims: who computes a missing value.  Java keeps the token. */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

static cachecore_claim_t claim_of(jlong token, jint flags) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  claim.token = (uint64_t)token;
  claim.flags = (uint32_t)flags;
  return claim;
}

/* The value, if there is one; told: the status, the token, what was seen. */
METHOD(jbyteArray, getOrClaim)
(JNIEnv *env, jobject self, jlong handle, jbyteArray key_array, jlong claim_ms,
 jint flags, jlongArray told) {
  call_t call;
  bytes_t key;
  cachecore_claim_t claim = claim_of(0, flags);
  char room[16384], *data = room;
  size_t capacity = sizeof room, size = 0;
  jbyteArray array = NULL;
  cachecore_status_t status = CACHECORE_E_NO_MEMORY;
  (void)self;
  claim.claim_ms = (uint64_t)claim_ms;
  if (!call_begin(&call, env, handle)) return NULL;
  if (!bytes_of_array(env, key_array, &key)) {
    call_end(&call);
    return NULL;
  }
  while ((status = cachecore_get_or_claim(call.cache, key.data, key.size, data,
                                          capacity, &size, &claim)) ==
         CACHECORE_E_TOO_SMALL) {
    if (data != room) free(data);
    capacity = size;
    data = malloc(capacity);
    if (data == NULL) {
      status = CACHECORE_E_NO_MEMORY;
      break;
    }
    /* If it is fresh, it has been counted. */
    status = cachecore_peek(call.cache, key.data, key.size, data, capacity,
                            &size);
    if (status == CACHECORE_OK) break;
  }
  if (status == CACHECORE_OK || status == CACHECORE_STALE)
    array = array_of(env, data, size);
  if (claim.token != 0 && array == NULL && status != CACHECORE_CLAIMED)
    cachecore_abandon(call.cache, key.data, key.size, 0, &claim);
  bytes_free(&key);
  if (data != room) free(data);
  call_end(&call);
  if (status < 0) {
    fail(env, status, "");
  } else if (!(*env)->ExceptionCheck(env)) {
    const jlong longs[3] = {status, (jlong)claim.token, (jlong)claim.seen};
    longs_set(env, told, longs, 3);
  }
  return array;
}

/* The status: OK, or E_TIMEOUT.  The wait is short, because close waits for
 * its end; Java makes many. */
METHOD(jint, claimWait)
(JNIEnv *env, jobject self, jlong handle, jbyteArray key_array, jlong seen,
 jint timeout_ms) {
  call_t call;
  bytes_t key;
  cachecore_claim_t claim = claim_of(0, 0);
  cachecore_status_t status = CACHECORE_OK;
  (void)self;
  claim.seen = (uint64_t)seen;
  if (!call_begin(&call, env, handle)) return 0;
  if (bytes_of_array(env, key_array, &key)) {
    status = cachecore_claim_wait(call.cache, key.data, key.size, &claim,
                                  (uint32_t)timeout_ms);
    bytes_free(&key);
  }
  call_end(&call);
  if (status < 0 && status != CACHECORE_E_TIMEOUT) fail(env, status, "");
  return status;
}

enum { END_FULFILL, END_ABSENT, END_ABANDON };

/* The status: OK, or CONFLICT.  `ms` is the stale window, or the time until the
 * next is elected. */
METHOD(jint, endClaim)
(JNIEnv *env, jobject self, jlong handle, jint how, jbyteArray key_array,
 jbyteArray value_array, jlong ttl, jlong ms, jlong token, jint flags) {
  call_t call;
  bytes_t key, value;
  cachecore_claim_t claim = claim_of(token, flags);
  cachecore_status_t status = CACHECORE_OK;
  (void)self;
  claim.stale_ms = (uint64_t)ms;
  if (!call_begin(&call, env, handle)) return 0;
  if (bytes_of_array(env, key_array, &key)) {
    if (bytes_of_array(env, value_array, &value)) {
      status = how == END_FULFILL
                   ? cachecore_fulfill(call.cache, key.data, key.size,
                                       value.data, value.size, (uint64_t)ttl,
                                       &claim)
               : how == END_ABSENT
                   ? cachecore_fulfill_absent(call.cache, key.data, key.size,
                                              (uint64_t)ttl, &claim)
                   : cachecore_abandon(call.cache, key.data, key.size,
                                       (uint64_t)ms, &claim);
      bytes_free(&value);
    }
    bytes_free(&key);
  }
  call_end(&call);
  if (status != CACHECORE_OK && status != CACHECORE_CONFLICT)
    fail(env, status, "");
  return status;
}
