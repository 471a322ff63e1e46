#!/usr/bin/env bash
# Builds the library as it ships, in Embedded Swift, into a directory:
#
#   tools/build-library.sh OUTDIR
#
# OUTDIR then holds libcachecore.so.VERSION with its symbols, the links .so.1 and
# .so, and in OUTDIR/release what ships: the same library stripped, with its debug
# information in libcachecore.so.VERSION.debug, and libcachecore.a.  Nothing is
# written to the source tree: the compiler's own files go to OUTDIR/../swift-embedded,
# or to SCRATCH if that is set.
# With SANITIZE=thread or SANITIZE=address in the environment it is built for that
# sanitizer, and nothing is made to ship.
#
# The same sources give the same bytes wherever they lie: debug information names
# them from the top of the source tree, which is where gdb is to be started.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 2; }

source=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$source"
jobs=${JOBS:-$(nproc)}
scratch=${SCRATCH:-$(dirname "$out")/swift-embedded}
flags=(--disable-local-rpath)  # libc is all that it loads
if [ -n "${SANITIZE:-}" ]; then
  scratch+=-$SANITIZE
  flags+=(--sanitize "$SANITIZE")
else
  # The scratch folder may lie in the sources.  Of Swift's prefixes the first that fits
  # counts, of clang's the last.
  for prefix in "$scratch=build" "$source=."; do
    flags+=(-Xswiftc -file-prefix-map -Xswiftc "$prefix")
  done
  flags+=("-Xcc" "-ffile-prefix-map=$source=." "-Xcc" "-ffile-prefix-map=$scratch=build"
    -Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs    # nor modules' places
    -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen)  # nor hashes of that
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

tools/finish-library.sh "$built" "$out" \
  "@$(dirname "$built")/cachecore.product/Objects.LinkFileList"
