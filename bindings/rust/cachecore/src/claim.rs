//! Claims: who computes a missing value.
//!
//! A [`Claim`] is abandoned when it is dropped, so that an early return, a `?` or a panic never leaves the others
//! waiting.  It owns a count of the cache and a copy of the key: it can be
//! sent to the thread that computes.

use std::ffi::c_void;
use std::fmt;
use std::time::{Duration, Instant};

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{check, check_or, Error, Result};
use crate::reading::{copied, copied_to};
use crate::time::{self, Ttl};

/// What [`Cache::get_or_claim`] found.
#[derive(Debug)]
#[must_use]
pub enum Lookup {
    /// A fresh value.  A claim comes with it only with [`ClaimOptions::early`], to the caller that is elected to
    /// compute the next one before its deadline.
    Fresh {
        /// The value.
        value: Vec<u8>,
        /// Held by the caller that is elected.
        claim: Option<Claim>,
    },
    /// A value past its deadline, in the window that it was stored with.
    Stale {
        /// The value.
        value: Vec<u8>,
        /// Held by the caller that is elected to compute a new one.
        claim: Option<Claim>,
    },
    /// There is known to be no value.
    Absent,
    /// There is nothing, and this caller has the claim.
    Claimed(Claim),
    /// There is nothing, and another caller has the claim.
    Pending(Pending),
}

/// How a claim is taken.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct ClaimOptions {
    early: bool,
    valid_for: Option<Duration>,
}

impl ClaimOptions {
    /// The defaults.
    pub fn new() -> ClaimOptions {
        ClaimOptions::default()
    }

    /// Elects a caller to compute a fresh value anew a little before its deadline, with a probability that rises
    /// with the time that the value took to compute, and as the deadline comes closer.  A value of more than 1 KB is
    /// then counted as two hits.
    pub fn early(mut self) -> ClaimOptions {
        self.early = true;
        self
    }

    /// After so long the claim is void, so that the next caller can compute; by default after 30 s.
    pub fn valid_for(mut self, time: Duration) -> ClaimOptions {
        self.valid_for = Some(time);
        self
    }

    fn raw(&self) -> Result<sys::cachecore_claim_t> {
        let mut raw = sys::cachecore_claim_t::INIT;
        raw.flags = if self.early { sys::CACHECORE_CLAIM_EARLY } else { 0 };
        raw.claim_ms = self.valid_for.map_or(Ok(0), time::positive_ms)?;
        Ok(raw)
    }
}

/// The right, and the duty, to compute a value.  It ends by [`fulfill`](Claim::fulfill),
/// [`fulfill_absent`](Claim::fulfill_absent) or [`abandon`](Claim::abandon), and is abandoned when it is dropped.
///
/// What is deleted or stored meanwhile voids it: then what was computed is not stored.
#[must_use = "a claim that is dropped is abandoned"]
pub struct Claim {
    cache: Cache,
    key: Box<[u8]>,
    raw: sys::cachecore_claim_t,
}

impl Claim {
    /// The key whose value is to be computed.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whether it has not been ended.  It may be void all the same: [`stands`](Claim::stands).
    pub fn is_held(&self) -> bool {
        self.raw.token != 0
    }

    /// Stores the value as [`set`](Cache::set) does, with its errors.  `false`, and nothing is stored, if the claim
    /// is void or has been ended before.
    ///
    /// Ends the claim, whatever the result but for [`Error::Argument`].
    pub fn fulfill(&mut self, value: impl AsRef<[u8]>, ttl: impl Into<Ttl>) -> Result<bool> {
        self.fulfill_with_stale(value, ttl, Duration::ZERO)
    }

    /// As [`fulfill`](Claim::fulfill); and for so long past its deadline [`get_or_claim`](Cache::get_or_claim) may
    /// serve the value, while one caller computes the next.
    pub fn fulfill_with_stale(
        &mut self,
        value: impl AsRef<[u8]>,
        ttl: impl Into<Ttl>,
        stale: Duration,
    ) -> Result<bool> {
        let (value, ttl_ms) = (value.as_ref(), ttl.into().to_ms()?);
        self.raw.stale_ms = time::ms(stale);
        let (handle, key, key_size) = (self.cache.raw(), bytes(&self.key), self.key.len());
        let (data, size) = (bytes(value), value.len());
        // SAFETY: Key and value are readable, and the struct is whole.
        let status =
            unsafe { sys::cachecore_fulfill(handle, key, key_size, data, size, ttl_ms, &mut self.raw) };
        check_or(status, sys::CACHECORE_CONFLICT)
    }

    /// Stores in the same way that there is no value, for so long.
    ///
    /// [`Ttl::Default`] in a cache without a default, and [`Ttl::Keep`], are [`Error::Argument`].
    pub fn fulfill_absent(&mut self, ttl: impl Into<Ttl>) -> Result<bool> {
        let ttl_ms = ttl.into().to_ms()?;
        let (handle, key, key_size) = (self.cache.raw(), bytes(&self.key), self.key.len());
        // SAFETY: The key is readable, and the struct is whole.
        let status = unsafe { sys::cachecore_fulfill_absent(handle, key, key_size, ttl_ms, &mut self.raw) };
        check_or(status, sys::CACHECORE_CONFLICT)
    }

    /// Gives the claim up.  A stale value goes on being served for `retry` before the next caller is elected; where
    /// there is none, the next caller is elected at once.
    pub fn abandon(mut self, retry: Duration) -> Result<()> {
        self.end(time::ms(retry))
    }

