//! Batches: answers in order, values of any size, errors of single elements.

use cachecore::{Batch, Cache, Error, Ttl};

fn small() -> Cache {
    Cache::builder().max_entries(20_000).open().unwrap()
}

#[test]
fn answers_come_in_the_order_of_the_keys() {
    let cache = small();
    let items: Vec<(String, String)> = (0..10_000).map(|n| (format!("k{}", n), format!("v{}", n))).collect();
    cache.set_many(&items, Ttl::Never).unwrap();
    let keys: Vec<String> = (0..12_000).rev().map(|n| format!("k{}", n)).collect();
    let batch = cache.get_many(&keys).unwrap();
    assert_eq!(batch.len(), 12_000);
    for (number, value) in batch.iter().enumerate() {
        let n = 11_999 - number;
        let expected = (n < 10_000).then(|| format!("v{}", n));
        assert_eq!(value, expected.as_deref().map(str::as_bytes));
    }
    assert_eq!(cache.delete_many(&keys).unwrap(), 10_000);
    assert!(cache.is_empty());
}

#[test]
fn values_without_room_are_read_and_counted_once() {
    let cache = small();
    let sizes = [0, 1, 100_000, 7, 128, 5000, 0, 70_000];
    let items: Vec<_> = sizes.iter().enumerate().map(|(n, size)| ([n as u8], vec![n as u8; *size])).collect();
    cache.set_many(&items, Ttl::Never).unwrap();
    let keys: Vec<_> = items.iter().map(|item| item.0).chain([[99]]).collect();
    let mut batch = Batch::new();
    for turn in 1..4u64 {
        cache.get_many_into(&keys, &mut batch).unwrap();
        for (number, item) in items.iter().enumerate() {
            assert_eq!(batch.get(number), Some(&item.1[..]), "value {} in turn {}", number, turn);
        }
        assert_eq!(batch.get(8), None);
        let stats = cache.stats().unwrap();
        assert_eq!((stats.hits, stats.misses), (8 * turn, turn));
    }
    cache.get_many_into(&keys[..1], &mut batch).unwrap();
    assert_eq!((batch.len(), batch.get(0)), (1, Some(&b""[..])));
}

#[test]
fn a_batch_of_none() {
    let cache = small();
    let none: [&str; 0] = [];
    assert!(cache.get_many(&none).unwrap().is_empty());
    assert_eq!(cache.delete_many(&none), Ok(0));
    cache.set_many::<&str, &str>(&[], Ttl::Never).unwrap();
}

#[test]
fn one_bad_element_does_not_stop_the_others() {
    let cache = small();
    let error = cache.set_many(&[("a", "1"), ("", "2"), ("c", "3"), ("", "4")], Ttl::Never).unwrap_err();
    assert_eq!(error.failed(), [(1, Error::Argument), (3, Error::Argument)]);
    assert_eq!(error.first(), Error::Argument);
    assert!(error.to_string().starts_with("2 of 4 failed, the first: "), "{}", error);
    assert_eq!(cache.len(), 2);
    assert_eq!(cache.get_many(&["a", ""]).unwrap_err(), Error::Argument);
    let error = cache.delete_many(&["", "a"]).unwrap_err();
    assert_eq!(error.failed(), [(0, Error::Argument)]);
    assert!(!cache.contains("a").unwrap());
}

#[test]
fn what_is_refused_is_an_error() {
    let cache = Cache::builder().max_bytes(65_536).open().unwrap();
    let (large, small) = (vec![0; 100_000], vec![0; 10]);
    let error = cache.set_many(&[("a", &large), ("b", &small)], Ttl::Never).unwrap_err();
    assert_eq!(error.failed(), [(0, Error::Refused)]);
    assert!(cache.contains("b").unwrap());
}

#[test]
fn a_lifetime_of_zero_stores_nothing() {
    let cache = small();
    let error = cache.set_many(&[("a", "1")], std::time::Duration::ZERO).unwrap_err();
    assert_eq!(Error::from(error), Error::Argument);
    assert!(cache.is_empty());
}
