#!/usr/bin/env bash
# Runs the concurrent C tests and the Swift tests under a sanitizer:
#
#   tools/sanitize.sh thread|address [MILLISECONDS]
#
# The library that they load is the Embedded one, built for the sanitizer from
# the sources that ship.  MILLISECONDS is how long each stress test goes on.
set -euo pipefail
case ${1:-} in
  thread | address) sanitizer=$1 ;;
  *) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
export CACHECORE_TEST_MS=${2:-5000}

cd "$(dirname "$0")/.."
command -v swift >/dev/null || PATH=$PATH:/opt/swift/usr/bin
# The runtime must be the one that the Swift compiler builds for: its clang's.
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
build=${BUILD:-build}/$sanitizer

# A report is a failure, of the process that made it: each test is one.
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1"
export ASAN_OPTIONS="detect_stack_use_after_return=1"

cmake -S . -B "$build" -G Ninja -DCACHECORE_SANITIZE="$sanitizer" \
  -DCMAKE_C_COMPILER="$clang" -DCMAKE_CXX_COMPILER="$clang++" >"$build.log" ||
  { cat "$build.log"; exit 1; }
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure

# XCTest, which has no tests here, leaks at exit; Swift Testing alone does not.
# Optimised, as what ships: otherwise every use of a generic type is a call of the
# runtime, under locks of its own, and the tests take ten times as long.
SANITIZE=$sanitizer swift test -c release --disable-xctest --sanitize "$sanitizer" \
  --scratch-path "${BUILD:-build}/swift-tests-$sanitizer"

# What those tests run as processes of their own: a program that was started by a
# sanitized one does not always start. A scenario each.
program=${BUILD:-build}/swift-tests-$sanitizer/release/sharing
scenarios=$("$program" || true)
[ "$(echo "$scenarios" | wc -l)" -ge 20 ] || { echo "no scenarios of sharing"; exit 1; }
for scenario in $scenarios; do
  "$program" "$scenario" || { echo "sharing $scenario failed"; exit 1; }
done
