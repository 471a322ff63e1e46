//! Processes: shared caches, children that die, fork.
//!
//! A child is this test program again, told by the environment what to do.

use std::os::unix::io::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use cachecore::{Cache, ComputeOptions, Error, Lookup, Shared, Ttl};

const MINUTE: Duration = Duration::from_secs(60);

/// A folder that goes with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { env::temp_dir() };
        let path = parent.join(format!("cachecore-rust-{}-{}", process::id(), name));
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Cache {
    Cache::builder().max_entries(10_000).open_shared(&Shared::at(path)).unwrap()
}

fn child(task: &str, path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "what_a_child_does", "--nocapture"])
        .env("CACHECORE_CHILD", task)
        .env("CACHECORE_PLACE", path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does nothing unless this process is a child.
#[test]
fn what_a_child_does() {
    let task = match env::var("CACHECORE_CHILD") {
        Ok(task) => task,
        Err(_) => return,
    };
    let cache = open(Path::new(&env::var_os("CACHECORE_PLACE").unwrap()));
    match task.as_str() {
        "compute" => {
            let options = ComputeOptions::new().ttl(MINUTE);
            let value = cache.get_or_compute_with("once", &options, || {
                cache.increment("computed", 1, 1, Ttl::Never)?;
                thread::sleep(Duration::from_millis(100));
                Ok::<_, Error>(Some("value"))
            });
            assert_eq!(value.unwrap().unwrap(), b"value");
        }
        "claim and wait" => {
            let _claim = cache.get_or_claim("claimed").unwrap();
            let _value = cache.acquire("lent").unwrap().unwrap();
            cache.set("ready", "", Ttl::Never).unwrap();
            thread::sleep(MINUTE);
        }
        other => panic!("no task of a child: {}", other),
    }
}

#[test]
fn of_many_processes_one_computes() {
    let place = Place::new("compute");
    let cache = open(&place.cache());
    let children: Vec<_> = (0..6).map(|_| child("compute", &place.cache())).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(cache.get("once").unwrap().unwrap(), b"value");
    assert_eq!(cache.get("computed").unwrap().unwrap(), b"1");
}

#[test]
fn what_a_killed_process_had_is_taken_back() {
    let place = Place::new("kill");
    let cache = open(&place.cache());
    cache.set("lent", vec![1; 1000], Ttl::Never).unwrap();
    let mut child = child("claim and wait", &place.cache());
    while !cache.contains("ready").unwrap() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended before it was ready");
        thread::sleep(Duration::from_millis(5));
    }
    let pending = match cache.get_or_claim("claimed").unwrap() {
        Lookup::Pending(pending) => pending,
        other => panic!("{:?}", other),
    };
    assert_eq!(cache.shared_info().unwrap().processes, 2);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert_eq!(pending.wait_for(MINUTE), Ok(true));
    assert!(matches!(cache.get_or_claim("claimed").unwrap(), Lookup::Claimed(_)));
    assert_eq!(cache.get("lent").unwrap().unwrap(), [1; 1000]);
    let _another = open(&place.cache()); // who opens takes back what the dead had
    assert!(cache.shared_info().unwrap().borrows_reclaimed >= 1);
}

#[test]
fn a_shared_cache_is_made_or_attached_to() {
    let place = Place::new("open");
    let path = place.cache();
    let builder = Cache::builder().max_entries(100);
    let refused = |shared: Shared<'_>| builder.open_shared(&shared).unwrap_err().error();
    assert_eq!(refused(Shared::at(&path).attach_only()), Error::State);
    let first = builder.open_shared(&Shared::at(&path).create_only().max_processes(2)).unwrap();
    assert_eq!(refused(Shared::at(&path).create_only()), Error::State);
    first.set("k", "v", Ttl::Never).unwrap();
    let second = builder.open_shared(&Shared::at(&path).attach_only()).unwrap();
    assert!(!first.is_same(&second));
    assert_eq!(second.get("k").unwrap().unwrap(), b"v");
    assert_eq!(refused(Shared::at(&path)), Error::Full);
    let info = first.shared_info().unwrap();
    assert_eq!((info.processes, info.max_processes, info.unlinked), (2, 2, false));
    assert!(info.region_bytes > 0);
    let other = builder.open_shared(&Shared::at(&path).replace()).unwrap();
    assert!(other.is_empty() && !first.is_empty());
    assert_eq!(
        builder.clone().report_removals().open_shared(&Shared::memory()).unwrap_err().error(),
        Error::Argument
    );
    assert_eq!(builder.open().unwrap().shared_info(), Err(Error::State));
    let stranger = place.0.join("stranger");
    fs::write(&stranger, vec![1; 10_000]).unwrap();
    assert_eq!(refused(Shared::at(&stranger)), Error::Layout);
}

#[test]
fn a_cache_without_a_name_is_opened_by_its_descriptor() {
    let builder = Cache::builder().max_entries(100);
    let first = builder.open_shared(&Shared::memory()).unwrap();
    first.set("k", "v", Ttl::Never).unwrap();
    let second = builder.open_shared(&Shared::file(first.shared_file().unwrap())).unwrap();
    assert_eq!(second.get("k").unwrap().unwrap(), b"v");
    let value = second.acquire("k").unwrap().unwrap();
    drop((first, second));
    assert_eq!(*value, *b"v");
    let file = fs::File::open("/dev/null").unwrap();
    // SAFETY: The file is open for as long as the call.
    let no_cache = unsafe { BorrowedFd::borrow_raw(file.as_raw_fd()) };
    assert!(builder.open_shared(&Shared::file(no_cache)).is_err());
    assert_eq!(builder.open().unwrap().shared_file().unwrap_err(), Error::State);
}

extern "C" {
    fn fork() -> i32;
    fn _exit(status: i32) -> !;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
}

/// Runs `work` in a forked child; whether it returned true.  It may call nothing that takes a lock of Rust.
fn forked(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: The child calls the library alone, which promises to work there, and leaves by _exit.
    unsafe {
        let pid = fork();
        if pid == 0 {
            _exit(if work() { 0 } else { 1 });
        }
        let mut status = -1;
        assert_eq!(waitpid(pid, &mut status, 0), pid);
        status == 0
    }
}

#[test]
fn a_forked_child_has_a_copy_of_a_private_cache() {
    let cache = Cache::with_max_entries(100).unwrap();
    cache.set("k", "v", Ttl::Never).unwrap();
    let value = cache.acquire("k").unwrap().unwrap();
    let mut buffer = [0; 8];
    assert!(forked(|| {
        let found = cache.get_into("k", &mut buffer) == Ok(Some(1)) && *value == *b"v";
        found && cache.set("k", "child's", Ttl::Never).is_ok()
    }));
    assert_eq!(cache.get("k").unwrap().unwrap(), b"v");
}

#[test]
fn a_forked_child_shares_a_shared_cache() {
    let cache = Cache::builder().max_entries(100).open_shared(&Shared::memory()).unwrap();
    cache.set("k", "v", Ttl::Never).unwrap();
    let mut parents = (cache.acquire("k").unwrap(), Some(cache.get_or_claim("claimed").unwrap()));
    assert!(forked(|| {
        parents = (None, None); // dropped, and ignored: they stay the parent's
        cache.set("k", "child's", Ttl::Never).is_ok()
    }));
    assert_eq!(cache.get("k").unwrap().unwrap(), b"child's");
    assert_eq!(*parents.0.unwrap(), *b"v");
    assert!(matches!(cache.get_or_claim("claimed").unwrap(), Lookup::Pending(_)));
}
