/*
 * What voids a claim, and what does not: each call that changes something, on a
 * key that has no value and on one whose live value is refreshed early.
 */
#include "claims.h"

/* ---- Deeds --------------------------------------------------------------- */

/* Does something to the cache, or to the entry under "key"; what follows is how
 * each is expected to end. */
typedef cachecore_status_t deed_t(cachecore_t *c);

static char large[2 * CACHECORE_MAX_BYTES_MIN];

static cachecore_status_t do_set(cachecore_t *c) {
  return set_text(c, "key", "1", 0);
}
static cachecore_status_t do_add(cachecore_t *c) {
  return cachecore_add(c, "key", 3, "1", 1, 0);
}
static cachecore_status_t do_replace(cachecore_t *c) {
  return cachecore_replace(c, "key", 3, "1", 1, 0);
}
static cachecore_status_t do_compare_and_set(cachecore_t *c) {
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_inspect(c, "key", 3, &info);
  return cachecore_compare_and_set(c, "key", 3, "1", 1, info.version, 0);
}
static cachecore_status_t do_compare_wrongly(cachecore_t *c) {
  return cachecore_compare_and_set(c, "key", 3, "1", 1, 77, 0);
}
static cachecore_status_t do_increment(cachecore_t *c) {
  return cachecore_increment(c, "key", 3, 1, 1, 0, NULL);
}
static cachecore_status_t do_set_until(cachecore_t *c) {
  return cachecore_set_until(c, "key", 3, "1", 1, INT64_MAX);
}
static cachecore_status_t do_set_until_the_past(cachecore_t *c) {
  return cachecore_set_until(c, "key", 3, "1", 1, 1);
}
static cachecore_status_t do_set_large(cachecore_t *c) {
  return cachecore_set(c, "key", 3, large, sizeof large, 0);
}
static cachecore_status_t do_add_large(cachecore_t *c) {
  return cachecore_add(c, "key", 3, large, sizeof large, 0);
}
static cachecore_status_t do_set_many(cachecore_t *c) {
  const void *keys[] = {"a", "key"};
  size_t sizes[] = {1, 3};
  return cachecore_set_many(c, 2, keys, sizes, keys, sizes, NULL, NULL);
}
static cachecore_status_t do_delete(cachecore_t *c) {
  return cachecore_delete(c, "key", 3);
}
static cachecore_status_t do_delete_many(cachecore_t *c) {
  const void *keys[] = {"a", "key"};
  size_t sizes[] = {1, 3};
  return cachecore_delete_many(c, 2, keys, sizes, NULL, NULL);
}
static cachecore_status_t do_delete_prefix(cachecore_t *c) {
  return cachecore_delete_prefix(c, "ke", 2, NULL);
}
static cachecore_status_t do_delete_other_prefix(cachecore_t *c) {
  return cachecore_delete_prefix(c, "keys", 4, NULL);
}
static cachecore_status_t do_clear(cachecore_t *c) {
  return cachecore_clear(c);
}
static cachecore_status_t do_touch(cachecore_t *c) {
  return cachecore_touch(c, "key", 3, 1000);
}
static cachecore_status_t do_resize(cachecore_t *c) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  CHECK_OK(cachecore_get_options(c, &options));
  return cachecore_resize(c, 1, options.max_bytes);
}
static cachecore_status_t do_evict(cachecore_t *c) {
  return cachecore_evict(c, UINT64_MAX, NULL);
}
static cachecore_status_t do_audit(cachecore_t *c) {
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  options.remove_kinds = CACHECORE_ENTRY_WITHOUT_EXPIRY;
  return cachecore_audit(c, NULL, 0, &options, &audit);
}
static cachecore_status_t do_clean_up(cachecore_t *c) {
  return cachecore_cleanup_expired(c, 0, NULL);
}
static cachecore_status_t do_crowd_out(cachecore_t *c) {
  uint64_t i;
  for (i = 0; i < 1000; i++) CHECK_OK(set_number(c, i, "v", 1, 0));
  return CACHECORE_OK;
}
static cachecore_status_t do_set_badly(cachecore_t *c) {
  return cachecore_set(c, "key", 3, NULL, 3, 0);
}
static cachecore_status_t do_increment_text(cachecore_t *c) {
  return cachecore_increment(c, "key", 3, 1, 1, 0, NULL);
}
static cachecore_status_t do_get(cachecore_t *c) {
  size_t size;
  return cachecore_get(c, "key", 3, NULL, 0, &size);
}

