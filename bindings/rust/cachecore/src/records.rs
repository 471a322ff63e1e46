//! Records: what the library writes to a buffer, one after another, about entries and removals.
//!
//! Each begins with a header that says how long it, its key and its value are.  They are taken apart by lengths
//! that are checked against the buffer, by copies, so that nothing here depends on alignment.

use std::ffi::c_void;

use cachecore_sys as sys;

use crate::error::{Error, Result};
use crate::time::Lifetime;

/// An entry that was listed: by [`Cache::scan`](crate::Cache::scan) and its kin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// The size of the value, in bytes.
    pub value_size: u64,
    /// The time left to live.
    pub ttl: Lifetime,
    /// The value, if values were asked for; otherwise empty.
    pub value: Vec<u8>,
}

/// Why an entry left the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Its lifetime had ended.
    Expired,
    /// Room was needed.
    Evicted,
    /// Another value was stored under its key.
    Replaced,
    /// It was deleted, the cache was cleared, or a write of its key was refused.
    Deleted,
    /// A cause that these bindings do not know.
    Other(u32),
}

/// An entry that has left the cache: [`Cache::take_removals`](crate::Cache::take_removals).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removal {
    /// The key.
    pub key: Vec<u8>,
    /// The value that was removed.
    pub value: Vec<u8>,
    /// Why.
    pub cause: Cause,
}

/// A buffer that is aligned as the library wants it, and grows when not one record fits.
pub(crate) struct Buffer(Vec<u64>);

impl Buffer {
    pub(crate) fn with_capacity(bytes: usize) -> Buffer {
        Buffer(vec![0; bytes / 8])
    }

    /// Calls `write` with the buffer, its capacity and a place for the size; again with a larger one while that
    /// is too small.  The last status, and what was written.
    pub(crate) fn fill(
        &mut self,
        mut write: impl FnMut(*mut c_void, usize, &mut usize) -> sys::cachecore_status_t,
    ) -> (sys::cachecore_status_t, &[u8]) {
        loop {
            let mut size = 0;
            let capacity = self.0.len() * 8;
            let status = write(self.0.as_mut_ptr().cast(), capacity, &mut size);
            if status == sys::CACHECORE_E_TOO_SMALL && size > capacity {
                self.0.resize(size / 8 + 1, 0);
                continue;
            }
            // SAFETY: Words are bytes, and the slice ends with the buffer at the latest.
            let start = self.0.as_ptr().cast();
            return (status, unsafe { std::slice::from_raw_parts(start, size.min(capacity)) });
        }
    }
}

/// The bytes at `*offset`, which is moved behind them.
fn take<'a>(bytes: &'a [u8], offset: &mut usize, size: u64) -> Option<&'a [u8]> {
    let end = offset.checked_add(usize::try_from(size).ok()?)?;
    let taken = bytes.get(*offset..end)?;
    *offset = end;
    Some(taken)
}

