//! Structs.  Where the first field is `struct_size`, the caller sets it; `INIT` is the header's `..._INIT`.

use std::mem::size_of;
use std::os::raw::{c_char, c_void};
use std::ptr;

/// A cache: only ever behind a pointer.
#[repr(C)]
pub struct cachecore_t {
    _private: [u8; 0],
}

/// Declares a struct whose first field is its size, and its initial value.
macro_rules! sized_struct {
    ($name:ident { $($field:ident: $type:ty = $initial:expr),* $(,)? }) => {
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            pub struct_size: u32,
            $(pub $field: $type,)*
        }

        impl $name {
            pub const INIT: Self = Self {
                struct_size: size_of::<Self>() as u32,
                $($field: $initial,)*
            };
        }
    };
}

sized_struct!(cachecore_options_t {
    policy: u32 = 0,
    flags: u32 = 0,
    shard_count: u32 = 0,
    max_entries: u64 = 0,
    max_bytes: u64 = 0,
    default_ttl_ms: u64 = 0,
    default_tti_ms: u64 = 0,
    hash_seed: u64 = 0,
    ttl_jitter_permille: u64 = 0,
});

/// A value lent by the cache.  Copies are one lease, to be released once.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cachecore_value_t {
    pub data: *const c_void,
    pub size: usize,
    pub owner: *mut c_void,
    pub lease: u64,
}

impl cachecore_value_t {
    pub const INIT: Self = Self { data: ptr::null(), size: 0, owner: ptr::null_mut(), lease: 0 };
}

sized_struct!(cachecore_entry_info_t {
    reserved: u32 = 0,
    value_size: u64 = 0,
    ttl_ms: i64 = 0,
    age_ms: i64 = 0,
    idle_ms: i64 = 0,
    version: u64 = 0,
});

/// What `scan`, `coldest` and `hottest` write before each key.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cachecore_scan_record_t {
    pub record_size: u32,
    pub key_size: u32,
    pub value_size: u64,
    pub ttl_ms: i64,
}

sized_struct!(cachecore_stats_t {
    shard_count: u32 = 0,
    entries: u64 = 0,
    bytes_used: u64 = 0,
    bytes_limit: u64 = 0,
    entries_limit: u64 = 0,
    hits: u64 = 0,
    misses: u64 = 0,
    inserts: u64 = 0,
    updates: u64 = 0,
    deletes: u64 = 0,
    evictions: u64 = 0,
    expirations: u64 = 0,
    refused: u64 = 0,
    bytes_resident: u64 = 0,
    removals_lost: u64 = 0,
    expired: u64 = 0,
    entries_before: u64 = 0,
    stale: u64 = 0,
    absent: u64 = 0,
    stale_served: u64 = 0,
    absent_served: u64 = 0,
});

/// What `scan_values` writes before each key and value.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cachecore_value_record_t {
    pub record_size: u64,
    pub value_size: u64,
    pub ttl_ms: i64,
    pub key_size: u32,
    pub reserved: u32,
}

/// What `take_removals` writes before each key and value.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct cachecore_removal_record_t {
    pub record_size: u64,
    pub value_size: u64,
    pub key_size: u32,
    pub cause: u32,
}

sized_struct!(cachecore_stats_field_t {
    kind: u32 = 0,
    name: *const c_char = ptr::null(),
    unit: *const c_char = ptr::null(),
    help: *const c_char = ptr::null(),
    offset: u32 = 0,
    size: u32 = 0,
});

sized_struct!(cachecore_window_t { reserved: u32 = 0, hits: u64 = 0, misses: u64 = 0, span_ms: u64 = 0 });

sized_struct!(cachecore_audit_options_t {
    remove_kinds: u32 = 0,
    near_expiry_ms: u64 = 0,
    idle_ms: u64 = 0,
    batch_size: u32 = 0,
    reserved: u32 = 0,
});

sized_struct!(cachecore_audit_t {
    reserved: u32 = 0,
    scanned: u64 = 0,
    expired: u64 = 0,
    near_expiry: u64 = 0,
    without_expiry: u64 = 0,
    idle: u64 = 0,
    removed: u64 = 0,
    bytes: u64 = 0,
    removed_bytes: u64 = 0,
    average_ttl_ms: i64 = 0,
    average_age_ms: i64 = 0,
});

sized_struct!(cachecore_claim_t {
    flags: u32 = 0,
    token: u64 = 0,
    stale_ms: u64 = 0,
    claim_ms: u64 = 0,
    seen: u64 = 0,
});

sized_struct!(cachecore_shared_options_t {
    flags: u32 = 0,
    path: *const c_char = ptr::null(),
    fd: i32 = -1,
    max_processes: u32 = 0,
});

sized_struct!(cachecore_shared_info_t {
    processes: u32 = 0,
    max_processes: u32 = 0,
    warm: u32 = 0,
    unlinked: u32 = 0,
    reserved: u32 = 0,
    recoveries: u64 = 0,
    entries_lost: u64 = 0,
    borrows_reclaimed: u64 = 0,
    region_bytes: u64 = 0,
});

sized_struct!(cachecore_sweeper_options_t { flags: u32 = 0, interval_ms: u64 = 0, max_slice_us: u64 = 0 });

sized_struct!(cachecore_sweeper_status_t {
    state: u32 = 0,
    healthy: u32 = 0,
    leads: u32 = 0,
    interval_ms: u64 = 0,
    sweeps_run: u64 = 0,
    entries_removed: u64 = 0,
    last_removed: u64 = 0,
    last_duration_ns: u64 = 0,
    max_slice_ns: u64 = 0,
    last_run_age_ms: i64 = 0,
    errors: u64 = 0,
    backlog: u64 = 0,
    last_lag_ms: u64 = 0,
    max_lag_ms: u64 = 0,
});
