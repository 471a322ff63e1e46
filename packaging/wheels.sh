#!/usr/bin/env bash
# Builds the Python wheels for a platform other than this machine's glibc:
#
#   packaging/wheels.sh linux-aarch64|linux-musl-x86_64 LIBDIR OUTDIR
#
# LIBDIR is what that platform's build-library.sh left.  OUTDIR then holds a wheel with
# ctypes alone and one with the compiled path, which is built with this machine's
# Python.h: the stable ABI is the same on all 64-bit platforms.  PYTHON is as in
# bindings/python/tools/build-wheels.sh, which does the rest.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
lib=$(cd "$2" && pwd)
mkdir -p "$3"
out=$(cd "$3" && pwd)
cd "$(dirname "$0")/.."
case $1 in
  linux-aarch64)
    export CACHECORE_PLATFORM=linux_aarch64
    export CC=aarch64-linux-gnu-gcc STRIP=aarch64-linux-gnu-strip
    ;;
  linux-musl-x86_64)
    export CC=musl-gcc CFLAGS=-L$(dirname "$lib")/stub
    ;;
  *) echo "wheels.sh: $1 is not known" >&2; exit 2 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

CACHECORE_LIBRARY=$lib/release/libcachecore.so \
  bindings/python/tools/build-wheels.sh "$work" >"$work/log" 2>&1 ||
  { cat "$work/log"; exit 1; }
mv "$work"/*.whl "$out"
