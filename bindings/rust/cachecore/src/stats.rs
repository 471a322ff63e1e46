//! Statistics.

use std::ffi::CStr;
use std::os::raw::c_char;
use std::time::Duration;

use cachecore_sys as sys;

use crate::cache::Cache;
use crate::error::{check, check_or, Result};
use crate::time;

/// Declares the public struct of figures, and how it is read from the library's.
macro_rules! figures {
    (
        $(#[$about:meta])* $name:ident of $raw:ident {
            $($(#[$field_about:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)*
        }

        impl $name {
            fn of(raw: &sys::$raw) -> $name {
                $name { $($field: raw.$field,)* }
            }
        }
    };
}

figures! {
    /// Counters since the cache was opened or [`Cache::reset_stats`], and readings of this moment.
    Stats of cachecore_stats_t {
        /// Shards in use.
        shard_count: u32,
        /// Live entries.
        entries: u64,
        /// Memory in use, in bytes: entries, index, bookkeeping.
        bytes_used: u64,
        /// The bound in bytes; 0: none.
        bytes_limit: u64,
        /// The bound in entries; 0: none.
        entries_limit: u64,
        /// Reads that found a live entry.
        hits: u64,
        /// Reads that did not.
        misses: u64,
        /// Stored under a key that had no live entry.
        inserts: u64,
        /// Stored in place of a live entry.
        updates: u64,
        /// Live entries removed by `delete`, `clear` and so on.
        deletes: u64,
        /// Live entries removed to make room.
        evictions: u64,
        /// Entries removed because they had expired.
        expirations: u64,
        /// Writes that were not stored for lack of room.
        refused: u64,
        /// Memory held from the system, in bytes.
        bytes_resident: u64,
        /// Removals that were dropped before they were taken.
        removals_lost: u64,
        /// Entries past their deadline that are still there.
        expired: u64,
        /// Entries that were there when the counters began.
        entries_before: u64,
        /// Values past their deadline that `get_or_claim` may still serve.
        stale: u64,
        /// Entries that say that there is no value.
        absent: u64,
        /// How often a stale value was served.
        stale_served: u64,
        /// How often the answer was that there is no value.
        absent_served: u64,
    }
}

impl Stats {
    /// Hits among all reads, from 0 to 1; `None` before the first.
    pub fn hit_ratio(&self) -> Option<f64> {
        let reads = self.hits + self.misses;
        (reads > 0).then(|| self.hits as f64 / reads as f64)
    }
}

/// One of the statistics, with what an exporter says about it: [`Cache::figures`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// The name in `cachecore.h`, such as `"hits"`.
    pub name: &'static str,
    /// What it counts, in the plural: `"reads"`, `"bytes"`.
    pub unit: &'static str,
    /// An English sentence, for people to read.
    pub help: &'static str,
    /// Whether it only rises, until [`Cache::reset_stats`]; if not, it is a reading of the moment, or a limit.
    pub is_counter: bool,
    /// The figure.
    pub value: u64,
}

/// Hits and misses of the recent past: [`Cache::window`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// Reads that found a live entry.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// For how long they were really counted.
    pub span: Duration,
}

impl Cache {
    /// The statistics.
    pub fn stats(&self) -> Result<Stats> {
        let mut raw = sys::cachecore_stats_t::INIT;
        // SAFETY: The struct is whole.
        check(unsafe { sys::cachecore_stats(self.raw(), &mut raw) })?;
        Ok(Stats::of(&raw))
    }

    /// All of the statistics by name, for programs that export them without naming one.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecore::Error> {
    /// # let cache = cachecore::Cache::with_max_entries(100)?;
    /// for figure in cache.figures()? {
    ///     let kind = if figure.is_counter { "counter" } else { "gauge" };
    ///     println!("# HELP cache_{0} {1}\n# TYPE cache_{0} {2}", figure.name, figure.help, kind);
    ///     println!("cache_{} {}", figure.name, figure.value);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn figures(&self) -> Result<Vec<Figure>> {
        let mut raw = sys::cachecore_stats_t::INIT;
        // SAFETY: The struct is whole.
        check(unsafe { sys::cachecore_stats(self.raw(), &mut raw) })?;
        let mut figures = Vec::new();
        for number in 0.. {
            let mut field = sys::cachecore_stats_field_t::INIT;
            // SAFETY: The struct is whole.
            let status = unsafe { sys::cachecore_stats_field(number, &mut field) };
            if !check_or(status, sys::CACHECORE_MISS)? {
                break;
            }
            if let Some(value) = figure(&raw, &field) {
                figures.push(value);
            }
        }
        Ok(figures)
    }

    /// Sets the counters to zero.
    pub fn reset_stats(&self) -> Result<()> {
        // SAFETY: The handle is open.
        check(unsafe { sys::cachecore_reset_stats(self.raw()) })
    }

    /// Hits and misses of the last `span`; of all the time since the cache was opened, if that is zero.
    ///
    /// Counters are recorded once a minute, for 32 hours, so the window may begin earlier: its `span` says how long
    /// it is.
    pub fn window(&self, span: Duration) -> Result<Window> {
        let mut raw = sys::cachecore_window_t::INIT;
        // SAFETY: The struct is whole.
        check(unsafe { sys::cachecore_window(self.raw(), time::ms(span), &mut raw) })?;
        Ok(Window { hits: raw.hits, misses: raw.misses, span: Duration::from_millis(raw.span_ms) })
    }
}

/// None for a field of a later library, which our struct has no room for.
fn figure(raw: &sys::cachecore_stats_t, field: &sys::cachecore_stats_field_t) -> Option<Figure> {
    let (offset, size) = (field.offset as usize, field.size as usize);
    if offset + size > std::mem::size_of_val(raw) {
        return None;
    }
    let start = (raw as *const sys::cachecore_stats_t).cast::<u8>();
    // SAFETY: The field lies within the struct, which has no padding.
    let value = unsafe {
        match size {
            4 => u64::from(start.add(offset).cast::<u32>().read_unaligned()),
            8 => start.add(offset).cast::<u64>().read_unaligned(),
            _ => return None,
        }
    };
    let is_counter = field.kind == sys::CACHECORE_FIELD_COUNTER;
    Some(Figure { name: text(field.name), unit: text(field.unit), help: text(field.help), is_counter, value })
}

/// A static text of the library.
fn text(start: *const c_char) -> &'static str {
    // SAFETY: "The texts are static and not to be freed."
    unsafe { CStr::from_ptr(start) }.to_str().unwrap_or("")
}
