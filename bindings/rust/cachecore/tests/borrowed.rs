//! Values that the cache lends.

use std::collections::HashMap;

use cachecore::{Cache, Error, Ttl};

fn small() -> Cache {
    Cache::with_max_entries(1000).unwrap()
}

#[test]
fn a_value_stays_as_it_was() {
    let cache = small();
    cache.set("k", "one", Ttl::Never).unwrap();
    let one = cache.acquire("k").unwrap().unwrap();
    cache.set("k", "two", Ttl::Never).unwrap();
    let two = cache.acquire("k").unwrap().unwrap();
    cache.delete("k").unwrap();
    assert!(cache.acquire("k").unwrap().is_none());
    drop(cache);
    assert_eq!((&*one, &*two), (&b"one"[..], &b"two"[..]));
    assert_eq!(format!("{:?}", one), "Value([111, 110, 101])");
}

#[test]
fn a_value_is_a_key_and_a_value() {
    let cache = small();
    cache.set("k", "itself", Ttl::Never).unwrap();
    let value = cache.acquire("k").unwrap().unwrap();
    cache.set("k", &value, Ttl::Never).unwrap();
    cache.set(&value, &value, Ttl::Never).unwrap();
    assert_eq!(cache.get("itself").unwrap().unwrap(), b"itself");
    let mut found = HashMap::new();
    found.insert(&value[..], 1);
    assert_eq!(found.get(&b"itself"[..]), Some(&1));
}

#[test]
fn an_empty_value_is_lent() {
    let cache = small();
    cache.set("k", "", Ttl::Never).unwrap();
    assert!(cache.acquire("k").unwrap().unwrap().is_empty());
}

#[test]
fn one_entry_is_lent_4095_times() {
    let cache = small();
    cache.set("k", "v", Ttl::Never).unwrap();
    let mut values: Vec<_> = (0..4095).map(|_| cache.acquire("k").unwrap().unwrap()).collect();
    assert_eq!(cache.acquire("k").unwrap_err(), Error::State);
    values.pop();
    assert!(cache.acquire("k").unwrap().is_some());
}

#[test]
fn lent_memory_counts_against_the_bound() {
    let cache = Cache::builder().max_bytes(1 << 20).shard_count(1).open().unwrap();
    let mut values = Vec::new();
    for number in 0..100u32 {
        let key = number.to_ne_bytes();
        if cache.set(key, vec![number as u8; 50_000], Ttl::Never).is_ok() {
            values.extend(cache.acquire(key).unwrap());
        }
    }
    assert!((5..25).contains(&values.len()), "{} values of 50 KB in 1 MB", values.len());
    assert!(values.iter().all(|value| value.windows(2).all(|pair| pair[0] == pair[1])));
    assert!(cache.stats().unwrap().bytes_used <= 1 << 20);
    drop(values);
    cache.set("k", vec![0; 50_000], Ttl::Never).unwrap();
}
