/*
 * How a claim ends: by whom it was given to, or by another in its place; what
 * voids it is in claim_void_test.c.  Each test is named after the rule of the
 * header that it is for.
 */
#include "claims.h"

/* ---- Ending -------------------------------------------------------------- */

static void conflict_stores_nothing(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k"), copy = claim;
  cachecore_claim_t none = CACHECORE_CLAIM_INIT;
  CHECK_OK(set_text(c, "k", "written", 0));
  CHECK_INT(fulfill(c, "k", "computed", 0, &claim), CACHECORE_CONFLICT);
  CHECK_TEXT(c, "k", "written");
  CHECK_INT(claim.token, 0);
  claim = copy;
  CHECK_INT(fulfill_absent(c, "k", 10, &claim), CACHECORE_CONFLICT);
  CHECK_TEXT(c, "k", "written");
  CHECK_INT(fulfill(c, "k", "computed", 0, &none), CACHECORE_CONFLICT);
  CHECK_INT(fulfill_absent(c, "new", 10, &none), CACHECORE_CONFLICT);
  CHECK_INT(look(c, "new"), CACHECORE_CLAIMED);
  claim = copy;
  CHECK_OK(abandon(c, "k", 1000, &claim)); /* OK, and nothing else */
  CHECK_INT(claim.token, 0);
  CHECK_TEXT(c, "k", "written");
  cachecore_close(c);
}

static void a_token_is_for_its_key_alone(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k"), copy = claim;
  CHECK_INT(fulfill(c, "other", "v", 0, &copy), CACHECORE_CONFLICT);
  CHECK_MISS(c, "other");
  CHECK(stands(c, "k", &claim));
  CHECK_OK(fulfill(c, "k", "v", 0, &claim));
  cachecore_close(c);
}

static void whatever_fulfill_returns_the_claim_has_ended(void) {
  cachecore_t *c = open_exact(0, CACHECORE_MAX_BYTES_MIN, 0);
  size_t size = 2 * CACHECORE_MAX_BYTES_MIN;
  char *large = calloc(1, size);
  cachecore_claim_t claim = take_claim(c, "k"), seen = claim;
  CHECK_INT(cachecore_fulfill(c, "k", 1, large, size, 0, &claim),
            CACHECORE_REFUSED);
  CHECK_INT(claim.token, 0);
  CHECK(!stands(c, "k", &seen));
  CHECK_INT(look(c, "k"), CACHECORE_CLAIMED);
  cachecore_close(c);

  c = open_exact(1, 0, CACHECORE_NO_EVICT);
  CHECK_OK(set_text(c, "a", "1", 0));
  seen = claim = take_claim(c, "k");
  CHECK_INT(fulfill(c, "k", "v", 0, &claim), CACHECORE_E_FULL);
  CHECK_INT(claim.token, 0);
  CHECK(!stands(c, "k", &seen));
  CHECK_TEXT(c, "a", "1");
  seen = claim = take_claim(c, "k");
  CHECK_INT(fulfill_absent(c, "k", 10, &claim), CACHECORE_E_FULL);
  CHECK(claim.token == 0 && !stands(c, "k", &seen));
  CHECK_TEXT(c, "a", "1");
  cachecore_close(c);
  free(large);
}

