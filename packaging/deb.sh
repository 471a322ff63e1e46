#!/usr/bin/env bash
# Builds the Debian packages from a copy of the sources, with debhelper:
#
#   packaging/deb.sh OUTDIR
#
# OUTDIR then holds libcachecore1, libcachecore-dev and libcachecore1-dbgsym.
# SOURCE_DATE_EPOCH is the time of packaging/debian/changelog, if it is not set.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packaging/copy-sources.sh "$work/cachecore"
mv "$work/cachecore/packaging/debian" "$work/cachecore/debian"
cd "$work/cachecore"
# What our Makefile sets is not for the build that debhelper runs.
env -u BUILD -u SCRATCH -u MAKEFLAGS -u MAKELEVEL \
  dpkg-buildpackage --build=binary --no-sign --jobs="${JOBS:-$(nproc)}" >"$work/log" 2>&1 ||
  { cat "$work/log"; exit 1; }
rm -f "$out"/libcachecore*.deb
mv "$work"/*.deb "$out"
