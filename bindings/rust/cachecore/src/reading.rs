//! Reading one entry.
//!
//! A value that is copied out goes to a buffer on the stack first, which is enough for most, and needs one exact
//! allocation.  A longer one is read again, by `peek`, so that it does not count twice.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::time::Duration;

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{check_or, Error, Result};
use crate::time::Lifetime;

/// What is known of an entry beside its value: [`Cache::inspect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryInfo {
    /// The size of the value, in bytes.
    pub value_size: u64,
    /// The time left to live.
    pub ttl: Lifetime,
    /// The time since the value was stored.
    pub age: Duration,
    /// The time since the entry was stored, touched or read.
    pub idle: Duration,
    /// Differs for every value ever stored under the key.
    pub version: u64,
}

impl EntryInfo {
    fn of(raw: &sys::cachecore_entry_info_t) -> EntryInfo {
        let duration = |ms: i64| Duration::from_millis(ms.try_into().unwrap_or(0));
        EntryInfo {
            value_size: raw.value_size,
            ttl: Lifetime::of_ms(raw.ttl_ms),
            age: duration(raw.age_ms),
            idle: duration(raw.idle_ms),
            version: raw.version,
        }
    }
}

const STACK_SIZE: usize = 1024;

/// Calls `read` with a buffer on the stack, its capacity and a place for the size.  The status, and the value if
/// there is one; it is empty if the buffer was too small.
pub(crate) fn copied(
    read: impl FnOnce(*mut c_void, usize, &mut usize) -> sys::cachecore_status_t,
) -> (sys::cachecore_status_t, Vec<u8>) {
    let mut size = 0;
    let mut stack = [MaybeUninit::<u8>::uninit(); STACK_SIZE];
    let status = read(stack.as_mut_ptr().cast(), STACK_SIZE, &mut size);
    if status == sys::CACHECORE_E_TOO_SMALL {
        return (status, Vec::new());
    }
    // SAFETY: The library has written `size` bytes; after a miss or an error that is 0.
    let value = unsafe { std::slice::from_raw_parts(stack.as_ptr().cast::<u8>(), size) };
    (status, value.to_vec())
}

/// Calls `read` likewise, with room in `value`, and with more for as long as that is too small.
pub(crate) fn copied_to(
    value: &mut Vec<u8>,
    mut read: impl FnMut(*mut c_void, usize, &mut usize) -> sys::cachecore_status_t,
) -> sys::cachecore_status_t {
    value.clear();
    loop {
        let mut size = 0;
        let status = read(value.as_mut_ptr().cast(), value.capacity(), &mut size);
        if status == sys::CACHECORE_E_TOO_SMALL {
            value.reserve_exact(size);
            continue;
        }
        // SAFETY: The library has written `size` bytes; after a miss or an error that is 0.
        unsafe { value.set_len(size) };
        return status;
    }
}

