#!/usr/bin/env bash
# Line and branch coverage of the engine by the Swift tests and the C tests
# together:
#
#   tools/coverage.sh [PERCENT]
#
# Fails when fewer lines than that are covered (95 if it is not said).  Each line
# that is not is listed in build/coverage/uncovered.txt; the whole report is
# build/coverage/html/index.html.  What is measured is the ordinary build, not
# optimised: coverage maps need the compiler's own idea of the source.
set -euo pipefail
cd "$(dirname "$0")/.."
least=${1:-95}
command -v swift >/dev/null || PATH=$PATH:/opt/swift/usr/bin
runtime=$(readlink -f "$(dirname "$(readlink -f "$(command -v swift)")")/../lib/swift/linux")
llvm() { "$(dirname "$(readlink -f "$(command -v swift)")")/llvm-$1" "${@:2}"; }
jobs=${JOBS:-$(nproc)}

out=build/coverage
rm -rf "$out"
mkdir -p "$out/lib" "$out/raw"
swift build --build-tests --enable-code-coverage --scratch-path .build-coverage -j "$jobs"
bin=$(swift build --scratch-path .build-coverage --show-bin-path)
cp "$bin/libcachecore.so" "$out/lib/libcachecore.so.1"
cmake -S . -B build $(test -e build/CMakeCache.txt || echo -GNinja) >"$out/cmake.log"
cmake --build build -j "$jobs" >>"$out/cmake.log" || { cat "$out/cmake.log"; exit 1; }

# Processes that end at the same time merge what they have into one file.
export LLVM_PROFILE_FILE="$PWD/$out/raw/%4m.profraw"
swift test --disable-xctest --skip-build --scratch-path .build-coverage
cp .build-coverage/*/debug/codecov/*.profraw "$out/raw/" 2>/dev/null || true

# The same C tests, with the measured library in place of the one that ships.
export LD_LIBRARY_PATH="$PWD/$out/lib:$runtime"
ctest --test-dir build --output-on-failure -E '^(symbols|dlopen_test|ffi_test)$'
unset LD_LIBRARY_PATH

llvm profdata merge -sparse "$out"/raw/*.profraw -o "$out/all.profdata"
objects=("$bin/cachecorePackageTests.xctest" -object "$out/lib/libcachecore.so.1"
         -instr-profile "$out/all.profdata")
sources=(Sources/CacheCore Sources/CacheCoreABI)
llvm cov show "${objects[@]}" -format=html -output-dir "$out/html" \
  -show-branches=count "${sources[@]}"
llvm cov report "${objects[@]}" -show-branch-summary "${sources[@]}" | tee "$out/report.txt"
llvm cov export "${objects[@]}" -format=lcov "${sources[@]}" >"$out/lcov.info"

awk -F'[:,]' -v root="$PWD/" -v least="$least" '
  /^SF:/ { file = substr($0, 4); sub(root, "", file) }
  /^DA:/ { lines++; if ($3 == 0) { missed++; print file ":" $2 >"'"$out"'/uncovered.txt" } }
  END {
    share = 100 * (lines - missed) / lines
    printf "%.2f %% of %d lines are covered\n", share, lines
    exit share < least
  }' "$out/lcov.info"
