/*
 * Stale values and absences among the entries of a cache: they count against
 * the bounds, give way, are counted in the statistics and reported.
 */
#include "claims.h"

/* ---- Bounds -------------------------------------------------------------- */

static uint64_t held(cachecore_t *c) {
  cachecore_stats_t stats = stats_of(c);
  return stats.entries + stats.expired;
}

/* Stores value or absence number `i`; by turns live, stale and absent. */
static void store_one(cachecore_t *c, unsigned i, const char *value) {
  char key[16];
  snprintf(key, sizeof key, "key:%u", i);
  if (i % 3 == 0) store_windowed(c, key, value, WINDOW, WINDOW);
  else if (i % 3 == 1) store_windowed(c, key, value, 1, WINDOW);
  else store_absence(c, key, WINDOW);
}

static void both_count_against_max_entries(void) {
  cachecore_t *c = open_exact(30, 0, 0);
  unsigned i;
  for (i = 0; i < 300; i++) {
    store_one(c, i, "value");
    CHECK_OK(cachecore_advance_clock(c, 1));
    CHECK(held(c) <= 30);
    CHECK_IDENTITY(c);
  }
  CHECK_INT(held(c), 30);
  CHECK(stats_of(c).stale > 0 && stats_of(c).absent > 0);
  cachecore_close(c);
}

static void both_count_against_max_bytes(void) {
  static char value[1000];
  cachecore_t *c = open_exact(0, 256 << 10, 0);
  unsigned i;
  memset(value, 'v', sizeof value - 1);
  for (i = 0; i < 3000; i++) {
    cachecore_stats_t stats;
    store_one(c, i, value);
    CHECK_OK(cachecore_advance_clock(c, 1));
    stats = stats_of(c);
    CHECK(stats.bytes_resident <= stats.bytes_limit);
  }
  CHECK(stats_of(c).stale > 10 && stats_of(c).absent > 10);
  CHECK_INT(stats_of(c).refused, 0);
  cachecore_close(c);
}

/* ---- Who leaves first ---------------------------------------------------- */

static void they_leave_in_the_order_of_use(void) {
  cachecore_t *c = open_exact(3, 0, 0);
  store_windowed(c, "stale", "v", 1, WINDOW);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_OK(set_text(c, "live", "v", 0));
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_OK(set_text(c, "other", "v", 0));
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "stale"), CACHECORE_STALE); /* a use */
  CHECK_OK(set_text(c, "new", "v", 0));
  CHECK_INT(contains(c, "live"), CACHECORE_MISS);
  CHECK_INT(look(c, "stale"), CACHECORE_STALE);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_OK(set_text(c, "new 2", "v", 0)); /* takes the place of "other" */
  CHECK_OK(set_text(c, "new 3", "v", 0)); /* and that of "stale" */
  CHECK_INT(look(c, "stale"), CACHECORE_CLAIMED);
  CHECK_INT(cachecore_count(c), 3);
  cachecore_close(c);
}

static void before_a_live_entry_used_at_the_same_time(void) {
  cachecore_t *c = open_exact(3, 0, 0);
  CHECK_OK(set_text(c, "live", "v", 0));
  store_absence(c, "absent", WINDOW);
  CHECK_OK(set_text(c, "other", "v", 0));
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_OK(set_text(c, "new", "v", 0));
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  CHECK_OK(contains(c, "live"));
  CHECK_OK(contains(c, "other"));
  CHECK_INT(stats_of(c).evictions, 0);
  cachecore_close(c);
}

/* What nobody may forget stays; what has expired for all but get_or_claim does
 * not stand in its way. */
