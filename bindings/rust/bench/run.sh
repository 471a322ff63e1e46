#!/usr/bin/env bash
# Measures a call beside the caches that Rust programs use: run.sh [ROUNDS]
#
# Needs apt's librust-lru-dev.  The library is that of CACHECORE_LIBRARY, else build/lib's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
CACHECORE_LIB_DIR=$(cd "$(dirname "$library")" && pwd)
build=${CACHECORE_BUILD:-$root/build/bindings/rust}
export CACHECORE_LIB_DIR CARGO_TARGET_DIR=$build/bench
[ -d /usr/share/cargo/registry/lru-0.7.8 ] || {
  echo "run.sh: apt install librust-lru-dev"
  exit 1
}
cd "$here"  # where .cargo/config.toml is
cargo build --quiet --release --offline --locked
LD_LIBRARY_PATH=$CACHECORE_LIB_DIR "$CARGO_TARGET_DIR/release/cachecore-bench" "$@"
