//! Lifetimes: `Duration` as Rust says it, whole milliseconds as the library does.
//!
//! Durations are rounded up, so that nothing ends before its time.  In C a lifetime of 0 is the default; here it
//! is an error, because whoever computed it most likely meant "expired already".

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cachecore_sys as sys;

use crate::error::{Error, Result};

/// The lifetime that an entry is stored with, counted from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ttl {
    /// The cache's default: [`Builder::default_ttl`](crate::Builder::default_ttl).
    #[default]
    Default,
    /// The entry never expires.
    Never,
    /// The deadline of the live entry stays.  An entry that is stored anew has the cache's default lifetime.
    Keep,
    /// The entry expires after so long.  More than 34 years counts as 34 years; zero is [`Error::Argument`].
    After(Duration),
}

impl Ttl {
    pub(crate) fn to_ms(self) -> Result<u64> {
        match self {
            Ttl::Default => Ok(0),
            Ttl::Never => Ok(sys::CACHECORE_TTL_NEVER),
            Ttl::Keep => Ok(sys::CACHECORE_TTL_KEEP),
            Ttl::After(duration) => positive_ms(duration),
        }
    }
}

impl From<Duration> for Ttl {
    fn from(duration: Duration) -> Ttl {
        Ttl::After(duration)
    }
}

/// The time that an entry has left to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// The entry never expires.
    Never,
    /// The entry expires after so long.
    For(Duration),
}

impl Lifetime {
    /// The duration; `None` for an entry that never expires.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Lifetime::Never => None,
            Lifetime::For(duration) => Some(duration),
        }
    }

    pub(crate) fn of_ms(ms: i64) -> Lifetime {
        match u64::try_from(ms) {
            Ok(ms) => Lifetime::For(Duration::from_millis(ms)),
            Err(_) => Lifetime::Never,
        }
    }
}

/// The longest that is neither "never" nor "keep".
const LONGEST_MS: u64 = sys::CACHECORE_TTL_KEEP - 1;

/// Whole milliseconds, rounded up.
pub(crate) fn ms(duration: Duration) -> u64 {
    let up = duration.as_nanos().saturating_add(999_999) / 1_000_000;
    u64::try_from(up).unwrap_or(LONGEST_MS).min(LONGEST_MS)
}

/// As `ms`; an error for none.
pub(crate) fn positive_ms(duration: Duration) -> Result<u64> {
    match ms(duration) {
        0 => Err(Error::Argument),
        ms => Ok(ms),
    }
}

/// Whole microseconds, rounded up; an error for none.
pub(crate) fn positive_us(duration: Duration) -> Result<u64> {
    match duration.as_nanos().saturating_add(999) / 1000 {
        0 => Err(Error::Argument),
        us => Ok(u64::try_from(us).unwrap_or(u64::MAX)),
    }
}

/// Milliseconds since 1970, before it if negative, rounded up.
pub(crate) fn unix_ms(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(ms(after)).unwrap_or(i64::MAX),
        Err(error) => {
            let before = error.duration().as_millis(); // rounded down: towards later
            i64::try_from(before).map_or(i64::MIN, |before| -before)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up() {
        assert_eq!(ms(Duration::ZERO), 0);
        assert_eq!(ms(Duration::from_nanos(1)), 1);
        assert_eq!(ms(Duration::from_millis(7)), 7);
        assert_eq!(ms(Duration::new(1, 1)), 1001);
        assert_eq!(positive_us(Duration::from_nanos(1001)), Ok(2));
        assert_eq!(positive_us(Duration::ZERO), Err(Error::Argument));
    }

    #[test]
    fn the_longest_duration_is_neither_never_nor_keep() {
        assert_eq!(Ttl::After(Duration::MAX).to_ms(), Ok(sys::CACHECORE_TTL_KEEP - 1));
    }

    #[test]
    fn a_lifetime_of_zero_is_an_error() {
        assert_eq!(Ttl::After(Duration::ZERO).to_ms(), Err(Error::Argument));
    }

    #[test]
    fn points_of_the_wall_clock() {
        assert_eq!(unix_ms(UNIX_EPOCH + Duration::from_micros(1500)), 2);
        assert_eq!(unix_ms(UNIX_EPOCH - Duration::from_micros(1500)), -1);
        assert_eq!(unix_ms(UNIX_EPOCH - Duration::from_secs(2)), -2000);
    }
}
