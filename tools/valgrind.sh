#!/usr/bin/env bash
# Runs C tests under valgrind's memcheck, on the library that ships:
#
#   tools/valgrind.sh [TEST...]
#
# A read of what was never written, an access out of bounds or a leak is a
# failure.  Valgrind runs one thread at a time and has no sanitizer's idea of
# races; these are the tests of what one thread does, and some with several.
set -euo pipefail
cd "$(dirname "$0")/.."
tests=("$@")
[ $# -gt 0 ] || tests=(layout open read write bounds model stats batch lease scan removals)

library=build/lib/libcachecore.so
[ -e "$library" ] || tools/build-library.sh build/lib
out=build/valgrind
mkdir -p "$out"
# Without debug information, which valgrind cannot read in this version.
objcopy --strip-debug "$library" "$out/libcachecore.so.1"
export CACHECORE_TEST_MS=300
failed=0
for name in "${tests[@]}"; do
  # SANITIZED: tests keep to the sizes that they have under a sanitizer.
  gcc -std=c99 -D_GNU_SOURCE -DSANITIZED=1 -g -O1 -I include "Tests/C/${name}_test.c" \
    Tests/C/harness.c -o "$out/${name}_test" "$out/libcachecore.so.1" \
    -Wl,-rpath,"$PWD/$out" -pthread
  echo "valgrind: ${name}_test"
  valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
    --errors-for-leak-kinds=definite "$out/${name}_test" || failed=1
done
exit $failed