static void no_evict_entries_give_way_to_before_e_full(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  uint32_t shards;
  uint64_t i;
  options.max_entries = 64;
  options.flags = CACHECORE_NO_EVICT | CACHECORE_MANUAL_CLOCK;
  options.hash_seed = 1;
  for (shards = 1; shards <= 8; shards *= 8) {
    cachecore_t *c;
    options.shard_count = shards;
    CHECK_OK(cachecore_open(&options, &c));
    for (i = 0; i < 32; i++) CHECK_OK(set_number(c, i, "v", 1, 0));
    for (i = 0; i < 32; i++) {
      char key[16];
      snprintf(key, sizeof key, "key:%d", (int)i);
      if (i % 2) store_windowed(c, key, "v", 1, WINDOW);
      else store_absence(c, key, WINDOW);
    }
    CHECK_OK(set_number(c, 99, "v", 1, 0)); /* where an absence was */
    CHECK_OK(cachecore_advance_clock(c, 1));
    for (i = 100; i < 131; i++) CHECK_OK(set_number(c, i, "v", 1, 0));
    CHECK_INT(set_number(c, 131, "v", 1, 0), CACHECORE_E_FULL);
    for (i = 0; i < 32; i++) CHECK_OK(contains_number(c, i));
    CHECK_INT(cachecore_count(c), 64);
    CHECK_INT(stats_of(c).stale + stats_of(c).absent, 0);
    CHECK_INT(stats_of(c).evictions, 0);
    CHECK_INT(stats_of(c).expirations, 32);
    cachecore_close(c);
  }
}

static void no_evict_bytes_give_way_to_before_e_full(void) {
  static char value[1000];
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  uint32_t shards;
  memset(value, 'v', sizeof value - 1);
  options.max_bytes = 1 << 20;
  options.flags = CACHECORE_NO_EVICT | CACHECORE_MANUAL_CLOCK;
  options.hash_seed = 1;
  for (shards = 1; shards <= 4; shards *= 4) {
    uint64_t alone = 0, beside = 0;
    cachecore_t *c;
    unsigned i;
    options.shard_count = shards;
    CHECK_OK(cachecore_open(&options, &c));
    while (set_number(c, alone, value, sizeof value, 0) == CACHECORE_OK)
      alone++;
    CHECK_OK(cachecore_clear(c));
    for (i = 0; i < 400; i++) {
      char key[16];
      snprintf(key, sizeof key, "key:%u", i);
      store_windowed(c, key, value, 1, WINDOW);
    }
    CHECK_OK(cachecore_advance_clock(c, 1));
    CHECK_INT(stats_of(c).stale, 400);
    while (set_number(c, beside, value, sizeof value, 0) == CACHECORE_OK)
      beside++;
    CHECK_INT(stats_of(c).stale, 0);
    /* As many as if they had not been there, but for what lies in pieces. */
    CHECK(beside >= alone - alone / 20);
    CHECK_INT(cachecore_count(c), beside);
    cachecore_close(c);
  }
}

static void a_smaller_bound_is_made_by_them_first(void) {
  cachecore_t *c = open_exact(40, 0, CACHECORE_NO_EVICT);
  unsigned i;
  for (i = 0; i < 30; i++) store_one(c, i, "value");
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(cachecore_count(c), 10);
  CHECK_OK(cachecore_resize(c, 10, 0));
  CHECK_INT(cachecore_count(c), 10);
  CHECK_INT(held(c), 10);
  CHECK_INT(cachecore_resize(c, 9, 0), CACHECORE_E_FULL);
  CHECK_INT(cachecore_count(c), 10);
  cachecore_close(c);

  c = open_exact(40, 0, 0);
  for (i = 0; i < 30; i++) store_one(c, i, "value");
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_OK(cachecore_resize(c, 5, 0));
  CHECK_INT(held(c), 5);
  cachecore_close(c);
}

