#!/usr/bin/env bash
# Runs the tests with the JNI library built for AddressSanitizer and UBSan:
#
#   sanitize.sh [TEST CLASS...]
#
# The virtual machine is not, and uses SIGSEGV for itself; its own leaks are not looked
# for. ThreadSanitizer has no use: it takes the machine's own synchronisation, which it
# cannot see, for races.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
export CACHECORE_BUILD=${CACHECORE_BUILD:-$root/build/bindings/java}-sanitize
export CFLAGS="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
CFLAGS+=" -fno-sanitize-recover=all"
export ASAN_OPTIONS=detect_leaks=0:handle_segv=0:allow_user_segv_handler=1
ASAN_OPTIONS+=:detect_stack_use_after_return=0
# The runtime must be there before the virtual machine is.
JAVA_PRELOAD=$("${CC:-gcc}" -print-file-name=libasan.so)
export JAVA_PRELOAD
"$here/tools/test.sh" "$@"