static void after_e_argument_the_claim_stands(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k"), copy = claim;
  CHECK_INT(cachecore_fulfill(c, "k", 1, NULL, 1, 0, &claim),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_fulfill(c, "k", 0, "v", 1, 0, &claim),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(cachecore_fulfill(c, "k", 1, "v", 1, 0, NULL),
            CACHECORE_E_ARGUMENT);
  CHECK_INT(fulfill_absent(c, "k", 0, &claim), CACHECORE_E_ARGUMENT);
  CHECK_INT(fulfill_absent(c, "k", CACHECORE_TTL_KEEP, &claim),
            CACHECORE_E_ARGUMENT);
  copy.flags = 1u << 31;
  CHECK_INT(fulfill(c, "k", "v", 0, &copy), CACHECORE_E_ARGUMENT);
  CHECK_INT(abandon(c, "k", 0, &copy), CACHECORE_E_ARGUMENT);
  copy = claim;
  copy.struct_size = sizeof copy - 1; /* no room for all of it */
  CHECK_INT(fulfill(c, "k", "v", 0, &copy), CACHECORE_E_ARGUMENT);
  CHECK(claim.token != 0 && stands(c, "k", &claim));
  CHECK_OK(fulfill(c, "k", "v", 0, &claim));
  cachecore_close(c);
}

/* A token without a place would be a claim that nobody can end. */
static void a_struct_without_room_takes_no_claim(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t asked = ASKED_INIT;
  uint32_t size;
  for (size = 0; size < sizeof asked.claim; size++) {
    asked.claim.struct_size = size;
    CHECK_INT(ask(c, "k", &asked), CACHECORE_E_ARGUMENT);
  }
  CHECK_INT(look(c, "k"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

/* A larger struct of a newer header, whose fields are not used. */
static void a_larger_struct_of_zeros_is_as_good(void) {
  struct {
    cachecore_claim_t claim;
    uint64_t newer[2];
  } large = {CACHECORE_CLAIM_INIT, {0, 0}};
  cachecore_t *c = open_exact(100, 0, 0);
  char buffer[8];
  size_t size;
  large.claim.struct_size = sizeof large;
  CHECK_INT(cachecore_get_or_claim(c, "k", 1, buffer, 8, &size, &large.claim),
            CACHECORE_CLAIMED);
  CHECK(large.claim.token != 0 && large.claim.struct_size == sizeof large);
  large.newer[1] = 1;
  CHECK_INT(fulfill(c, "k", "v", 0, &large.claim), CACHECORE_E_VERSION);
  CHECK(stands(c, "k", &(cachecore_claim_t){sizeof large.claim, 0, 0, 0, 0,
                                            large.claim.seen}));
  large.newer[1] = 0;
  CHECK_OK(fulfill(c, "k", "v", 0, &large.claim));
  cachecore_close(c);
}

/* ---- Tokens and the table ------------------------------------------------ */

enum { CLAIMS = 3000 };

static int by_number(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static void tokens_never_repeat(void) {
  static uint64_t tokens[2 * CLAIMS];
  int round, i;
  for (round = 0; round < 2; round++) { /* a cache, and one opened later */
    cachecore_options_t options = CACHECORE_OPTIONS_INIT;
    cachecore_t *c;
    options.max_entries = 100;
    options.shard_count = 8;
    CHECK_OK(cachecore_open(&options, &c));
    for (i = 0; i < CLAIMS; i++) {
      cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
      size_t size;
      CHECK_INT(cachecore_get_or_claim(c, &i, sizeof i, NULL, 0, &size,
                                       &claim), CACHECORE_CLAIMED);
      tokens[round * CLAIMS + i] = claim.token;
    }
    cachecore_close(c);
  }
  qsort(tokens, 2 * CLAIMS, sizeof tokens[0], by_number);
  for (i = 1; i < 2 * CLAIMS; i++) CHECK(tokens[i - 1] < tokens[i]);
}

static void a_full_table_voids_its_oldest(void) {
  enum { ROOM = 16 }; /* of a shard with so few entries */
  cachecore_t *c = open_exact(10, 0, 0);
  cachecore_claim_t claims[ROOM + 1];
  char key[8];
  int i;
  for (i = 0; i <= ROOM; i++) {
    snprintf(key, sizeof key, "%d", i);
    claims[i] = take_claim(c, key);
  }
  CHECK(!stands(c, "0", &claims[0]));
  CHECK_INT(fulfill(c, "0", "v", 0, &claims[0]), CACHECORE_CONFLICT);
  for (i = 1; i <= ROOM; i++) {
    snprintf(key, sizeof key, "%d", i);
    CHECK(stands(c, key, &claims[i]));
    CHECK_OK(fulfill(c, key, "v", 0, &claims[i]));
  }
  cachecore_close(c);
}

static void a_claim_is_no_entry(void) {
  cachecore_t *c = open_exact(2, 0, CACHECORE_NO_EVICT);
  uint64_t cursor = 0, records[64], removed;
  size_t size, count;
  cachecore_stats_t before, after;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  cachecore_claim_t claim;
  CHECK_OK(set_text(c, "a", "1", 0));
  CHECK_OK(set_text(c, "b", "2", 0));
  before = stats_of(c);
  claim = take_claim(c, "k"); /* the cache is full */
  after = stats_of(c);
  CHECK_INT(after.misses, before.misses + 1);
  after.misses = before.misses;
  CHECK(memcmp(&before, &after, sizeof after) == 0);
  CHECK_INT(cachecore_count(c), 2);
  CHECK_OK(cachecore_scan(c, &cursor, NULL, 0, records, sizeof records, &size,
                          &count));
  CHECK(count == 2 && cursor == 0);
  CHECK_OK(cachecore_coldest(c, 9, records, sizeof records, &size, &count));
  CHECK_INT(count, 2);
  CHECK_OK(cachecore_audit(c, NULL, 0, NULL, &audit));
  CHECK_INT(audit.scanned, 2);
  CHECK_OK(cachecore_cleanup_expired(c, 0, &removed));
  CHECK_INT(removed, 0);
  CHECK(stands(c, "k", &claim));
  CHECK_OK(cachecore_delete(c, "a", 1));
  CHECK_OK(fulfill(c, "k", "v", 0, &claim));
  cachecore_close(c);
}

TESTS(T(conflict_stores_nothing), T(a_token_is_for_its_key_alone),
      T(whatever_fulfill_returns_the_claim_has_ended),
      T(after_e_argument_the_claim_stands),
      T(a_struct_without_room_takes_no_claim),
      T(a_larger_struct_of_zeros_is_as_good), T(tokens_never_repeat),
      T(a_full_table_voids_its_oldest), T(a_claim_is_no_entry))