static void evict_takes_them_as_it_comes_to_them(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  uint64_t removed;
  unsigned i;
  for (i = 0; i < 30; i++) store_one(c, i, "value");
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_OK(cachecore_evict(c, 7, &removed));
  CHECK_INT(removed, 7);
  CHECK_INT(held(c), 23);
  CHECK_INT(stats_of(c).evictions + stats_of(c).expirations, 7);
  CHECK_OK(cachecore_evict(c, 100, &removed));
  CHECK_INT(removed, 23);
  CHECK_INT(stats_of(c).evictions, 10);
  CHECK_INT(stats_of(c).expirations, 20);
  cachecore_close(c);
}

static void lent_values_stay_when_they_are_stale_and_gone(void) {
  cachecore_t *c = open_exact(10, 0, 0);
  cachecore_value_t value;
  store_windowed(c, "k", "lent", 10, WINDOW);
  CHECK_OK(cachecore_acquire(c, "k", 1, &value));
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_INT(look(c, "k"), CACHECORE_STALE);
  CHECK_OK(cachecore_clear(c));
  CHECK_INT(look(c, "k"), CACHECORE_CLAIMED);
  CHECK(value.size == 4 && memcmp(value.data, "lent", 4) == 0);
  cachecore_release(&value);
  cachecore_close(c);
}

/* ---- Statistics ---------------------------------------------------------- */

static void gauges_and_identity(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_stats_t s;
  store_windowed(c, "a", "v", 10, 20);
  store_absence(c, "b", 15);
  s = stats_of(c);
  CHECK(s.entries == 1 && s.stale == 0 && s.absent == 1 && s.expired == 1);
  CHECK(s.inserts == 2 && s.expirations == 0);
  CHECK_OK(cachecore_advance_clock(c, 10));
  s = stats_of(c);
  CHECK(s.entries == 0 && s.stale == 1 && s.absent == 1 && s.expired == 2);
  CHECK_OK(cachecore_reset_stats(c));
  CHECK_INT(stats_of(c).entries_before, 2);
  CHECK_IDENTITY(c);
  CHECK_OK(cachecore_advance_clock(c, 5));
  s = stats_of(c); /* the absence has ended, and was not removed yet */
  CHECK(s.stale == 1 && s.absent == 0 && s.expired == 2);
  CHECK_OK(cachecore_cleanup_expired(c, 0, NULL));
  s = stats_of(c);
  CHECK(s.expired == 1 && s.expirations == 1 && s.stale == 1);
  CHECK_OK(cachecore_advance_clock(c, 15));
  CHECK_OK(cachecore_cleanup_expired(c, 0, NULL));
  s = stats_of(c);
  CHECK(s.expired == 0 && s.expirations == 2 && s.stale == 0);
  CHECK(s.evictions == 0 && s.deletes == 0 && s.updates == 0);
  CHECK_IDENTITY(c);
  cachecore_close(c);
}

static void a_sweep_comes_at_the_end_of_the_window(void) {
  enum { COUNT = 1000 };
  cachecore_t *c = open_exact(COUNT, 0, 0);
  uint64_t removed;
  unsigned i;
  for (i = 0; i < COUNT; i++) {
    char key[16];
    snprintf(key, sizeof key, "key:%u", i);
    if (i % 4 == 0) store_absence(c, key, 100 + i);
    else store_windowed(c, key, "v", 1 + i / 2, 100 + i - (1 + i / 2));
  }
  for (i = 0; i < COUNT; i++) {
    CHECK_OK(cachecore_advance_clock(c, i == 0 ? 100 : 1));
    CHECK_OK(cachecore_cleanup_expired(c, 0, &removed));
    CHECK_INT(removed, 1);
    CHECK_INT(held(c), COUNT - 1 - i);
  }
  cachecore_close(c);
}

/* ---- Removals ------------------------------------------------------------ */

