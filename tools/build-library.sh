#!/usr/bin/env bash
# Builds the library as it ships, in Embedded Swift, into a directory:
#
#   tools/build-library.sh OUTDIR
#
# OUTDIR then holds libcachecore.so.VERSION with its symbols, the links .so.1 and
# .so, and in OUTDIR/release the same library stripped, with its debug information
# in libcachecore.so.VERSION.debug.  Nothing is written to the source tree: the
# compiler's own files go to OUTDIR/../swift-embedded, or to SCRATCH if that is set.
# With SANITIZE=thread or SANITIZE=address in the environment it is built for that
# sanitizer, and not stripped.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }

source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$source"
jobs=${JOBS:-$(nproc)}
scratch=${SCRATCH:-$(dirname "$out")/swift-embedded}
flags=()
if [ -n "${SANITIZE:-}" ]; then
  scratch+=-$SANITIZE
  flags+=(--sanitize "$SANITIZE")
fi

command -v swift >/dev/null || PATH=$PATH:/opt/swift/usr/bin
command -v swift >/dev/null || {
  echo "build-library.sh: no swift in PATH; see https://swift.org/install" >&2
  exit 1
}

# Swift's files name the sources by absolute paths: those of another place are stale.
if [ "$(cat "$scratch/.source" 2>/dev/null)" != "$source" ]; then
  rm -rf "$scratch"
  mkdir -p "$scratch"
  echo "$source" >"$scratch/.source"
fi

export CACHECORE_EMBEDDED=1
swift build -c release --product cachecore --scratch-path "$scratch" \
  -j "$jobs" "${flags[@]}"
built=$(swift build -c release --scratch-path "$scratch" "${flags[@]}" \
  --show-bin-path)/libcachecore.so

# The header is where the version is written, as 0x00MMmmpp.
hex=$(sed -n 's/^#define CACHECORE_VERSION 0x\([0-9a-f]*\)u.*/\1/p' \
  include/cachecore.h)
version=$((16#${hex:2:2})).$((16#${hex:4:2})).$((16#${hex:6:2}))
name=libcachecore.so.$version

# Moved into place, not written there: a process may have the old one mapped.
cp "$built" "$out/.$name.$$"
mv "$out/.$name.$$" "$out/$name"
ln -sfn "$name" "$out/libcachecore.so.1"
ln -sfn libcachecore.so.1 "$out/libcachecore.so"
[ -z "${SANITIZE:-}" ] || exit 0

mkdir -p "$out/release"
cd "$out/release"
objcopy --only-keep-debug "$out/$name" "$name.debug"
objcopy --strip-unneeded --add-gnu-debuglink="$name.debug" "$out/$name" ".$name.$$"
mv ".$name.$$" "$name"
ln -sfn "$name" libcachecore.so.1
ln -sfn libcachecore.so.1 libcachecore.so
