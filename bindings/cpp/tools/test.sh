#!/usr/bin/env bash
# Tests the C++ binding (bindings/README.md): with g++ and, where there is one,
# clang++, as C++17 and C++20, every warning an error; then under AddressSanitizer and
# UndefinedBehaviorSanitizer.  Needs doctest (Debian: doctest-dev).
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
include=${CACHECORE_INCLUDE:-$root/include}
build=${CACHECORE_BUILD:-$root/build/bindings/cpp}
export CACHECORE_SCENARIOS=${CACHECORE_SCENARIOS:-$root/bindings/scenarios.txt}
PATH=$PATH:/opt/swift/usr/bin

command -v g++ >/dev/null || { echo "cpp: g++ is missing"; exit 77; }
[ -e /usr/include/doctest/doctest.h ] || { echo "cpp: doctest is missing"; exit 77; }
mkdir -p "$build"
folder=$(cd "$(dirname "$library")" && pwd)
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)

# compile NAME COMPILER FLAG... SOURCE...: not optimized, for most of the time goes into
# compiling.
compile() {
  local name=$1 compiler=$2
  shift 2
  "$compiler" "$@" "${warnings[@]}" -g -I "$here/include" -I "$include" \
    -L "$folder" -Wl,-rpath,"$folder" -o "$build/$name" -lcachecore -pthread
}
tests=("$here/tests/traps_test.cpp" "$here/tests/scenarios_test.cpp")

compilers=(g++)
command -v clang++ >/dev/null && compilers+=(clang++)
for standard in c++17 c++20; do
  jobs=()
  for compiler in "${compilers[@]}"; do
    compile "$compiler-$standard" "$compiler" -std=$standard "${tests[@]}" &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do wait "$job"; done
  for compiler in "${compilers[@]}"; do
    echo "cpp: $compiler -std=$standard"
    "$build/$compiler-$standard" --minimal
  done
done
compile sanitized g++ -std=c++20 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
  "${tests[@]}"
echo "cpp: sanitizers"
"$build/sanitized" --minimal
compile bench g++ -std=c++17 "$here/bench/bench.cpp"
compile example g++ -std=c++17 "$here/examples/pages.cpp"
echo "cpp: example"
"$build/example" >/dev/null
compile shared g++ -std=c++17 "$here/examples/shared.cpp"
