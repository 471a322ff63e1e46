//! The rest of the contract: bounds, lifetimes, the sweeper, figures, files, errors.

use std::error::Error as _;
use std::time::{Duration, SystemTime};
use std::{env, fs, io, process};

use cachecore::{
    AuditOptions, Cache, Cause, Error, Kinds, Lifetime, Policy, Shared, Swap, SweeperOptions, SweeperState,
    Ttl,
};

const SECOND: Duration = Duration::from_secs(1);

fn manual() -> Cache {
    Cache::builder().max_entries(1000).manual_clock().open().unwrap()
}

#[test]
fn an_open_that_is_refused_says_why() {
    let error = Cache::builder().open().unwrap_err();
    assert_eq!(error.error(), Error::Argument);
    assert!(error.reason().contains("max_entries"), "{}", error.reason());
    assert!(error.to_string().starts_with("cannot open the cache: "));
    assert_eq!(error.source().unwrap().to_string(), Error::Argument.to_string());
    let error: io::Error = Cache::builder().max_bytes(1).open().unwrap_err().into();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    let zero = Cache::builder().max_entries(1).default_ttl(Duration::ZERO).open().unwrap_err();
    assert_eq!(zero.reason(), "default_ttl must be greater than zero");
    assert_eq!(Error::from(zero), Error::Argument);
}

#[test]
fn options_are_as_they_are_in_force() {
    let cache = Cache::builder()
        .max_bytes(10 << 20)
        .max_entries(500)
        .policy(Policy::Adaptive)
        .default_ttl(90 * SECOND)
        .time_to_idle(60 * SECOND)
        .ttl_jitter_permille(100)
        .shard_count(2)
        .hash_seed(7)
        .no_evict()
        .open()
        .unwrap();
    let options = cache.options().unwrap();
    assert_eq!((options.max_bytes, options.max_entries), (10 << 20, 500));
    assert_eq!((options.policy, options.shard_count), (Policy::Adaptive, 2));
    assert_eq!((options.default_ttl, options.time_to_idle), (Some(90 * SECOND), Some(60 * SECOND)));
    assert_eq!(options.ttl_jitter_permille, 100);
    assert!(options.no_evict && !options.manual_clock && !options.report_removals);
    assert_eq!(manual().options().unwrap().default_ttl, None);
    assert!(cachecore::version() >= 0x100);
}

#[test]
fn lifetimes_are_durations() {
    let cache = manual();
    cache.set("k", "v", 5 * SECOND).unwrap();
    cache.set("never", "v", Ttl::Never).unwrap();
    assert_eq!(cache.ttl("k").unwrap(), Some(Lifetime::For(5 * SECOND)));
    assert_eq!(cache.ttl("never").unwrap().unwrap().duration(), None);
    assert_eq!(cache.ttl("other").unwrap(), None);
    cache.set("short", "v", Duration::from_nanos(1)).unwrap(); // a millisecond
    assert!(cache.contains("short").unwrap());
    cache.set("k", "w", Ttl::Keep).unwrap();
    cache.advance_clock(2 * SECOND).unwrap();
    assert_eq!(cache.ttl("k").unwrap().unwrap().duration(), Some(3 * SECOND));
    assert!(!cache.contains("short").unwrap());
    for zero in [cache.set("k", "x", Duration::ZERO), cache.touch("k", Duration::ZERO).map(drop)] {
        assert_eq!(zero, Err(Error::Argument));
    }
    assert_eq!(cache.get("k").unwrap().unwrap(), b"w");
    let info = cache.inspect("k").unwrap().unwrap();
    assert_eq!((info.age, info.ttl, info.value_size), (2 * SECOND, Lifetime::For(3 * SECOND), 1));
}

#[test]
fn deadlines_are_points_of_the_wall_clock() {
    let cache = Cache::with_max_entries(10).unwrap();
    cache.set_until("k", "v", SystemTime::now() + 3600 * SECOND).unwrap();
    let left = cache.ttl("k").unwrap().unwrap().duration().unwrap();
    assert!(left > 3500 * SECOND && left <= 3601 * SECOND, "{:?}", left);
    cache.set_until("k", "v", SystemTime::UNIX_EPOCH - SECOND).unwrap();
    assert!(!cache.contains("k").unwrap());
}

#[test]
fn buffers_of_the_caller() {
    let cache = manual();
    cache.set("k", "12345", Ttl::Never).unwrap();
    let mut buffer = [0; 5];
    assert_eq!(cache.get_into("k", &mut buffer), Ok(Some(5)));
    assert_eq!(&buffer, b"12345");
    assert_eq!(cache.get_into("k", &mut buffer[..4]), Err(Error::TooSmall { needed: 5 }));
    assert_eq!(cache.get_into("k", &mut []), Err(Error::TooSmall { needed: 5 }));
    assert_eq!(cache.get_into("other", &mut buffer), Ok(None));
    let mut vector = b"before".to_vec();
    assert_eq!(cache.get_into_vec("k", &mut vector), Ok(true));
    assert_eq!(vector, b"12345");
    cache.set("k", vec![1; 5000], Ttl::Never).unwrap();
    assert_eq!(cache.get_into_vec("k", &mut vector), Ok(true));
    assert_eq!(vector, [1; 5000]);
    assert_eq!(cache.get_into_vec("other", &mut vector), Ok(false));
    assert!(vector.is_empty() && vector.capacity() >= 5000);
}

