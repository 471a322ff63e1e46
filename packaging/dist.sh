#!/usr/bin/env bash
# Makes what a release consists of, beside what `make wheel` makes:
#
#   packaging/dist.sh BUILD OUTDIR
#
# BUILD/lib is what tools/build-library.sh left.  OUTDIR then holds a tarball and a list
# of components for each platform, the Debian packages, the wheels for musl, and
# SHA256SUMS of all that is there.  Of aarch64 there is a tarball and wheels if
# BUILD/aarch64/lib is there.  PYTHON is an interpreter that has what is in
# tools/requirements-all.txt.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
build=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")"
export PYTHON=${PYTHON:-python3}
. ./epoch.sh

rm -f "$out"/cachecore-*-linux-* "$out"/*.deb "$out"/*musllinux*.whl "$out"/*aarch64.whl

./tarball.sh "$build/lib" "linux-$(uname -m)" "$out"
musl/build-library.sh "$build/lib" "$build/musl/lib"
./tarball.sh "$build/musl/lib" "linux-musl-$(uname -m)" "$out"
./wheels.sh "linux-musl-$(uname -m)" "$build/musl/lib" "$out"
if [ -d "$build/aarch64/lib" ]; then
  ./tarball.sh "$build/aarch64/lib" linux-aarch64 "$out"
  ./wheels.sh linux-aarch64 "$build/aarch64/lib" "$out"
fi
./deb.sh "$out"

cd "$out"
rm -f SHA256SUMS
sums=$(sha256sum -- *)
echo "$sums" >SHA256SUMS
ls -l
