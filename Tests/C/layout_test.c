/*
 * The layout of every public struct, pinned: bindings repeat these numbers, and
 * programs compiled against this header keep relying on them.  A field may be
 * appended (then its line and the size are added here); nothing else may move.
 */
#include "harness.h"

#define FIELD(type, field, offset)                             \
  do {                                                         \
    CHECK_INT(offsetof(type, field), offset);                  \
    CHECK_INT(offsetof(type, field), end); /* no hole before */ \
    end += sizeof(((type *)0)->field);                         \
  } while (0)

#define END(type, size)                                        \
  do {                                                         \
    CHECK_INT(sizeof(type), size);                             \
    CHECK_INT(sizeof(type), end); /* no hole at the end */     \
  } while (0)

static void options_layout(void) {
  size_t end = 0;
  FIELD(cachecore_options_t, struct_size, 0);
  FIELD(cachecore_options_t, policy, 4);
  FIELD(cachecore_options_t, flags, 8);
  FIELD(cachecore_options_t, shard_count, 12);
  FIELD(cachecore_options_t, max_entries, 16);
  FIELD(cachecore_options_t, max_bytes, 24);
  FIELD(cachecore_options_t, default_ttl_ms, 32);
  FIELD(cachecore_options_t, default_tti_ms, 40);
  FIELD(cachecore_options_t, hash_seed, 48);
  FIELD(cachecore_options_t, ttl_jitter_permille, 56);
  END(cachecore_options_t, 64);
}

static void value_layout(void) {
  size_t end = 0;
  FIELD(cachecore_value_t, data, 0);
  FIELD(cachecore_value_t, size, 8);
  FIELD(cachecore_value_t, owner, 16);
  FIELD(cachecore_value_t, lease, 24);
  END(cachecore_value_t, 32);
}

static void entry_info_layout(void) {
  size_t end = 0;
  FIELD(cachecore_entry_info_t, struct_size, 0);
  FIELD(cachecore_entry_info_t, reserved, 4);
  FIELD(cachecore_entry_info_t, value_size, 8);
  FIELD(cachecore_entry_info_t, ttl_ms, 16);
  FIELD(cachecore_entry_info_t, age_ms, 24);
  FIELD(cachecore_entry_info_t, idle_ms, 32);
  FIELD(cachecore_entry_info_t, version, 40);
  END(cachecore_entry_info_t, 48);
}

static void scan_record_layout(void) {
  size_t end = 0;
  FIELD(cachecore_scan_record_t, record_size, 0);
  FIELD(cachecore_scan_record_t, key_size, 4);
  FIELD(cachecore_scan_record_t, value_size, 8);
  FIELD(cachecore_scan_record_t, ttl_ms, 16);
  END(cachecore_scan_record_t, 24);
}

static void value_record_layout(void) {
  size_t end = 0;
  FIELD(cachecore_value_record_t, record_size, 0);
  FIELD(cachecore_value_record_t, value_size, 8);
  FIELD(cachecore_value_record_t, ttl_ms, 16);
  FIELD(cachecore_value_record_t, key_size, 24);
  FIELD(cachecore_value_record_t, reserved, 28);
  END(cachecore_value_record_t, 32);
}

static void stats_field_layout(void) {
  size_t end = 0;
  FIELD(cachecore_stats_field_t, struct_size, 0);
  FIELD(cachecore_stats_field_t, kind, 4);
  FIELD(cachecore_stats_field_t, name, 8);
  FIELD(cachecore_stats_field_t, unit, 16);
  FIELD(cachecore_stats_field_t, help, 24);
  FIELD(cachecore_stats_field_t, offset, 32);
  FIELD(cachecore_stats_field_t, size, 36);
  END(cachecore_stats_field_t, 40);
}

static void stats_layout(void) {
  size_t end = 0;
  FIELD(cachecore_stats_t, struct_size, 0);
  FIELD(cachecore_stats_t, shard_count, 4);
  FIELD(cachecore_stats_t, entries, 8);
  FIELD(cachecore_stats_t, bytes_used, 16);
  FIELD(cachecore_stats_t, bytes_limit, 24);
  FIELD(cachecore_stats_t, entries_limit, 32);
  FIELD(cachecore_stats_t, hits, 40);
  FIELD(cachecore_stats_t, misses, 48);
  FIELD(cachecore_stats_t, inserts, 56);
  FIELD(cachecore_stats_t, updates, 64);
  FIELD(cachecore_stats_t, deletes, 72);
  FIELD(cachecore_stats_t, evictions, 80);
  FIELD(cachecore_stats_t, expirations, 88);
  FIELD(cachecore_stats_t, refused, 96);
  FIELD(cachecore_stats_t, bytes_resident, 104);
  FIELD(cachecore_stats_t, removals_lost, 112);
  FIELD(cachecore_stats_t, expired, 120);
  FIELD(cachecore_stats_t, entries_before, 128);
  FIELD(cachecore_stats_t, stale, 136);
  FIELD(cachecore_stats_t, absent, 144);
  FIELD(cachecore_stats_t, stale_served, 152);
  FIELD(cachecore_stats_t, absent_served, 160);
  END(cachecore_stats_t, 168);
}

