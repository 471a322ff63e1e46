#!/usr/bin/env bash
# Makes what a release consists of, beside the wheels:
#
#   packaging/dist.sh LIBDIR OUTDIR
#
# LIBDIR is what tools/build-library.sh left.  OUTDIR then holds a tarball for each
# platform and a list of its components, the Debian packages, and SHA256SUMS of these and
# of what else is there.  SOURCE_DATE_EPOCH is the time of packaging/debian/changelog, if
# it is not set.  PYTHON is the interpreter; packaging/requirements.txt is installed into
# it if missing.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
lib=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")"
export PYTHON=${PYTHON:-python3}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(dpkg-parsechangelog -l debian/changelog -S Timestamp)}
export SOURCE_DATE_EPOCH

"$PYTHON" -c 'import cyclonedx.validation.json, jsonschema' 2>/dev/null ||
  "$PYTHON" -m pip install -q --disable-pip-version-check -r requirements.txt

rm -f "$out"/cachecore-*-linux-* "$out"/*.deb
./tarball.sh "$lib" "linux-$(uname -m)" "$out"
./deb.sh "$out"

cd "$out"
rm -f SHA256SUMS
sha256sum -- * >"$OLDPWD/.sums.$$"
mv "$OLDPWD/.sums.$$" SHA256SUMS
ls -l
