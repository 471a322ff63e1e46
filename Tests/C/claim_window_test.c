/*
 * Stale values and absences: until when get_or_claim serves them, what every
 * other function sees of them, and that they can be removed.  How they give
 * way to other entries is in claim_bounds_test.c.
 */
#include "claims.h"

/* ---- Until when ---------------------------------------------------------- */

static void a_value_is_stale_for_stale_ms(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  store_windowed(c, "k", "old", 100, 50);
  CHECK_OK(cachecore_advance_clock(c, 99));
  CHECK_OK(look(c, "k"));
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "k"), CACHECORE_STALE);
  CHECK_OK(cachecore_advance_clock(c, 49));
  CHECK_INT(look(c, "k"), CACHECORE_STALE);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "k"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

static void stale_ms_is_read_at_fulfill(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t asked = ASKED_INIT;
  asked.claim.stale_ms = 1000;
  CHECK_INT(ask(c, "none", &asked), CACHECORE_CLAIMED);
  asked.claim.stale_ms = 0;
  CHECK_OK(fulfill(c, "none", "v", 10, &asked.claim));
  CHECK_INT(ask(c, "some", &asked), CACHECORE_CLAIMED);
  asked.claim.stale_ms = 10;
  CHECK_OK(fulfill(c, "some", "v", 10, &asked.claim));
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_INT(look(c, "none"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "some"), CACHECORE_STALE);
  cachecore_close(c);
}

