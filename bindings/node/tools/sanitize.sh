#!/usr/bin/env bash
# Runs the tests with the addon built for AddressSanitizer and UBSan:
#
#   sanitize.sh [ARGUMENTS OF node --test]
#
# Node itself is not, so a leak of Node's is reported as well: leaks are not looked
# for here (test/lifecycle.test.js counts mappings and processes).  ThreadSanitizer
# has no use: it takes V8's own synchronisation, which it cannot see, for races.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
export CACHECORE_BUILD=${CACHECORE_BUILD:-$root/build/bindings/node}-sanitize
export CFLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
CFLAGS+=" -fno-sanitize-recover=all"
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1:abort_on_error=1
# The runtime must be there before Node is.
runtime=$("${CC:-gcc}" -print-file-name=libasan.so)
export NODE_PRELOAD=$runtime
"$here/tools/test.sh" "$@"
