#!/usr/bin/env bash
# Coverage of the engine, by lines and by regions of code, by the Swift tests and
# the C tests together:
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
build=(-c release --enable-code-coverage --scratch-path build/swift-coverage)
swift build --build-tests "${build[@]}" -j "$jobs"
bin=$(swift build "${build[@]}" --show-bin-path)
cp "$bin/libcachecore.so" "$out/lib/libcachecore.so.1"
cmake -S . -B build $(test -e build/CMakeCache.txt || echo -GNinja) >"$out/cmake.log"
cmake --build build -j "$jobs" >>"$out/cmake.log" || { cat "$out/cmake.log"; exit 1; }

# Each process writes a file of its own.  Merging into one as they end does not go
# together with tests that fork.
swift test --disable-xctest --skip-build "${build[@]}"
cp "$bin"/codecov/*.profraw "$out/raw/"

# The same C tests, with the measured library in place of the one that ships.  What
# is covered is reported also if one fails.
failed=0
for source in Tests/C/*_test.c; do
  name=$(basename "$source" .c)
  for test in $(grep -o 'T([a-z_0-9]*)' "$source" | tr -d 'T()'); do
    LD_LIBRARY_PATH="$PWD/$out/lib:$runtime" LLVM_PROFILE_FILE="$out/raw/$name-$test.profraw" \
      timeout 300 "build/Tests/C/$name" --here "$test" >"$out/test.log" 2>&1 ||
      { cat "$out/test.log"; echo "FAILED  $name $test"; failed=1; }
  done
done

llvm profdata merge -sparse "$out"/raw/*.profraw -o "$out/all.profdata"
objects=("$bin/cachecorePackageTests.xctest" -object "$out/lib/libcachecore.so.1"
         -instr-profile "$out/all.profdata")
sources=(Sources/CacheCore Sources/CacheCoreABI)
llvm cov show "${objects[@]}" -format=html -output-dir "$out/html" "${sources[@]}"
llvm cov report "${objects[@]}" "${sources[@]}" | tee "$out/report.txt"
llvm cov export "${objects[@]}" -format=lcov "${sources[@]}" >"$out/lcov.info"

awk -F'[:,]' -v root="$PWD/" -v least="$least" '
  /^SF:/ { file = substr($0, 4); sub(root, "", file) }
  /^DA:/ { lines++; if ($3 == 0) { missed++; print file ":" $2 >"'"$out"'/uncovered.txt" } }
  END {
    share = 100 * (lines - missed) / lines
    printf "%.2f %% of %d lines are covered\n", share, lines
    exit share < least
  }' "$out/lcov.info" || failed=1
exit "$failed"
