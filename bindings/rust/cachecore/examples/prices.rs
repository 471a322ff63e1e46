//! A small price service with worker threads: the cache in front of a slow database.
//!
//! ```text
//! cargo run --example prices [FILE]
//! ```
//!
//! With a FILE the cache is shared: run it twice at once, or beside a program in another language, and a price is
//! looked up once for all of them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, error, io, thread};

use cachecore::{Cache, ComputeOptions, Shared};

/// What is slow, and must not be asked by everybody at once.
struct Database {
    queries: AtomicU32,
}

impl Database {
    fn price(&self, article: u32) -> io::Result<Option<String>> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
        Ok((article < 10).then(|| format!("{}.99", article * 7 + 1)))
    }
}

struct Prices {
    cache: Cache,
    options: ComputeOptions,
    database: Database,
}

impl Prices {
    fn open(file: Option<PathBuf>) -> Result<Prices, cachecore::OpenError> {
        let builder = Cache::builder().max_bytes(16 << 20);
        let cache = match &file {
            Some(path) => builder.open_shared(&Shared::at(path))?,
            None => builder.open()?,
        };
        let options = ComputeOptions::new()
            .ttl(Duration::from_secs(60))
            .stale(Duration::from_secs(600)) // an old price serves while one thread asks for the new one
            .retry(Duration::from_secs(5)) // and while the database is down
            .absent_ttl(Duration::from_secs(10)); // articles that do not exist
        Ok(Prices { cache, options, database: Database { queries: AtomicU32::new(0) } })
    }

    fn of(&self, article: u32) -> io::Result<Option<String>> {
        let key = format!("price:{}", article);
        let price = self.cache.get_or_compute_with(key, &self.options, || self.database.price(article))?;
        Ok(price.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn main() -> Result<(), Box<dyn error::Error>> {
    let prices = Prices::open(env::args_os().nth(1).map(PathBuf::from))?;
    let start = Instant::now();
    thread::scope(|scope| {
        for worker in 0..8 {
            let prices = &prices;
            scope.spawn(move || {
                for request in 0..1000 {
                    prices.of((worker + request) % 12).expect("the database answers");
                }
            });
        }
    });
    println!("article 3 costs {}", prices.of(3)?.unwrap_or_else(|| "nothing: there is none".into()));
    println!("article 11 costs {}", prices.of(11)?.unwrap_or_else(|| "nothing: there is none".into()));
    let stats = prices.cache.stats()?;
    println!(
        "8002 requests in {:?}: {} queries, {} hits, {} times told that there is none",
        start.elapsed(),
        prices.database.queries.load(Ordering::Relaxed),
        stats.hits,
        stats.absent_served,
    );
    for entry in prices.cache.scan_values("price:") {
        let entry = entry?;
        println!("{} = {}", String::from_utf8_lossy(&entry.key), String::from_utf8_lossy(&entry.value));
    }
    Ok(())
}
