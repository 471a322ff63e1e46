/*
 * Who computes: what get_or_claim answers and for how long, and claim_wait.
 * Each test is named after the rule of the header that it is for.  How a claim
 * ends is in claim_end_test.c, what is stale or absent in claim_window_test.c,
 * threads are in claim_threads_test.c.
 */
#include "claims.h"

/* ---- The answers --------------------------------------------------------- */

static void claimed_then_pending_then_ok(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t first = ASKED_INIT, second = ASKED_INIT;
  CHECK_INT(ask(c, "k", &first), CACHECORE_CLAIMED);
  CHECK(first.claim.token != 0 && first.claim.seen == first.claim.token);
  CHECK_INT(first.size, 0);
  CHECK_INT(ask(c, "k", &second), CACHECORE_PENDING);
  CHECK_INT(second.claim.token, 0);
  CHECK_INT(second.claim.seen, first.claim.token);
  CHECK_INT(second.size, 0);
  CHECK_OK(fulfill(c, "k", "value", 0, &first.claim));
  CHECK_INT(first.claim.token, 0);
  CHECK_OK(ask(c, "k", &second));
  CHECK(second.claim.token == 0 && second.claim.seen == 0);
  CHECK(strcmp(second.answer, "value") == 0);
  CHECK_TEXT(c, "k", "value");
  cachecore_close(c);
}

static void one_is_elected_to_refresh_what_is_stale(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t first = ASKED_INIT, second = ASKED_INIT;
  leave_stale_and_absent(c);
  CHECK_INT(ask(c, "stale", &first), CACHECORE_STALE);
  CHECK(first.claim.token != 0 && strcmp(first.answer, "old") == 0);
  CHECK_INT(ask(c, "stale", &second), CACHECORE_STALE);
  CHECK(second.claim.token == 0 && strcmp(second.answer, "old") == 0);
  CHECK_INT(second.claim.seen, first.claim.token);
  CHECK_OK(fulfill(c, "stale", "new", 0, &first.claim));
  CHECK_OK(ask(c, "stale", &second));
  CHECK(strcmp(second.answer, "new") == 0);
  cachecore_close(c);
}

static void what_is_absent_elects_nobody(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t asked = ASKED_INIT;
  store_absence(c, "k", 10);
  memset(&asked.size, 0xff, sizeof asked.size);
  CHECK_INT(ask(c, "k", &asked), CACHECORE_ABSENT);
  CHECK_INT(asked.size, 0);
  CHECK(asked.claim.token == 0 && asked.claim.seen == 0);
  CHECK_OK(cachecore_advance_clock(c, 9));
  CHECK_INT(look(c, "k"), CACHECORE_ABSENT);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(ask(c, "k", &asked), CACHECORE_CLAIMED);
  cachecore_close(c);
}

static void the_size_is_checked_first(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  char small[2];
  size_t size;
  cachecore_stats_t before, after;
  CHECK_OK(set_text(c, "fresh", "value", 0));
  leave_stale_and_absent(c);
  before = stats_of(c);
  CHECK_INT(cachecore_get_or_claim(c, "fresh", 5, small, 2, &size, &claim),
            CACHECORE_E_TOO_SMALL);
  CHECK(size == 5 && claim.token == 0 && claim.seen == 0);
  CHECK_INT(cachecore_get_or_claim(c, "stale", 5, small, 2, &size, &claim),
            CACHECORE_E_TOO_SMALL);
  CHECK(size == 3 && claim.token == 0 && claim.seen == 0);
  after = stats_of(c);
  CHECK_INT(after.hits, before.hits + 1);
  CHECK_INT(after.misses, before.misses);
  CHECK_INT(after.stale_served, before.stale_served);
  /* Nobody has it: who comes with room is elected. */
  CHECK_INT(cachecore_get_or_claim(c, "stale", 5, small, 0, &size, &claim),
            CACHECORE_E_TOO_SMALL);
  CHECK_INT(cachecore_get_or_claim(c, "stale", 5, NULL, 0, &size, &claim),
            CACHECORE_E_TOO_SMALL);
  {
    asked_t asked = ASKED_INIT;
    CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
    CHECK(asked.claim.token != 0);
  }
  cachecore_close(c);
}

