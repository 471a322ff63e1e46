//! One computes.

use std::io;
use std::panic;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use cachecore::{Cache, ClaimOptions, ComputeOptions, Error, Lookup, Ttl};

const MINUTE: Duration = Duration::from_secs(60);

fn manual() -> Cache {
    Cache::builder().max_entries(1000).manual_clock().open().unwrap()
}

fn claimed(cache: &Cache, key: &str) -> cachecore::Claim {
    match cache.get_or_claim(key).unwrap() {
        Lookup::Claimed(claim) => claim,
        other => panic!("not claimed: {:?}", other),
    }
}

#[test]
fn of_many_threads_one_computes() {
    let cache = Cache::with_max_entries(1000).unwrap();
    let (computed, all) = (AtomicU32::new(0), Barrier::new(16));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                all.wait();
                let value = cache.get_or_compute("k", MINUTE, || {
                    computed.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(50));
                    Ok::<_, Error>("value")
                });
                assert_eq!(value.unwrap(), b"value");
            });
        }
    });
    assert_eq!(computed.load(Ordering::Relaxed), 1);
}

#[test]
fn a_failure_is_returned_and_the_next_computes() {
    let cache = manual();
    let failed =
        cache.get_or_compute("k", MINUTE, || Err::<Vec<u8>, _>(io::Error::from(io::ErrorKind::NotConnected)));
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::NotConnected);
    assert_eq!(cache.get_or_compute("k", MINUTE, || Ok::<_, Error>("up")).unwrap(), b"up");
}

#[test]
fn a_panic_leaves_nobody_waiting() {
    let cache = manual();
    let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        let _ = cache.get_or_compute("k", MINUTE, || -> Result<Vec<u8>, Error> {
            panic::resume_unwind(Box::new("computing failed")) // without a message on the terminal
        });
    }));
    assert!(result.is_err());
    drop(claimed(&cache, "k"));
    drop(claimed(&cache, "k")); // a dropped claim is abandoned
}

#[test]
fn what_was_deleted_meanwhile_is_not_stored() {
    let cache = manual();
    let value = cache.get_or_compute("k", MINUTE, || {
        cache.delete("k")?;
        Ok::<_, Error>("old")
    });
    assert_eq!(value.unwrap(), b"old");
    assert!(cache.is_empty());
}

#[test]
fn the_old_value_serves_while_one_computes() {
    let cache = manual();
    let options = ComputeOptions::new().ttl(MINUTE).stale(10 * MINUTE);
    let get = |value: &'static str| {
        cache.get_or_compute_with("k", &options, || Ok::<_, Error>(Some(value))).unwrap().unwrap()
    };
    assert_eq!(get("one"), b"one");
    cache.advance_clock(MINUTE).unwrap();
    let refreshed = cache.get_or_compute_with("k", &options, || {
        assert_eq!(get("never computed"), b"one"); // another caller, meanwhile
        Ok::<_, Error>(Some("two"))
    });
    assert_eq!(refreshed.unwrap().unwrap(), b"two");
    assert_eq!(get("three"), b"two");
}

#[test]
fn a_failed_refresh_keeps_the_old_value_if_asked() {
    let cache = manual();
    let plain = ComputeOptions::new().ttl(MINUTE).stale(10 * MINUTE);
    let patient = plain.retry(MINUTE);
    let fails = || Err::<Option<Vec<u8>>, _>(Error::Timeout);
    cache.get_or_compute_with("k", &plain, || Ok::<_, Error>(Some("old"))).unwrap();
    cache.advance_clock(MINUTE).unwrap();
    assert_eq!(cache.get_or_compute_with("k", &plain, fails), Err(Error::Timeout));
    assert_eq!(cache.get_or_compute_with("k", &patient, fails).unwrap().unwrap(), b"old");
    let not_now = || -> Result<Option<Vec<u8>>, Error> { panic!("before retry") };
    assert_eq!(cache.get_or_compute_with("k", &patient, not_now).unwrap().unwrap(), b"old");
    cache.advance_clock(MINUTE).unwrap();
    let computed = cache.get_or_compute_with("k", &patient, || Ok::<_, Error>(Some("new")));
    assert_eq!(computed.unwrap().unwrap(), b"new");
}

#[test]
fn that_there_is_no_value_is_stored_if_asked() {
    let cache = manual();
    let mut computed = 0;
    let forgetful = ComputeOptions::new().ttl(MINUTE);
    let options = forgetful.absent_ttl(MINUTE);
    let mut ask = |options: &ComputeOptions| {
        let none = cache.get_or_compute_with("k", options, || {
            computed += 1;
            Ok::<Option<Vec<u8>>, Error>(None)
        });
        assert_eq!(none.unwrap(), None);
        computed
    };
    assert_eq!([ask(&forgetful), ask(&forgetful)], [1, 2]);
    assert_eq!([ask(&options), ask(&options), ask(&options)], [3, 3, 3]);
    // Whose function always has a value takes no absence for an answer, and leaves it there.
    assert_eq!(cache.get_or_compute("k", MINUTE, || Ok::<_, Error>("some")).unwrap(), b"some");
    assert!(matches!(cache.get_or_claim("k").unwrap(), Lookup::Absent));
}

