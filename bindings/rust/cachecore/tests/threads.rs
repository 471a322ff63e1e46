//! Threads: a counted handle, values that go from one to another, a cache that is closed by the last.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cachecore::{Cache, Claim, Error, Pending, SweeperOptions, Ttl, Value};

fn small() -> Cache {
    Cache::with_max_entries(1000).unwrap()
}

#[test]
fn what_may_go_to_another_thread_may() {
    fn may<T: Send + Sync + 'static>() {}
    may::<Cache>();
    may::<Value>();
    may::<Claim>();
    may::<Pending>();
    may::<Error>();
}

#[test]
fn clones_are_one_cache() {
    let cache = small();
    let other = cache.clone();
    assert!(cache.is_same(&other));
    assert!(!cache.is_same(&small()));
    other.set("k", "v", Ttl::Never).unwrap();
    drop(other);
    assert_eq!(cache.get("k").unwrap().unwrap(), b"v");
}

#[test]
fn the_last_thread_closes() {
    for _ in 0..50 {
        let cache = Cache::builder().max_entries(100).open().unwrap();
        cache.sweeper().start(&SweeperOptions::new().interval(Duration::from_millis(1))).unwrap();
        let threads: Vec<_> = (0..4u32)
            .map(|number| {
                let cache = cache.clone();
                thread::spawn(move || {
                    for turn in 0..200u32 {
                        let key = (number * turn % 97).to_ne_bytes();
                        cache.set(key, [0; 32], Duration::from_millis(2)).unwrap();
                        cache.get(key).unwrap();
                    }
                })
            })
            .collect();
        drop(cache);
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

/// A value says which key it is of, and is all of one piece.
#[test]
fn no_thread_sees_half_a_value() {
    let cache = Cache::builder().max_entries(64).open().unwrap();
    let (stop, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for writer in 0..2u8 {
            let (cache, stop) = (&cache, &stop);
            scope.spawn(move || {
                for turn in 0..20_000u32 {
                    let key = [(turn % 100) as u8];
                    let size = 1 + (turn as usize * 37 + writer as usize) % 3000;
                    let mut value = vec![(turn % 251) as u8; size];
                    value[0] = key[0];
                    cache.set(key, value, Ttl::Never).unwrap();
                }
                stop.store(true, Ordering::Relaxed);
            });
        }
        for _ in 0..2 {
            let (cache, stop, reads) = (&cache, &stop, &reads);
            scope.spawn(move || {
                let mut kept = Vec::new();
                let mut key = 0;
                while !stop.load(Ordering::Relaxed) {
                    key = (key + 1) % 100;
                    let whole = |value: &[u8]| {
                        assert_eq!(value[0], key);
                        assert!(value[1..].windows(2).all(|pair| pair[0] == pair[1]));
                        reads.fetch_add(1, Ordering::Relaxed);
                    };
                    cache.get([key]).unwrap().iter().for_each(|value| whole(value));
                    if let Some(value) = cache.acquire([key]).unwrap() {
                        whole(&value);
                        kept.push((value.to_vec(), value));
                    }
                    if kept.len() > 8 {
                        let (copy, value) = kept.remove(0);
                        assert_eq!(*value, copy[..]); // while the entry was replaced and evicted
                    }
                }
            });
        }
    });
    assert!(reads.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_value_is_dropped_by_another_thread_after_the_cache() {
    let cache = small();
    cache.set("k", vec![7; 10_000], Ttl::Never).unwrap();
    let value = cache.acquire("k").unwrap().unwrap();
    let (sender, receiver) = mpsc::channel::<Value>();
    let thread = thread::spawn(move || {
        let value = receiver.recv().unwrap();
        assert_eq!(*value, [7; 10_000][..]);
    });
    drop(cache);
    sender.send(value).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_claim_goes_to_the_thread_that_computes() {
    let cache = small();
    let mut claim = match cache.get_or_claim("k").unwrap() {
        cachecore::Lookup::Claimed(claim) => claim,
        other => panic!("{:?}", other),
    };
    assert_eq!(claim.key(), b"k");
    let thread = thread::spawn(move || claim.fulfill("v", Ttl::Never).unwrap());
    assert!(thread.join().unwrap());
    assert_eq!(cache.get("k").unwrap().unwrap(), b"v");
}