#[test]
fn a_large_value_with_its_info_is_counted_once() {
    let cache = manual();
    cache.set("k", vec![3; 9000], 5 * SECOND).unwrap();
    let (value, info) = cache.get_with_info("k").unwrap().unwrap();
    assert_eq!((value.len(), info.value_size, info.ttl), (9000, 9000, Lifetime::For(5 * SECOND)));
    assert_eq!(cache.stats().unwrap().hits, 1);
    assert_eq!(cache.compare_and_set("k", "new", info.version, Ttl::Keep), Ok(Swap::Stored));
    assert_eq!(cache.compare_and_set("k", "new", info.version, Ttl::Keep), Ok(Swap::Conflict));
    assert_eq!(cache.compare_and_set("x", "new", info.version, Ttl::Keep), Ok(Swap::Missing));
}

#[test]
fn scans_see_all_that_is_there() {
    let cache = Cache::with_max_entries(50_000).unwrap();
    for number in 0..10_000 {
        cache.set(format!("n:{}", number), vec![b'x'; number % 50], 60 * SECOND).unwrap();
    }
    cache.set("large", vec![1; 300_000], Ttl::Never).unwrap();
    let mut keys: Vec<_> = (&cache).into_iter().map(|entry| entry.unwrap().key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 10_001);
    let mut bytes = 0;
    for entry in cache.scan_values("") {
        let entry = entry.unwrap();
        assert_eq!(entry.value.len() as u64, entry.value_size);
        assert_eq!(entry.ttl == Lifetime::Never, entry.key == b"large");
        bytes += entry.value.len();
    }
    assert!(bytes >= 300_000 + 200 * (0..50).sum::<usize>());
    assert_eq!(cache.scan("nothing").count(), 0);
    let coldest = cache.coldest(usize::MAX).unwrap();
    assert_eq!(coldest.len(), 10_001);
    assert_eq!(cache.hottest(3).unwrap().len(), 3);
    assert_eq!(cache.hottest(0).unwrap(), []);
}

#[test]
fn long_keys_are_listed_in_full() {
    let cache = Cache::builder().max_entries(10).shard_count(1).open().unwrap();
    for letter in b'a'..=b'e' {
        cache.set(vec![letter; 65_535], "", Ttl::Never).unwrap();
    }
    let keys: Vec<_> = cache.coldest(4).unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, (b'a'..=b'd').map(|letter| vec![letter; 65_535]).collect::<Vec<_>>());
    assert_eq!(cache.scan("").count(), 5);
}

#[test]
fn removals_say_what_left_and_why() {
    let cache = Cache::builder().max_entries(2).shard_count(1).report_removals().open().unwrap();
    cache.set("a", vec![9; 200_000], Ttl::Never).unwrap();
    cache.set("a", "2", Ttl::Never).unwrap();
    cache.delete("a").unwrap();
    let mut removals = Vec::new();
    loop {
        let some = cache.take_removals().unwrap();
        if some.is_empty() {
            break;
        }
        removals.extend(some);
    }
    assert_eq!(removals[0].value, [9; 200_000]);
    assert_eq!((removals[0].cause, removals[1].cause), (Cause::Replaced, Cause::Deleted));
    assert_eq!(removals[1].key, b"a");
    assert_eq!(manual().take_removals(), Err(Error::State));
}

#[test]
fn the_sweeper_is_controlled() {
    let cache = manual();
    let sweeper = cache.sweeper();
    assert_eq!(sweeper.status().unwrap().state, SweeperState::Stopped);
    let zero = SweeperOptions::new().interval(Duration::ZERO);
    assert_eq!(sweeper.start(&zero), Err(Error::Argument));
    let options = SweeperOptions::new().interval(3600 * SECOND).max_slice(Duration::from_micros(100));
    sweeper.start(&options).unwrap();
    assert_eq!(sweeper.start(&options), Err(Error::State));
    let status = sweeper.status().unwrap();
    assert_eq!((status.state, status.interval), (SweeperState::Running, 3600 * SECOND));
    assert!(status.healthy && status.leads);
    cache.set("k", "v", SECOND).unwrap();
    cache.advance_clock(SECOND).unwrap();
    sweeper.pause().unwrap();
    assert_eq!(sweeper.status().unwrap().state, SweeperState::Paused);
    assert_eq!(sweeper.trigger(), Ok(1));
    sweeper.resume().unwrap();
    sweeper.set_interval(Some(1800 * SECOND)).unwrap();
    assert_eq!(sweeper.status().unwrap().interval, 1800 * SECOND);
    sweeper.set_interval(None).unwrap();
    let status = sweeper.status().unwrap();
    assert_eq!((status.entries_removed, status.errors, status.backlog), (1, 0, 0));
    sweeper.stop_within(60 * SECOND).unwrap();
    assert_eq!(sweeper.stop(), Err(Error::State));
}

