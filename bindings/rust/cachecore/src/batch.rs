//! Many entries in one call.
//!
//! The values of a batch lie one after another in one arena, so that a batch needs three allocations however many
//! values it has, and none if it is used again.  A value that finds no room is read on its own afterwards, and the
//! next batch has that room from the start.

use std::ffi::c_void;
use std::fmt;

use cachecore_sys as sys;

use crate::cache::{bytes, Cache};
use crate::error::{Error, Result};
use crate::time::Ttl;

/// Bytes for each value of a first batch.
const VALUE_USUAL: usize = 128;

/// The answers to [`Cache::get_many`], in the order of the keys.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    arena: Vec<u8>,
    places: Vec<Option<Place>>,
    keys: Vec<u8>,
    offsets: Vec<usize>,
    sizes: Vec<usize>,
    statuses: Vec<sys::cachecore_status_t>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    size: usize,
}

impl Batch {
    /// A batch without answers.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// The number of keys that were asked for.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The value of the key with this number, if there was one.
    ///
    /// # Panics
    ///
    /// If there is no such key, as indexing does.
    pub fn get(&self, number: usize) -> Option<&[u8]> {
        self.places[number].map(|place| &self.arena[place.start..place.start + place.size])
    }

    /// What was found for each key.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> + '_ {
        (0..self.len()).map(move |number| self.get(number))
    }

    /// Puts the keys one after another, and makes room for the answers.
    fn prepare(&mut self, keys: &[impl AsRef<[u8]>]) {
        self.keys.clear();
        self.offsets.clear();
        self.places.clear();
        self.offsets.push(0);
        for key in keys {
            self.keys.extend_from_slice(key.as_ref());
            self.offsets.push(self.keys.len());
        }
        self.sizes.resize(keys.len(), 0);
        self.statuses.resize(keys.len(), 0);
        let usual = keys.len() * VALUE_USUAL;
        if self.arena.len() < usual {
            self.arena.resize(usual, 0);
        }
    }

    fn key(&self, number: usize) -> &[u8] {
        &self.keys[self.offsets[number]..self.offsets[number + 1]]
    }
}

/// Some elements of a batch were errors; all were attempted, and the others are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchError {
    failed: Vec<(usize, Error)>,
    count: usize,
}

impl BatchError {
    /// The numbers of the elements that failed, in order, and why.
    pub fn failed(&self) -> &[(usize, Error)] {
        &self.failed
    }

    /// The first error.
    pub fn first(&self) -> Error {
        self.failed[0].1
    }

    /// `Ok` if no status is one.  REFUSED is one, a miss is not.
    fn check(statuses: &[sys::cachecore_status_t]) -> std::result::Result<(), BatchError> {
        let is_error = |status: i32| status < 0 || status == sys::CACHECORE_REFUSED;
        let failed: Vec<_> = (0..statuses.len())
            .filter(|&number| is_error(statuses[number]))
            .map(|number| (number, Error::of(statuses[number])))
            .collect();
        match failed.is_empty() {
            true => Ok(()),
            false => Err(BatchError { failed, count: statuses.len() }),
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} failed, the first: {}", self.failed.len(), self.count, self.first())
    }
}

impl std::error::Error for BatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failed.first().map(|(_, error)| error as _)
    }
}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Error {
        error.first()
    }
}

/// Pointers and sizes, as C wants arrays of byte strings.
fn pointers(strings: impl Iterator<Item = impl AsRef<[u8]>>) -> (Vec<*const c_void>, Vec<usize>) {
    strings
        .map(|string| {
            let string = string.as_ref();
            (bytes(string), string.len())
        })
        .unzip()
}

impl Cache {
    /// The values of many keys.  An error is the first of any element.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecore::Error> {
    /// # let cache = cachecore::Cache::with_max_entries(100)?;
    /// cache.set_many(&[("a", "1"), ("b", "2")], cachecore::Ttl::Never)?;
    /// let batch = cache.get_many(&["a", "x", "b"])?;
    /// assert_eq!(batch.get(0), Some(&b"1"[..]));
    /// assert_eq!(batch.iter().flatten().count(), 2);
    /// # Ok(()) }
    /// ```
    pub fn get_many(&self, keys: &[impl AsRef<[u8]>]) -> Result<Batch> {
        let mut batch = Batch::new();
        self.get_many_into(keys, &mut batch)?;
        Ok(batch)
    }

