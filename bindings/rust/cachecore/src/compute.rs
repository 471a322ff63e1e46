//! A value that is read, or computed once for all who ask.

use std::time::Duration;

use crate::cache::Cache;
use crate::claim::{Claim, ClaimOptions, Lookup};
use crate::error::{Error, Result};
use crate::time::Ttl;

/// How [`Cache::get_or_compute_with`] stores what is computed, and what it serves meanwhile.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct ComputeOptions {
    ttl: Ttl,
    absent_ttl: Option<Ttl>,
    stale: Duration,
    retry: Option<Duration>,
    claim: ClaimOptions,
}

impl ComputeOptions {
    /// The defaults: the cache's default lifetime, no stale values, absences are not stored.
    pub fn new() -> ComputeOptions {
        ComputeOptions::default()
    }

    /// The lifetime of a value.
    pub fn ttl(mut self, ttl: impl Into<Ttl>) -> ComputeOptions {
        self.ttl = ttl.into();
        self
    }

    /// Stores also that there is no value, with this lifetime.
    pub fn absent_ttl(mut self, ttl: impl Into<Ttl>) -> ComputeOptions {
        self.absent_ttl = Some(ttl.into());
        self
    }

    /// For so long past its deadline the old value is served to the others, while one caller computes.
    pub fn stale(mut self, time: Duration) -> ComputeOptions {
        self.stale = time;
        self
    }

    /// Where computing fails while there is a stale value, that value is returned, and served to all for so long
    /// before the next caller tries again.  Without it the failure is returned.
    pub fn retry(mut self, time: Duration) -> ComputeOptions {
        self.retry = Some(time);
        self
    }

    /// How claims are taken: [`ClaimOptions::early`] has one caller compute a little before the deadline,
    /// [`ClaimOptions::valid_for`] says for how long the others wait for one who does not come back.
    pub fn claim(mut self, options: ClaimOptions) -> ComputeOptions {
        self.claim = options;
        self
    }

    fn check(&self) -> Result<()> {
        self.ttl.to_ms()?;
        self.absent_ttl.map_or(Ok(0), Ttl::to_ms).map(drop)
    }
}

/// What a caller is to do who does not get a value at once.
enum Turn {
    /// Compute, and end the claim if there is one.  The value is what is there meanwhile.
    Compute { claim: Option<Claim>, meanwhile: Option<Vec<u8>>, fresh: bool },
    /// Nothing: this is the answer.
    Take(Option<Vec<u8>>),
}

impl Cache {
    /// The value; or what `compute` returns, which is stored with the lifetime.
    ///
    /// Of all threads and processes that miss the key at once, one computes, and the others wait for the value.  If
    /// `compute` fails, its error is returned, and one of those that wait computes next.  What is deleted or stored
    /// while it is computed is not overwritten: the caller gets what it computed, and nobody else does.  A value
    /// that cannot be stored, for lack of room, is returned all the same.
    ///
    /// `compute` must not ask for its own key: it would wait for itself, until the claim ends after 30 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> std::io::Result<()> {
    /// # let cache = cachecore::Cache::with_max_entries(100)?;
    /// let page = cache.get_or_compute("page:1", Duration::from_secs(60), || {
    ///     std::fs::read("/dev/null") // any error type that can be made of cachecore::Error
    /// })?;
    /// # assert!(page.is_empty());
    /// # Ok(()) }
    /// ```
    pub fn get_or_compute<V, E>(
        &self,
        key: impl AsRef<[u8]>,
        ttl: impl Into<Ttl>,
        compute: impl FnOnce() -> std::result::Result<V, E>,
    ) -> std::result::Result<Vec<u8>, E>
    where
        V: Into<Vec<u8>>,
        E: From<Error>,
    {
        let options = ComputeOptions::new().ttl(ttl);
        let value =
            self.computed(key.as_ref(), &options, false, || compute().map(|value| Some(value.into())))?;
        // Without a value there would be an absence, which is not taken for an answer.
        Ok(value.unwrap_or_default())
    }

