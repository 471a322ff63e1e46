/*
 * Claims: who computes a missing value.
 *
 * A claim that was given to an object stays in a list of the object until it is
 * ended, by JavaScript, by `close`, or when the object is collected: a worker
 * that is terminated while it computes gives its claims up, and others need not
 * wait for their end.  JavaScript knows a claim by its token.
 */
#include <stdlib.h>
#include <string.h>

#include "waiter.h"

typedef struct claim_s {
  cachecore_claim_t state;
  struct claim_s *next;
  size_t key_size;
  char key[];
} claim_t;

static claim_t *claim_new(const bytes_t *key, uint64_t claim_ms,
                          bool is_early) {
  static const cachecore_claim_t blank = CACHECORE_CLAIM_INIT;
  claim_t *claim = malloc(sizeof *claim + key->size);
  if (claim == NULL) return NULL;
  claim->state = blank;
  claim->state.claim_ms = claim_ms;
  claim->state.flags = is_early ? CACHECORE_CLAIM_EARLY : 0;
  claim->next = NULL;
  claim->key_size = key->size;
  if (key->size > 0) memcpy(claim->key, key->data, key->size);
  return claim;
}

/* (key, buffer, offset, BigUint64Array answer, claim time, early) => status
 *
 * answer[0] is the size of the value, answer[1] the token, answer[2] the claim
 * that was seen. */
static napi_value get_or_claim(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  char *buffer, *place;
  size_t capacity, size, place_size;
  uint32_t offset;
  uint64_t claim_ms;
  bool is_early = false;
  claim_t *claim;
  cachecore_status_t status;
  napi_value made = NULL;
  if (!call_begin(&call, env, info) ||
      !buffer_get(env, call.argument[1], &buffer, &capacity) ||
      !buffer_get(env, call.argument[3], &place, &place_size) ||
      !lifetime_get(env, call.argument[4], &claim_ms))
    return NULL;
  napi_get_value_bool(env, call.argument[5], &is_early);
  if (napi_get_value_uint32(env, call.argument[2], &offset) != napi_ok ||
      offset > capacity || place_size < 3 * sizeof(uint64_t))
    return fail(env, CACHECORE_E_ARGUMENT);
  if (!bytes_get(env, call.argument[0], &key)) return NULL;
  claim = claim_new(&key, claim_ms, is_early);
  bytes_free(&key);
  if (claim == NULL) return fail(env, CACHECORE_E_NO_MEMORY);
  status = lib.get_or_claim(call.cache, claim->key, claim->key_size,
                            buffer + offset, capacity - offset, &size,
                            &claim->state);
  memcpy(place, (uint64_t[]){size, claim->state.token, claim->state.seen},
         3 * sizeof(uint64_t));
  if (claim->state.token != 0) {
    claim->next = call.object->claims;
    call.object->claims = claim;
  } else {
    free(claim);
  }
  if (status < 0 && status != CACHECORE_E_TOO_SMALL) return fail(env, status);
  napi_create_int32(env, status, &made);
  return made;
}

/* Where the object's list refers to the claim; NULL, with an exception: the
 * claim has been ended. */
static claim_t **held(call_t *call, napi_value token) {
  uint64_t wanted;
  bool is_whole;
  claim_t **link;
  if (napi_get_value_bigint_uint64(call->env, token, &wanted, &is_whole) ==
      napi_ok)
    for (link = &call->object->claims; *link != NULL; link = &(*link)->next)
      if ((*link)->state.token == wanted) return link;
  fail(call->env, CACHECORE_E_STATE);
  return NULL;
}

/* Takes it out of the list, if the engine has ended it. */
static void settle(claim_t **link) {
  claim_t *claim = *link;
  if (claim->state.token != 0) return;
  *link = claim->next;
  free(claim);
}

/* (token, value, lifetime, stale) => boolean */
static napi_value fulfill(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t value;
  uint64_t ttl_ms, stale_ms;
  claim_t **link;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !lifetime_get(env, call.argument[2], &ttl_ms) ||
      !count_get(env, call.argument[3], &stale_ms) ||
      (link = held(&call, call.argument[0])) == NULL ||
      !bytes_get(env, call.argument[1], &value))
    return NULL;
  (*link)->state.stale_ms = stale_ms;
  status = lib.fulfill(call.cache, (*link)->key, (*link)->key_size, value.data,
                       value.size, ttl_ms, &(*link)->state);
  bytes_free(&value);
  settle(link);
  return answer(env, status);
}

/* (token, lifetime) => boolean */
static napi_value fulfill_absent(napi_env env, napi_callback_info info) {
  call_t call;
  uint64_t ttl_ms;
  claim_t **link;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !lifetime_get(env, call.argument[1], &ttl_ms) ||
      (link = held(&call, call.argument[0])) == NULL)
    return NULL;
  status = lib.fulfill_absent(call.cache, (*link)->key, (*link)->key_size,
                              ttl_ms, &(*link)->state);
  settle(link);
  return answer(env, status);
}

/* (token, retry) */
static napi_value abandon(napi_env env, napi_callback_info info) {
  call_t call;
  uint64_t retry_ms;
  claim_t **link;
  cachecore_status_t status;
  if (!call_begin(&call, env, info) ||
      !count_get(env, call.argument[1], &retry_ms) ||
      (link = held(&call, call.argument[0])) == NULL)
    return NULL;
  status = lib.abandon(call.cache, (*link)->key, (*link)->key_size, retry_ms,
                       &(*link)->state);
  settle(link);
  return done(env, status);
}

void claims_abandon(object_t *object) {
  while (object->claims != NULL) {
    claim_t *claim = object->claims;
    object->claims = claim->next;
    lib.abandon(object->handle->cache, claim->key, claim->key_size, 0,
                &claim->state);
    free(claim);
  }
}

/* (key, seen, timeout) => Promise of whether the claim has ended */
static napi_value claim_wait(napi_env env, napi_callback_info info) {
  call_t call;
  bytes_t key;
  uint64_t seen, timeout_ms;
  bool is_whole;
  napi_value promise;
  if (!call_begin(&call, env, info) ||
      !lifetime_get(env, call.argument[2], &timeout_ms))
    return NULL;
  if (napi_get_value_bigint_uint64(env, call.argument[1], &seen, &is_whole) !=
      napi_ok)
    return fail(env, CACHECORE_E_ARGUMENT);
  if (!bytes_get(env, call.argument[0], &key)) return NULL;
  promise = waiter_add(&call, &key, seen, timeout_ms);
  bytes_free(&key);
  return promise;
}

void claims_methods(methods_t *methods) {
  methods_add(methods, "getOrClaim", get_or_claim);
  methods_add(methods, "fulfill", fulfill);
  methods_add(methods, "fulfillAbsent", fulfill_absent);
  methods_add(methods, "abandon", abandon);
  methods_add(methods, "claimWait", claim_wait);
}
