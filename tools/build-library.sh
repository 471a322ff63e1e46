#!/usr/bin/env bash
# Builds the library as it ships, in Embedded Swift, into a directory:
#
#   tools/build-library.sh OUTDIR
#
# OUTDIR then holds libcachecore.so.VERSION and the links .so.1 and .so.  With
# SANITIZE=thread or SANITIZE=address in the environment it is built for that
# sanitizer, beside the ordinary build.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }

cd "$(dirname "$0")/.."
mkdir -p "$1"
out=$(cd "$1" && pwd)
jobs=${JOBS:-$(nproc)}
scratch=.build-embedded
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

export CACHECORE_EMBEDDED=1
swift build -c release --product cachecore --scratch-path "$scratch" \
  -j "$jobs" "${flags[@]}"
built=$(swift build -c release --scratch-path "$scratch" "${flags[@]}" \
  --show-bin-path)/libcachecore.so

# The header is where the version is written, as 0x00MMmmpp.
hex=$(sed -n 's/^#define CACHECORE_VERSION 0x\([0-9a-f]*\)u.*/\1/p' \
  include/cachecore.h)
version=$((16#${hex:2:2})).$((16#${hex:4:2})).$((16#${hex:6:2}))

# Moved into place, not written there: a process may have the old one mapped.
cp "$built" "$out/.libcachecore.so.$$"
mv "$out/.libcachecore.so.$$" "$out/libcachecore.so.$version"
ln -sfn "libcachecore.so.$version" "$out/libcachecore.so.1"
ln -sfn libcachecore.so.1 "$out/libcachecore.so"
