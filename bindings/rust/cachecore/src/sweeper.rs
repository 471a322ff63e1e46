//! The sweeper: an optional thread of the library that removes expired entries.

use std::fmt;
use std::time::Duration;

use cachecore_sys as sys;

use crate::cache::Cache;
use crate::error::{check, Result};
use crate::time;

/// The controls of a cache's sweeper: [`Cache::sweeper`].
///
/// It is at most one thread for each cache.  Expired entries are not returned whether or not they have been swept.
/// Closing the cache stops it.
#[derive(Clone, Copy)]
pub struct Sweeper<'a>(&'a Cache);

/// How a sweeper is started.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SweeperOptions {
    interval: Option<Duration>,
    max_slice: Option<Duration>,
    flags: u32,
}

impl SweeperOptions {
    /// The defaults: the interval is chosen by the lifetimes of what is stored.
    pub fn new() -> SweeperOptions {
        SweeperOptions { interval: None, max_slice: None, flags: 0 }
    }

    /// The time from the end of one sweep to the start of the next.
    pub fn interval(mut self, interval: Duration) -> SweeperOptions {
        self.interval = Some(interval);
        self
    }

    /// The longest that a lock is held at a time; by default 200 microseconds.
    pub fn max_slice(mut self, time: Duration) -> SweeperOptions {
        self.max_slice = Some(time);
        self
    }

    /// Sweeps once at the start, too.
    pub fn run_at_once(mut self) -> SweeperOptions {
        self.flags |= sys::CACHECORE_SWEEPER_RUN_AT_ONCE;
        self
    }

    /// Starts again in the child of a fork.
    pub fn restart_after_fork(mut self) -> SweeperOptions {
        self.flags |= sys::CACHECORE_SWEEPER_RESTART_AFTER_FORK;
        self
    }

    fn raw(&self) -> Result<sys::cachecore_sweeper_options_t> {
        let mut raw = sys::cachecore_sweeper_options_t::INIT;
        raw.flags = self.flags;
        raw.interval_ms = self.interval.map_or(Ok(0), time::positive_ms)?;
        raw.max_slice_us = self.max_slice.map_or(Ok(0), time::positive_us)?;
        Ok(raw)
    }
}

impl Default for SweeperOptions {
    fn default() -> SweeperOptions {
        SweeperOptions::new()
    }
}

/// What the thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SweeperState {
    /// There is none.
    Stopped,
    /// It keeps its schedule.
    Running,
    /// It waits for [`Sweeper::resume`], or for a trigger.
    Paused,
}

/// How the sweeper does.  Counters run from its first start on this cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweeperStatus {
    /// What the thread does.
    pub state: SweeperState,
    /// Whether there is a thread, and it has not hung.
    pub healthy: bool,
    /// Whether it keeps the schedule; of the processes that share a cache one does.
    pub leads: bool,
    /// The interval in force.
    pub interval: Duration,
    /// Sweeps so far.
    pub sweeps_run: u64,
    /// Entries removed by all of them.
    pub entries_removed: u64,
    /// Entries removed by the last.
    pub last_removed: u64,
    /// How long the last took.
    pub last_duration: Duration,
    /// The longest that a lock was held.
    pub max_slice: Duration,
    /// The time since the last sweep ended; `None` before the first.
    pub last_run_age: Option<Duration>,
    /// Failures survived.
    pub errors: u64,
    /// Entries that have expired and are not yet removed.
    pub backlog: u64,
    /// The longest that an entry outlived its deadline before the last sweep gave its memory back.
    pub last_lag: Duration,
    /// The same over all sweeps.
    pub max_lag: Duration,
}

impl Cache {
    /// The controls of the sweeper.  No thread runs before [`Sweeper::start`].
    pub fn sweeper(&self) -> Sweeper<'_> {
        Sweeper(self)
    }
}

impl Sweeper<'_> {
    /// Starts the thread.  [`Error::State`](crate::Error::State) if there is one already.
    pub fn start(&self, options: &SweeperOptions) -> Result<()> {
        let raw = options.raw()?;
        // SAFETY: The struct is whole.
        check(unsafe { sys::cachecore_sweeper_start(self.0.raw(), &raw) })
    }

    /// Ends the thread and waits for that.  [`Error::State`](crate::Error::State) if there is none.
    pub fn stop(&self) -> Result<()> {
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_sweeper_stop(self.0.raw(), 0) })
    }

    /// As [`stop`](Sweeper::stop), but waits no longer than `timeout`:
    /// [`Error::Timeout`](crate::Error::Timeout) if the thread is still ending.
    pub fn stop_within(&self, timeout: Duration) -> Result<()> {
        let timeout_ms = u32::try_from(time::positive_ms(timeout)?).unwrap_or(u32::MAX);
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_sweeper_stop(self.0.raw(), timeout_ms) })
    }

    /// Suspends the schedule.  [`Error::State`](crate::Error::State) unless it runs.
    pub fn pause(&self) -> Result<()> {
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_sweeper_pause(self.0.raw()) })
    }

    /// Takes the schedule up again.  [`Error::State`](crate::Error::State) unless it is paused.
    pub fn resume(&self) -> Result<()> {
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_sweeper_resume(self.0.raw()) })
    }

    /// Changes the interval at once; `None`: it is chosen by the lifetimes of what is stored.
    pub fn set_interval(&self, interval: Option<Duration>) -> Result<()> {
        let interval_ms = interval.map_or(Ok(0), time::positive_ms)?;
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_sweeper_set_interval(self.0.raw(), interval_ms) })
    }

    /// Has the thread do a full sweep now, waits for it, and returns how many entries it removed.
    pub fn trigger(&self) -> Result<u64> {
        let mut removed = 0;
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_sweeper_trigger(self.0.raw(), &mut removed) })?;
        Ok(removed)
    }

    /// How it does, whether or not there is a thread.
    pub fn status(&self) -> Result<SweeperStatus> {
        let mut raw = sys::cachecore_sweeper_status_t::INIT;
        // SAFETY: The struct is whole.
        check(unsafe { sys::cachecore_sweeper_status(self.0.raw(), &mut raw) })?;
        Ok(SweeperStatus {
            state: match raw.state {
                sys::CACHECORE_SWEEPER_RUNNING => SweeperState::Running,
                sys::CACHECORE_SWEEPER_PAUSED => SweeperState::Paused,
                _ => SweeperState::Stopped,
            },
            healthy: raw.healthy != 0,
            leads: raw.leads != 0,
            interval: Duration::from_millis(raw.interval_ms),
            sweeps_run: raw.sweeps_run,
            entries_removed: raw.entries_removed,
            last_removed: raw.last_removed,
            last_duration: Duration::from_nanos(raw.last_duration_ns),
            max_slice: Duration::from_nanos(raw.max_slice_ns),
            last_run_age: u64::try_from(raw.last_run_age_ms).ok().map(Duration::from_millis),
            errors: raw.errors,
            backlog: raw.backlog,
            last_lag: Duration::from_millis(raw.last_lag_ms),
            max_lag: Duration::from_millis(raw.max_lag_ms),
        })
    }
}

impl fmt::Debug for Sweeper<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sweeper").field(&self.status()).finish()
    }
}