static void removal_record_layout(void) {
  size_t end = 0;
  FIELD(cachecore_removal_record_t, record_size, 0);
  FIELD(cachecore_removal_record_t, value_size, 8);
  FIELD(cachecore_removal_record_t, key_size, 16);
  FIELD(cachecore_removal_record_t, cause, 20);
  END(cachecore_removal_record_t, 24);
}

static void sweeper_options_layout(void) {
  size_t end = 0;
  FIELD(cachecore_sweeper_options_t, struct_size, 0);
  FIELD(cachecore_sweeper_options_t, flags, 4);
  FIELD(cachecore_sweeper_options_t, interval_ms, 8);
  FIELD(cachecore_sweeper_options_t, max_slice_us, 16);
  END(cachecore_sweeper_options_t, 24);
}

static void sweeper_status_layout(void) {
  size_t end = 0;
  FIELD(cachecore_sweeper_status_t, struct_size, 0);
  FIELD(cachecore_sweeper_status_t, state, 4);
  FIELD(cachecore_sweeper_status_t, healthy, 8);
  FIELD(cachecore_sweeper_status_t, leads, 12);
  FIELD(cachecore_sweeper_status_t, interval_ms, 16);
  FIELD(cachecore_sweeper_status_t, sweeps_run, 24);
  FIELD(cachecore_sweeper_status_t, entries_removed, 32);
  FIELD(cachecore_sweeper_status_t, last_removed, 40);
  FIELD(cachecore_sweeper_status_t, last_duration_ns, 48);
  FIELD(cachecore_sweeper_status_t, max_slice_ns, 56);
  FIELD(cachecore_sweeper_status_t, last_run_age_ms, 64);
  FIELD(cachecore_sweeper_status_t, errors, 72);
  FIELD(cachecore_sweeper_status_t, backlog, 80);
  FIELD(cachecore_sweeper_status_t, last_lag_ms, 88);
  FIELD(cachecore_sweeper_status_t, max_lag_ms, 96);
  END(cachecore_sweeper_status_t, 104);
}

static void window_layout(void) {
  size_t end = 0;
  FIELD(cachecore_window_t, struct_size, 0);
  FIELD(cachecore_window_t, reserved, 4);
  FIELD(cachecore_window_t, hits, 8);
  FIELD(cachecore_window_t, misses, 16);
  FIELD(cachecore_window_t, span_ms, 24);
  END(cachecore_window_t, 32);
}

static void audit_options_layout(void) {
  size_t end = 0;
  FIELD(cachecore_audit_options_t, struct_size, 0);
  FIELD(cachecore_audit_options_t, remove_kinds, 4);
  FIELD(cachecore_audit_options_t, near_expiry_ms, 8);
  FIELD(cachecore_audit_options_t, idle_ms, 16);
  FIELD(cachecore_audit_options_t, batch_size, 24);
  FIELD(cachecore_audit_options_t, reserved, 28);
  END(cachecore_audit_options_t, 32);
}

static void audit_layout(void) {
  size_t end = 0;
  FIELD(cachecore_audit_t, struct_size, 0);
  FIELD(cachecore_audit_t, reserved, 4);
  FIELD(cachecore_audit_t, scanned, 8);
  FIELD(cachecore_audit_t, expired, 16);
  FIELD(cachecore_audit_t, near_expiry, 24);
  FIELD(cachecore_audit_t, without_expiry, 32);
  FIELD(cachecore_audit_t, idle, 40);
  FIELD(cachecore_audit_t, removed, 48);
  FIELD(cachecore_audit_t, bytes, 56);
  FIELD(cachecore_audit_t, removed_bytes, 64);
  FIELD(cachecore_audit_t, average_ttl_ms, 72);
  FIELD(cachecore_audit_t, average_age_ms, 80);
  END(cachecore_audit_t, 88);
}

static void claim_layout(void) {
  size_t end = 0;
  FIELD(cachecore_claim_t, struct_size, 0);
  FIELD(cachecore_claim_t, flags, 4);
  FIELD(cachecore_claim_t, token, 8);
  FIELD(cachecore_claim_t, stale_ms, 16);
  FIELD(cachecore_claim_t, claim_ms, 24);
  FIELD(cachecore_claim_t, seen, 32);
  END(cachecore_claim_t, 40);
}

static void shared_options_layout(void) {
  size_t end = 0;
  FIELD(cachecore_shared_options_t, struct_size, 0);
  FIELD(cachecore_shared_options_t, flags, 4);
  FIELD(cachecore_shared_options_t, path, 8);
  FIELD(cachecore_shared_options_t, fd, 16);
  FIELD(cachecore_shared_options_t, max_processes, 20);
  END(cachecore_shared_options_t, 24);
}

