//! Makes each step by the crate's own calls, and says what they answered in words.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, process};

use cachecore::{
    Builder, Cache, Cause, Claim, Entry, Error, Lifetime, Lookup, Pending, Policy, Shared, Swap,
    SweeperOptions, Ttl, Value,
};

use super::words::{number, text, Word};

type Answer = Result<Vec<Word>, Error>;

/// What `get_or_claim` keeps under a name.
struct Asked {
    cache: String,
    claim: Option<Claim>,
    pending: Option<Pending>,
}

pub struct Runner {
    directory: PathBuf,
    caches: HashMap<String, Option<Cache>>,
    used: String,
    versions: HashMap<Word, u64>,
    values: HashMap<Word, Value>,
    asked: HashMap<Word, Asked>,
}

impl Runner {
    pub fn new(name: &str) -> Runner {
        let directory = env::temp_dir().join(format!("cachecore-rust-{}-{}", process::id(), name));
        fs::create_dir_all(&directory).unwrap();
        Runner {
            directory,
            caches: HashMap::new(),
            used: String::new(),
            versions: HashMap::new(),
            values: HashMap::new(),
            asked: HashMap::new(),
        }
    }

    /// None for a call on a closed cache, which cannot be written in Rust.
    pub fn run(&mut self, call: &[Word]) -> Option<Vec<Word>> {
        let (verb, arguments) = (text(&call[0]), &call[1..]);
        let answer = match verb {
            "open" => self.open(arguments),
            "use" => {
                self.used = text(&arguments[0]).to_owned();
                ok()
            }
            "close" => {
                let closed = self.caches.insert(self.used.clone(), None).flatten();
                self.asked.retain(|_, asked| asked.cache != self.used);
                drop(closed.expect("a cache that is open"));
                ok()
            }
            "borrowed" => one(self.values[&arguments[0]].to_vec()),
            "release" => {
                drop(self.values.remove(&arguments[0]).expect("a value that is borrowed"));
                ok()
            }
            _ => {
                let cache = self.caches[&self.used].clone()?;
                self.call(&cache, verb, arguments)
            }
        };
        Some(answer.unwrap_or_else(|error| vec![status_name(error).into()]))
    }

    fn open(&mut self, arguments: &[Word]) -> Answer {
        let mut builder = Cache::builder();
        let mut shared = None;
        for option in &arguments[1..] {
            let (name, value) = text(option).split_once('=').unwrap_or((text(option), ""));
            if name == "shared" {
                shared = Some(self.directory.join(value));
            } else {
                builder = with_option(builder, name, value);
            }
        }
        let cache = match shared {
            Some(path) => builder.open_shared(&Shared::at(&path))?,
            None => builder.open()?,
        };
        self.used = text(&arguments[0]).to_owned();
        self.caches.insert(self.used.clone(), Some(cache));
        ok()
    }

    fn call(&mut self, cache: &Cache, verb: &str, a: &[Word]) -> Answer {
        match verb {
            "set" => cache.set(&a[0], &a[1], lifetime(&a[2])).and_then(|()| ok()),
            "add" => yes_or(cache.add(&a[0], &a[1], lifetime(&a[2])), "exists"),
            "replace" => yes_or(cache.replace(&a[0], &a[1], lifetime(&a[2])), "miss"),
            "get" => found(cache.get(&a[0])?),
            "peek" => found(cache.peek(&a[0])?),
            "contains" => yes_or(cache.contains(&a[0]), "miss"),
            "delete" => yes_or(cache.delete(&a[0]), "miss"),
            "touch" => yes_or(cache.touch(&a[0], lifetime(&a[1])), "miss"),
            "ttl" => found(cache.ttl(&a[0])?.map(left)),
            "inspect" => match cache.inspect(&a[0])? {
                None => miss(),
                Some(info) => {
                    let age = info.age.as_millis().to_string().into_bytes();
                    words([info.value_size.to_string().into_bytes(), left(info.ttl), age])
                }
            },
            "increment" => count(cache.increment(&a[0], number(&a[1]), number(&a[2]), lifetime(&a[3]))),
            "get_with_info" => match cache.get_with_info(&a[0])? {
                None => miss(),
                Some((value, info)) => {
                    self.versions.insert(a[1].clone(), info.version);
                    words([value, left(info.ttl)])
                }
            },
            "compare_and_set" => {
                match cache.compare_and_set(&a[0], &a[1], self.versions[&a[2]], lifetime(&a[3]))? {
                    Swap::Stored => ok(),
                    Swap::Conflict => status("conflict"),
                    Swap::Missing => miss(),
                }
            }
            "acquire" => match cache.acquire(&a[0])? {
                None => miss(),
                Some(value) => {
                    self.values.insert(a[1].clone(), value);
                    ok()
                }
            },
            "set_many" => {
                let items: Vec<_> = a[1..].chunks(2).map(|pair| (&pair[0], &pair[1])).collect();
                cache.set_many(&items, lifetime(&a[0]))?;
                ok()
            }
            "get_many" => {
                let batch = cache.get_many(a)?;
                words(batch.iter().flat_map(|value| match value {
                    Some(value) => vec![b"ok".to_vec(), value.to_vec()],
                    None => vec![b"miss".to_vec()],
                }))
            }
            "delete_many" => count(cache.delete_many(a).map_err(Error::from)),
            "get_or_claim" | "claim_wait" | "fulfill" | "fulfill_absent" | "abandon" => {
                self.claims(cache, verb, a)
            }
            _ => self.whole(cache, verb, a),
        }
    }

