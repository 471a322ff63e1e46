/* Audit and window: what is counted, and what is removed. */
#include "harness.h"

static const uint64_t minute = 60 * 1000, hour = 3600 * 1000;

static cachecore_audit_t audit_of(cachecore_t *cache, const char *prefix,
                                  uint32_t remove_kinds) {
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  options.remove_kinds = remove_kinds;
  options.near_expiry_ms = 10 * 1000;
  options.idle_ms = hour;
  options.batch_size = 3;
  CHECK_OK(cachecore_audit(cache, prefix, strlen(prefix), &options, &audit));
  return audit;
}

/* a: four kinds and more; b: one that a prefix keeps out. */
static cachecore_t *open_mixed(void) {
  cachecore_t *cache = open_exact(1000, 0, 0);
  CHECK_OK(set_text(cache, "a:never", "12345", CACHECORE_TTL_NEVER));
  CHECK_OK(set_text(cache, "a:expired", "1", hour));
  CHECK_OK(set_text(cache, "a:idle", "1", 10 * hour));
  CHECK_OK(set_text(cache, "a:used", "1", 10 * hour));
  CHECK_OK(set_text(cache, "b:never", "1", CACHECORE_TTL_NEVER));
  CHECK_OK(cachecore_advance_clock(cache, hour));
  CHECK_TEXT(cache, "a:used", "1");
  CHECK_TEXT(cache, "b:never", "1");
  CHECK_OK(set_text(cache, "a:near", "1", 10 * 1000));
  return cache;
}