static void shared_info_layout(void) {
  size_t end = 0;
  FIELD(cachecore_shared_info_t, struct_size, 0);
  FIELD(cachecore_shared_info_t, processes, 4);
  FIELD(cachecore_shared_info_t, max_processes, 8);
  FIELD(cachecore_shared_info_t, warm, 12);
  FIELD(cachecore_shared_info_t, unlinked, 16);
  FIELD(cachecore_shared_info_t, reserved, 20);
  FIELD(cachecore_shared_info_t, recoveries, 24);
  FIELD(cachecore_shared_info_t, entries_lost, 32);
  FIELD(cachecore_shared_info_t, borrows_reclaimed, 40);
  FIELD(cachecore_shared_info_t, region_bytes, 48);
  END(cachecore_shared_info_t, 56);
}

static void numbers_never_change(void) {
  CHECK_INT(sizeof(cachecore_status_t), 4);
  CHECK((cachecore_status_t)-1 < 0);
  CHECK_INT(CACHECORE_OK, 0);
  CHECK_INT(CACHECORE_MISS, 1);
  CHECK_INT(CACHECORE_EXISTS, 2);
  CHECK_INT(CACHECORE_REFUSED, 3);
  CHECK_INT(CACHECORE_CONFLICT, 4);
  CHECK_INT(CACHECORE_STALE, 5);
  CHECK_INT(CACHECORE_PENDING, 6);
  CHECK_INT(CACHECORE_ABSENT, 7);
  CHECK_INT(CACHECORE_CLAIMED, 8);
  CHECK_INT(CACHECORE_E_ARGUMENT, -1);
  CHECK_INT(CACHECORE_E_NO_MEMORY, -2);
  CHECK_INT(CACHECORE_E_TOO_SMALL, -3);
  CHECK_INT(CACHECORE_E_VERSION, -4);
  CHECK_INT(CACHECORE_E_FULL, -5);
  CHECK_INT(CACHECORE_E_STATE, -6);
  CHECK_INT(CACHECORE_E_TIMEOUT, -7);
  CHECK_INT(CACHECORE_E_TYPE, -8);
  CHECK_INT(CACHECORE_E_RANGE, -9);
  CHECK_INT(CACHECORE_E_LAYOUT, -10);
  CHECK_INT(CACHECORE_E_ACCESS, -11);
  CHECK_INT(CACHECORE_POLICY_LRU, 0);
  CHECK_INT(CACHECORE_POLICY_ADAPTIVE, 1);
  CHECK_INT(CACHECORE_NO_EVICT, 1);
  CHECK_INT(CACHECORE_MANUAL_CLOCK, 2);
  CHECK_INT(CACHECORE_REPORT_REMOVALS, 4);
  CHECK_INT(CACHECORE_REMOVED_EXPIRED, 1);
  CHECK_INT(CACHECORE_REMOVED_EVICTED, 2);
  CHECK_INT(CACHECORE_REMOVED_REPLACED, 3);
  CHECK_INT(CACHECORE_REMOVED_DELETED, 4);
  CHECK_INT(CACHECORE_KEY_SIZE_MAX, 65535);
  CHECK_INT(CACHECORE_MAX_BYTES_MIN, 65536);
  CHECK(CACHECORE_TTL_NEVER == UINT64_MAX);
  CHECK(CACHECORE_TTL_KEEP == UINT64_MAX / 2 + 1);
  CHECK_INT(CACHECORE_CLAIM_EARLY, 1);
  CHECK_INT(CACHECORE_SWEEPER_STOPPED, 0);
  CHECK_INT(CACHECORE_SWEEPER_RUNNING, 1);
  CHECK_INT(CACHECORE_SWEEPER_PAUSED, 2);
  CHECK_INT(CACHECORE_SWEEPER_RUN_AT_ONCE, 1);
  CHECK_INT(CACHECORE_SWEEPER_RESTART_AFTER_FORK, 2);
  CHECK_INT(CACHECORE_ENTRY_EXPIRED, 1);
  CHECK_INT(CACHECORE_ENTRY_NEAR_EXPIRY, 2);
  CHECK_INT(CACHECORE_ENTRY_WITHOUT_EXPIRY, 4);
  CHECK_INT(CACHECORE_ENTRY_IDLE, 8);
  CHECK_INT(CACHECORE_SHARED_CREATE_ONLY, 1);
  CHECK_INT(CACHECORE_SHARED_ATTACH_ONLY, 2);
  CHECK_INT(CACHECORE_SHARED_REPLACE, 4);
  CHECK_INT(CACHECORE_SHARED_READ_ONLY, 8);
}

TESTS(T(options_layout), T(value_layout), T(entry_info_layout),
      T(scan_record_layout), T(value_record_layout), T(stats_field_layout),
      T(stats_layout), T(removal_record_layout),
      T(sweeper_options_layout), T(sweeper_status_layout),
      T(window_layout), T(audit_options_layout), T(audit_layout),
      T(claim_layout), T(shared_options_layout), T(shared_info_layout),
      T(numbers_never_change))