static void what_counts_as_what(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_stats_t before, after;
  cachecore_window_t window = CACHECORE_WINDOW_INIT;
  asked_t asked = ASKED_INIT;
  CHECK_OK(set_text(c, "fresh", "value", 0));
  leave_stale_and_absent(c);
  CHECK_OK(cachecore_reset_stats(c));
  before = stats_of(c);
  CHECK(before.misses == 0 && before.stale_served == 0);
#define COUNTS(key, status, hit, miss, stale, absent)                      \
  do {                                                                     \
    CHECK_INT(ask(c, key, &asked), status);                                \
    after = stats_of(c);                                                   \
    CHECK_INT(after.hits - before.hits, hit);                              \
    CHECK_INT(after.misses - before.misses, miss);                         \
    CHECK_INT(after.stale_served - before.stale_served, stale);            \
    CHECK_INT(after.absent_served - before.absent_served, absent);         \
    before = after;                                                        \
  } while (0)
  COUNTS("fresh", CACHECORE_OK, 1, 0, 0, 0);
  COUNTS("stale", CACHECORE_STALE, 0, 1, 1, 0); /* elected */
  COUNTS("stale", CACHECORE_STALE, 0, 1, 1, 0); /* not elected */
  COUNTS("absent", CACHECORE_ABSENT, 0, 1, 0, 1);
  COUNTS("new", CACHECORE_CLAIMED, 0, 1, 0, 0);
  COUNTS("new", CACHECORE_PENDING, 0, 0, 0, 0);
#undef COUNTS
  CHECK_OK(cachecore_window(c, 0, &window));
  CHECK_INT(window.hits, 1);
  CHECK_INT(window.misses, 4 + 2); /* and the two before the reset */
  CHECK_OK(cachecore_reset_stats(c));
  after = stats_of(c);
  CHECK(after.hits == 0 && after.misses == 0 && after.stale_served == 0 &&
        after.absent_served == 0);
  cachecore_close(c);
}

/* ---- claim_wait ---------------------------------------------------------- */

static void wait_polls_with_timeout_0(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k"), seen = claim;
  CHECK_INT(wait_for(c, "k", &seen, 0), CACHECORE_E_TIMEOUT);
  CHECK_OK(fulfill(c, "k", "v", 0, &claim));
  CHECK_OK(wait_for(c, "k", &seen, 0));
  cachecore_close(c);
}

static void wait_returns_at_once_if_it_ended_before(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k"), seen = claim;
  cachecore_claim_t none = CACHECORE_CLAIM_INIT;
  CHECK_OK(wait_for(c, "k", &none, UINT32_MAX)); /* none was seen */
  CHECK_OK(wait_for(c, "other", &seen, UINT32_MAX));
  CHECK_OK(abandon(c, "k", 0, &claim));
  CHECK_OK(wait_for(c, "k", &seen, UINT32_MAX));
  /* The next claim of the key is not the one that was seen. */
  claim = take_claim(c, "k");
  CHECK_OK(wait_for(c, "k", &seen, UINT32_MAX));
  CHECK(stands(c, "k", &claim));
  cachecore_close(c);
}

static void a_timeout_is_real_time_with_a_manual_clock(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k");
  double start = now_ms();
  CHECK_INT(wait_for(c, "k", &claim, 30), CACHECORE_E_TIMEOUT);
  CHECK(now_ms() - start >= 30);
  cachecore_close(c);
}

/* ---- claim_ms, and retry_ms ---------------------------------------------- */

static void a_claim_ends_after_claim_ms(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t dead = ASKED_INIT, next = ASKED_INIT;
  dead.claim.claim_ms = 100;
  CHECK_INT(ask(c, "k", &dead), CACHECORE_CLAIMED);
  CHECK_OK(cachecore_advance_clock(c, 99));
  CHECK_INT(ask(c, "k", &next), CACHECORE_PENDING);
  CHECK(stands(c, "k", &dead.claim));
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK(!stands(c, "k", &dead.claim));
  CHECK_INT(ask(c, "k", &next), CACHECORE_CLAIMED);
  CHECK_INT(fulfill(c, "k", "late", 0, &dead.claim), CACHECORE_CONFLICT);
  CHECK_MISS(c, "k");
  CHECK_OK(fulfill(c, "k", "new", 0, &next.claim));
  CHECK_TEXT(c, "k", "new");
  cachecore_close(c);
}

/* Also if nobody has taken its place yet. */
static void what_comes_after_claim_ms_is_not_stored(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k"); /* for 30 seconds */
  CHECK_OK(cachecore_advance_clock(c, 29999));
  CHECK(stands(c, "k", &claim));
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(fulfill(c, "k", "late", 0, &claim), CACHECORE_CONFLICT);
  CHECK_INT(claim.token, 0);
  CHECK_MISS(c, "k");
  cachecore_close(c);
}

