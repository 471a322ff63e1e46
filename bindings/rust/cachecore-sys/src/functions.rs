//! Functions, in the order of the header.

use std::os::raw::{c_char, c_void};

use crate::constants::*;
use crate::structs::*;

extern "C" {
    pub fn cachecore_version() -> u32;
    pub fn cachecore_status_text(status: cachecore_status_t) -> *const c_char;
    pub fn cachecore_options_init(options: *mut cachecore_options_t, struct_size: usize);
    pub fn cachecore_open(
        options: *const cachecore_options_t,
        cache_out: *mut *mut cachecore_t,
    ) -> cachecore_status_t;
    pub fn cachecore_open_error() -> *const c_char;
    pub fn cachecore_get_options(
        cache: *mut cachecore_t,
        options_out: *mut cachecore_options_t,
    ) -> cachecore_status_t;
    pub fn cachecore_close(cache: *mut cachecore_t);
    pub fn cachecore_get(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
    ) -> cachecore_status_t;
    pub fn cachecore_peek(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
    ) -> cachecore_status_t;
    pub fn cachecore_acquire(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        value_out: *mut cachecore_value_t,
    ) -> cachecore_status_t;
    pub fn cachecore_release(value: *mut cachecore_value_t);
    pub fn cachecore_contains(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
    ) -> cachecore_status_t;
    pub fn cachecore_ttl(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        remaining_ms_out: *mut i64,
    ) -> cachecore_status_t;
    pub fn cachecore_inspect(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        info_out: *mut cachecore_entry_info_t,
    ) -> cachecore_status_t;
    pub fn cachecore_get_with_info(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
        info_out: *mut cachecore_entry_info_t,
    ) -> cachecore_status_t;
    pub fn cachecore_set(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        value: *const c_void,
        value_size: usize,
        ttl_ms: u64,
    ) -> cachecore_status_t;
    pub fn cachecore_set_until(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        value: *const c_void,
        value_size: usize,
        deadline_unix_ms: i64,
    ) -> cachecore_status_t;
    pub fn cachecore_add(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        value: *const c_void,
        value_size: usize,
        ttl_ms: u64,
    ) -> cachecore_status_t;
    pub fn cachecore_replace(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        value: *const c_void,
        value_size: usize,
        ttl_ms: u64,
    ) -> cachecore_status_t;
    pub fn cachecore_compare_and_set(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        value: *const c_void,
        value_size: usize,
        expected_version: u64,
        ttl_ms: u64,
    ) -> cachecore_status_t;
    pub fn cachecore_delete(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
    ) -> cachecore_status_t;
    pub fn cachecore_touch(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        ttl_ms: u64,
    ) -> cachecore_status_t;
    pub fn cachecore_increment(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        delta: i64,
        initial: i64,
        ttl_ms: u64,
        value_out: *mut i64,
    ) -> cachecore_status_t;
    pub fn cachecore_get_many(
        cache: *mut cachecore_t,
        count: usize,
        keys: *const *const c_void,
        key_sizes: *const usize,
        buffers: *const *mut c_void,
        capacities: *const usize,
        sizes_out: *mut usize,
        statuses_out: *mut cachecore_status_t,
    ) -> cachecore_status_t;
    pub fn cachecore_set_many(
        cache: *mut cachecore_t,
        count: usize,
        keys: *const *const c_void,
        key_sizes: *const usize,
        values: *const *const c_void,
        value_sizes: *const usize,
        ttls_ms: *const u64,
        statuses_out: *mut cachecore_status_t,
    ) -> cachecore_status_t;
    pub fn cachecore_delete_many(
        cache: *mut cachecore_t,
        count: usize,
        keys: *const *const c_void,
        key_sizes: *const usize,
        statuses_out: *mut cachecore_status_t,
        removed_out: *mut u64,
    ) -> cachecore_status_t;
    pub fn cachecore_get_packed(
        cache: *mut cachecore_t,
        count: usize,
        keys: *const c_void,
        key_offsets: *const usize,
        arena: *mut c_void,
        capacity: usize,
        sizes_out: *mut usize,
        statuses_out: *mut cachecore_status_t,
    ) -> cachecore_status_t;
    pub fn cachecore_set_packed(
        cache: *mut cachecore_t,
        count: usize,
        keys: *const c_void,
        key_offsets: *const usize,
        values: *const c_void,
        value_offsets: *const usize,
        ttls_ms: *const u64,
        statuses_out: *mut cachecore_status_t,
    ) -> cachecore_status_t;
    pub fn cachecore_delete_packed(
        cache: *mut cachecore_t,
        count: usize,
        keys: *const c_void,
        key_offsets: *const usize,
        statuses_out: *mut cachecore_status_t,
        removed_out: *mut u64,
    ) -> cachecore_status_t;
    pub fn cachecore_scan(
        cache: *mut cachecore_t,
        cursor: *mut u64,
        prefix: *const c_void,
        prefix_size: usize,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
        count_out: *mut usize,
    ) -> cachecore_status_t;
    pub fn cachecore_scan_values(
        cache: *mut cachecore_t,
        cursor: *mut u64,
        prefix: *const c_void,
        prefix_size: usize,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
        count_out: *mut usize,
    ) -> cachecore_status_t;
    pub fn cachecore_coldest(
        cache: *mut cachecore_t,
        limit: u64,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
        count_out: *mut usize,
    ) -> cachecore_status_t;
    pub fn cachecore_hottest(
        cache: *mut cachecore_t,
        limit: u64,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
        count_out: *mut usize,
    ) -> cachecore_status_t;
    pub fn cachecore_evict(cache: *mut cachecore_t, count: u64, removed_out: *mut u64) -> cachecore_status_t;
    pub fn cachecore_delete_prefix(
        cache: *mut cachecore_t,
        prefix: *const c_void,
        prefix_size: usize,
        removed_out: *mut u64,
    ) -> cachecore_status_t;
    pub fn cachecore_clear(cache: *mut cachecore_t) -> cachecore_status_t;
    pub fn cachecore_count(cache: *mut cachecore_t) -> u64;
    pub fn cachecore_cleanup_expired(
        cache: *mut cachecore_t,
        max_entries: u64,
        removed_out: *mut u64,
    ) -> cachecore_status_t;
    pub fn cachecore_resize(cache: *mut cachecore_t, max_entries: u64, max_bytes: u64) -> cachecore_status_t;
    pub fn cachecore_stats(cache: *mut cachecore_t, stats_out: *mut cachecore_stats_t) -> cachecore_status_t;
    pub fn cachecore_reset_stats(cache: *mut cachecore_t) -> cachecore_status_t;
    pub fn cachecore_stats_field(number: u32, field_out: *mut cachecore_stats_field_t) -> cachecore_status_t;
    pub fn cachecore_take_removals(
        cache: *mut cachecore_t,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
        count_out: *mut usize,
    ) -> cachecore_status_t;
    pub fn cachecore_window(
        cache: *mut cachecore_t,
        window_ms: u64,
        window_out: *mut cachecore_window_t,
    ) -> cachecore_status_t;
    pub fn cachecore_audit(
        cache: *mut cachecore_t,
        prefix: *const c_void,
        prefix_size: usize,
        options: *const cachecore_audit_options_t,
        audit_out: *mut cachecore_audit_t,
    ) -> cachecore_status_t;
    pub fn cachecore_get_or_claim(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        buffer: *mut c_void,
        capacity: usize,
        size_out: *mut usize,
        claim: *mut cachecore_claim_t,
    ) -> cachecore_status_t;
    pub fn cachecore_claim_wait(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        claim: *const cachecore_claim_t,
        timeout_ms: u32,
    ) -> cachecore_status_t;
    pub fn cachecore_fulfill(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        value: *const c_void,
        value_size: usize,
        ttl_ms: u64,
        claim: *mut cachecore_claim_t,
    ) -> cachecore_status_t;
    pub fn cachecore_fulfill_absent(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        ttl_ms: u64,
        claim: *mut cachecore_claim_t,
    ) -> cachecore_status_t;
    pub fn cachecore_abandon(
        cache: *mut cachecore_t,
        key: *const c_void,
        key_size: usize,
        retry_ms: u64,
        claim: *mut cachecore_claim_t,
    ) -> cachecore_status_t;
    pub fn cachecore_open_shared(
        options: *const cachecore_options_t,
        shared: *const cachecore_shared_options_t,
        cache_out: *mut *mut cachecore_t,
    ) -> cachecore_status_t;
    pub fn cachecore_shared_info(
        cache: *mut cachecore_t,
        info_out: *mut cachecore_shared_info_t,
    ) -> cachecore_status_t;
    pub fn cachecore_shared_fd(cache: *mut cachecore_t, fd_out: *mut i32) -> cachecore_status_t;
    pub fn cachecore_save(
        cache: *mut cachecore_t,
        path: *const c_char,
        entries_out: *mut u64,
    ) -> cachecore_status_t;
    pub fn cachecore_load(
        cache: *mut cachecore_t,
        path: *const c_char,
        entries_out: *mut u64,
    ) -> cachecore_status_t;
    pub fn cachecore_sweeper_options_init(options: *mut cachecore_sweeper_options_t, struct_size: usize);
    pub fn cachecore_sweeper_start(
        cache: *mut cachecore_t,
        options: *const cachecore_sweeper_options_t,
    ) -> cachecore_status_t;
    pub fn cachecore_sweeper_stop(cache: *mut cachecore_t, timeout_ms: u32) -> cachecore_status_t;
    pub fn cachecore_sweeper_pause(cache: *mut cachecore_t) -> cachecore_status_t;
    pub fn cachecore_sweeper_resume(cache: *mut cachecore_t) -> cachecore_status_t;
    pub fn cachecore_sweeper_set_interval(cache: *mut cachecore_t, interval_ms: u64) -> cachecore_status_t;
    pub fn cachecore_sweeper_trigger(cache: *mut cachecore_t, removed_out: *mut u64) -> cachecore_status_t;
    pub fn cachecore_sweeper_status(
        cache: *mut cachecore_t,
        status_out: *mut cachecore_sweeper_status_t,
    ) -> cachecore_status_t;
    pub fn cachecore_advance_clock(cache: *mut cachecore_t, ms: u64) -> cachecore_status_t;
}
