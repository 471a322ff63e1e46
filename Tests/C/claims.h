/* What the tests of claims share. */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "harness.h"

/* Keys and values as text; what get_or_claim copied is in `answer`. */
typedef struct asked {
  cachecore_claim_t claim;
  char answer[64];
  size_t size;
} asked_t;

#define ASKED_INIT { CACHECORE_CLAIM_INIT, "", 0 }

static inline cachecore_status_t ask(cachecore_t *cache, const char *key,
                                     asked_t *asked) {
  cachecore_status_t status =
      cachecore_get_or_claim(cache, key, strlen(key), asked->answer,
                             sizeof asked->answer - 1, &asked->size,
                             &asked->claim);
  if (asked->size < sizeof asked->answer) asked->answer[asked->size] = 0;
  return status;
}

/* The status of a question whose claim, if it is given one, is of no interest
 * and given up. */
static inline cachecore_status_t look(cachecore_t *cache, const char *key) {
  asked_t asked = ASKED_INIT;
  cachecore_status_t status = ask(cache, key, &asked);
  if (asked.claim.token != 0)
    CHECK_OK(cachecore_abandon(cache, key, strlen(key), 0, &asked.claim));
  return status;
}

/* Takes the claim of a key that has no value. */
static inline cachecore_claim_t take_claim(cachecore_t *cache,
                                           const char *key) {
  asked_t asked = ASKED_INIT;
  CHECK_INT(ask(cache, key, &asked), CACHECORE_CLAIMED);
  CHECK(asked.claim.token != 0);
  return asked.claim;
}

static inline cachecore_status_t wait_for(cachecore_t *cache, const char *key,
                                          const cachecore_claim_t *claim,
                                          uint32_t timeout_ms) {
  return cachecore_claim_wait(cache, key, strlen(key), claim, timeout_ms);
}

static inline int stands(cachecore_t *cache, const char *key,
                         const cachecore_claim_t *claim) {
  cachecore_status_t status = wait_for(cache, key, claim, 0);
  CHECK(status == CACHECORE_OK || status == CACHECORE_E_TIMEOUT);
  return status == CACHECORE_E_TIMEOUT;
}

static inline cachecore_status_t fulfill(cachecore_t *cache, const char *key,
                                         const char *value, uint64_t ttl_ms,
                                         cachecore_claim_t *claim) {
  return cachecore_fulfill(cache, key, strlen(key), value, strlen(value),
                           ttl_ms, claim);
}

static inline cachecore_status_t fulfill_absent(cachecore_t *cache,
                                                const char *key,
                                                uint64_t ttl_ms,
                                                cachecore_claim_t *claim) {
  return cachecore_fulfill_absent(cache, key, strlen(key), ttl_ms, claim);
}

static inline cachecore_status_t abandon(cachecore_t *cache, const char *key,
                                         uint64_t retry_ms,
                                         cachecore_claim_t *claim) {
  return cachecore_abandon(cache, key, strlen(key), retry_ms, claim);
}

/* A value that may be served for stale_ms past its lifetime. */
static inline void store_windowed(cachecore_t *cache, const char *key,
                                  const char *value, uint64_t ttl_ms,
                                  uint64_t stale_ms) {
  cachecore_claim_t claim;
  cachecore_delete(cache, key, strlen(key));
  claim = take_claim(cache, key);
  claim.stale_ms = stale_ms;
  CHECK_OK(fulfill(cache, key, value, ttl_ms, &claim));
}

/* That there is no value, for ttl_ms. */
static inline void store_absence(cachecore_t *cache, const char *key,
                                 uint64_t ttl_ms) {
  cachecore_claim_t claim;
  cachecore_delete(cache, key, strlen(key));
  claim = take_claim(cache, key);
  CHECK_OK(fulfill_absent(cache, key, ttl_ms, &claim));
}

/* A stale value under "stale" and an absence under "absent", each for an hour
 * more. */
enum { WINDOW = 3600 * 1000 };

static inline void leave_stale_and_absent(cachecore_t *cache) {
  store_windowed(cache, "stale", "old", 10, WINDOW);
  store_absence(cache, "absent", WINDOW);
  CHECK_OK(cachecore_advance_clock(cache, 10));
}

#endif