/* Takes the claim of a key that has no value, does the deed, and sees whether
 * the claim still stands, by asking and by fulfilling it. */
static void check_deed(cachecore_t *c, deed_t *deed, cachecore_status_t status,
                       int voids, const char *file, int line) {
  asked_t asked = ASKED_INIT;
  cachecore_status_t got = ask(c, "key", &asked);
  if (asked.claim.token == 0)
    check_failed(file, line, "no claim: status %d", got);
  got = deed(c);
  if (got != status) check_failed(file, line, "the deed is %d", got);
  if (stands(c, "key", &asked.claim) == voids)
    check_failed(file, line, "the claim %s", voids ? "stands" : "is void");
  got = fulfill(c, "key", "computed", 0, &asked.claim);
  if (got != (voids ? CACHECORE_CONFLICT : CACHECORE_OK))
    check_failed(file, line, "fulfill is %d", got);
}

#define VOIDS(c, deed, status) \
  check_deed(c, deed, status, 1, __FILE__, __LINE__)
#define LEAVES(c, deed, status) \
  check_deed(c, deed, status, 0, __FILE__, __LINE__)

/* Each with a cache of its own: nothing under the key, which is claimed. */
#define WITH(c, opened, what) \
  do {                        \
    cachecore_t *c = opened;  \
    what;                     \
    cachecore_close(c);       \
  } while (0)

static cachecore_t *open_hundred(void) { return open_exact(100, 0, 0); }

static cachecore_t *open_full(void) {
  cachecore_t *c = open_exact(1, 0, CACHECORE_NO_EVICT);
  CHECK_OK(set_text(c, "other", "1", 0));
  return c;
}

/* With a live value under the key, and somebody elected to refresh it. */
static cachecore_t *open_early(const char *value) {
  cachecore_t *c = open_hundred();
  asked_t asked = ASKED_INIT;
  asked.claim.flags = CACHECORE_CLAIM_EARLY;
  asked.claim.claim_ms = UINT64_MAX;
  CHECK_INT(ask(c, "key", &asked), CACHECORE_CLAIMED);
  CHECK_OK(cachecore_advance_clock(c, 1000000));
  CHECK_OK(fulfill(c, "key", value, 1000, &asked.claim));
  return c;
}

static void check_early_deed(const char *value, deed_t *deed,
                             cachecore_status_t status, int voids, int line) {
  cachecore_t *c = open_early(value);
  asked_t asked = ASKED_INIT;
  cachecore_status_t got;
  int i;
  asked.claim.flags = CACHECORE_CLAIM_EARLY;
  for (i = 0; asked.claim.token == 0; i++) {
    CHECK(i < 1000);
    CHECK_OK(ask(c, "key", &asked));
  }
  got = deed(c);
  if (got != status) check_failed(__FILE__, line, "the deed is %d", got);
  got = fulfill(c, "key", "computed", 0, &asked.claim);
  if (got != (voids ? CACHECORE_CONFLICT : CACHECORE_OK))
    check_failed(__FILE__, line, "fulfill is %d", got);
  cachecore_close(c);
}

#define VOIDS_EARLY(deed, status) \
  check_early_deed("7", deed, status, 1, __LINE__)
#define LEAVES_EARLY(deed, status) \
  check_early_deed("7", deed, status, 0, __LINE__)

/* ---- What voids ---------------------------------------------------------- */