    fn whole(&mut self, cache: &Cache, verb: &str, a: &[Word]) -> Answer {
        match verb {
            "count" => count(Ok(cache.len())),
            "clear" => cache.clear().and_then(|()| ok()),
            "delete_prefix" => count(cache.delete_prefix(&a[0])),
            "scan" => {
                let mut keys: Vec<Word> =
                    cache.scan(&a[0]).map(|entry| Ok(entry?.key)).collect::<Answer>()?;
                keys.sort();
                words(keys)
            }
            "scan_values" => {
                let mut entries: Vec<Entry> = cache.scan_values(&a[0]).collect::<Result<_, Error>>()?;
                entries.sort_by(|a, b| a.key.cmp(&b.key));
                words(entries.into_iter().flat_map(|entry| [entry.key, entry.value]))
            }
            "coldest" => words(cache.coldest(number(&a[0]))?.into_iter().map(|entry| entry.key)),
            "hottest" => words(cache.hottest(number(&a[0]))?.into_iter().map(|entry| entry.key)),
            "evict" => count(cache.evict(number(&a[0]))),
            "cleanup_expired" => count(cache.cleanup_expired()),
            "resize" => cache.resize(number(&a[0]), number(&a[1])).and_then(|()| ok()),
            "stats" => {
                let figures = cache.figures()?;
                let figure = figures.iter().find(|figure| figure.name == text(&a[0]));
                count(Ok(figure.expect("a field of the statistics").value))
            }
            "reset_stats" => cache.reset_stats().and_then(|()| ok()),
            "take_removals" => {
                let mut all = Vec::new();
                loop {
                    let removals = cache.take_removals()?;
                    if removals.is_empty() {
                        return words(all);
                    }
                    for removal in removals {
                        all.extend([removal.key, removal.value, cause_name(removal.cause).into()]);
                    }
                }
            }
            "advance" => cache.advance_clock(ms(&a[0])).and_then(|()| ok()),
            "save" => count(cache.save(self.directory.join(text(&a[0])))),
            "load" => count(cache.load(self.directory.join(text(&a[0])))),
            "shared_info" => {
                let info = cache.shared_info()?;
                count(Ok(match text(&a[0]) {
                    "processes" => info.processes.into(),
                    "warm" => info.warm as u64,
                    other => panic!("a field that this runner does not know: {}", other),
                }))
            }
            "sweeper_start" => {
                cache.sweeper().start(&SweeperOptions::new().interval(ms(&a[0]))).and_then(|()| ok())
            }
            "sweeper_trigger" => count(cache.sweeper().trigger()),
            "sweeper_stop" => cache.sweeper().stop().and_then(|()| ok()),
            other => panic!("a verb that this runner does not know: {}", other),
        }
    }

