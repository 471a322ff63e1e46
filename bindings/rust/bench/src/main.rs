//! A call of cachecore beside the caches that Rust programs use, in one process and in turns.
//!
//! ```text
//! bindings/rust/bench/run.sh [ROUNDS]
//! ```
//!
//! 10 000 entries of 16-byte keys and 64-byte values, uniformly random hits.  Each round measures every row once, so
//! that what else the machine does falls on all of them alike; the table has medians over the rounds, in
//! nanoseconds, and the ratio to `lru` in a mutex.  With one thread it is the CPU time of the process, which other
//! processes do not disturb; with two it is the time that passed.  The last rows are the price of the crossing: a call of the
//! library that does nothing.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Mutex, RwLock};
use std::time::Instant;
use std::{env, thread};

use cachecore::{Batch, Cache, Ttl};
use lru::LruCache;

type Key = [u8; 16];
type Value = [u8; 64];

const ENTRIES: usize = 10_000;
const CALLS: usize = 40_000;
const BATCH: usize = 50;

/// Keys in an order that no prefetcher knows: a linear congruential generator.
fn keys(seed: u64, count: usize) -> Vec<Key> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            key((state >> 33) as usize % ENTRIES)
        })
        .collect()
}

fn key(number: usize) -> Key {
    let mut key = *b"user:00000000000";
    key[8..].copy_from_slice(&(number as u64).to_ne_bytes());
    key
}

/// What is measured, for each thread: `calls` keys, one call or batch after another.
struct Row {
    name: &'static str,
    threads: usize,
    run: Box<dyn Fn(&[Key]) + Sync>,
    ns: Vec<f64>,
}

fn row(name: &'static str, threads: usize, run: impl Fn(&[Key]) + Sync + 'static) -> Row {
    Row { name, threads, run: Box::new(run), ns: Vec::new() }
}

fn measure(row: &mut Row, round: usize) {
    let work: Vec<Vec<Key>> = (0..row.threads).map(|n| keys((round * 7 + n + 1) as u64, CALLS)).collect();
    let (start, start_cpu) = (Instant::now(), cpu_ns());
    if row.threads == 1 {
        (row.run)(&work[0]);
    } else {
        thread::scope(|scope| {
            for keys in &work {
                let run = &row.run;
                scope.spawn(move || run(keys));
            }
        });
    }
    let ns = if row.threads == 1 { cpu_ns() - start_cpu } else { start.elapsed().as_nanos() as i64 };
    row.ns.push(ns as f64 / CALLS as f64);
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    ns: i64,
}

extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// The CPU time that the process has taken.
fn cpu_ns() -> i64 {
    const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
    let mut time = Timespec { seconds: 0, ns: 0 };
    // SAFETY: The struct is that of 64-bit Linux.
    assert_eq!(unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut time) }, 0);
    time.seconds * 1_000_000_000 + time.ns
}

fn median(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

fn main() {
    let rounds: usize = env::args().nth(1).map_or(15, |rounds| rounds.parse().expect("a number of rounds"));
    let ours: &'static Cache = Box::leak(Box::new(Cache::with_max_entries(ENTRIES as u64 * 2).unwrap()));
    let lru: &'static Mutex<LruCache<Key, Vec<u8>>> =
        Box::leak(Box::new(Mutex::new(LruCache::new(ENTRIES * 2))));
    let map: &'static RwLock<HashMap<Key, Vec<u8>>> = Box::leak(Box::default());
    let value: Value = [7; 64];
    for number in 0..ENTRIES {
        ours.set(key(number), value, Ttl::Never).unwrap();
        lru.lock().unwrap().put(key(number), value.to_vec());
        map.write().unwrap().insert(key(number), value.to_vec());
    }

    let mut groups: Vec<(&str, Vec<Row>)> = Vec::new();
    for threads in [1, 2] {
        groups.push((
            if threads == 1 { "get, one thread" } else { "get, each of two threads" },
            vec![
                row("lru in a Mutex, value cloned", threads, move |keys| {
                    keys.iter().for_each(|key| drop(black_box(lru.lock().unwrap().get(key).cloned())))
                }),
                row("HashMap in a RwLock, unbounded, value cloned", threads, move |keys| {
                    keys.iter().for_each(|key| drop(black_box(map.read().unwrap().get(key).cloned())))
                }),
                row("cachecore get: a Vec", threads, move |keys| {
                    keys.iter().for_each(|key| drop(black_box(ours.get(key).unwrap())))
                }),
                row("cachecore get_into: the caller's buffer", threads, move |keys| {
                    let mut buffer = [0; 64];
                    keys.iter().for_each(|key| {
                        black_box(ours.get_into(key, &mut buffer).unwrap());
                    })
                }),
                row("cachecore acquire: not copied", threads, move |keys| {
                    keys.iter().for_each(|key| drop(black_box(ours.acquire(key).unwrap())))
                }),
            ],
        ));
        groups.push((
            if threads == 1 { "set, one thread" } else { "set, each of two threads" },
            vec![
                row("lru in a Mutex", threads, move |keys| {
                    keys.iter().for_each(|key| drop(lru.lock().unwrap().put(*key, value.to_vec())))
                }),
                row("HashMap in a RwLock, unbounded", threads, move |keys| {
                    keys.iter().for_each(|key| drop(map.write().unwrap().insert(*key, value.to_vec())))
                }),
                row("cachecore set", threads, move |keys| {
                    keys.iter().for_each(|key| ours.set(key, value, Ttl::Never).unwrap())
                }),
            ],
        ));
    }
    groups.push((
        "get of 50 at once, for each key",
        vec![
            row("lru in a Mutex, values cloned", 1, move |keys| {
                for keys in keys.chunks(BATCH) {
                    let mut lru = lru.lock().unwrap();
                    black_box(keys.iter().map(|key| lru.get(key).cloned()).collect::<Vec<_>>());
                }
            }),
            row("cachecore get_many", 1, move |keys| {
                for keys in keys.chunks(BATCH) {
                    black_box(ours.get_many(keys).unwrap());
                }
            }),
            row("cachecore get_many_into: one batch used again", 1, move |keys| {
                let mut batch = Batch::new();
                for keys in keys.chunks(BATCH) {
                    ours.get_many_into(keys, &mut batch).unwrap();
                    black_box(&batch);
                }
            }),
        ],
    ));
    groups.push((
        "the crossing: a call that does nothing",
        vec![
            row("the loop alone", 1, |keys| {
                keys.iter().for_each(|key| {
                    black_box(key[15]);
                })
            }),
            row("cachecore::version()", 1, |keys| {
                keys.iter().for_each(|_| {
                    black_box(cachecore::version());
                })
            }),
        ],
    ));

    for round in 0..rounds {
        for (_, rows) in &mut groups {
            rows.iter_mut().for_each(|row| measure(row, round));
        }
    }
    println!(
        "{} rounds of {} calls; ns: median (least to most); and the ratio to the first row",
        rounds, CALLS
    );
    for (title, rows) in &mut groups {
        println!("\n{}", title);
        let (first, _, _) = median(&mut rows[0].ns);
        for row in rows {
            let (middle, least, most) = median(&mut row.ns);
            println!(
                "  {:<46} {:7.1} ({:.1} to {:.1})  {:.2}",
                row.name,
                middle,
                least,
                most,
                middle / first
            );
        }
    }
}