    /// As [`get_or_compute`](Cache::get_or_compute), with options; and `compute` may say that there is no value.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use cachecore::ComputeOptions;
    ///
    /// # fn main() -> Result<(), cachecore::Error> {
    /// # let cache = cachecore::Cache::with_max_entries(100)?;
    /// # fn find(_: u32) -> Result<Option<String>, cachecore::Error> { Ok(None) }
    /// let options = ComputeOptions::new()
    ///     .ttl(Duration::from_secs(60))
    ///     .stale(Duration::from_secs(600)) // the old value serves while the next is computed
    ///     .retry(Duration::from_secs(5)) // and when that fails
    ///     .absent_ttl(Duration::from_secs(10)); // nobody asks for what does not exist
    /// let user = cache.get_or_compute_with("user:7", &options, || find(7))?;
    /// # assert_eq!(user, None);
    /// # Ok(()) }
    /// ```
    pub fn get_or_compute_with<V, E>(
        &self,
        key: impl AsRef<[u8]>,
        options: &ComputeOptions,
        compute: impl FnOnce() -> std::result::Result<Option<V>, E>,
    ) -> std::result::Result<Option<Vec<u8>>, E>
    where
        V: Into<Vec<u8>>,
        E: From<Error>,
    {
        self.computed(key.as_ref(), options, true, || compute().map(|value| value.map(Into::into)))
    }

    fn computed<E: From<Error>>(
        &self,
        key: &[u8],
        options: &ComputeOptions,
        may_be_absent: bool,
        compute: impl FnOnce() -> std::result::Result<Option<Vec<u8>>, E>,
    ) -> std::result::Result<Option<Vec<u8>>, E> {
        options.check()?;
        let (claim, meanwhile, fresh) = match self.turn(key, options, may_be_absent)? {
            Turn::Take(value) => return Ok(value),
            Turn::Compute { claim, meanwhile, fresh } => (claim, meanwhile, fresh),
        };
        match compute() {
            Ok(value) => {
                claim.map_or(Ok(()), |claim| options.keep(claim, value.as_deref()))?;
                Ok(value)
            }
            // What is fresh is good; what is stale only if the caller says so.
            Err(error) if meanwhile.is_none() || !(fresh || options.retry.is_some()) => Err(error),
            Err(_) => {
                claim.map_or(Ok(()), |claim| claim.abandon(options.retry.unwrap_or_default()))?;
                Ok(meanwhile)
            }
        }
    }

    /// Asks until there is an answer or a claim.
    fn turn(&self, key: &[u8], options: &ComputeOptions, may_be_absent: bool) -> Result<Turn> {
        loop {
            return Ok(match self.get_or_claim_with(key, &options.claim) {
                Ok(Lookup::Fresh { value, claim: None }) => Turn::Take(Some(value)),
                Ok(Lookup::Stale { value, claim: None }) => Turn::Take(Some(value)),
                Ok(Lookup::Fresh { value, claim }) => {
                    Turn::Compute { claim, meanwhile: Some(value), fresh: true }
                }
                Ok(Lookup::Stale { value, claim }) => {
                    Turn::Compute { claim, meanwhile: Some(value), fresh: false }
                }
                Ok(Lookup::Claimed(claim)) => {
                    Turn::Compute { claim: Some(claim), meanwhile: None, fresh: false }
                }
                Ok(Lookup::Absent) if may_be_absent => Turn::Take(None),
                // Behind a stopped process, in a shared cache, each computes, and stores nothing.
                Ok(Lookup::Absent) | Err(Error::Timeout) => {
                    Turn::Compute { claim: None, meanwhile: None, fresh: false }
                }
                Ok(Lookup::Pending(pending)) => {
                    pending.wait()?;
                    continue;
                }
                Err(error) => return Err(error),
            });
        }
    }
}

impl ComputeOptions {
    /// Stores what was computed.  A claim that is void, and a lack of room, are no errors.
    fn keep(&self, mut claim: Claim, value: Option<&[u8]>) -> Result<()> {
        let kept = match (value, self.absent_ttl) {
            (Some(value), _) => claim.fulfill_with_stale(value, self.ttl, self.stale),
            (None, Some(ttl)) => claim.fulfill_absent(ttl),
            (None, None) => claim.abandon(Duration::ZERO).map(|()| false),
        };
        match kept {
            Ok(_) | Err(Error::Refused | Error::NoMemory | Error::Full | Error::Timeout) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