    /// As [`get_many`](Cache::get_many), in the memory of a batch that is used again.  After an error it is empty.
    pub fn get_many_into(&self, keys: &[impl AsRef<[u8]>], batch: &mut Batch) -> Result<()> {
        batch.prepare(keys);
        // SAFETY: The keys are within their block, and the other arrays have an element for each.
        let status = unsafe {
            sys::cachecore_get_packed(
                self.raw(),
                keys.len(),
                bytes(&batch.keys),
                batch.offsets.as_ptr(),
                batch.arena.as_mut_ptr().cast(),
                batch.arena.len(),
                batch.sizes.as_mut_ptr(),
                batch.statuses.as_mut_ptr(),
            )
        };
        if status != sys::CACHECORE_OK && status != sys::CACHECORE_E_TOO_SMALL {
            return Err(Error::of(status));
        }
        let mut end = 0;
        for number in 0..keys.len() {
            let size = batch.sizes[number];
            match batch.statuses[number] {
                sys::CACHECORE_OK => {
                    batch.places.push(Some(Place { start: end, size }));
                    end += size;
                }
                sys::CACHECORE_MISS | sys::CACHECORE_E_TOO_SMALL => batch.places.push(None),
                error => {
                    batch.places.clear();
                    return Err(Error::of(error));
                }
            }
        }
        if status == sys::CACHECORE_E_TOO_SMALL {
            self.get_those_without_room(batch, end)?;
        }
        Ok(())
    }

    /// Appends them to the arena, behind `end`.
    fn get_those_without_room(&self, batch: &mut Batch, end: usize) -> Result<()> {
        batch.arena.truncate(end);
        for number in 0..batch.places.len() {
            if batch.statuses[number] != sys::CACHECORE_E_TOO_SMALL {
                continue;
            }
            match self.peek(batch.key(number)) {
                Ok(None) => {} // it has left meanwhile
                Ok(Some(value)) => {
                    batch.places[number] = Some(Place { start: batch.arena.len(), size: value.len() });
                    batch.arena.extend_from_slice(&value);
                }
                Err(error) => {
                    batch.places.clear();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Stores many values with one lifetime.  All are attempted, in order.
    pub fn set_many<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        items: &[(K, V)],
        ttl: impl Into<Ttl>,
    ) -> std::result::Result<(), BatchError> {
        let failed = |error| BatchError { failed: vec![(0, error)], count: items.len() };
        let ttls_ms = vec![ttl.into().to_ms().map_err(failed)?; items.len()];
        let (keys, key_sizes) = pointers(items.iter().map(|item| &item.0));
        let (values, value_sizes) = pointers(items.iter().map(|item| &item.1));
        let mut statuses = vec![sys::CACHECORE_OK; items.len()];
        // SAFETY: All arrays have an element for each item; keys and values are readable.
        let status = unsafe {
            sys::cachecore_set_many(
                self.raw(),
                items.len(),
                keys.as_ptr(),
                key_sizes.as_ptr(),
                values.as_ptr(),
                value_sizes.as_ptr(),
                ttls_ms.as_ptr(),
                statuses.as_mut_ptr(),
            )
        };
        BatchError::check(&statuses)?;
        crate::error::check(status).map_err(failed)
    }

    /// Removes many entries, and returns how many of them were live.
    pub fn delete_many(&self, keys: &[impl AsRef<[u8]>]) -> std::result::Result<u64, BatchError> {
        let (starts, sizes) = pointers(keys.iter());
        let mut statuses = vec![sys::CACHECORE_OK; keys.len()];
        let mut removed = 0;
        // SAFETY: All arrays have an element for each key; keys are readable.
        let status = unsafe {
            let (starts, sizes, statuses) = (starts.as_ptr(), sizes.as_ptr(), statuses.as_mut_ptr());
            sys::cachecore_delete_many(self.raw(), keys.len(), starts, sizes, statuses, &mut removed)
        };
        BatchError::check(&statuses)?;
        let failed = |error| BatchError { failed: vec![(0, error)], count: keys.len() };
        crate::error::check(status).map_err(failed)?;
        Ok(removed)
    }
}