static void a_dry_run_counts_each_kind(void) {
  cachecore_t *cache = open_mixed();
  cachecore_stats_t before = stats_of(cache), after;
  cachecore_audit_t it = audit_of(cache, "a:", 0);
  CHECK_INT(it.scanned, 5);
  CHECK_INT(it.expired, 1);
  CHECK_INT(it.near_expiry, 1);
  CHECK_INT(it.without_expiry, 1);
  CHECK_INT(it.idle, 2); /* a:never and a:idle */
  CHECK_INT(it.removed, 0);
  CHECK_INT(it.removed_bytes, 0);
  CHECK(it.bytes >= 5 * (32 + 6) && it.bytes <= 5 * 64);
  CHECK_INT(it.average_ttl_ms, (2 * 9 * hour + 10 * 1000) / 3);
  CHECK_INT(it.average_age_ms, 3 * hour / 4);

  CHECK_INT(audit_of(cache, "", 0).scanned, 6);
  CHECK_INT(audit_of(cache, "c", 0).scanned, 0);
  CHECK_INT(audit_of(cache, "c", 0).average_ttl_ms, -1);
  CHECK_INT(audit_of(cache, "c", 0).average_age_ms, -1);
  after = stats_of(cache);
  CHECK_INT(after.hits, before.hits);
  CHECK_INT(after.misses, before.misses);
  CHECK_INT(after.entries, before.entries);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void it_removes_the_kinds_it_is_told_to(void) {
  cachecore_t *cache = open_mixed();
  cachecore_audit_t it = audit_of(cache, "a:", CACHECORE_ENTRY_EXPIRED);
  CHECK_INT(it.removed, 1);
  CHECK_INT(it.expired, 1);
  CHECK_INT(stats_of(cache).expirations, 1);
  it = audit_of(cache, "a:", CACHECORE_ENTRY_WITHOUT_EXPIRY);
  CHECK_INT(it.removed, 1);
  CHECK(it.removed_bytes >= 32 + 12 && it.removed_bytes < it.bytes);
  CHECK_MISS(cache, "a:never");
  CHECK_TEXT(cache, "b:never", "1");
  it = audit_of(cache, "",
                CACHECORE_ENTRY_IDLE | CACHECORE_ENTRY_NEAR_EXPIRY);
  CHECK_INT(it.removed, 2);
  CHECK_MISS(cache, "a:idle");
  CHECK_MISS(cache, "a:near");
  CHECK_TEXT(cache, "a:used", "1");
  CHECK_INT(stats_of(cache).deletes, 3);
  CHECK_INT(stats_of(cache).entries, 2);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

static void looking_is_no_use(void) {
  cachecore_t *cache = open_exact(3, 0, 0);
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  CHECK_OK(set_text(cache, "a", "1", 0));
  CHECK_OK(set_text(cache, "b", "1", 0));
  CHECK_OK(set_text(cache, "c", "1", 0));
  CHECK_OK(cachecore_advance_clock(cache, 500));
  CHECK_INT(audit_of(cache, "", 0).scanned, 3);
  CHECK_OK(cachecore_inspect(cache, "a", 1, &info));
  CHECK_INT(info.idle_ms, 500);
  CHECK_OK(set_text(cache, "d", "1", 0));
  CHECK_MISS(cache, "a");
  cachecore_close(cache);
}

static void each_entry_is_seen_once_in_any_size(void) {
  cachecore_t *cache = open_plain(100000, 0);
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  for (uint64_t i = 0; i < 20000; i++) {
    CHECK_OK(set_number(cache, i, "value", 5, i % 4 == 0 ? hour : 0));
  }
  for (uint32_t batch = 0; batch <= 10000; batch = batch * 10 + 1) {
    options.batch_size = batch;
    CHECK_OK(cachecore_audit(cache, NULL, 0, &options, &audit));
    CHECK_INT(audit.scanned, 20000);
    CHECK_INT(audit.without_expiry, 15000);
  }
  options.remove_kinds = CACHECORE_ENTRY_WITHOUT_EXPIRY;
  CHECK_OK(cachecore_audit(cache, NULL, 0, &options, &audit));
  CHECK_INT(audit.removed, 15000);
  CHECK_INT(cachecore_count(cache), 5000);
  CHECK_OK(cachecore_audit(cache, NULL, 0, NULL, &audit));
  CHECK_INT(audit.scanned, 5000);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* An audit that deletes, beside writers of what it must not delete. */
static void write_on(worker_t *w) {
  for (int *stop = w->shared; !is_raised(stop); w->result++) {
    uint64_t key = 1 << 20 | random_below(&w->seed, 500);
    CHECK_OK(set_number(w->cache, key, "kept", 4, hour));
  }
}

static void audit_on(worker_t *w) {
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  double end = now_ms() + test_duration_ms(300);
  options.remove_kinds = CACHECORE_ENTRY_WITHOUT_EXPIRY;
  while (now_ms() < end) {
    for (uint64_t i = 0; i < 200; i++) {
      CHECK_OK(set_number(w->cache, i, "gone", 4, 0));
    }
    CHECK_OK(cachecore_audit(w->cache, NULL, 0, &options, &audit));
    CHECK_INT(audit.removed, 200);
  }
  raise_flag(w->shared);
}

static void audit_or_write(worker_t *w) {
  (w->index == 0 ? audit_on : write_on)(w);
}

static void beside_traffic(void) {
  cachecore_t *cache = open_plain(100000, 0);
  int stop = 0;
  CHECK(run_workers(cache, 3, &stop, audit_or_write) > 0);
  CHECK_INT(cachecore_count(cache), 500);
  CHECK_IDENTITY(cache);
  cachecore_close(cache);
}

/* ---- Window -------------------------------------------------------------- */

static cachecore_window_t window_of(cachecore_t *cache, uint64_t ms) {
  cachecore_window_t window = CACHECORE_WINDOW_INIT;
  CHECK_OK(cachecore_window(cache, ms, &window));
  return window;
}

/* 100 hits and as many misses as told, by a single thread, which drains its
 * notes as it goes. */
static void use(cachecore_t *cache, int misses) {
  for (int i = 0; i < 100; i++) CHECK_TEXT(cache, "k", "v");
  for (int i = 0; i < misses; i++) CHECK_MISS(cache, "absent");
}

static void a_window_forgets_what_is_older(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  cachecore_window_t w;
  CHECK_OK(set_text(cache, "k", "v", 0));
  w = window_of(cache, minute);
  CHECK_INT(w.hits + w.misses + w.span_ms, 0);
  use(cache, 300);
  CHECK_OK(cachecore_advance_clock(cache, 30 * 1000));
  w = window_of(cache, minute);
  CHECK_INT(w.hits, 100);
  CHECK_INT(w.misses, 300);
  CHECK_INT(w.span_ms, 30 * 1000);

  for (int i = 0; i < 10; i++) {
    CHECK_OK(cachecore_advance_clock(cache, minute));
    use(cache, 0);
  }
  w = window_of(cache, 5 * minute);
  CHECK_INT(w.misses, 0);
  CHECK(w.hits >= 500 && w.hits <= 600);
  CHECK(w.span_ms >= 5 * minute && w.span_ms <= 6 * minute);
  CHECK_OK(cachecore_reset_stats(cache)); /* ends no window */
  w = window_of(cache, hour);
  CHECK_INT(w.hits, 1100);
  CHECK_INT(w.misses, 300);
  w = window_of(cache, 0);
  CHECK_INT(w.hits, 1100);
  CHECK_INT(w.span_ms, 10 * minute + 30 * 1000);
  cachecore_close(cache);
}

static void hours_are_kept_for_a_day(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  cachecore_window_t w;
  CHECK_OK(set_text(cache, "k", "v", 0));
  for (int i = 0; i < 60; i++) {
    CHECK_OK(cachecore_advance_clock(cache, hour));
    use(cache, i < 30 ? 100 : 0);
  }
  w = window_of(cache, 24 * hour);
  CHECK_INT(w.misses, 0);
  CHECK(w.span_ms >= 24 * hour && w.span_ms <= 25 * hour);
  CHECK(w.hits >= 2400 && w.hits <= 2600);
  w = window_of(cache, 50 * hour); /* longer than is kept: from the opening */
  CHECK_INT(w.hits, 6000);
  CHECK_INT(w.misses, 3000);
  CHECK_INT(w.span_ms, 60 * hour);
  cachecore_close(cache);
}

/* Reads alone, by several threads, must be noted too. */
static void read_on(worker_t *w) {
  for (int i = 0; i < 10000; i++) CHECK_TEXT(w->cache, "k", "v");
}

static void readers_alone_are_noted(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  cachecore_window_t w;
  CHECK_OK(set_text(cache, "k", "v", 0));
  run_workers(cache, 3, NULL, read_on);
  CHECK_OK(cachecore_advance_clock(cache, 2 * minute));
  run_workers(cache, 3, NULL, read_on);
  CHECK_OK(cachecore_advance_clock(cache, 2 * minute));
  w = window_of(cache, minute);
  CHECK(w.hits >= 30000 - 3 * 32 && w.hits <= 30000 + 3 * 32);
  cachecore_close(cache);
}

/* ---- Arguments ----------------------------------------------------------- */

static void arguments(void) {
  cachecore_t *cache = open_exact(10, 0, 0);
  cachecore_audit_options_t options = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  struct {
    cachecore_audit_t it;
    uint64_t more;
  } newer;
  options.remove_kinds = 1u << 4;
  CHECK_INT(cachecore_audit(cache, NULL, 0, &options, &audit),
            CACHECORE_E_ARGUMENT);
  options.remove_kinds = 0;
  options.reserved = 1;
  CHECK_INT(cachecore_audit(cache, NULL, 0, &options, &audit),
            CACHECORE_E_ARGUMENT);
  options.reserved = 0;
  options.idle_ms = options.near_expiry_ms = UINT64_MAX;
  options.batch_size = UINT32_MAX;
  CHECK_OK(set_text(cache, "k", "v", hour));
  CHECK_OK(cachecore_audit(cache, NULL, 0, &options, &audit));
  CHECK_INT(audit.near_expiry, 1);
  CHECK_INT(audit.idle, 0);
  memset(&newer, 0xaa, sizeof newer);
  newer.it.struct_size = 16;
  CHECK_OK(cachecore_audit(cache, NULL, 0, NULL, &newer.it));
  CHECK_INT(newer.it.scanned, 1);
  CHECK(newer.it.expired == 0xaaaaaaaaaaaaaaaau);
  newer.it.struct_size = sizeof newer;
  CHECK_INT(cachecore_audit(cache, NULL, 0, NULL, &newer.it),
            CACHECORE_E_VERSION);
  CHECK_INT(window_of(cache, UINT64_MAX).span_ms, 0);
  cachecore_close(cache);
}

TESTS(T(a_dry_run_counts_each_kind), T(it_removes_the_kinds_it_is_told_to),
      T(looking_is_no_use), T(each_entry_is_seen_once_in_any_size),
      T(beside_traffic), T(a_window_forgets_what_is_older),
      T(hours_are_kept_for_a_day), T(readers_alone_are_noted),
      T(arguments))
