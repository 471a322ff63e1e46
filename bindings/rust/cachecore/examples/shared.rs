//! One of several programs, in any languages, that share a cache by the path of its file: it reads what another one
//! stored, and computes what is missing, unless another one does.
//!
//! ```text
//! cargo run --example shared CACHE LOG
//! ```
//!
//! It appends its name to LOG when it computes.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::time::Duration;
use std::{env, thread};

use cachecore::{Cache, Shared};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args_os().skip(1);
    let (path, log) = arguments.next().zip(arguments.next()).ok_or("shared CACHE LOG")?;
    let cache = Cache::builder().max_bytes(16 << 20).open_shared(&Shared::at(&path))?;

    if let Some(greeting) = cache.get("greeting")? {
        println!("greeting: {}", String::from_utf8(greeting)?);
    }
    let answer = cache.get_or_compute("answer", Duration::from_secs(60), || {
        thread::sleep(Duration::from_millis(200)); // what is slow
        writeln!(OpenOptions::new().append(true).create(true).open(&log)?, "rust")?;
        Ok::<_, io::Error>("computed by rust")
    })?;
    println!("answer: {}", String::from_utf8(answer)?);
    Ok(())
}