#[test]
fn figures_are_the_statistics() {
    let cache = manual();
    assert_eq!(cache.stats().unwrap().hit_ratio(), None);
    cache.set("k", "v", Ttl::Never).unwrap();
    cache.get("k").unwrap();
    cache.get("other").unwrap();
    let (stats, figures) = (cache.stats().unwrap(), cache.figures().unwrap());
    assert_eq!(stats.hit_ratio(), Some(0.5));
    let figure = |name: &str| *figures.iter().find(|figure| figure.name == name).unwrap();
    assert_eq!((figure("hits").value, figure("inserts").value), (stats.hits, stats.inserts));
    assert_eq!(figure("entries_limit").value, 1000);
    assert_eq!(figure("shard_count").value, stats.shard_count.into());
    assert!(figure("hits").is_counter && !figure("entries").is_counter);
    assert!(figures.iter().all(|figure| !figure.unit.is_empty() && figure.help.len() > 10));
    assert!(figures.len() >= 21, "{} figures", figures.len());
    let window = cache.window(Duration::ZERO).unwrap();
    assert_eq!((window.hits, window.misses), (1, 1));
    cache.reset_stats().unwrap();
    assert_eq!(cache.stats().unwrap().hits, 0);
}

#[test]
fn an_audit_counts_and_removes() {
    let cache = manual();
    cache.set("a:short", "v", 30 * SECOND).unwrap();
    cache.set("a:never", "v", Ttl::Never).unwrap();
    cache.set("b:never", "v", Ttl::Never).unwrap();
    let audit = cache.audit("a:", &AuditOptions::new()).unwrap();
    assert_eq!((audit.scanned, audit.near_expiry, audit.without_expiry, audit.removed), (2, 1, 1, 0));
    assert_eq!(audit.average_ttl, Some(30 * SECOND));
    let options = AuditOptions::new().remove(Kinds::WITHOUT_EXPIRY | Kinds::EXPIRED);
    assert_eq!(cache.audit("", &options).unwrap().removed, 2);
    assert_eq!(cache.len(), 1);
}

#[test]
fn bounds_can_be_changed() {
    let cache = Cache::builder().max_entries(100).shard_count(1).open().unwrap();
    for number in 0..100u8 {
        cache.set([number], "v", Ttl::Never).unwrap();
    }
    cache.resize(10, 0).unwrap();
    assert_eq!((cache.len(), cache.options().unwrap().max_entries), (10, 10));
    assert_eq!(cache.evict(3), Ok(3));
    assert_eq!(cache.resize(0, 0), Err(Error::Argument));
    cache.clear().unwrap();
    assert!(cache.is_empty());
}

#[test]
fn a_cache_is_saved_and_loaded() {
    let path = env::temp_dir().join(format!("cachecore-rust-{}.saved", process::id()));
    let cache = manual();
    cache.set("k", vec![1; 5000], 60 * SECOND).unwrap();
    assert_eq!(cache.save(&path), Ok(1));
    let other = manual();
    assert_eq!(other.load(&path), Ok(1));
    assert_eq!(other.ttl("k").unwrap(), Some(Lifetime::For(60 * SECOND)));
    fs::write(&path, "no cache").unwrap();
    assert_eq!(other.load(&path), Err(Error::Layout));
    fs::remove_file(&path).unwrap();
    assert_eq!(other.load(&path), Err(Error::State));
    assert_eq!(other.save("/nowhere/at/all"), Err(Error::State));
    assert_eq!(other.save("a\0b"), Err(Error::Argument));
}

#[test]
fn a_path_with_a_zero_byte_is_an_error() {
    let error = Cache::builder().max_entries(1).open_shared(&Shared::at("a\0b")).unwrap_err();
    assert_eq!(error.error(), Error::Argument);
    assert!(error.to_string().contains("zero byte"));
}

#[test]
fn errors_have_texts_and_numbers() {
    let cache = manual();
    assert_eq!(cache.set("", "v", Ttl::Never), Err(Error::Argument));
    assert_eq!(cache.set(vec![0; 65_536], "v", Ttl::Never), Err(Error::Argument));
    cache.set("k", "no number", Ttl::Never).unwrap();
    let error = cache.increment("k", 1, 0, Ttl::Never).unwrap_err();
    assert_eq!((error, error.status()), (Error::Type, -8));
    assert!(!error.to_string().is_empty());
    assert!(Error::TooSmall { needed: 9 }.to_string().ends_with("(9 bytes needed)"));
    assert!(Error::Other(-99).to_string().ends_with("(-99)"));
    let full = Cache::builder().max_entries(1).no_evict().open().unwrap();
    full.set("a", "v", Ttl::Never).unwrap();
    assert_eq!(full.set("b", "v", Ttl::Never), Err(Error::Full));
    assert_eq!(full.evict(1), Err(Error::State));
}
