//! A bounded, concurrent cache: libcachecore for Rust.
//!
//! A [`Cache`] maps byte-string keys to byte-string values, within a bound on its entries, its memory, or both.
//! When it is full it evicts.  Entries may have a lifetime; one that has expired is not returned.  Reads take no
//! lock.  One cache can be shared by all processes of a machine, in Rust and in other languages.
//!
//! ```
//! use std::time::Duration;
//! use cachecore::{Cache, Ttl};
//!
//! # fn main() -> Result<(), cachecore::Error> {
//! let cache = Cache::builder().max_bytes(64 << 20).open()?;
//! cache.set("user:7", "allowed", Duration::from_secs(60))?;
//! cache.set("user:8", "denied", Ttl::Default)?;
//! assert_eq!(cache.get("user:7")?.as_deref(), Some(&b"allowed"[..]));
//! # Ok(()) }
//! ```
//!
//! What is missing can be computed once for all who ask, threads and processes alike:
//!
//! ```
//! # use std::time::Duration;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cache = cachecore::Cache::builder().max_entries(100).open()?;
//! # fn query(_: &str) -> std::io::Result<String> { Ok("9.99".into()) }
//! let price = cache.get_or_compute("price:12", Duration::from_secs(60), || query("12"))?;
//! # assert_eq!(price, b"9.99");
//! # Ok(()) }
//! ```
//!
//! # Conventions
//!
//! - Keys are 1 to 65535 bytes of any content; anything that is `AsRef<[u8]>` can be one.  Values are 0 bytes
//!   and up.  Arguments are copied.
//! - A lifetime is a [`Ttl`], made of a `Duration` where one is given.  Durations count in milliseconds and are
//!   rounded up.  A lifetime of zero is [`Error::Argument`]: say [`Ttl::Default`] or [`Ttl::Never`].
//! - What is an ordinary answer is in the result's value: a miss is `None` or `false`.  What is an [`Error`] has
//!   changed nothing, unless the error's documentation says so.
//! - [`Cache`] is a counted handle.  Clone it for each thread; the last one that is dropped closes the cache.
//! - Nothing here panics on what a caller passes, and no function calls back into Rust, so a panic in your code
//!   never crosses C.
//! - After `fork`, the child has a working copy of a private cache, and goes on sharing a shared one.
//!
//! The functions do what those of the same name in `cachecore.h` do; that header has the fine print.

#![warn(missing_docs, missing_debug_implementations, rust_2018_idioms)]
#![deny(unsafe_op_in_unsafe_fn)]

mod audit;
mod batch;
mod cache;
mod claim;
mod compute;
mod error;
mod file;
mod options;
mod reading;
mod records;
mod scan;
mod shared;
mod stats;
mod sweeper;
mod time;
mod value;
mod whole;
mod writing;

pub use audit::{Audit, AuditOptions, Kinds};
pub use batch::{Batch, BatchError};
pub use cache::{version, Cache};
pub use claim::{Claim, ClaimOptions, Lookup, Pending};
pub use compute::ComputeOptions;
pub use error::{Error, OpenError};
pub use options::{Builder, Options, Policy};
pub use reading::EntryInfo;
pub use records::{Cause, Entry, Removal};
pub use scan::Scan;
pub use shared::{Shared, SharedInfo};
pub use stats::{Figure, Stats, Window};
pub use sweeper::{Sweeper, SweeperOptions, SweeperState, SweeperStatus};
pub use time::{Lifetime, Ttl};
pub use value::Value;
pub use writing::Swap;
