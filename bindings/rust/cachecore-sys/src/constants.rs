//! Numbers: statuses, policies, flags, limits.

/// Zero: success.  Positive: an ordinary answer, such as a miss.  Negative: an error.
pub type cachecore_status_t = i32;

/// The version of the header that these declarations follow, as `0x00MMmmpp`.
pub const CACHECORE_VERSION: u32 = 0x0000_0100;

pub const CACHECORE_OK: cachecore_status_t = 0;
pub const CACHECORE_MISS: cachecore_status_t = 1;
pub const CACHECORE_EXISTS: cachecore_status_t = 2;
pub const CACHECORE_REFUSED: cachecore_status_t = 3;
pub const CACHECORE_CONFLICT: cachecore_status_t = 4;
pub const CACHECORE_STALE: cachecore_status_t = 5;
pub const CACHECORE_PENDING: cachecore_status_t = 6;
pub const CACHECORE_ABSENT: cachecore_status_t = 7;
pub const CACHECORE_CLAIMED: cachecore_status_t = 8;

pub const CACHECORE_E_ARGUMENT: cachecore_status_t = -1;
pub const CACHECORE_E_NO_MEMORY: cachecore_status_t = -2;
pub const CACHECORE_E_TOO_SMALL: cachecore_status_t = -3;
pub const CACHECORE_E_VERSION: cachecore_status_t = -4;
pub const CACHECORE_E_FULL: cachecore_status_t = -5;
pub const CACHECORE_E_STATE: cachecore_status_t = -6;
pub const CACHECORE_E_TIMEOUT: cachecore_status_t = -7;
pub const CACHECORE_E_TYPE: cachecore_status_t = -8;
pub const CACHECORE_E_RANGE: cachecore_status_t = -9;
pub const CACHECORE_E_LAYOUT: cachecore_status_t = -10;
pub const CACHECORE_E_ACCESS: cachecore_status_t = -11;

pub const CACHECORE_POLICY_LRU: u32 = 0;
pub const CACHECORE_POLICY_ADAPTIVE: u32 = 1;

pub const CACHECORE_NO_EVICT: u32 = 1 << 0;
pub const CACHECORE_MANUAL_CLOCK: u32 = 1 << 1;
pub const CACHECORE_REPORT_REMOVALS: u32 = 1 << 2;

/// The longest key, in bytes.
pub const CACHECORE_KEY_SIZE_MAX: u32 = 65535;
/// The smallest `max_bytes`.
pub const CACHECORE_MAX_BYTES_MIN: u32 = 65536;
/// A `ttl_ms` that stands for "never expires".
pub const CACHECORE_TTL_NEVER: u64 = u64::MAX;
/// A `ttl_ms` that keeps the deadline of the live entry.
pub const CACHECORE_TTL_KEEP: u64 = 1 << 63;

pub const CACHECORE_FIELD_COUNTER: u32 = 1;
pub const CACHECORE_FIELD_GAUGE: u32 = 2;

pub const CACHECORE_REMOVED_EXPIRED: u32 = 1;
pub const CACHECORE_REMOVED_EVICTED: u32 = 2;
pub const CACHECORE_REMOVED_REPLACED: u32 = 3;
pub const CACHECORE_REMOVED_DELETED: u32 = 4;

pub const CACHECORE_ENTRY_EXPIRED: u32 = 1 << 0;
pub const CACHECORE_ENTRY_NEAR_EXPIRY: u32 = 1 << 1;
pub const CACHECORE_ENTRY_WITHOUT_EXPIRY: u32 = 1 << 2;
pub const CACHECORE_ENTRY_IDLE: u32 = 1 << 3;

pub const CACHECORE_CLAIM_EARLY: u32 = 1 << 0;

pub const CACHECORE_SHARED_CREATE_ONLY: u32 = 1;
pub const CACHECORE_SHARED_ATTACH_ONLY: u32 = 2;
pub const CACHECORE_SHARED_REPLACE: u32 = 4;
pub const CACHECORE_SHARED_READ_ONLY: u32 = 8;

pub const CACHECORE_SWEEPER_STOPPED: u32 = 0;
pub const CACHECORE_SWEEPER_RUNNING: u32 = 1;
pub const CACHECORE_SWEEPER_PAUSED: u32 = 2;

pub const CACHECORE_SWEEPER_RUN_AT_ONCE: u32 = 1 << 0;
pub const CACHECORE_SWEEPER_RESTART_AFTER_FORK: u32 = 1 << 1;
