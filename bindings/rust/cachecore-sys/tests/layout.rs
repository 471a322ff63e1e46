//! The declarations are the header's: a C program that includes it prints every size, offset and constant.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::mem::size_of;
use std::path::{Path, PathBuf};
use std::process::Command;

use cachecore_sys::*;

/// The directory of `cachecore.h`: `CACHECORE_INCLUDE`, else that of this repository.
fn include_directory() -> PathBuf {
    match env::var_os("CACHECORE_INCLUDE") {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../include"),
    }
}

fn header() -> String {
    let path = include_directory().join("cachecore.h");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {}", path.display(), error))
}

/// One line that C prints, and what Rust has for it.
struct Fact {
    name: String,
    c_expression: String,
    rust: i128,
}

fn fact(name: &str, c_expression: &str, rust: i128) -> Fact {
    Fact { name: name.into(), c_expression: c_expression.into(), rust }
}

macro_rules! layout {
    ($facts:ident: $($name:ident { $($field:ident),* })*) => {
        $({
            let name = stringify!($name);
            $facts.push(fact(name, &format!("sizeof({})", name), size_of::<$name>() as i128));
            let value: $name = unsafe { std::mem::zeroed() };
            let start = &value as *const $name as usize;
            $({
                let field = stringify!($field);
                let offset = &value.$field as *const _ as usize - start;
                $facts.push(fact(
                    &format!("{}.{}", name, field),
                    &format!("offsetof({}, {})", name, field),
                    offset as i128,
                ));
                $facts.push(fact(
                    &format!("size of {}.{}", name, field),
                    &format!("sizeof((({} *)0)->{})", name, field),
                    std::mem::size_of_val(&value.$field) as i128,
                ));
            })*
        })*
    };
}

macro_rules! constants {
    ($facts:ident: $($name:ident)*) => {
        $($facts.push(fact(stringify!($name), stringify!($name), $name as i128));)*
    };
}

fn facts() -> Vec<Fact> {
    let mut facts = Vec::new();
    layout!(facts:
        cachecore_options_t {
            struct_size, policy, flags, shard_count, max_entries, max_bytes, default_ttl_ms,
            default_tti_ms, hash_seed, ttl_jitter_permille
        }
        cachecore_value_t { data, size, owner, lease }
        cachecore_entry_info_t { struct_size, reserved, value_size, ttl_ms, age_ms, idle_ms, version }
        cachecore_scan_record_t { record_size, key_size, value_size, ttl_ms }
        cachecore_value_record_t { record_size, value_size, ttl_ms, key_size, reserved }
        cachecore_stats_t {
            struct_size, shard_count, entries, bytes_used, bytes_limit, entries_limit, hits, misses,
            inserts, updates, deletes, evictions, expirations, refused, bytes_resident, removals_lost,
            expired, entries_before, stale, absent, stale_served, absent_served
        }
        cachecore_removal_record_t { record_size, value_size, key_size, cause }
        cachecore_stats_field_t { struct_size, kind, name, unit, help, offset, size }
        cachecore_window_t { struct_size, reserved, hits, misses, span_ms }
        cachecore_audit_options_t {
            struct_size, remove_kinds, near_expiry_ms, idle_ms, batch_size, reserved
        }
        cachecore_audit_t {
            struct_size, reserved, scanned, expired, near_expiry, without_expiry, idle, removed, bytes,
            removed_bytes, average_ttl_ms, average_age_ms
        }
        cachecore_claim_t { struct_size, flags, token, stale_ms, claim_ms, seen }
        cachecore_shared_options_t { struct_size, flags, path, fd, max_processes }
        cachecore_shared_info_t {
            struct_size, processes, max_processes, warm, unlinked, reserved, recoveries, entries_lost,
            borrows_reclaimed, region_bytes
        }
        cachecore_sweeper_options_t { struct_size, flags, interval_ms, max_slice_us }
        cachecore_sweeper_status_t {
            struct_size, state, healthy, leads, interval_ms, sweeps_run, entries_removed, last_removed,
            last_duration_ns, max_slice_ns, last_run_age_ms, errors, backlog, last_lag_ms, max_lag_ms
        }
    );
    constants!(facts:
        CACHECORE_VERSION CACHECORE_OK CACHECORE_MISS CACHECORE_EXISTS CACHECORE_REFUSED
        CACHECORE_CONFLICT CACHECORE_STALE CACHECORE_PENDING CACHECORE_ABSENT CACHECORE_CLAIMED
        CACHECORE_E_ARGUMENT CACHECORE_E_NO_MEMORY CACHECORE_E_TOO_SMALL CACHECORE_E_VERSION
        CACHECORE_E_FULL CACHECORE_E_STATE CACHECORE_E_TIMEOUT CACHECORE_E_TYPE CACHECORE_E_RANGE
        CACHECORE_E_LAYOUT CACHECORE_E_ACCESS
        CACHECORE_POLICY_LRU CACHECORE_POLICY_ADAPTIVE
        CACHECORE_NO_EVICT CACHECORE_MANUAL_CLOCK CACHECORE_REPORT_REMOVALS
        CACHECORE_KEY_SIZE_MAX CACHECORE_MAX_BYTES_MIN CACHECORE_TTL_NEVER CACHECORE_TTL_KEEP
        CACHECORE_FIELD_COUNTER CACHECORE_FIELD_GAUGE
        CACHECORE_REMOVED_EXPIRED CACHECORE_REMOVED_EVICTED CACHECORE_REMOVED_REPLACED
        CACHECORE_REMOVED_DELETED
        CACHECORE_ENTRY_EXPIRED CACHECORE_ENTRY_NEAR_EXPIRY CACHECORE_ENTRY_WITHOUT_EXPIRY
        CACHECORE_ENTRY_IDLE CACHECORE_CLAIM_EARLY
        CACHECORE_SHARED_CREATE_ONLY CACHECORE_SHARED_ATTACH_ONLY CACHECORE_SHARED_REPLACE
        CACHECORE_SHARED_READ_ONLY
        CACHECORE_SWEEPER_STOPPED CACHECORE_SWEEPER_RUNNING CACHECORE_SWEEPER_PAUSED
        CACHECORE_SWEEPER_RUN_AT_ONCE CACHECORE_SWEEPER_RESTART_AFTER_FORK
    );
    facts
}