static void a_write_that_stored_voids(void) {
  WITH(c, open_hundred(), VOIDS(c, do_set, CACHECORE_OK));
  WITH(c, open_hundred(), VOIDS(c, do_add, CACHECORE_OK));
  WITH(c, open_hundred(), VOIDS(c, do_increment, CACHECORE_OK));
  WITH(c, open_hundred(), VOIDS(c, do_set_until, CACHECORE_OK));
  WITH(c, open_hundred(), VOIDS(c, do_set_many, CACHECORE_OK));
  VOIDS_EARLY(do_set, CACHECORE_OK);
  VOIDS_EARLY(do_replace, CACHECORE_OK);
  VOIDS_EARLY(do_compare_and_set, CACHECORE_OK);
  VOIDS_EARLY(do_increment, CACHECORE_OK);
}

static void a_write_that_was_refused_voids(void) {
  WITH(c, open_exact(0, CACHECORE_MAX_BYTES_MIN, 0),
       VOIDS(c, do_set_large, CACHECORE_REFUSED));
  WITH(c, open_exact(0, CACHECORE_MAX_BYTES_MIN, 0),
       VOIDS(c, do_add_large, CACHECORE_REFUSED));
}

/* The value stays, the claim goes. */
static void a_write_that_was_e_full_voids(void) {
  asked_t asked = ASKED_INIT;
  cachecore_t *c;
  WITH(d, open_full(), VOIDS(d, do_set, CACHECORE_E_FULL));
  WITH(d, open_full(), VOIDS(d, do_add, CACHECORE_E_FULL));
  WITH(d, open_full(), VOIDS(d, do_increment, CACHECORE_E_FULL));
  c = open_exact(0, CACHECORE_MAX_BYTES_MIN, CACHECORE_NO_EVICT);
  asked.claim.flags = CACHECORE_CLAIM_EARLY;
  asked.claim.claim_ms = UINT64_MAX;
  CHECK_INT(ask(c, "key", &asked), CACHECORE_CLAIMED);
  CHECK_OK(cachecore_advance_clock(c, 1000000));
  CHECK_OK(fulfill(c, "key", "old", 1000, &asked.claim));
  while (asked.claim.token == 0) CHECK_OK(ask(c, "key", &asked));
  CHECK_INT(do_set_large(c), CACHECORE_E_FULL);
  CHECK_INT(fulfill(c, "key", "new", 0, &asked.claim), CACHECORE_CONFLICT);
  CHECK_TEXT(c, "key", "old");
  cachecore_close(c);
}

static void a_deadline_in_the_past_voids(void) {
  WITH(c, open_hundred(), VOIDS(c, do_set_until_the_past, CACHECORE_OK));
  VOIDS_EARLY(do_set_until_the_past, CACHECORE_OK);
}

static void a_delete_voids_also_when_it_misses(void) {
  WITH(c, open_hundred(), VOIDS(c, do_delete, CACHECORE_MISS));
  WITH(c, open_hundred(), VOIDS(c, do_delete_many, CACHECORE_OK));
  VOIDS_EARLY(do_delete, CACHECORE_OK);
  VOIDS_EARLY(do_delete_many, CACHECORE_OK);
}

static void clear_and_delete_prefix_void(void) {
  WITH(c, open_hundred(), VOIDS(c, do_clear, CACHECORE_OK));
  WITH(c, open_hundred(), VOIDS(c, do_delete_prefix, CACHECORE_OK));
  WITH(c, open_hundred(), LEAVES(c, do_delete_other_prefix, CACHECORE_OK));
  VOIDS_EARLY(do_clear, CACHECORE_OK);
  VOIDS_EARLY(do_delete_prefix, CACHECORE_OK);
  LEAVES_EARLY(do_delete_other_prefix, CACHECORE_OK);
}