fn u32_at(bytes: &[u8], offset: &mut usize) -> Option<u32> {
    Some(u32::from_ne_bytes(take(bytes, offset, 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], offset: &mut usize) -> Option<u64> {
    Some(u64::from_ne_bytes(take(bytes, offset, 8)?.try_into().ok()?))
}

/// A record, and its size.
type Parsed<T> = Option<(T, u64)>;

/// `cachecore_scan_record_t` and a key.
fn entry(bytes: &[u8]) -> Parsed<Entry> {
    let at = &mut 0;
    let (record_size, key_size) = (u32_at(bytes, at)?, u32_at(bytes, at)?);
    let (value_size, ttl_ms) = (u64_at(bytes, at)?, u64_at(bytes, at)? as i64);
    let key = take(bytes, at, key_size.into())?.to_vec();
    Some((Entry { key, value_size, ttl: Lifetime::of_ms(ttl_ms), value: Vec::new() }, record_size.into()))
}

/// `cachecore_value_record_t`, a key and a value.
fn entry_with_value(bytes: &[u8]) -> Parsed<Entry> {
    let at = &mut 0;
    let (record_size, value_size) = (u64_at(bytes, at)?, u64_at(bytes, at)?);
    let (ttl_ms, key_size, _) = (u64_at(bytes, at)? as i64, u32_at(bytes, at)?, u32_at(bytes, at)?);
    let key = take(bytes, at, key_size.into())?.to_vec();
    let value = take(bytes, at, value_size)?.to_vec();
    Some((Entry { key, value_size, ttl: Lifetime::of_ms(ttl_ms), value }, record_size))
}

/// `cachecore_removal_record_t`, a key and a value.
fn removal(bytes: &[u8]) -> Parsed<Removal> {
    let at = &mut 0;
    let (record_size, value_size) = (u64_at(bytes, at)?, u64_at(bytes, at)?);
    let (key_size, cause) = (u32_at(bytes, at)?, u32_at(bytes, at)?);
    let key = take(bytes, at, key_size.into())?.to_vec();
    let value = take(bytes, at, value_size)?.to_vec();
    let cause = match cause {
        sys::CACHECORE_REMOVED_EXPIRED => Cause::Expired,
        sys::CACHECORE_REMOVED_EVICTED => Cause::Evicted,
        sys::CACHECORE_REMOVED_REPLACED => Cause::Replaced,
        sys::CACHECORE_REMOVED_DELETED => Cause::Deleted,
        other => Cause::Other(other),
    };
    Some((Removal { key, value, cause }, record_size))
}

/// All records of a buffer.
fn all<T>(mut bytes: &[u8], parse: fn(&[u8]) -> Parsed<T>) -> Result<Vec<T>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (record, size) = parse(bytes).ok_or(Error::Layout)?;
        let size = usize::try_from(size).map_err(|_| Error::Layout)?;
        if size == 0 {
            return Err(Error::Layout);
        }
        bytes = bytes.get(size..).ok_or(Error::Layout)?;
        records.push(record);
    }
    Ok(records)
}

pub(crate) fn entries(bytes: &[u8]) -> Result<Vec<Entry>> {
    all(bytes, entry)
}

pub(crate) fn entries_with_values(bytes: &[u8]) -> Result<Vec<Entry>> {
    all(bytes, entry_with_value)
}

pub(crate) fn removals(bytes: &[u8]) -> Result<Vec<Removal>> {
    all(bytes, removal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn scan_record(key: &[u8], value_size: u64, ttl_ms: i64) -> Vec<u8> {
        let size = (24 + key.len() + 7) / 8 * 8;
        let mut bytes = Vec::new();
        bytes.extend((size as u32).to_ne_bytes());
        bytes.extend((key.len() as u32).to_ne_bytes());
        bytes.extend(value_size.to_ne_bytes());
        bytes.extend(ttl_ms.to_ne_bytes());
        bytes.extend(key);
        bytes.resize(size, 0);
        bytes
    }

    #[test]
    fn records_are_taken_apart() {
        let bytes = [scan_record(b"one", 7, -1), scan_record(b"", 0, 1500)].concat();
        let entries = entries(&bytes).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!((&entries[0].key[..], entries[0].value_size), (&b"one"[..], 7));
        assert_eq!(entries[0].ttl, Lifetime::Never);
        assert_eq!(entries[1].ttl, Lifetime::For(Duration::from_millis(1500)));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        let bytes = scan_record(b"one", 7, -1);
        for size in 1..bytes.len() {
            assert_eq!(entries(&bytes[..size]), Err(Error::Layout), "cut at {}", size);
        }
        assert_eq!(entries(&[0; 24]), Err(Error::Layout)); // of size 0
        assert!(removals(&[0xff; 24]).is_err());
        assert!(entries_with_values(&[0xff; 32]).is_err());
    }

    #[test]
    fn a_buffer_grows_to_what_is_needed() {
        let mut buffer = Buffer::with_capacity(16);
        let mut calls = 0;
        let (status, bytes) = buffer.fill(|start, capacity, size| {
            calls += 1;
            *size = 100;
            if capacity < 100 {
                return sys::CACHECORE_E_TOO_SMALL;
            }
            unsafe { std::ptr::write_bytes(start.cast::<u8>(), 7, 100) };
            sys::CACHECORE_OK
        });
        assert_eq!((status, bytes), (sys::CACHECORE_OK, &[7; 100][..]));
        assert_eq!(calls, 2);
    }
}
