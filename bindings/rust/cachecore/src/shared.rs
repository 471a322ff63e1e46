//! Caches that the processes of a machine share.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::io::{AsRawFd, BorrowedFd};
use std::path::Path;
use std::ptr;

use cachecore_sys as sys;

use crate::cache::Cache;
use crate::error::{check, Error, OpenError, Result};

/// Where a shared cache is, and whether it is made or attached to:
/// [`Builder::open_shared`](crate::Builder::open_shared).
#[derive(Clone, Debug)]
#[must_use]
pub struct Shared<'a> {
    path: Option<&'a Path>,
    file: Option<BorrowedFd<'a>>,
    flags: u32,
    max_processes: u32,
}

impl<'a> Shared<'a> {
    const fn new(path: Option<&'a Path>, file: Option<BorrowedFd<'a>>) -> Shared<'a> {
        Shared { path, file, flags: 0, max_processes: 0 }
    }

    /// In a file, which is made if there is none.  On `/dev/shm` or `/run` it is memory.
    pub fn at<P: AsRef<Path> + ?Sized>(path: &'a P) -> Shared<'a> {
        Shared::new(Some(path.as_ref()), None)
    }

    /// In a file of which another process has given a descriptor.  The descriptor stays the caller's, and may be
    /// closed after the cache is open.
    pub fn file(file: BorrowedFd<'a>) -> Shared<'a> {
        Shared::new(None, Some(file))
    }

    /// In memory without a name: for the children of this process, and those whom it gives
    /// [`Cache::shared_file`].
    pub fn memory() -> Shared<'static> {
        Shared::new(None, None)
    }

    /// Makes a new cache; [`Error::State`] if there is one already.
    pub fn create_only(self) -> Shared<'a> {
        self.flag(sys::CACHECORE_SHARED_CREATE_ONLY)
    }

    /// Attaches to a cache; [`Error::State`] if there is none.
    pub fn attach_only(self) -> Shared<'a> {
        self.flag(sys::CACHECORE_SHARED_ATTACH_ONLY)
    }

    /// Puts a new file in the place of one that holds a cache or is empty.  Processes that have the old one keep
    /// it.
    pub fn replace(self) -> Shared<'a> {
        self.flag(sys::CACHECORE_SHARED_REPLACE)
    }

    fn flag(mut self, flag: u32) -> Shared<'a> {
        self.flags |= flag;
        self
    }

    /// How many processes may have it open at once, 1023 at most; by default, and with 0, 64.
    pub fn max_processes(mut self, count: u32) -> Shared<'a> {
        self.max_processes = count;
        self
    }

    /// Calls `open` with the library's struct, which is good for the call.
    pub(crate) fn with_raw<T>(
        &self,
        open: impl FnOnce(*const sys::cachecore_shared_options_t) -> std::result::Result<T, OpenError>,
    ) -> std::result::Result<T, OpenError> {
        let path = self.path.map(c_path).transpose();
        let path =
            path.map_err(|error| OpenError::new(error, "the path has a zero byte, which no file's has"))?;
        let mut raw = sys::cachecore_shared_options_t::INIT;
        raw.flags = self.flags;
        raw.max_processes = self.max_processes;
        raw.path = path.as_ref().map_or(ptr::null(), |path| path.as_ptr());
        raw.fd = self.file.map_or(-1, |file| file.as_raw_fd());
        open(&raw)
    }
}

/// A path as C wants it; an error if it has a zero byte.
pub(crate) fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::Argument)
}

/// What is known of a shared cache: [`Cache::shared_info`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedInfo {
    /// How many processes have the cache open now.
    pub processes: u32,
    /// How many may have it open.
    pub max_processes: u32,
    /// Whether it had entries when it was last opened by a process that found no other.
    pub warm: bool,
    /// Whether the file is no longer at its path, so that who opens the path gets another cache.
    pub unlinked: bool,
    /// How many shards were repaired after a process died.
    pub recoveries: u64,
    /// How many entries these repairs dropped.
    pub entries_lost: u64,
    /// How many lent values were taken back from processes that died.
    pub borrows_reclaimed: u64,
    /// The size of the file, which is sparse, in bytes.
    pub region_bytes: u64,
}

impl Cache {
    /// What is known of a shared cache.  [`Error::State`] for any other.
    pub fn shared_info(&self) -> Result<SharedInfo> {
        let mut raw = sys::cachecore_shared_info_t::INIT;
        // SAFETY: The struct is whole.
        check(unsafe { sys::cachecore_shared_info(self.raw(), &mut raw) })?;
        Ok(SharedInfo {
            processes: raw.processes,
            max_processes: raw.max_processes,
            warm: raw.warm != 0,
            unlinked: raw.unlinked != 0,
            recoveries: raw.recoveries,
            entries_lost: raw.entries_lost,
            borrows_reclaimed: raw.borrows_reclaimed,
            region_bytes: raw.region_bytes,
        })
    }

    /// A descriptor of a shared cache's file, to be handed to another process.  It stays the library's.
    /// [`Error::State`] for any other cache.
    pub fn shared_file(&self) -> Result<BorrowedFd<'_>> {
        let mut fd = -1;
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_shared_fd(self.raw(), &mut fd) })?;
        // SAFETY: The library keeps the descriptor open for as long as the cache, which is borrowed.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }
}