impl Cache {
    /// The value; `None` if there is no live entry.  Counts as a use, and as a hit or a miss.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        let key = key.as_ref();
        let (status, value) = copied(|buffer, capacity, size| {
            // SAFETY: The key is readable, and so many bytes of the buffer may be written.
            unsafe { sys::cachecore_get(self.raw(), bytes(key), key.len(), buffer, capacity, size) }
        });
        if status == sys::CACHECORE_E_TOO_SMALL {
            return self.peek(key); // which counts no second time
        }
        Ok(check_or(status, sys::CACHECORE_MISS)?.then_some(value))
    }

    /// As [`get`](Cache::get), but counts as no use and in no statistic.
    pub fn peek(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        let key = key.as_ref();
        let mut value = Vec::new();
        let status = copied_to(&mut value, |buffer, capacity, size| {
            // SAFETY: The key is readable, and so many bytes of the buffer may be written.
            unsafe { sys::cachecore_peek(self.raw(), bytes(key), key.len(), buffer, capacity, size) }
        });
        Ok(check_or(status, sys::CACHECORE_MISS)?.then_some(value))
    }

    /// Copies the value into `buffer` and returns its size; `None` if there is no live entry.
    ///
    /// Allocates nothing.  A value that does not fit is [`Error::TooSmall`], which says the size needed.
    pub fn get_into(&self, key: impl AsRef<[u8]>, buffer: &mut [u8]) -> Result<Option<usize>> {
        let key = key.as_ref();
        let mut size = 0;
        // SAFETY: The key is readable, and so many bytes of the buffer may be written.
        let status = unsafe {
            let start = buffer.as_mut_ptr().cast();
            sys::cachecore_get(self.raw(), bytes(key), key.len(), start, buffer.len(), &mut size)
        };
        if status == sys::CACHECORE_E_TOO_SMALL {
            return Err(Error::TooSmall { needed: size });
        }
        Ok(check_or(status, sys::CACHECORE_MISS)?.then_some(size))
    }

    /// Replaces the contents of `value` by the value, and returns whether there is one; if not, it is empty.
    ///
    /// Allocates only if the capacity of `value` is too small: for a buffer that is used again and again.
    pub fn get_into_vec(&self, key: impl AsRef<[u8]>, value: &mut Vec<u8>) -> Result<bool> {
        let key = key.as_ref();
        let mut read: Read = sys::cachecore_get;
        let status = copied_to(value, |buffer, capacity, size| {
            // SAFETY: The key is readable, and so many bytes of the buffer may be written.
            let status = unsafe { read(self.raw(), bytes(key), key.len(), buffer, capacity, size) };
            read = sys::cachecore_peek; // which counts no second time
            status
        });
        check_or(status, sys::CACHECORE_MISS)
    }

    /// The value, and what is known of it, both of one moment.
    ///
    /// Its version is for [`compare_and_set`](Cache::compare_and_set).
    pub fn get_with_info(&self, key: impl AsRef<[u8]>) -> Result<Option<(Vec<u8>, EntryInfo)>> {
        let key = key.as_ref();
        let mut info = sys::cachecore_entry_info_t::INIT;
        let (status, value) = copied(|buffer, capacity, size| {
            // SAFETY: The key is readable, so many bytes of the buffer may be written, the struct is whole.
            unsafe {
                let (handle, key_size) = (self.raw(), key.len());
                sys::cachecore_get_with_info(handle, bytes(key), key_size, buffer, capacity, size, &mut info)
            }
        });
        if status == sys::CACHECORE_E_TOO_SMALL {
            return self.peek_with_info(key); // which counts no second time
        }
        Ok(check_or(status, sys::CACHECORE_MISS)?.then_some((value, EntryInfo::of(&info))))
    }

    /// A value between two looks at one version is of that version.
    fn peek_with_info(&self, key: &[u8]) -> Result<Option<(Vec<u8>, EntryInfo)>> {
        loop {
            let before = self.inspect(key)?;
            let value = self.peek(key)?;
            match (before, value, self.inspect(key)?) {
                (Some(before), Some(value), Some(after)) if before.version == after.version => {
                    return Ok(Some((value, after)));
                }
                (_, _, None) => return Ok(None),
                _ => {}
            }
        }
    }

    /// Whether there is a live entry.  Counts as no use and in no statistic.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        let key = key.as_ref();
        // SAFETY: The key is readable.
        let status = unsafe { sys::cachecore_contains(self.raw(), bytes(key), key.len()) };
        check_or(status, sys::CACHECORE_MISS)
    }

    /// The time left to live; with a time to idle, until the first of the two ends.  `None` if there is no live
    /// entry.  Counts as no use and in no statistic.
    pub fn ttl(&self, key: impl AsRef<[u8]>) -> Result<Option<Lifetime>> {
        let key = key.as_ref();
        let mut ms = 0;
        // SAFETY: The key is readable.
        let status = unsafe { sys::cachecore_ttl(self.raw(), bytes(key), key.len(), &mut ms) };
        Ok(check_or(status, sys::CACHECORE_MISS)?.then(|| Lifetime::of_ms(ms)))
    }

    /// Reports on one entry.  Counts as no use and in no statistic.
    pub fn inspect(&self, key: impl AsRef<[u8]>) -> Result<Option<EntryInfo>> {
        let key = key.as_ref();
        let mut info = sys::cachecore_entry_info_t::INIT;
        // SAFETY: The key is readable, and the struct is whole.
        let status = unsafe { sys::cachecore_inspect(self.raw(), bytes(key), key.len(), &mut info) };
        Ok(check_or(status, sys::CACHECORE_MISS)?.then(|| EntryInfo::of(&info)))
    }
}

/// `get` and `peek`.
type Read = unsafe extern "C" fn(
    *mut sys::cachecore_t,
    *const c_void,
    usize,
    *mut c_void,
    usize,
    *mut usize,
) -> sys::cachecore_status_t;
