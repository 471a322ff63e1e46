//! The cache as a whole.

use std::time::Duration;

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{check, check_or, Result};
use crate::records::{self, Buffer, Removal};
use crate::time;

const BUFFER_SIZE: usize = 64 * 1024;

impl Cache {
    /// The number of live entries.
    pub fn len(&self) -> u64 {
        // SAFETY: The handle is open.
        unsafe { sys::cachecore_count(self.raw()) }
    }

    /// Whether there is no live entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes every entry that is there at the beginning, and returns the memory to the system.
    pub fn clear(&self) -> Result<()> {
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_clear(self.raw()) })
    }

    /// Deletes every live entry whose key begins with the prefix, and returns their number.  The prefix must not be
    /// empty.
    pub fn delete_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<u64> {
        let prefix = prefix.as_ref();
        let mut removed = 0;
        // SAFETY: The prefix is readable.
        let status =
            unsafe { sys::cachecore_delete_prefix(self.raw(), bytes(prefix), prefix.len(), &mut removed) };
        check(status).map(|()| removed)
    }

    /// Removes up to so many entries, as if room were needed, and returns how many it were: those that have expired
    /// first, then those that would be evicted next.  [`Error::State`](crate::Error::State) for a cache that does
    /// not evict.
    pub fn evict(&self, count: u64) -> Result<u64> {
        let mut removed = 0;
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_evict(self.raw(), count, &mut removed) })?;
        Ok(removed)
    }

    /// Removes all entries that have expired, on this thread, and returns their number.  Returns free memory to the
    /// system.  Needs no sweeper.
    pub fn cleanup_expired(&self) -> Result<u64> {
        self.cleanup_expired_up_to(0)
    }

    /// As [`cleanup_expired`](Cache::cleanup_expired), but at most so many; 0: all that are due.
    pub fn cleanup_expired_up_to(&self, max_entries: u64) -> Result<u64> {
        let mut removed = 0;
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_cleanup_expired(self.raw(), max_entries, &mut removed) })?;
        Ok(removed)
    }

    /// Sets new bounds, with the meaning that they have in [`Builder`](crate::Builder), and evicts until they hold.
    ///
    /// [`Error::Full`](crate::Error::Full) if a cache that does not evict holds more.
    /// [`Error::State`](crate::Error::State) if lent values stand in the way: the bounds are set, and hold when
    /// those are dropped and the cache has been written to for a while.
    pub fn resize(&self, max_entries: u64, max_bytes: u64) -> Result<()> {
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_resize(self.raw(), max_entries, max_bytes) })
    }

    /// Takes out what has left a cache that was opened with
    /// [`report_removals`](crate::Builder::report_removals), each removal once, in the order of each shard.
    ///
    /// Takes a bounded number: call again until there are none.
    pub fn take_removals(&self) -> Result<Vec<Removal>> {
        let mut buffer = Buffer::with_capacity(BUFFER_SIZE);
        let (status, written) = buffer.fill(|start, capacity, size| {
            // SAFETY: The buffer is writable and aligned; the count is not wanted.
            unsafe {
                let count = std::ptr::null_mut();
                sys::cachecore_take_removals(self.raw(), start, capacity, size, count)
            }
        });
        check_or(status, sys::CACHECORE_MISS)?;
        records::removals(written)
    }

    /// Moves the clock of a cache that was opened with [`manual_clock`](crate::Builder::manual_clock) forward.
    pub fn advance_clock(&self, by: Duration) -> Result<()> {
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_advance_clock(self.raw(), time::ms(by)) })
    }
}
