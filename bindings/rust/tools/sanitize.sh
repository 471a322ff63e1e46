#!/usr/bin/env bash
# Runs the tests under AddressSanitizer, where the toolchain brings its runtime (rustup's
# does), else under valgrind (Debian's does not); test.sh calls it.  Miri cannot run what
# calls C.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
run() { "$CARGO" "$1" --locked --offline --manifest-path "$here/Cargo.toml" "${@:2}"; }
rustc=${RUSTC:-rustc}
target=$("$rustc" -vV | sed -n 's/^host: //p')
runtime=$("$rustc" --print sysroot)/lib/rustlib/$target/lib

if compgen -G "$runtime/librustc-*_rt.asan.a" >/dev/null; then
  echo "bindings/rust: the tests under AddressSanitizer"
  # The option is unstable: RUSTC_BOOTSTRAP has a stable compiler take it.
  RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$CACHECORE_BUILD/address \
    run test --quiet --tests --target "$target"
elif command -v valgrind >/dev/null; then
  echo "bindings/rust: the tests under valgrind"
  # Without debug information, which valgrind cannot read in this version.
  mkdir -p "$CACHECORE_BUILD/valgrind"
  objcopy --strip-debug "$CACHECORE_LIB_DIR/libcachecore.so.1" \
    "$CACHECORE_BUILD/valgrind/libcachecore.so.1"
  export LD_LIBRARY_PATH=$CACHECORE_BUILD/valgrind
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind -q --error-exitcode=99
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"
  # Those without shared caches, for whose regions valgrind has no addresses.
  for test in borrowed batches computing whole; do
    run test --quiet --test "$test"
  done
else
  echo "bindings/rust: neither AddressSanitizer nor valgrind: not run"
  [ -z "${CACHECORE_NO_SKIPS:-}" ]
fi
