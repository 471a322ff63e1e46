//! The audit: a census of entries, and the removal of those that nobody needs.

use std::ops::BitOr;
use std::time::Duration;

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{check, Result};
use crate::time;

/// A set of kinds of entries.  Combine with `|`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kinds(u32);

impl Kinds {
    /// Expired, and not yet removed.
    pub const EXPIRED: Kinds = Kinds(sys::CACHECORE_ENTRY_EXPIRED);
    /// Little time left to live.
    pub const NEAR_EXPIRY: Kinds = Kinds(sys::CACHECORE_ENTRY_NEAR_EXPIRY);
    /// Never expires.
    pub const WITHOUT_EXPIRY: Kinds = Kinds(sys::CACHECORE_ENTRY_WITHOUT_EXPIRY);
    /// Not used for a long time.
    pub const IDLE: Kinds = Kinds(sys::CACHECORE_ENTRY_IDLE);
}

impl BitOr for Kinds {
    type Output = Kinds;

    fn bitor(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }
}

/// What an audit looks for.  By default it removes nothing.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct AuditOptions(sys::cachecore_audit_options_t);

impl AuditOptions {
    /// The defaults: a dry run.
    pub fn new() -> AuditOptions {
        AuditOptions(sys::cachecore_audit_options_t::INIT)
    }

    /// Removes entries of these kinds.
    pub fn remove(mut self, kinds: Kinds) -> AuditOptions {
        self.0.remove_kinds = kinds.0;
        self
    }

    /// What counts as little time left; by default, and with zero, a minute.
    pub fn near_expiry(mut self, time: Duration) -> AuditOptions {
        self.0.near_expiry_ms = time::ms(time);
        self
    }

    /// What counts as a long time without use; by default, and with zero, 30 days.
    pub fn idle(mut self, time: Duration) -> AuditOptions {
        self.0.idle_ms = time::ms(time);
        self
    }

    /// How many entries are looked at in one hold of a lock; by default, and with zero, 100.
    pub fn batch_size(mut self, entries: u32) -> AuditOptions {
        self.0.batch_size = entries;
        self
    }
}

impl Default for AuditOptions {
    fn default() -> AuditOptions {
        AuditOptions::new()
    }
}

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audit {
    /// Entries looked at.
    pub scanned: u64,
    /// Entries that had expired, the removed ones included; so below.
    pub expired: u64,
    /// Entries with little time left to live.
    pub near_expiry: u64,
    /// Entries that never expire.
    pub without_expiry: u64,
    /// Entries not used for a long time.
    pub idle: u64,
    /// Entries removed by this audit.
    pub removed: u64,
    /// Bytes of all that were looked at.
    pub bytes: u64,
    /// Bytes of those removed.
    pub removed_bytes: u64,
    /// The average time left to live of the live entries that expire; `None` if there are none.
    pub average_ttl: Option<Duration>,
    /// The average time since the live entries were stored; `None` if there are none.
    pub average_age: Option<Duration>,
}

impl Cache {
    /// Examines every entry whose key begins with the prefix (all, if it is empty), counts the entries by kind, and
    /// removes those that the options say.
    pub fn audit(&self, prefix: impl AsRef<[u8]>, options: &AuditOptions) -> Result<Audit> {
        let prefix = prefix.as_ref();
        let (start, size) = (bytes(prefix), prefix.len());
        let mut raw = sys::cachecore_audit_t::INIT;
        // SAFETY: The prefix is readable, and the structs are whole.
        check(unsafe { sys::cachecore_audit(self.raw(), start, size, &options.0, &mut raw) })?;
        let duration = |ms: i64| u64::try_from(ms).ok().map(Duration::from_millis);
        Ok(Audit {
            scanned: raw.scanned,
            expired: raw.expired,
            near_expiry: raw.near_expiry,
            without_expiry: raw.without_expiry,
            idle: raw.idle,
            removed: raw.removed,
            bytes: raw.bytes,
            removed_bytes: raw.removed_bytes,
            average_ttl: duration(raw.average_ttl_ms),
            average_age: duration(raw.average_age_ms),
        })
    }
}
