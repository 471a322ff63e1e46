//! The scenarios that every binding runs: `bindings/scenarios.txt`, which says what its lines mean.

mod scenario;

use scenario::runner::Runner;
use scenario::words;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn path() -> PathBuf {
    match env::var_os("CACHECORE_SCENARIOS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios.txt"),
    }
}

#[test]
fn all_scenarios() {
    let path = path();
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {}", path.display(), error));
    let mut runner: Option<Runner> = None;
    let (mut scenarios, mut steps, mut not_run) = (0, 0, 0);
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix("scenario ") {
            runner = Some(Runner::new(name));
            scenarios += 1;
            continue;
        }
        let (call, expected) = words::step(line);
        let runner = runner.as_mut().expect("a step before the first scenario");
        steps += 1;
        match runner.run(&call) {
            Some(answer) => {
                let where_ = format!("{}:{}: {}", path.display(), number + 1, line);
                assert_eq!(words::shown(&answer), words::shown(&expected), "\n{}", where_);
            }
            // In Rust nobody has a cache that is closed.
            None => {
                assert_eq!(words::shown(&expected), ["e_state"], "line {}", number + 1);
                not_run += 1;
            }
        }
    }
    println!("{} scenarios, {} steps; not run, on a closed cache: {}", scenarios, steps, not_run);
    assert!(scenarios > 20 && not_run < 10, "{} scenarios, {} steps not run", scenarios, not_run);
}