#[test]
fn what_cannot_be_stored_is_returned() {
    let cache = Cache::builder().max_bytes(65_536).open().unwrap();
    let value = cache.get_or_compute("k", MINUTE, || Ok::<_, Error>(vec![1; 100_000])).unwrap();
    assert_eq!(value.len(), 100_000);
    assert!(cache.is_empty());
}

#[test]
fn a_bad_lifetime_is_told_before_computing() {
    let cache = manual();
    let never = || -> Result<Vec<u8>, Error> { panic!("computed for nothing") };
    assert_eq!(cache.get_or_compute("k", Duration::ZERO, never), Err(Error::Argument));
    assert_eq!(cache.get_or_compute("", MINUTE, never), Err(Error::Argument));
}

#[test]
fn an_error_of_argument_loses_no_claim() {
    let cache = manual();
    let mut claim = claimed(&cache, "k");
    assert_eq!(claim.fulfill("v", Duration::ZERO), Err(Error::Argument));
    assert_eq!(claim.fulfill_absent(Ttl::Default), Err(Error::Argument));
    assert!(claim.is_held() && claim.stands().unwrap());
    assert_eq!(claim.fulfill("v", Ttl::Never), Ok(true));
    assert!(!claim.is_held() && !claim.stands().unwrap());
    assert_eq!(claim.fulfill("v", Ttl::Never), Ok(false));
}

#[test]
fn a_claim_that_is_void_does_not_stand() {
    let cache = manual();
    let mut claim = claimed(&cache, "k");
    cache.set("k", "newer", Ttl::Never).unwrap();
    assert!(claim.is_held() && !claim.stands().unwrap());
    assert_eq!(claim.fulfill("older", Ttl::Never), Ok(false));
    assert_eq!(cache.get("k").unwrap().unwrap(), b"newer");
}

#[test]
fn a_wait_ends_with_the_claim_or_with_its_time() {
    let cache = manual();
    let claim = claimed(&cache, "k");
    let pending = match cache.get_or_claim("k").unwrap() {
        Lookup::Pending(pending) => pending,
        other => panic!("{:?}", other),
    };
    assert_eq!(pending.wait_for(Duration::from_millis(5)), Ok(false));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| pending.wait());
        thread::sleep(Duration::from_millis(20));
        claim.abandon(Duration::ZERO).unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
    assert_eq!(pending.wait_for(Duration::MAX), Ok(true));
}

#[test]
fn large_values_are_claimed_and_counted_as_small_ones() {
    let cache = manual();
    let mut claim = claimed(&cache, "k");
    claim.fulfill_with_stale(vec![5; 50_000], MINUTE, MINUTE).unwrap();
    match cache.get_or_claim("k").unwrap() {
        Lookup::Fresh { value, claim: None } => assert_eq!(value, [5; 50_000]),
        other => panic!("{:?}", other),
    }
    assert_eq!(cache.stats().unwrap().hits, 1);
    cache.advance_clock(MINUTE).unwrap();
    match cache.get_or_claim("k").unwrap() {
        Lookup::Stale { value, claim: Some(_) } => assert_eq!(value, [5; 50_000]),
        other => panic!("{:?}", other),
    }
    assert_eq!(cache.stats().unwrap().stale_served, 1);
}

#[test]
fn early_refresh_elects_one_and_keeps_the_value_when_it_fails() {
    let cache = manual();
    let early = ClaimOptions::new().early();
    let options = ComputeOptions::new().ttl(MINUTE).claim(early);
    for size in [10, 5000] {
        let key = [size as u8];
        let computed = cache.get_or_compute_with(key, &options, || {
            cache.advance_clock(Duration::from_secs(20))?; // which is how long it took
            Ok::<_, Error>(Some(vec![1; size]))
        });
        assert_eq!(computed.unwrap().unwrap().len(), size);
        cache.advance_clock(MINUTE - Duration::from_millis(1)).unwrap();
        // A millisecond before the deadline of a value that took 20 s, election is all but certain.
        let mut elected = 0;
        for _ in 0..100 {
            let value = cache.get_or_compute_with(key, &options, || {
                elected += 1;
                Err::<Option<Vec<u8>>, _>(Error::Timeout)
            });
            assert_eq!(value.unwrap().unwrap().len(), size);
        }
        assert!(elected > 0);
    }
}

#[test]
fn a_claim_of_one_who_does_not_come_back_is_void_in_time() {
    let cache = manual();
    let options = ClaimOptions::new().valid_for(Duration::from_secs(5));
    let first = match cache.get_or_claim_with("k", &options).unwrap() {
        Lookup::Claimed(claim) => claim,
        other => panic!("{:?}", other),
    };
    cache.advance_clock(Duration::from_secs(5)).unwrap();
    let _second = claimed(&cache, "k");
    assert!(!first.stands().unwrap());
}
