//! What a cache is opened with.

use std::ptr::{self, NonNull};
use std::time::Duration;

use cachecore_sys as sys;

use crate::cache::Cache;
use crate::error::{check, Error, OpenError, Result};
use crate::shared::Shared;
use crate::time;

/// Which entry is evicted when the cache is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The one that was used longest ago.
    #[default]
    Lru,
    /// One that is not likely to be used again, by recency or frequency, whichever hits more often at present.  A
    /// scan does not empty the cache.
    Adaptive,
}

impl Policy {
    fn raw(self) -> u32 {
        match self {
            Policy::Lru => sys::CACHECORE_POLICY_LRU,
            Policy::Adaptive => sys::CACHECORE_POLICY_ADAPTIVE,
        }
    }

    fn of(raw: u32) -> Policy {
        match raw {
            sys::CACHECORE_POLICY_ADAPTIVE => Policy::Adaptive,
            _ => Policy::Lru,
        }
    }
}

/// Options for a cache that is opened: [`Cache::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    raw: sys::cachecore_options_t,
    zero: Option<&'static str>,
}

impl Builder {
    pub(crate) fn new() -> Builder {
        Builder { raw: sys::cachecore_options_t::INIT, zero: None }
    }

    /// The most entries held at once; 0: no such bound.
    pub fn max_entries(mut self, count: u64) -> Builder {
        self.raw.max_entries = count;
        self
    }

    /// The most memory in use: keys, values, index and bookkeeping, at least 65536 bytes; 0: no such bound.
    pub fn max_bytes(mut self, bytes: u64) -> Builder {
        self.raw.max_bytes = bytes;
        self
    }

    /// Which entry is evicted.
    pub fn policy(mut self, policy: Policy) -> Builder {
        self.raw.policy = policy.raw();
        self
    }

    /// The lifetime of an entry that is stored with [`Ttl::Default`](crate::Ttl::Default).  Without it such an
    /// entry never expires.
    pub fn default_ttl(mut self, ttl: Duration) -> Builder {
        self.raw.default_ttl_ms = self.ms(ttl, "default_ttl must be greater than zero");
        self
    }

    /// The time to idle: an entry that was not used for so long expires, whatever its lifetime.
    pub fn time_to_idle(mut self, time: Duration) -> Builder {
        self.raw.default_tti_ms = self.ms(time, "time_to_idle must be greater than zero");
        self
    }

    fn ms(&mut self, duration: Duration, complaint: &'static str) -> u64 {
        let ms = time::ms(duration);
        if ms == 0 {
            self.zero = Some(complaint); // for the library it would be "none"
        }
        ms
    }

    /// Shortens each lifetime by a random part of up to so many thousandths of it, so that entries that are stored
    /// together do not expire together.
    pub fn ttl_jitter_permille(mut self, permille: u32) -> Builder {
        self.raw.ttl_jitter_permille = permille.into();
        self
    }

    /// The number of shards, 1 to 256, rounded up to a power of two.  0: by the number of cores and the bounds.
    /// 1: one exact global order of use.
    pub fn shard_count(mut self, count: u32) -> Builder {
        self.raw.shard_count = count;
        self
    }

    /// The seed of the hash, for runs that must repeat exactly.  By default it is random, which keeps crafted keys
    /// harmless.
    pub fn hash_seed(mut self, seed: u64) -> Builder {
        self.raw.hash_seed = seed;
        self
    }

    /// Never evicts a live entry: a write that does not fit is [`Error::Full`] and changes nothing.
    pub fn no_evict(self) -> Builder {
        self.flag(sys::CACHECORE_NO_EVICT)
    }

    /// Time stands still until [`Cache::advance_clock`] moves it: for tests.
    pub fn manual_clock(self) -> Builder {
        self.flag(sys::CACHECORE_MANUAL_CLOCK)
    }

    /// Keeps every entry that leaves the cache for [`Cache::take_removals`].
    pub fn report_removals(self) -> Builder {
        self.flag(sys::CACHECORE_REPORT_REMOVALS)
    }

    fn flag(mut self, flag: u32) -> Builder {
        self.raw.flags |= flag;
        self
    }

    /// Opens a cache of this process.  Starts no thread.
    pub fn open(&self) -> std::result::Result<Cache, OpenError> {
        // SAFETY: Both structs are whole.
        self.open_with(|options, cache| unsafe { sys::cachecore_open(options, cache) })
    }

    /// Opens a cache that processes share: makes it, or attaches to it.  Attached to, it has its own bounds,
    /// policy and lifetimes; [`no_evict`](Builder::no_evict) and [`manual_clock`](Builder::manual_clock) must be
    /// its own.
    pub fn open_shared(&self, shared: &Shared<'_>) -> std::result::Result<Cache, OpenError> {
        shared.with_raw(|place| {
            // SAFETY: All three structs are whole, and the path in `place` outlives the call.
            self.open_with(|options, cache| unsafe { sys::cachecore_open_shared(options, place, cache) })
        })
    }

    fn open_with(
        &self,
        open: impl FnOnce(*const sys::cachecore_options_t, *mut *mut sys::cachecore_t) -> i32,
    ) -> std::result::Result<Cache, OpenError> {
        if let Some(complaint) = self.zero {
            return Err(OpenError::new(Error::Argument, complaint));
        }
        let mut cache = ptr::null_mut();
        let status = open(&self.raw, &mut cache);
        match NonNull::new(cache) {
            Some(handle) if status == sys::CACHECORE_OK => Ok(Cache::of(handle)),
            _ => Err(OpenError::last(status)),
        }
    }
}

/// What a cache was opened with, as it is in force: [`Cache::options`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The most entries held at once; 0: no such bound.
    pub max_entries: u64,
    /// The most memory in use, in bytes; 0: no such bound.
    pub max_bytes: u64,
    /// Which entry is evicted.
    pub policy: Policy,
    /// The lifetime of an entry that is stored without one; `None`: it never expires.
    pub default_ttl: Option<Duration>,
    /// An entry that was not used for so long expires; `None`: entries may idle.
    pub time_to_idle: Option<Duration>,
    /// By how many thousandths lifetimes are shortened at most.
    pub ttl_jitter_permille: u64,
    /// The number of shards in use.
    pub shard_count: u32,
    /// Whether live entries are never evicted.
    pub no_evict: bool,
    /// Whether time is moved by [`Cache::advance_clock`] alone.
    pub manual_clock: bool,
    /// Whether removals are kept for [`Cache::take_removals`].
    pub report_removals: bool,
}

impl Options {
    pub(crate) fn of(cache: &Cache) -> Result<Options> {
        let mut raw = sys::cachecore_options_t::INIT;
        // SAFETY: The struct is whole.
        check(unsafe { sys::cachecore_get_options(cache.raw(), &mut raw) })?;
        let duration = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        Ok(Options {
            max_entries: raw.max_entries,
            max_bytes: raw.max_bytes,
            policy: Policy::of(raw.policy),
            default_ttl: duration(raw.default_ttl_ms),
            time_to_idle: duration(raw.default_tti_ms),
            ttl_jitter_permille: raw.ttl_jitter_permille,
            shard_count: raw.shard_count,
            no_evict: raw.flags & sys::CACHECORE_NO_EVICT != 0,
            manual_clock: raw.flags & sys::CACHECORE_MANUAL_CLOCK != 0,
            report_removals: raw.flags & sys::CACHECORE_REPORT_REMOVALS != 0,
        })
    }
}