static void what_is_stale_is_served_for_retry_ms(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t asked = ASKED_INIT;
  leave_stale_and_absent(c);
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
  CHECK_OK(abandon(c, "stale", 50, &asked.claim));
  CHECK_INT(asked.claim.token, 0);
  CHECK_OK(cachecore_advance_clock(c, 49));
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
  CHECK(asked.claim.token == 0 && asked.claim.seen == 0);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
  CHECK(asked.claim.token != 0);
  CHECK_OK(abandon(c, "stale", 0, &asked.claim)); /* the next at once */
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
  CHECK(asked.claim.token != 0);
  CHECK_OK(abandon(c, "stale", UINT64_MAX, &asked.claim));
  CHECK_OK(cachecore_advance_clock(c, WINDOW - 200));
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
  CHECK_INT(asked.claim.token, 0);
  /* With nothing left to serve somebody is elected all the same. */
  CHECK_OK(cachecore_advance_clock(c, 200));
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_CLAIMED);
  cachecore_close(c);
}

static void retry_ms_is_for_nothing_where_nothing_is_served(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_claim_t claim = take_claim(c, "k"), others[16];
  char key[8];
  int i;
  CHECK_OK(abandon(c, "k", 1000, &claim));
  claim = take_claim(c, "k");
  /* Nor do these take the room of claims: a shard has 16 here at least. */
  for (i = 0; i < 200; i++) {
    snprintf(key, sizeof key, "%d", i);
    others[0] = take_claim(c, key);
    CHECK_OK(abandon(c, key, 1000, &others[0]));
  }
  CHECK(stands(c, "k", &claim));
  cachecore_close(c);
}

static void writes_end_a_pause(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t asked = ASKED_INIT;
  leave_stale_and_absent(c);
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
  CHECK_OK(abandon(c, "stale", WINDOW, &asked.claim));
  store_windowed(c, "stale", "newer", 10, WINDOW);
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_INT(ask(c, "stale", &asked), CACHECORE_STALE);
  CHECK(asked.claim.token != 0);
  cachecore_close(c);
}

/* ---- CACHECORE_CLAIM_EARLY ----------------------------------------------- */

/* A value that took `cost_ms` to compute, with `ttl_ms` to live. */
static void store_costly(cachecore_t *c, const char *key, uint64_t cost_ms,
                         uint64_t ttl_ms, uint32_t flags) {
  asked_t asked = ASKED_INIT;
  asked.claim.flags = flags;
  asked.claim.claim_ms = 2 * cost_ms;
  CHECK_INT(ask(c, key, &asked), CACHECORE_CLAIMED);
  CHECK_OK(cachecore_advance_clock(c, cost_ms));
  CHECK_OK(fulfill(c, key, "costly", ttl_ms, &asked.claim));
}

/* How many of 400 readings carry a token; each is given up at once. */
static int elected(cachecore_t *c, const char *key, uint32_t flags) {
  int count = 0, i;
  for (i = 0; i < 400; i++) {
    asked_t asked = ASKED_INIT;
    asked.claim.flags = flags;
    CHECK_OK(ask(c, key, &asked));
    if (asked.claim.token == 0) continue;
    count++;
    CHECK_OK(abandon(c, key, 0, &asked.claim));
  }
  return count;
}

static void early_is_by_the_cost_and_the_time_left(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  uint64_t hits;
  store_costly(c, "k", 1000, 100000, CACHECORE_CLAIM_EARLY);
  CHECK_INT(elected(c, "k", CACHECORE_CLAIM_EARLY), 0); /* e^-100 */
  CHECK_INT(elected(c, "k", 0), 0);
  CHECK_OK(cachecore_advance_clock(c, 99000));
  CHECK_INT(elected(c, "k", 0), 0); /* not asked for */
  hits = stats_of(c).hits;
  CHECK(elected(c, "k", CACHECORE_CLAIM_EARLY) > 50); /* e^-1 of them: 147 */
  CHECK_INT(stats_of(c).hits, hits + 400);
  CHECK_OK(cachecore_advance_clock(c, 999));
  CHECK(elected(c, "k", CACHECORE_CLAIM_EARLY) > 350); /* e^-0.001 */
  cachecore_close(c);
}

