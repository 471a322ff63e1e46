//! Saving a cache to a file, and loading it.

use std::path::Path;

use cachecore_sys as sys;

use crate::cache::Cache;
use crate::error::{check, Result};
use crate::shared::c_path;

impl Cache {
    /// Saves the live entries, and those that may still be served, to a file of mode 0600, and returns how many.
    ///
    /// The file is written beside `path` and renamed, so that the old one or the new one is there, whole.  It is no
    /// snapshot of one moment.  [`Error::State`](crate::Error::State) if there is no such folder,
    /// [`Error::NoMemory`](crate::Error::NoMemory) if the disk is full.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<u64> {
        let path = c_path(path.as_ref())?;
        let mut entries = 0;
        // SAFETY: The path ends with a zero.
        check(unsafe { sys::cachecore_save(self.raw(), path.as_ptr(), &mut entries) })?;
        Ok(entries)
    }

    /// Adds what is in a saved file where there is no entry, and returns how many were stored.  Lifetimes went on by
    /// the wall clock.
    ///
    /// Damaged blocks are left out.  [`Error::State`](crate::Error::State) if there is no such file,
    /// [`Error::Layout`](crate::Error::Layout) if it is no saved cache.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<u64> {
        let path = c_path(path.as_ref())?;
        let mut entries = 0;
        // SAFETY: The path ends with a zero.
        check(unsafe { sys::cachecore_load(self.raw(), path.as_ptr(), &mut entries) })?;
        Ok(entries)
    }
}