/* Nor has what is stored over a value that had one. */
static void a_plain_set_has_no_window(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  CHECK_OK(set_text(c, "plain", "v", 10));
  store_windowed(c, "over", "v", 10, WINDOW);
  CHECK_OK(set_text(c, "over", "v", 10));
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_INT(look(c, "plain"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "over"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

static void what_never_expires_is_never_stale(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  store_windowed(c, "k", "v", CACHECORE_TTL_NEVER, 10);
  CHECK_OK(cachecore_advance_clock(c, (uint64_t)WINDOW * 1000));
  CHECK_OK(look(c, "k"));
  CHECK_INT(stats_of(c).stale, 0);
  cachecore_close(c);
}

static void windows_may_be_as_long_as_can_be(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  store_windowed(c, "a", "v", 10, UINT64_MAX);
  store_windowed(c, "b", "v", UINT64_MAX - 1, UINT64_MAX);
  store_absence(c, "c", UINT64_MAX - 1);
  store_absence(c, "d", CACHECORE_TTL_NEVER);
  CHECK_OK(cachecore_advance_clock(c, (uint64_t)WINDOW * 24 * 365));
  CHECK_INT(look(c, "a"), CACHECORE_STALE);
  CHECK_OK(look(c, "b"));
  CHECK_INT(look(c, "c"), CACHECORE_ABSENT);
  CHECK_INT(look(c, "d"), CACHECORE_ABSENT);
  CHECK_INT(stats_of(c).absent, 2);
  cachecore_close(c);
}

static void lifetimes_of_0_are_the_default(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *c;
  options.max_entries = 100;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_ttl_ms = 20;
  CHECK_OK(cachecore_open(&options, &c));
  store_windowed(c, "k", "v", 0, 5);
  store_absence(c, "absent", 0);
  CHECK_OK(cachecore_advance_clock(c, 19));
  CHECK_OK(look(c, "k"));
  CHECK_INT(look(c, "absent"), CACHECORE_ABSENT);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "k"), CACHECORE_STALE);
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

static void touch_keeps_the_length_of_the_window(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  store_windowed(c, "k", "v", 100, 30);
  CHECK_OK(cachecore_advance_clock(c, 90));
  CHECK_OK(cachecore_touch(c, "k", 1, 200));
  CHECK_OK(cachecore_advance_clock(c, 199));
  CHECK_OK(look(c, "k"));
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "k"), CACHECORE_STALE);
  CHECK_OK(cachecore_advance_clock(c, 29));
  CHECK_INT(look(c, "k"), CACHECORE_STALE);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "k"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

/* The deadline of the live entry that is refreshed early; the window is behind
 * that. */
static void ttl_keep_keeps_the_deadline(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  asked_t asked = ASKED_INIT;
  int i;
  asked.claim.flags = CACHECORE_CLAIM_EARLY;
  asked.claim.claim_ms = UINT64_MAX;
  CHECK_INT(ask(c, "k", &asked), CACHECORE_CLAIMED);
  CHECK_OK(cachecore_advance_clock(c, 1000000));
  CHECK_OK(fulfill(c, "k", "v", 100, &asked.claim));
  CHECK_OK(cachecore_advance_clock(c, 50));
  for (i = 0; asked.claim.token == 0; i++) {
    CHECK(i < 1000);
    CHECK_OK(ask(c, "k", &asked));
  }
  asked.claim.stale_ms = 20;
  CHECK_OK(fulfill(c, "k", "w", CACHECORE_TTL_KEEP, &asked.claim));
  CHECK_OK(cachecore_advance_clock(c, 49));
  CHECK_TEXT(c, "k", "w");
  CHECK_OK(cachecore_advance_clock(c, 20));
  CHECK_INT(look(c, "k"), CACHECORE_STALE);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "k"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

/* What was idle for too long has not expired by its deadline: it is not served,
 * and a stale value is, as long as it is asked for. */
static void a_time_to_idle_ends_windows(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_t *c;
  options.max_entries = 100;
  options.flags = CACHECORE_MANUAL_CLOCK;
  options.default_tti_ms = 100;
  CHECK_OK(cachecore_open(&options, &c));
  store_windowed(c, "idle", "v", 1000, WINDOW);
  store_windowed(c, "used", "v", 60, WINDOW);
  store_windowed(c, "unused", "v", 60, WINDOW);
  store_absence(c, "absent", WINDOW);
  CHECK_OK(cachecore_advance_clock(c, 99));
  CHECK_INT(look(c, "used"), CACHECORE_STALE);
  CHECK_INT(look(c, "absent"), CACHECORE_ABSENT);
  CHECK_OK(cachecore_advance_clock(c, 1));
  CHECK_INT(look(c, "idle"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "unused"), CACHECORE_CLAIMED);
  CHECK_OK(cachecore_advance_clock(c, 98));
  CHECK_INT(look(c, "used"), CACHECORE_STALE);
  CHECK_INT(look(c, "absent"), CACHECORE_ABSENT);
  CHECK_OK(cachecore_advance_clock(c, 100));
  CHECK_INT(look(c, "used"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

/* The word of the window lies between header and key, whatever their sizes. */
static void keys_and_values_of_any_size_have_windows(void) {
  static const size_t key_sizes[] = {1, 7, 8, 9, 100, CACHECORE_KEY_SIZE_MAX};
  static const size_t sizes[] = {0,       1,       7,
                                 8,       131007,  (1 << 17) - 1,
                                 1 << 17, 600000};
  static char key[CACHECORE_KEY_SIZE_MAX], value[600000], buffer[600000];
  cachecore_t *c = open_exact(0, 64 << 20, 0);
  size_t i, j, size;
  memset(key, 'k', sizeof key);
  for (i = 0; i < sizeof key_sizes / sizeof key_sizes[0]; i++)
    for (j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
      cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
      fill_pattern(value, sizes[j], i, j);
      CHECK_INT(cachecore_get_or_claim(c, key, key_sizes[i], NULL, 0, &size,
                                       &claim), CACHECORE_CLAIMED);
      claim.stale_ms = 10;
      CHECK_OK(cachecore_fulfill(c, key, key_sizes[i], value, sizes[j], 10,
                                 &claim));
      CHECK_OK(cachecore_advance_clock(c, 10));
      CHECK_INT(cachecore_get_or_claim(c, key, key_sizes[i], buffer,
                                       sizeof buffer, &size, &claim),
                CACHECORE_STALE);
      CHECK(size == sizes[j] && holds_pattern(buffer, size, i));
      CHECK_OK(cachecore_abandon(c, key, key_sizes[i], 0, &claim));
      CHECK_OK(cachecore_advance_clock(c, 10));
    }
  cachecore_close(c);
}

/* ---- What every other function sees -------------------------------------- */

static void reads_see_neither(void) {
  static const char *const names[] = {"stale", "absent"};
  cachecore_t *c = open_exact(100, 0, 0);
  char buffer[16];
  size_t size, i;
  leave_stale_and_absent(c);
  for (i = 0; i < 2; i++) {
    const char *key = names[i];
    size_t key_size = strlen(key), capacity = sizeof buffer;
    const void *keys[] = {key};
    void *buffers[] = {buffer};
    cachecore_status_t statuses[1];
    cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
    cachecore_value_t value;
    int64_t left;
    CHECK_MISS(c, key);
    CHECK_INT(cachecore_peek(c, key, key_size, buffer, 16, &size),
              CACHECORE_MISS);
    CHECK_INT(contains(c, key), CACHECORE_MISS);
    CHECK_INT(cachecore_ttl(c, key, key_size, &left), CACHECORE_MISS);
    CHECK_INT(cachecore_inspect(c, key, key_size, &info), CACHECORE_MISS);
    CHECK_INT(cachecore_get_with_info(c, key, key_size, buffer, 16, &size,
                                      &info), CACHECORE_MISS);
    CHECK_INT(cachecore_acquire(c, key, key_size, &value), CACHECORE_MISS);
    CHECK_OK(cachecore_get_many(c, 1, keys, &key_size, buffers, &capacity,
                                &size, statuses));
    CHECK_INT(statuses[0], CACHECORE_MISS);
  }
  CHECK_INT(look(c, "stale"), CACHECORE_STALE);
  CHECK_INT(look(c, "absent"), CACHECORE_ABSENT);
  cachecore_close(c);
}

static void lists_and_counts_see_neither(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  uint64_t cursor = 0, records[64], removed;
  size_t size, count;
  leave_stale_and_absent(c);
  CHECK_OK(set_text(c, "live", "v", 0));
  CHECK_INT(cachecore_count(c), 1);
  CHECK_INT(stats_of(c).entries, 1);
  CHECK_OK(cachecore_scan(c, &cursor, NULL, 0, records, sizeof records, &size,
                          &count));
  CHECK(count == 1 && cursor == 0);
  CHECK_OK(cachecore_coldest(c, 9, records, sizeof records, &size, &count));
  CHECK_INT(count, 1);
  CHECK_OK(cachecore_hottest(c, 9, records, sizeof records, &size, &count));
  CHECK_INT(count, 1);
  options.remove_kinds = CACHECORE_ENTRY_EXPIRED;
  CHECK_OK(cachecore_audit(c, NULL, 0, &options, &audit));
  CHECK(audit.scanned == 1 && audit.expired == 0 && audit.removed == 0);
  CHECK_OK(cachecore_cleanup_expired(c, 0, &removed));
  CHECK_INT(removed, 0);
  CHECK_INT(sweeper_of(c).backlog, 0);
  CHECK_INT(look(c, "stale"), CACHECORE_STALE);
  CHECK_INT(look(c, "absent"), CACHECORE_ABSENT);
  cachecore_close(c);
}

static void writes_on_a_live_entry_see_neither(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  leave_stale_and_absent(c);
  CHECK_INT(cachecore_replace(c, "stale", 5, "v", 1, 0), CACHECORE_MISS);
  CHECK_INT(cachecore_replace(c, "absent", 6, "v", 1, 0), CACHECORE_MISS);
  CHECK_INT(cachecore_touch(c, "stale", 5, 1000), CACHECORE_MISS);
  CHECK_INT(cachecore_touch(c, "absent", 6, 1000), CACHECORE_MISS);
  CHECK_INT(cachecore_compare_and_set(c, "stale", 5, "v", 1, 1, 0),
            CACHECORE_MISS);
  CHECK_INT(cachecore_compare_and_set(c, "absent", 6, "v", 1, 1, 0),
            CACHECORE_MISS);
  CHECK_INT(look(c, "stale"), CACHECORE_STALE);
  CHECK_INT(look(c, "absent"), CACHECORE_ABSENT);
  cachecore_close(c);
}

static void writes_store_in_their_place(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  int64_t sum;
  leave_stale_and_absent(c);
  CHECK_OK(cachecore_add(c, "stale", 5, "v", 1, 0));
  CHECK_OK(cachecore_add(c, "absent", 6, "w", 1, 0));
  CHECK_TEXT(c, "stale", "v");
  CHECK_TEXT(c, "absent", "w");
  CHECK_INT(stats_of(c).stale + stats_of(c).absent, 0);
  leave_stale_and_absent(c);
  CHECK_OK(cachecore_increment(c, "stale", 5, 5, 100, 0, &sum));
  CHECK_INT(sum, 100);
  CHECK_OK(cachecore_increment(c, "absent", 6, 5, 100, 0, &sum));
  CHECK_INT(sum, 100);
  leave_stale_and_absent(c);
  CHECK_OK(set_text(c, "stale", "v", 0));
  CHECK_OK(set_text(c, "absent", "v", 0));
  CHECK_OK(look(c, "stale"));
  CHECK_OK(look(c, "absent"));
  CHECK_INT(stats_of(c).stale + stats_of(c).absent, 0);
  cachecore_close(c);
}

/* ---- Removing ------------------------------------------------------------ */

static void deletes_remove_both_and_count_neither(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  const void *keys[] = {"stale", "absent", "live"};
  size_t sizes[] = {5, 6, 4};
  cachecore_status_t statuses[3];
  uint64_t removed;
  leave_stale_and_absent(c);
  CHECK_INT(cachecore_delete(c, "stale", 5), CACHECORE_MISS);
  CHECK_INT(cachecore_delete(c, "absent", 6), CACHECORE_MISS);
  CHECK_INT(look(c, "stale"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  leave_stale_and_absent(c);
  CHECK_OK(set_text(c, "live", "v", 0));
  CHECK_OK(cachecore_delete_many(c, 3, keys, sizes, statuses, &removed));
  CHECK(removed == 1 && statuses[0] == CACHECORE_MISS &&
        statuses[1] == CACHECORE_MISS && statuses[2] == CACHECORE_OK);
  CHECK_INT(look(c, "stale"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  CHECK_INT(stats_of(c).deletes, 1);
  cachecore_close(c);
}

static void delete_prefix_removes_both_and_counts_neither(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  uint64_t removed;
  store_windowed(c, "p:stale", "v", 10, WINDOW);
  store_windowed(c, "q:stale", "v", 10, WINDOW);
  store_absence(c, "p:absent", WINDOW);
  CHECK_OK(cachecore_advance_clock(c, 10));
  CHECK_OK(set_text(c, "p:live", "v", 0));
  CHECK_OK(cachecore_delete_prefix(c, "p:", 2, &removed));
  CHECK_INT(removed, 1);
  CHECK_INT(look(c, "p:stale"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "p:absent"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "q:stale"), CACHECORE_STALE);
  cachecore_close(c);
}

static void clear_removes_both(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  leave_stale_and_absent(c);
  CHECK_OK(set_text(c, "live", "v", 0));
  CHECK_OK(cachecore_clear(c));
  CHECK_INT(stats_of(c).deletes, 1);
  CHECK_INT(stats_of(c).expirations, 2);
  CHECK_INT(stats_of(c).stale + stats_of(c).absent, 0);
  CHECK_INT(look(c, "stale"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

static void a_deadline_in_the_past_removes_both(void) {
  cachecore_t *c = open_exact(100, 0, 0);
  leave_stale_and_absent(c);
  CHECK_OK(cachecore_set_until(c, "stale", 5, "v", 1, 1));
  CHECK_OK(cachecore_set_until(c, "absent", 6, "v", 1, 1));
  CHECK_INT(look(c, "stale"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  cachecore_close(c);
}

/* A write that cannot be done drops the older value: also what is stale. */
static void a_refused_write_removes_both(void) {
  enum { LARGE = 2 * CACHECORE_MAX_BYTES_MIN };
  cachecore_t *c = open_exact(0, CACHECORE_MAX_BYTES_MIN, 0);
  char *large = calloc(1, LARGE);
  leave_stale_and_absent(c);
  CHECK_INT(cachecore_set(c, "stale", 5, large, LARGE, 0), CACHECORE_REFUSED);
  CHECK_INT(cachecore_set(c, "absent", 6, large, LARGE, 0), CACHECORE_REFUSED);
  CHECK_INT(look(c, "stale"), CACHECORE_CLAIMED);
  CHECK_INT(look(c, "absent"), CACHECORE_CLAIMED);
  free(large);
  cachecore_close(c);
}

TESTS(T(a_value_is_stale_for_stale_ms), T(stale_ms_is_read_at_fulfill),
      T(a_plain_set_has_no_window), T(what_never_expires_is_never_stale),
      T(windows_may_be_as_long_as_can_be), T(lifetimes_of_0_are_the_default),
      T(touch_keeps_the_length_of_the_window), T(ttl_keep_keeps_the_deadline),
      T(a_time_to_idle_ends_windows),
      T(keys_and_values_of_any_size_have_windows), T(reads_see_neither),
      T(lists_and_counts_see_neither), T(writes_on_a_live_entry_see_neither),
      T(writes_store_in_their_place), T(deletes_remove_both_and_count_neither),
      T(delete_prefix_removes_both_and_counts_neither), T(clear_removes_both),
      T(a_deadline_in_the_past_removes_both), T(a_refused_write_removes_both))