/* Of a long key the first bytes are known: never one too few is voided. */
static void delete_prefix_voids_whatever_may_have_the_prefix(void) {
  static const char key[] = "0123456789abcdefghij";
  cachecore_t *c = open_hundred();
  size_t size;
  for (size = 1; size <= strlen(key); size++) {
    cachecore_claim_t claim = take_claim(c, key);
    CHECK_OK(cachecore_delete_prefix(c, key, size, NULL));
    CHECK_INT(fulfill(c, key, "v", 0, &claim), CACHECORE_CONFLICT);
  }
  for (size = 1; size <= 16; size++) {
    char other[32];
    cachecore_claim_t claim = take_claim(c, key);
    memcpy(other, key, sizeof key);
    other[size - 1] ^= 1;
    CHECK_OK(cachecore_delete_prefix(c, other, size, NULL));
    CHECK(stands(c, key, &claim));
    CHECK_OK(abandon(c, key, 0, &claim));
  }
  cachecore_close(c);
}

/* ---- What does not ------------------------------------------------------- */

static void what_changed_nothing_does_not_void(void) {
  LEAVES_EARLY(do_add, CACHECORE_EXISTS);
  LEAVES_EARLY(do_compare_wrongly, CACHECORE_CONFLICT);
  WITH(c, open_hundred(), LEAVES(c, do_compare_wrongly, CACHECORE_MISS));
  WITH(c, open_hundred(), LEAVES(c, do_replace, CACHECORE_MISS));
  WITH(c, open_hundred(), LEAVES(c, do_set_badly, CACHECORE_E_ARGUMENT));
  check_early_deed("text", do_increment_text, CACHECORE_E_TYPE, 0, __LINE__);
}

static void touch_does_not_void(void) {
  WITH(c, open_hundred(), LEAVES(c, do_touch, CACHECORE_MISS));
  LEAVES_EARLY(do_touch, CACHECORE_OK);
}

static void eviction_does_not_void(void) {
  WITH(c, open_hundred(), LEAVES(c, do_evict, CACHECORE_OK));
  WITH(c, open_hundred(), LEAVES(c, do_crowd_out, CACHECORE_OK));
  WITH(c, open_hundred(), LEAVES(c, do_resize, CACHECORE_OK));
  LEAVES_EARLY(do_evict, CACHECORE_OK);
  LEAVES_EARLY(do_crowd_out, CACHECORE_OK);
  LEAVES_EARLY(do_resize, CACHECORE_OK);
}

/* Nor what takes entries for their time or their use alone. */
static void expiry_and_audit_do_not_void(void) {
  WITH(c, open_hundred(), LEAVES(c, do_clean_up, CACHECORE_OK));
  WITH(c, open_hundred(), LEAVES(c, do_audit, CACHECORE_OK));
  LEAVES_EARLY(do_audit, CACHECORE_OK);
  LEAVES_EARLY(do_clean_up, CACHECORE_OK);
  {
    cachecore_t *c = open_hundred();
    asked_t asked = ASKED_INIT;
    store_windowed(c, "key", "old", 10, 20);
    CHECK_OK(cachecore_advance_clock(c, 10));
    CHECK_INT(ask(c, "key", &asked), CACHECORE_STALE);
    CHECK_OK(cachecore_advance_clock(c, 20)); /* the window ends */
    CHECK_OK(do_clean_up(c));
    CHECK_OK(fulfill(c, "key", "new", 0, &asked.claim));
    cachecore_close(c);
  }
}

static void reads_do_not_void(void) {
  WITH(c, open_hundred(), LEAVES(c, do_get, CACHECORE_MISS));
  LEAVES_EARLY(do_get, CACHECORE_E_TOO_SMALL);
}

TESTS(T(a_write_that_stored_voids), T(a_write_that_was_refused_voids),
      T(a_write_that_was_e_full_voids), T(a_deadline_in_the_past_voids),
      T(a_delete_voids_also_when_it_misses), T(clear_and_delete_prefix_void),
      T(delete_prefix_voids_whatever_may_have_the_prefix),
      T(what_changed_nothing_does_not_void), T(touch_does_not_void),
      T(eviction_does_not_void), T(expiry_and_audit_do_not_void),
      T(reads_do_not_void))
