//! The cache engine of the seed documents, rebuilt to be measured.
//!
//! A concurrent map of strings; each entry carries its deadline and an atomic
//! stamp of its last use.  There is no list of entries by use and none by
//! deadline: to evict, every entry's stamp is looked at, and to expire, every
//! entry's deadline.  That is the original's algorithm, in our own words.

use dashmap::DashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

struct Entry {
    value: String,
    expires_at: Instant,
    last_accessed: AtomicU64, // nanoseconds since the cache was made
}

struct Cache {
    map: DashMap<String, Entry>,
    capacity: usize,
    start: Instant,
}

impl Cache {
    fn stamp(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn get(&self, key: &str) -> Option<String> {
        {
            let entry = self.map.get(key)?; // holds the map shard's read lock
            if Instant::now() < entry.expires_at {
                entry.last_accessed.store(self.stamp(), Ordering::Relaxed);
                return Some(entry.value.clone());
            }
        }
        self.map.remove(key);
        None
    }

    fn set(&self, key: String, value: String, ttl: Duration) {
        let expires_at = Instant::now() + ttl;
        if self.map.len() >= self.capacity && !self.map.contains_key(&key) {
            let removed = self.cleanup_expired();
            if removed == 0 && self.map.len() >= self.capacity {
                self.evict();
            }
        }
        let last_accessed = AtomicU64::new(self.stamp());
        self.map.insert(key, Entry { value, expires_at, last_accessed });
    }

    fn evict(&self) {
        let mut oldest: Option<(String, u64)> = None;
        for entry in self.map.iter() {
            let stamp = entry.last_accessed.load(Ordering::Relaxed);
            if oldest.as_ref().map_or(true, |(_, least)| stamp < *least) {
                oldest = Some((entry.key().clone(), stamp));
            }
        }
        if let Some((key, _)) = oldest {
            self.map.remove(&key);
        }
    }

    fn cleanup_expired(&self) -> usize {
        let due: Vec<String> = self
            .map
            .iter()
            .filter(|entry| Instant::now() >= entry.expires_at)
            .map(|entry| entry.key().clone())
            .collect();
        due.iter().filter(|key| self.map.remove(*key).is_some()).count()
    }
}

// The C interface.  Keys and values must be UTF-8; the driver's are ASCII.

unsafe fn text<'a>(bytes: *const u8, size: usize) -> &'a str {
    std::str::from_utf8_unchecked(std::slice::from_raw_parts(bytes, size))
}

unsafe fn cache<'a>(cache: *mut c_void) -> &'a Cache {
    &*(cache as *const Cache)
}

#[no_mangle]
pub extern "C" fn seed_open(capacity: usize, _default_ttl_ms: u64) -> *mut c_void {
    let map = DashMap::with_capacity(capacity);
    Box::into_raw(Box::new(Cache { map, capacity, start: Instant::now() })) as *mut c_void
}

#[no_mangle]
pub unsafe extern "C" fn seed_close(handle: *mut c_void) {
    drop(Box::from_raw(handle as *mut Cache));
}

#[no_mangle]
pub unsafe extern "C" fn seed_get(
    handle: *mut c_void,
    key: *const u8,
    key_size: usize,
    buffer: *mut u8,
    capacity: usize,
) -> usize {
    match cache(handle).get(text(key, key_size)) {
        Some(value) if value.len() <= capacity => {
            std::ptr::copy_nonoverlapping(value.as_ptr(), buffer, value.len());
            value.len()
        }
        _ => 0,
    }
}

#[no_mangle]
pub unsafe extern "C" fn seed_set(
    handle: *mut c_void,
    key: *const u8,
    key_size: usize,
    value: *const u8,
    size: usize,
    ttl_ms: u64,
) {
    let (key, value) = (text(key, key_size).to_owned(), text(value, size).to_owned());
    cache(handle).set(key, value, Duration::from_millis(ttl_ms));
}

#[no_mangle]
pub unsafe extern "C" fn seed_delete(handle: *mut c_void, key: *const u8, key_size: usize) -> bool {
    cache(handle).map.remove(text(key, key_size)).is_some()
}

#[no_mangle]
pub unsafe extern "C" fn seed_size(handle: *mut c_void) -> usize {
    cache(handle).map.len()
}

#[no_mangle]
pub unsafe extern "C" fn seed_cleanup_expired(handle: *mut c_void) -> usize {
    cache(handle).cleanup_expired()
}