/* Takes one report, which must be of this key for this cause; none for 0. */
static void check_report(cachecore_t *c, const char *key, uint32_t cause) {
  uint64_t bytes[64];
  cachecore_removal_record_t record;
  size_t size, count;
  cachecore_status_t status =
      cachecore_take_removals(c, bytes, sizeof bytes, &size, &count);
  if (cause == 0) {
    CHECK_INT(status, CACHECORE_MISS);
    return;
  }
  CHECK_OK(status);
  CHECK_INT(count, 1);
  memcpy(&record, bytes, sizeof record);
  CHECK_INT(record.cause, cause);
  CHECK(record.key_size == strlen(key) &&
        memcmp((char *)bytes + sizeof record, key, record.key_size) == 0);
}

static void one_report_at_the_end_of_the_window(void) {
  cachecore_t *c = open_exact(100, 0, CACHECORE_REPORT_REMOVALS);
  store_windowed(c, "k", "v", 10, 20);
  store_absence(c, "absent", 10);
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_OK(cachecore_cleanup_expired(c, 0, NULL));
  check_report(c, "k", 0);
  CHECK_OK(cachecore_advance_clock(c, 20));
  CHECK_OK(cachecore_cleanup_expired(c, 0, NULL));
  check_report(c, "k", CACHECORE_REMOVED_EXPIRED);
  check_report(c, "k", 0);
  cachecore_close(c);
}

static void a_stale_value_that_leaves_sooner_is_reported_as_expired(void) {
  cachecore_t *c = open_exact(1, 0, CACHECORE_REPORT_REMOVALS);
  asked_t asked = ASKED_INIT;
  store_windowed(c, "k", "v", 10, WINDOW);
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_INT(cachecore_delete(c, "k", 1), CACHECORE_MISS);
  check_report(c, "k", CACHECORE_REMOVED_EXPIRED);
  store_windowed(c, "k", "v", 10, WINDOW);
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_OK(set_text(c, "other", "v", 10)); /* in its room */
  check_report(c, "k", CACHECORE_REMOVED_EXPIRED);
  CHECK_OK(cachecore_delete(c, "other", 5));
  check_report(c, "other", CACHECORE_REMOVED_DELETED);
  store_windowed(c, "k", "v", 10, WINDOW);
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_INT(ask(c, "k", &asked), CACHECORE_STALE);
  CHECK_OK(fulfill(c, "k", "w", 10, &asked.claim));
  check_report(c, "k", CACHECORE_REMOVED_EXPIRED);
  check_report(c, "k", 0);
  cachecore_close(c);
}

static void absences_are_not_reported(void) {
  cachecore_t *c = open_exact(1, 0, CACHECORE_REPORT_REMOVALS);
  store_absence(c, "k", 10);
  CHECK_INT(cachecore_delete(c, "k", 1), CACHECORE_MISS);
  store_absence(c, "k", 10);
  CHECK_OK(set_text(c, "other", "v", 0)); /* in its room */
  CHECK_OK(cachecore_delete(c, "other", 5));
  check_report(c, "other", CACHECORE_REMOVED_DELETED);
  store_absence(c, "k", 10);
  CHECK_OK(set_text(c, "k", "v", 0));
  CHECK_OK(cachecore_clear(c));
  check_report(c, "k", CACHECORE_REMOVED_DELETED);
  store_absence(c, "k", 10);
  CHECK_OK(cachecore_clear(c));
  check_report(c, "k", 0);
  cachecore_close(c);
}

TESTS(T(both_count_against_max_entries), T(both_count_against_max_bytes),
      T(they_leave_in_the_order_of_use),
      T(before_a_live_entry_used_at_the_same_time),
      T(no_evict_entries_give_way_to_before_e_full),
      T(no_evict_bytes_give_way_to_before_e_full),
      T(a_smaller_bound_is_made_by_them_first),
      T(evict_takes_them_as_it_comes_to_them),
      T(lent_values_stay_when_they_are_stale_and_gone), T(gauges_and_identity),
      T(a_sweep_comes_at_the_end_of_the_window),
      T(one_report_at_the_end_of_the_window),
      T(a_stale_value_that_leaves_sooner_is_reported_as_expired),
      T(absences_are_not_reported))