    fn claims(&mut self, cache: &Cache, verb: &str, a: &[Word]) -> Answer {
        if verb == "get_or_claim" {
            let (mut answer, claim, pending) = match cache.get_or_claim(&a[0])? {
                Lookup::Fresh { value, claim } => (vec!["ok".into(), value], claim, None),
                Lookup::Stale { value, claim } => (vec!["stale".into(), value], claim, None),
                Lookup::Absent => (vec!["absent".into()], None, None),
                Lookup::Claimed(claim) => (vec!["claimed".into()], Some(claim), None),
                Lookup::Pending(pending) => (vec!["pending".into()], None, Some(pending)),
            };
            answer.extend(claim.as_ref().map(|_| b"held".to_vec()));
            let asked = Asked { cache: self.used.clone(), claim, pending };
            self.asked.insert(a[1].clone(), asked);
            return Ok(answer);
        }
        let asked = self.asked.get_mut(&a[0]).expect("a claim of this name");
        match verb {
            "claim_wait" => {
                let pending = asked.pending.as_ref().expect("a claim of somebody else");
                yes_or(pending.wait_for(ms(&a[1])), "e_timeout")
            }
            "abandon" => {
                let claim = asked.claim.take().expect("a claim that is held");
                claim.abandon(ms(&a[1])).and_then(|()| ok())
            }
            _ => {
                let claim = asked.claim.as_mut().expect("a claim that is held");
                let fulfilled = match verb {
                    "fulfill" => claim.fulfill_with_stale(&a[1], lifetime(&a[2]), ms(&a[3])),
                    _ => claim.fulfill_absent(lifetime(&a[1])),
                };
                yes_or(fulfilled, "conflict")
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn with_option(builder: Builder, name: &str, value: &str) -> Builder {
    let integer = || value.parse::<u64>().unwrap();
    match name {
        "max_entries" => builder.max_entries(integer()),
        "max_bytes" => builder.max_bytes(integer()),
        "default_ttl_ms" => builder.default_ttl(Duration::from_millis(integer())),
        "default_tti_ms" => builder.time_to_idle(Duration::from_millis(integer())),
        "shard_count" => builder.shard_count(integer() as u32),
        "policy" if value == "lru" => builder.policy(Policy::Lru),
        "policy" if value == "adaptive" => builder.policy(Policy::Adaptive),
        "no_evict" => builder.no_evict(),
        "manual_clock" => builder.manual_clock(),
        "report_removals" => builder.report_removals(),
        other => panic!("an option that this runner does not know: {}", other),
    }
}

fn ms(word: &[u8]) -> Duration {
    Duration::from_millis(number(word))
}

fn lifetime(word: &[u8]) -> Ttl {
    match text(word) {
        "default" => Ttl::Default,
        "never" => Ttl::Never,
        "keep" => Ttl::Keep,
        _ => ms(word).into(),
    }
}

fn left(lifetime: Lifetime) -> Word {
    match lifetime {
        Lifetime::Never => "never".into(),
        Lifetime::For(duration) => duration.as_millis().to_string().into(),
    }
}

fn status(name: &str) -> Answer {
    Ok(vec![name.into()])
}

fn ok() -> Answer {
    status("ok")
}

fn miss() -> Answer {
    status("miss")
}

fn words(words: impl IntoIterator<Item = Word>) -> Answer {
    let mut answer = vec![b"ok".to_vec()];
    answer.extend(words);
    Ok(answer)
}

fn one(word: Word) -> Answer {
    words([word])
}

fn found(value: Option<Word>) -> Answer {
    value.map_or_else(miss, one)
}

fn count<T: ToString>(count: Result<T, Error>) -> Answer {
    one(count?.to_string().into())
}

fn yes_or(answer: Result<bool, Error>, no: &str) -> Answer {
    status(if answer? { "ok" } else { no })
}

fn status_name(error: Error) -> &'static str {
    match error {
        Error::Refused => "refused",
        Error::Argument => "e_argument",
        Error::NoMemory => "e_no_memory",
        Error::TooSmall { .. } => "e_too_small",
        Error::Version => "e_version",
        Error::Full => "e_full",
        Error::State => "e_state",
        Error::Timeout => "e_timeout",
        Error::Type => "e_type",
        Error::Range => "e_range",
        Error::Layout => "e_layout",
        Error::Access => "e_access",
        other => panic!("a status that this runner does not know: {}", other),
    }
}

fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Expired => "expired",
        Cause::Evicted => "evicted",
        Cause::Replaced => "replaced",
        Cause::Deleted => "deleted",
        other => panic!("a cause that this runner does not know: {:?}", other),
    }
}