#[test]
fn sizes_offsets_and_constants_are_those_of_the_header() {
    let facts = facts();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, program) = (directory.join("layout.c"), directory.join("layout"));
    let lines: Vec<String> = facts
        .iter()
        .map(|fact| {
            // 18446744073709551615 and -1 differ: the sign is printed beside the bits.
            let expression = &fact.c_expression;
            format!("printf(\"%d %llu\\n\", ({0}) < 0, (unsigned long long)({0}));", expression)
        })
        .collect();
    fs::write(
        &source,
        format!(
            "#include <cachecore.h>\n#include <stdio.h>\n\
             int main(void) {{\n{}\nreturn 0; }}\n",
            lines.join("\n")
        ),
    )
    .unwrap();
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let status = Command::new(compiler)
        .arg("-w")
        .arg("-I")
        .arg(include_directory())
        .arg("-o")
        .args([&program, &source])
        .status()
        .expect("a C compiler: cc, or what CC names");
    assert!(status.success(), "{} does not compile", source.display());
    let output = Command::new(&program).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<i128> = printed
        .lines()
        .map(|line| match line.split_once(' ').unwrap() {
            ("1", bits) => bits.parse::<u64>().unwrap() as i64 as i128,
            (_, bits) => bits.parse::<u64>().unwrap() as i128,
        })
        .collect();
    assert_eq!(printed.len(), facts.len());
    for (fact, printed) in facts.iter().zip(printed) {
        assert_eq!(fact.rust, printed, "{}", fact.name);
    }
}

/// Every word of the text that begins with `cachecore_` and is followed by an opening parenthesis.
fn called(text: &str, before: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .split(before)
        .skip(1)
        .filter_map(|rest| {
            let declaration = &rest[..rest.find(';')?];
            let end = declaration.find('(')?;
            let start = declaration[..end].rfind("cachecore_")?;
            Some(declaration[start..end].to_owned())
        })
        .collect();
    names.sort();
    names
}

#[test]
fn all_functions_of_the_header_are_declared() {
    let declared = called(include_str!("../src/functions.rs"), "pub fn ");
    let header = header();
    let body = &header[header.find("extern \"C\"").unwrap()..];
    let in_header = called(body, "\nCACHECORE_API ");
    assert!(in_header.len() > 50, "only {} prototypes were found", in_header.len());
    assert_eq!(declared, in_header);
}

#[test]
fn all_constants_of_the_header_are_declared() {
    let names: HashSet<String> = facts().into_iter().map(|fact| fact.name).collect();
    let header = header();
    let mut found = 0;
    for line in header.lines() {
        let line = line.trim_start().trim_start_matches("#define ");
        let name: String =
            line.chars().take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_').collect();
        let rest = line[name.len()..].trim_start();
        let is_number = rest.starts_with("= ") || rest.starts_with(|c: char| "0123456789(U".contains(c));
        if name.starts_with("CACHECORE_") && is_number {
            assert!(names.contains(&name), "{} is not declared, or not compared", name);
            found += 1;
        }
    }
    assert!(found > 40, "only {} constants were found", found);
}

#[test]
fn the_library_is_of_this_version() {
    assert_eq!(unsafe { cachecore_version() }, CACHECORE_VERSION);
}