static void early_needs_the_flag_at_fulfill_too(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  store_costly(c, "k", 1000, 100, 0);
  CHECK_OK(cachecore_advance_clock(c, 99));
  CHECK_INT(elected(c, "k", CACHECORE_CLAIM_EARLY), 0);
  /* Without a deadline there is nothing to be early for. */
  store_costly(c, "never", 1000, CACHECORE_TTL_NEVER, CACHECORE_CLAIM_EARLY);
  CHECK_INT(elected(c, "never", CACHECORE_CLAIM_EARLY), 0);
  cachecore_close(c);
}

static void early_elects_one_and_the_others_have_the_value(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t first = ASKED_INIT, other = ASKED_INIT;
  int i;
  store_costly(c, "k", 100000, 1000, CACHECORE_CLAIM_EARLY);
  first.claim.flags = other.claim.flags = CACHECORE_CLAIM_EARLY;
  for (i = 0; first.claim.token == 0; i++) {
    CHECK(i < 1000);
    CHECK_OK(ask(c, "k", &first));
  }
  for (i = 0; i < 100; i++) {
    CHECK_OK(ask(c, "k", &other));
    CHECK_INT(other.claim.token, 0);
  }
  CHECK_OK(fulfill(c, "k", "again", 1000, &first.claim));
  CHECK_TEXT(c, "k", "again");
  CHECK_INT(stats_of(c).updates, 1);
  cachecore_close(c);
}

/* The value that is there is replaced: seen by nobody any more. */
static void an_absence_may_replace_a_live_value(void) {
  cachecore_t *c = open_exact(1, 0, CACHECORE_NO_EVICT);
  asked_t asked = ASKED_INIT;
  int i;
  store_costly(c, "k", 100000, 1000, CACHECORE_CLAIM_EARLY);
  asked.claim.flags = CACHECORE_CLAIM_EARLY;
  for (i = 0; asked.claim.token == 0; i++) {
    CHECK(i < 1000);
    CHECK_OK(ask(c, "k", &asked));
  }
  CHECK_OK(fulfill_absent(c, "k", 1000, &asked.claim));
  CHECK_MISS(c, "k");
  CHECK_INT(look(c, "k"), CACHECORE_ABSENT);
  CHECK_INT(stats_of(c).absent, 1);
  CHECK_INT(stats_of(c).updates, 1);
  cachecore_close(c);
}

/* Without room for another block: where the value was. */
static void an_absence_needs_no_room_where_a_value_is(void) {
  static char bytes[100];
  cachecore_t *c = open_exact(0, CACHECORE_MAX_BYTES_MIN, CACHECORE_NO_EVICT);
  asked_t asked = ASKED_INIT;
  uint64_t i = 0, live;
  size_t size;
  store_costly(c, "k", 100000, 1000, CACHECORE_CLAIM_EARLY);
  for (size = sizeof bytes; size > 0; size /= 2)
    while (set_number(c, i, bytes, size, 0) == CACHECORE_OK) i++;
  while (set_number(c, i, "", 0, 0) == CACHECORE_OK) i++;
  live = cachecore_count(c);
  asked.claim.flags = CACHECORE_CLAIM_EARLY;
  for (i = 0; asked.claim.token == 0; i++) {
    CHECK(i < 1000);
    CHECK_OK(ask(c, "k", &asked));
  }
  CHECK_OK(fulfill_absent(c, "k", 1000, &asked.claim));
  CHECK_INT(look(c, "k"), CACHECORE_ABSENT);
  CHECK_INT(cachecore_count(c), live - 1);
  CHECK_INT(stats_of(c).absent, 1);
  CHECK_OK(cachecore_advance_clock(c, 1000));
  CHECK_INT(stats_of(c).absent, 0);
  CHECK_INT(look(c, "k"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

TESTS(T(claimed_then_pending_then_ok),
      T(one_is_elected_to_refresh_what_is_stale),
      T(what_is_absent_elects_nobody), T(the_size_is_checked_first),
      T(what_counts_as_what), T(wait_polls_with_timeout_0),
      T(wait_returns_at_once_if_it_ended_before),
      T(a_timeout_is_real_time_with_a_manual_clock),
      T(a_claim_ends_after_claim_ms),
      T(what_comes_after_claim_ms_is_not_stored),
      T(what_is_stale_is_served_for_retry_ms),
      T(retry_ms_is_for_nothing_where_nothing_is_served),
      T(writes_end_a_pause), T(early_is_by_the_cost_and_the_time_left),
      T(early_needs_the_flag_at_fulfill_too),
      T(early_elects_one_and_the_others_have_the_value),
      T(an_absence_may_replace_a_live_value),
      T(an_absence_needs_no_room_where_a_value_is))
