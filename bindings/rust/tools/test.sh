#!/usr/bin/env bash
# Builds the crates and runs their tests, documentation and example; then the tests
# again under a checker of memory errors (tools/sanitize.sh).
#
#   test.sh
#
# bindings/README.md says what the environment may set.  CARGO is the cargo to use.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
CACHECORE_LIB_DIR=$(cd "$(dirname "$library")" && pwd)
export CACHECORE_LIB_DIR
export CACHECORE_INCLUDE=${CACHECORE_INCLUDE:-$root/include}
export CACHECORE_BUILD=${CACHECORE_BUILD:-$root/build/bindings/rust}
export CACHECORE_SCENARIOS=${CACHECORE_SCENARIOS:-$root/bindings/scenarios.txt}
export CARGO=${CARGO:-cargo}
command -v "$CARGO" >/dev/null || {
  echo "bindings/rust: no $CARGO in PATH (Debian: apt install cargo rustc)"
  exit 77
}

export CARGO_TARGET_DIR=$CACHECORE_BUILD/target
run() { "$CARGO" "$1" --locked --offline --manifest-path "$here/Cargo.toml" "${@:2}"; }
has() { "$CARGO" "$1" --version >/dev/null 2>&1; }

has fmt && "$CARGO" fmt --manifest-path "$here/Cargo.toml" --all --check
has clippy && run clippy --quiet --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" run doc --quiet --no-deps
# The programs of documentation tests get no run path.
LD_LIBRARY_PATH=$CACHECORE_LIB_DIR run test
place=$(mktemp -d /dev/shm/cachecore-rust-XXXXXX)
trap 'rm -rf "$place"' EXIT
run run --quiet --example prices
run run --quiet --example prices "$place/prices" >/dev/null
run run --quiet --example prices "$place/prices" | grep "8002 requests in .*: 0 queries"
"$here/tools/sanitize.sh"
