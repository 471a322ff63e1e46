//! Writing one entry.

use std::time::SystemTime;

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{check, check_or, Result};
use crate::time::{self, Ttl};

/// What came of [`Cache::compare_and_set`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub enum Swap {
    /// The value is stored.
    Stored,
    /// The entry has another version by now: read it again.
    Conflict,
    /// There is no live entry.
    Missing,
}

/// What may come of a write, where it applies: [`Error::Refused`](crate::Error::Refused) and
/// [`Error::NoMemory`](crate::Error::NoMemory) (the older value is gone, so that nobody is given what was meant to
/// be replaced), [`Error::Full`](crate::Error::Full) in a cache that does not evict, and
/// [`Error::Timeout`](crate::Error::Timeout) in one that processes share.
impl Cache {
    /// Stores the value, or replaces the one that is there.
    pub fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: impl Into<Ttl>) -> Result<()> {
        self.store(key.as_ref(), value.as_ref(), ttl.into(), sys::cachecore_set).and_then(check)
    }

    /// As [`set`](Cache::set), with the deadline as a point of the wall clock.  With one that has passed nothing is
    /// stored, and the older value is gone.
    pub fn set_until(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        deadline: SystemTime,
    ) -> Result<()> {
        let (key, value) = (key.as_ref(), value.as_ref());
        let (data, size) = (bytes(value), value.len());
        let deadline = time::unix_ms(deadline);
        // SAFETY: Key and value are readable.
        check(unsafe { sys::cachecore_set_until(self.raw(), bytes(key), key.len(), data, size, deadline) })
    }

    /// As [`set`](Cache::set), but only if there is no live entry; `false` if there is.
    pub fn add(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: impl Into<Ttl>) -> Result<bool> {
        let status = self.store(key.as_ref(), value.as_ref(), ttl.into(), sys::cachecore_add)?;
        check_or(status, sys::CACHECORE_EXISTS)
    }

    /// As [`set`](Cache::set), but only if there is a live entry; `false` if there is none.
    pub fn replace(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: impl Into<Ttl>,
    ) -> Result<bool> {
        let status = self.store(key.as_ref(), value.as_ref(), ttl.into(), sys::cachecore_replace)?;
        check_or(status, sys::CACHECORE_MISS)
    }

    fn store(&self, key: &[u8], value: &[u8], ttl: Ttl, store: Store) -> Result<sys::cachecore_status_t> {
        let ttl_ms = ttl.to_ms()?;
        // SAFETY: Key and value are readable.
        Ok(unsafe { store(self.raw(), bytes(key), key.len(), bytes(value), value.len(), ttl_ms) })
    }

    /// As [`set`](Cache::set), but only if the live entry still has the version that
    /// [`get_with_info`](Cache::get_with_info) reported with the value that the new one was made of.
    ///
    /// ```
    /// use cachecore::{Cache, Swap, Ttl};
    ///
    /// # fn main() -> Result<(), cachecore::Error> {
    /// # let cache = Cache::with_max_entries(100)?;
    /// # cache.set("list", "a", Ttl::Never)?;
    /// while let Some((mut list, info)) = cache.get_with_info("list")? {
    ///     list.extend(b",b");
    ///     if cache.compare_and_set("list", list, info.version, Ttl::Keep)? != Swap::Conflict {
    ///         break;
    ///     }
    /// }
    /// # assert_eq!(cache.get("list")?.unwrap(), b"a,b");
    /// # Ok(()) }
    /// ```
    pub fn compare_and_set(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        version: u64,
        ttl: impl Into<Ttl>,
    ) -> Result<Swap> {
        let (key, value) = (key.as_ref(), value.as_ref());
        let (data, size, ttl_ms) = (bytes(value), value.len(), ttl.into().to_ms()?);
        // SAFETY: Key and value are readable.
        let status = unsafe {
            sys::cachecore_compare_and_set(self.raw(), bytes(key), key.len(), data, size, version, ttl_ms)
        };
        match status {
            sys::CACHECORE_CONFLICT => Ok(Swap::Conflict),
            sys::CACHECORE_MISS => Ok(Swap::Missing),
            other => check(other).map(|()| Swap::Stored),
        }
    }

    /// Removes the entry; `false` if there was no live one.
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let key = key.as_ref();
        // SAFETY: The key is readable.
        let status = unsafe { sys::cachecore_delete(self.raw(), bytes(key), key.len()) };
        check_or(status, sys::CACHECORE_MISS)
    }

    /// Gives a live entry a new lifetime, and counts as a use; `false` if there is none.
    pub fn touch(&self, key: impl AsRef<[u8]>, ttl: impl Into<Ttl>) -> Result<bool> {
        let (key, ttl_ms) = (key.as_ref(), ttl.into().to_ms()?);
        // SAFETY: The key is readable.
        let status = unsafe { sys::cachecore_touch(self.raw(), bytes(key), key.len(), ttl_ms) };
        check_or(status, sys::CACHECORE_MISS)
    }

    /// Adds `delta` to a value that is a decimal number in text, in one atomic step, and returns the sum.
    ///
    /// An absent entry is stored as `initial`, without the delta, and with the lifetime; an entry that is there
    /// keeps its own.  [`Error::Type`](crate::Error::Type) if the value is no number, and
    /// [`Error::Range`](crate::Error::Range) if the sum does not fit, change nothing.
    pub fn increment(
        &self,
        key: impl AsRef<[u8]>,
        delta: i64,
        initial: i64,
        ttl: impl Into<Ttl>,
    ) -> Result<i64> {
        let (key, ttl_ms) = (key.as_ref(), ttl.into().to_ms()?);
        let (start, size, mut sum) = (bytes(key), key.len(), 0);
        // SAFETY: The key is readable.
        check(unsafe {
            sys::cachecore_increment(self.raw(), start, size, delta, initial, ttl_ms, &mut sum)
        })?;
        Ok(sum)
    }
}

/// `set`, `add` and `replace`.
type Store = unsafe extern "C" fn(
    *mut sys::cachecore_t,
    *const std::ffi::c_void,
    usize,
    *const std::ffi::c_void,
    usize,
    u64,
) -> sys::cachecore_status_t;
