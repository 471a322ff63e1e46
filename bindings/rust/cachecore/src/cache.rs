//! The handle.
//!
//! The library wants `close` to be the last call on a cache.  Here that is a matter of types: every call borrows a
//! `Cache`, a `Cache` owns a count of the handle, and the handle is closed when the last count goes.  So no call
//! can be under way at `close`, and none can follow.  Borrowed values need no count: the library keeps their
//! memory until they are released.

use std::ffi::c_void;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use cachecore_sys as sys;

use crate::error::{OpenError, Result};
use crate::options::{Builder, Options};

/// A cache: a counted handle.  Clones are the same cache; the last one that is dropped closes it.
///
/// Any thread may call any method at any time.  Closing stops the sweeper and returns the memory to the system;
/// for a shared cache it detaches, and the entries stay with the file.
#[derive(Clone)]
pub struct Cache {
    handle: Arc<Handle>,
}

struct Handle(NonNull<sys::cachecore_t>);

// SAFETY: "Any function may be called on one cache by any thread at any time."
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: This is the last count, so no call is under way, and none can follow.
        unsafe { sys::cachecore_close(self.0.as_ptr()) }
    }
}

impl Cache {
    /// Options for a new cache.  At least one of its bounds must be set.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Opens a cache of at most so many entries, with the other options at their defaults.
    pub fn with_max_entries(max_entries: u64) -> std::result::Result<Cache, OpenError> {
        Cache::builder().max_entries(max_entries).open()
    }

    /// Takes over a handle of `open`.
    pub(crate) fn of(handle: NonNull<sys::cachecore_t>) -> Cache {
        Cache { handle: Arc::new(Handle(handle)) }
    }

    /// For a call that this cache outlives.
    pub(crate) fn raw(&self) -> *mut sys::cachecore_t {
        self.handle.0.as_ptr()
    }

    /// What the cache was opened with, as it is in force now.
    pub fn options(&self) -> Result<Options> {
        Options::of(self)
    }

    /// Whether both are handles of one open cache.
    pub fn is_same(&self, other: &Cache) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The version of the library in use, as `0x00MMmmpp`.
pub fn version() -> u32 {
    // SAFETY: It takes nothing.
    unsafe { sys::cachecore_version() }
}

/// The pointer that C wants for these bytes.
pub(crate) fn bytes(slice: &[u8]) -> *const c_void {
    slice.as_ptr().cast()
}
