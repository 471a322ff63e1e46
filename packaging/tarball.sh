#!/usr/bin/env bash
# Makes the tarball of one platform from a library that is built, and beside it the
# list of what is in the library (sbom.py):
#
#   packaging/tarball.sh LIBDIR PLATFORM OUTDIR
#
# LIBDIR is what tools/finish-library.sh left, PLATFORM such as linux-x86_64.  In the
# tarball everything lies in one folder, cachecore-VERSION-PLATFORM, which may be put
# anywhere.  PYTHON is an interpreter that has tools/requirements-all.txt.  Files have
# the time SOURCE_DATE_EPOCH and no owner, so that the same LIBDIR gives the same bytes.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }
lib=$(cd "$1" && pwd)
platform=$2
mkdir -p "$3"
out=$(cd "$3" && pwd)
cd "$(dirname "$0")/.."
name=cachecore-$(tools/version.sh)-$platform
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake -S . -B "$work/build" -DBUILD_TESTING=OFF -DCMAKE_INSTALL_LIBDIR=lib >"$work/log" ||
  { cat "$work/log"; exit 1; }
cp -a "$lib" "$work/build/lib"  # built already
cmake --install "$work/build" --prefix "$work/$name" >"$work/log" ||
  { cat "$work/log"; exit 1; }
documents=$work/$name/share/doc/cachecore
cp README.md CHANGELOG.md "$documents"
swift=$(PATH=$PATH:/opt/swift/usr/bin swift --version 2>/dev/null |
  sed -n 's/.*Swift version \([0-9.]*\).*/\1/p')
"${PYTHON:-python3}" packaging/sbom.py "$(readlink -f "$work/$name/lib/libcachecore.so")" \
  "$platform" "$swift" >"$documents/cachecore.cdx.json"
cp "$documents/cachecore.cdx.json" "$out/$name.cdx.json"

tar -C "$work" --sort=name --format=ustar --mtime="@$SOURCE_DATE_EPOCH" \
  --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$name" |
  gzip -9n >"$out/$name.tar.gz"
