//! Values that the cache lends.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::slice;

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{check_or, Result};

/// A value that the cache lends without copying it: [`Cache::acquire`].
///
/// The bytes stay as they are until it is dropped, even when the entry is replaced, deleted or evicted, and when
/// the cache is closed; so it needs no lifetime.  Its memory counts against the cache's bound for as long.  It may
/// be dropped by any thread.
///
/// In the child of a fork, values of a shared cache that the parent acquired must not be read.
pub struct Value(sys::cachecore_value_t);

// SAFETY: The bytes do not change, and `release` may be called from any thread.
unsafe impl Send for Value {}
unsafe impl Sync for Value {}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: This is the one copy of the lease.
        unsafe { sys::cachecore_release(&mut self.0) }
    }
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.0.size == 0 {
            return &[];
        }
        // SAFETY: "`size` readable bytes", which stay as they are until `release`.
        unsafe { slice::from_raw_parts(self.0.data.cast(), self.0.size) }
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Value {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&&**self).finish()
    }
}

impl Cache {
    /// Lends the value without copying it.  Counts as a use.
    ///
    /// One entry can be lent 4095 times at once; [`Error::State`](crate::Error::State) beyond.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecore::Error> {
    /// let cache = cachecore::Cache::with_max_entries(100)?;
    /// cache.set("page", vec![b'x'; 5000], cachecore::Ttl::Never)?;
    /// let page = cache.acquire("page")?.expect("it was just stored");
    /// cache.delete("page")?;
    /// assert_eq!(page.len(), 5000); // still there
    /// # Ok(()) }
    /// ```
    pub fn acquire(&self, key: impl AsRef<[u8]>) -> Result<Option<Value>> {
        let key = key.as_ref();
        let mut raw = sys::cachecore_value_t::INIT;
        // SAFETY: The key is readable, and the value is ours from here on.
        let status = unsafe { sys::cachecore_acquire(self.raw(), bytes(key), key.len(), &mut raw) };
        Ok(check_or(status, sys::CACHECORE_MISS)?.then(|| Value(raw)))
    }
}