    fn end(&mut self, retry_ms: u64) -> Result<()> {
        let (handle, key, key_size) = (self.cache.raw(), bytes(&self.key), self.key.len());
        // SAFETY: The key is readable, and the struct is whole.
        check(unsafe { sys::cachecore_abandon(handle, key, key_size, retry_ms, &mut self.raw) })
    }

    /// What waits for this claim as others do.
    fn pending(&self) -> Pending {
        Pending { cache: self.cache.clone(), key: self.key.clone(), raw: self.raw }
    }

    /// Whether the claim still stands: whether what is computed would be stored.
    pub fn stands(&self) -> Result<bool> {
        Ok(self.is_held() && !self.pending().wait_ms(0)?)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_held() {
            let _ = self.end(0); // it has ended, whatever the result
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A claim of another caller, to be waited for.
pub struct Pending {
    cache: Cache,
    key: Box<[u8]>,
    raw: sys::cachecore_claim_t,
}

impl Pending {
    /// Waits until the claim has ended.  Then ask again: there may be a value, or the next claim to take.
    pub fn wait(&self) -> Result<()> {
        while !self.wait_ms(u32::MAX)? {}
        Ok(())
    }

    /// As [`wait`](Pending::wait), but no longer than `timeout`; `false` if the claim still stands.
    pub fn wait_for(&self, timeout: Duration) -> Result<bool> {
        let end = Instant::now().checked_add(timeout);
        loop {
            let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            let left_ms = u32::try_from(time::ms(left)).unwrap_or(u32::MAX);
            if self.wait_ms(left_ms)? {
                return Ok(true);
            }
            if left_ms < u32::MAX {
                return Ok(false);
            }
        }
    }

    fn wait_ms(&self, timeout_ms: u32) -> Result<bool> {
        let (handle, key, key_size) = (self.cache.raw(), bytes(&self.key), self.key.len());
        // SAFETY: The key is readable, and the struct is whole.
        let status = unsafe { sys::cachecore_claim_wait(handle, key, key_size, &self.raw, timeout_ms) };
        check_or(status, sys::CACHECORE_E_TIMEOUT)
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Cache {
    /// As [`get`](Cache::get); but on a miss one caller gets a claim, of all threads and processes that ask.
    ///
    /// [`get_or_compute`](Cache::get_or_compute) is made of it, and is what most programs want.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cachecore::Lookup;
    ///
    /// # fn compute() -> Vec<u8> { b"value".to_vec() }
    /// # fn main() -> Result<(), cachecore::Error> {
    /// # let cache = cachecore::Cache::with_max_entries(100)?;
    /// let value = loop {
    ///     match cache.get_or_claim("key")? {
    ///         Lookup::Fresh { value, .. } => break Some(value),
    ///         Lookup::Stale { value, claim } => {
    ///             if let Some(mut claim) = claim {
    ///                 // Elected: a thread computes, while the old value serves.
    ///                 std::thread::spawn(move || {
    ///                     claim.fulfill_with_stale(compute(), Duration::from_secs(60), Duration::from_secs(600))
    ///                 });
    ///             }
    ///             break Some(value);
    ///         }
    ///         Lookup::Absent => break None,
    ///         Lookup::Claimed(mut claim) => {
    ///             let value = compute();
    ///             claim.fulfill_with_stale(&value, Duration::from_secs(60), Duration::from_secs(600))?;
    ///             break Some(value);
    ///         }
    ///         Lookup::Pending(pending) => pending.wait()?,
    ///     }
    /// };
    /// # assert_eq!(value.unwrap(), b"value");
    /// # Ok(()) }
    /// ```
    pub fn get_or_claim(&self, key: impl AsRef<[u8]>) -> Result<Lookup> {
        self.get_or_claim_with(key, &ClaimOptions::new())
    }

    /// As [`get_or_claim`](Cache::get_or_claim), with options for the claim.
    pub fn get_or_claim_with(&self, key: impl AsRef<[u8]>, options: &ClaimOptions) -> Result<Lookup> {
        let key = key.as_ref();
        let mut raw = options.raw()?;
        let mut ask = |buffer: *mut c_void, capacity, size: &mut usize| {
            // SAFETY: The key is readable, so many bytes of the buffer may be written, the struct is whole.
            unsafe {
                let (handle, key_size) = (self.raw(), key.len());
                sys::cachecore_get_or_claim(handle, bytes(key), key_size, buffer, capacity, size, &mut raw)
            }
        };
        let (mut status, mut value) = copied(&mut ask);
        if status == sys::CACHECORE_E_TOO_SMALL {
            // A fresh value has been counted, and is read without counting it again; but it elects nobody.
            match self.peek(key)? {
                Some(value) if !options.early => return Ok(Lookup::Fresh { value, claim: None }),
                peeked => value = peeked.unwrap_or_default(), // which has the room
            }
            status = copied_to(&mut value, ask);
        }
        // Whatever it is, a claim that was given is held by something that ends it.
        let held = || Claim { cache: self.clone(), key: key.into(), raw };
        let claim = (raw.token != 0).then(held);
        match (status, claim) {
            (sys::CACHECORE_OK, claim) => Ok(Lookup::Fresh { value, claim }),
            (sys::CACHECORE_STALE, claim) => Ok(Lookup::Stale { value, claim }),
            (sys::CACHECORE_ABSENT, _) => Ok(Lookup::Absent),
            (sys::CACHECORE_CLAIMED, Some(claim)) => Ok(Lookup::Claimed(claim)),
            (sys::CACHECORE_PENDING, _) => {
                Ok(Lookup::Pending(Pending { cache: self.clone(), key: key.into(), raw }))
            }
            (other, _) => Err(Error::of(other)),
        }
    }
}
