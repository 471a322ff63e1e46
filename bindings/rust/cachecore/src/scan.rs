//! Listing entries.

use std::fmt;
use std::vec;

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{Error, Result};
use crate::records::{self, Buffer, Entry};

const BUFFER_SIZE: usize = 64 * 1024;

/// Bytes of a record with the longest key, and of most records.
const RECORD_MAX: usize = std::mem::size_of::<sys::cachecore_scan_record_t>() + 65_536;
const RECORD_USUAL: usize = 64;

/// Entries as they are found: an iterator of [`Cache::scan`] and [`Cache::scan_values`].
///
/// After an error it ends.
pub struct Scan<'a> {
    cache: &'a Cache,
    prefix: Vec<u8>,
    with_values: bool,
    buffer: Buffer,
    found: vec::IntoIter<Entry>,
    cursor: u64,
    more: bool,
}

impl Scan<'_> {
    /// The next records; none does not mean that there are no more.
    fn fetch(&mut self) -> Result<vec::IntoIter<Entry>> {
        let (handle, start, size) = (self.cache.raw(), bytes(&self.prefix), self.prefix.len());
        let scan = if self.with_values { sys::cachecore_scan_values } else { sys::cachecore_scan };
        let cursor = &mut self.cursor;
        let (status, written) = self.buffer.fill(|buffer, capacity, size_out| {
            // SAFETY: The prefix is readable, the buffer writable and aligned; the count is not wanted.
            unsafe { scan(handle, cursor, start, size, buffer, capacity, size_out, std::ptr::null_mut()) }
        });
        if status != sys::CACHECORE_OK {
            return Err(Error::of(status));
        }
        let parse = if self.with_values { records::entries_with_values } else { records::entries };
        self.more = self.cursor != 0;
        Ok(parse(written)?.into_iter())
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        loop {
            if let Some(entry) = self.found.next() {
                return Some(Ok(entry));
            }
            if !self.more {
                return None;
            }
            match self.fetch() {
                Ok(found) => self.found = found,
                Err(error) => {
                    self.more = false;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl std::iter::FusedIterator for Scan<'_> {}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Cache {
    /// The live entries whose keys begin with the prefix; all, with an empty one.  In no order.
    ///
    /// An entry that is there all the while is seen at least once, whatever else happens meanwhile; one that comes
    /// or goes may be missed.  Counts as no use and in no statistic.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecore::Error> {
    /// # let cache = cachecore::Cache::with_max_entries(100)?;
    /// # cache.set("user:7", "x", cachecore::Ttl::Never)?;
    /// for entry in cache.scan("user:") {
    ///     let entry = entry?;
    ///     println!("{} {}", String::from_utf8_lossy(&entry.key), entry.value_size);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn scan(&self, prefix: impl AsRef<[u8]>) -> Scan<'_> {
        self.scanned(prefix.as_ref(), false)
    }

    /// As [`scan`](Cache::scan), with the values.
    pub fn scan_values(&self, prefix: impl AsRef<[u8]>) -> Scan<'_> {
        self.scanned(prefix.as_ref(), true)
    }

    fn scanned(&self, prefix: &[u8], with_values: bool) -> Scan<'_> {
        Scan {
            cache: self,
            prefix: prefix.to_vec(),
            with_values,
            buffer: Buffer::with_capacity(BUFFER_SIZE),
            found: Vec::new().into_iter(),
            cursor: 0,
            more: true,
        }
    }

    /// Up to `limit` live entries, the next to be evicted first.  Ask for thousands, not for millions: writes wait
    /// meanwhile.
    pub fn coldest(&self, limit: usize) -> Result<Vec<Entry>> {
        self.ordered(limit, sys::cachecore_coldest)
    }

    /// Up to `limit` live entries, the last to be evicted first.
    pub fn hottest(&self, limit: usize) -> Result<Vec<Entry>> {
        self.ordered(limit, sys::cachecore_hottest)
    }

    fn ordered(&self, limit: usize, list: List) -> Result<Vec<Entry>> {
        let usual = limit.min(self.len() as usize).saturating_mul(RECORD_USUAL);
        let mut room = RECORD_MAX.saturating_add(usual);
        loop {
            let mut buffer = Buffer::with_capacity(room);
            let mut count = 0;
            let (status, written) = buffer.fill(|start, capacity, size| {
                // SAFETY: The buffer is writable and aligned.
                unsafe { list(self.raw(), limit as u64, start, capacity, size, &mut count) }
            });
            if status != sys::CACHECORE_OK {
                return Err(Error::of(status));
            }
            // As many as fit are written.  Where one more of any size would have fit, there is none.
            if count == limit || room - written.len() >= RECORD_MAX {
                return records::entries(written);
            }
            room = room.saturating_mul(2);
        }
    }
}

impl<'a> IntoIterator for &'a Cache {
    type Item = Result<Entry>;
    type IntoIter = Scan<'a>;

    fn into_iter(self) -> Scan<'a> {
        self.scan("")
    }
}

/// `coldest` and `hottest`.
type List = unsafe extern "C" fn(
    *mut sys::cachecore_t,
    u64,
    *mut std::ffi::c_void,
    usize,
    *mut usize,
    *mut usize,
) -> sys::cachecore_status_t;
