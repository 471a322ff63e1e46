//! Errors: the negative statuses of the library, and REFUSED.

use std::ffi::CStr;
use std::fmt;
use std::io;

use cachecore_sys as sys;

/// Why a call failed.  Unless it is said otherwise, nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// A key, a lifetime or an option is out of range.
    Argument,
    /// The value is larger than this cache can hold.  It is not stored, and the older value is gone.
    Refused,
    /// The system refused memory, a thread, or room in a file.  After a write the older value is gone, unless the
    /// cache does not evict.
    NoMemory,
    /// The buffer is too small: so many bytes are needed.
    TooSmall {
        /// The size of the value, in bytes.
        needed: usize,
    },
    /// The library is older than these bindings.
    Version,
    /// A cache that does not evict is at its bound.
    Full,
    /// Not now: a sweeper that runs already, a clock that is not manual, a file that is not there.
    State,
    /// The wait ended before the event.  In a shared cache: behind a stopped process; a write has stored nothing.
    Timeout,
    /// [`increment`](crate::Cache::increment): the value is no decimal number.
    Type,
    /// The result does not fit.
    Range,
    /// The file is no cache, or is damaged, or of another layout or machine.
    Layout,
    /// The file's owner or permissions forbid it.
    Access,
    /// A status that these bindings do not know.
    Other(i32),
}

/// What all functions here return.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// For a status that is no success and no answer of the function that returned it.
    pub(crate) fn of(status: sys::cachecore_status_t) -> Error {
        match status {
            sys::CACHECORE_REFUSED => Error::Refused,
            sys::CACHECORE_E_ARGUMENT => Error::Argument,
            sys::CACHECORE_E_NO_MEMORY => Error::NoMemory,
            sys::CACHECORE_E_TOO_SMALL => Error::TooSmall { needed: 0 },
            sys::CACHECORE_E_VERSION => Error::Version,
            sys::CACHECORE_E_FULL => Error::Full,
            sys::CACHECORE_E_STATE => Error::State,
            sys::CACHECORE_E_TIMEOUT => Error::Timeout,
            sys::CACHECORE_E_TYPE => Error::Type,
            sys::CACHECORE_E_RANGE => Error::Range,
            sys::CACHECORE_E_LAYOUT => Error::Layout,
            sys::CACHECORE_E_ACCESS => Error::Access,
            other => Error::Other(other),
        }
    }

    /// The number of this error in `cachecore.h`; it never changes its meaning.
    pub fn status(&self) -> i32 {
        match *self {
            Error::Refused => sys::CACHECORE_REFUSED,
            Error::Argument => sys::CACHECORE_E_ARGUMENT,
            Error::NoMemory => sys::CACHECORE_E_NO_MEMORY,
            Error::TooSmall { .. } => sys::CACHECORE_E_TOO_SMALL,
            Error::Version => sys::CACHECORE_E_VERSION,
            Error::Full => sys::CACHECORE_E_FULL,
            Error::State => sys::CACHECORE_E_STATE,
            Error::Timeout => sys::CACHECORE_E_TIMEOUT,
            Error::Type => sys::CACHECORE_E_TYPE,
            Error::Range => sys::CACHECORE_E_RANGE,
            Error::Layout => sys::CACHECORE_E_LAYOUT,
            Error::Access => sys::CACHECORE_E_ACCESS,
            Error::Other(status) => status,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: The text is static and ends with a zero, for every status.
        let text = unsafe { CStr::from_ptr(sys::cachecore_status_text(self.status())) };
        f.write_str(&text.to_string_lossy())?;
        match self {
            Error::TooSmall { needed } => write!(f, " ({} bytes needed)", needed),
            Error::Other(status) => write!(f, " ({})", status),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        let kind = match error {
            Error::Argument | Error::Type => io::ErrorKind::InvalidInput,
            Error::NoMemory => io::ErrorKind::OutOfMemory,
            Error::Timeout => io::ErrorKind::TimedOut,
            Error::Layout => io::ErrorKind::InvalidData,
            Error::Access => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// Why a cache was not opened: the error, and a sentence that names the option or the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError {
    error: Error,
    reason: &'static str,
}

impl OpenError {
    /// For an `open` of this thread that has just been refused.
    pub(crate) fn last(status: sys::cachecore_status_t) -> OpenError {
        // SAFETY: The text is static, ends with a zero, and is UTF-8.
        let reason = unsafe { CStr::from_ptr(sys::cachecore_open_error()) }.to_str().unwrap_or("");
        OpenError { error: Error::of(status), reason }
    }

    pub(crate) fn new(error: Error, reason: &'static str) -> OpenError {
        OpenError { error, reason }
    }

    /// What kind of error it is.
    pub fn error(&self) -> Error {
        self.error
    }

    /// The sentence, for people to read.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            "" => write!(f, "cannot open the cache: {}", self.error),
            reason => write!(f, "cannot open the cache: {}", reason),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Error {
        error.error
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> io::Error {
        io::Error::new(io::Error::from(error.error).kind(), error)
    }
}

/// `Ok` for success, `Err` for everything else.
pub(crate) fn check(status: sys::cachecore_status_t) -> Result<()> {
    match status {
        sys::CACHECORE_OK => Ok(()),
        other => Err(Error::of(other)),
    }
}

/// `true` for success, `false` for the one answer that is no error.
pub(crate) fn check_or(status: sys::cachecore_status_t, answer: sys::cachecore_status_t) -> Result<bool> {
    if status == answer {
        return Ok(false);
    }
    check(status).map(|()| true)
}
