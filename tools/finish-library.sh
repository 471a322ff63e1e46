#!/usr/bin/env bash
# Puts a library that was linked, and the objects that it is of, in the form in which
# it is used and ships:
#
#   tools/finish-library.sh LIBRARY.so OUTDIR OBJECT...
#
# OUTDIR then holds libcachecore.so.VERSION with its symbols, the links .so.1 and
# .so, and in OUTDIR/release what ships: the same library stripped, with its debug
# information in libcachecore.so.VERSION.debug, and libcachecore.a.  CROSS is the
# prefix of the binary tools, such as aarch64-linux-gnu-.  With SANITIZE nothing is
# made to ship.
set -euo pipefail
[ $# -ge 3 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
built=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
shift 2

name=libcachecore.so.$("$source/tools/version.sh")
# Moved into place, not written there: a process may have the old one mapped.
cp "$built" "$out/.$name.$$"
mv "$out/.$name.$$" "$out/$name"
ln -sfn "$name" "$out/libcachecore.so.1"
ln -sfn libcachecore.so.1 "$out/libcachecore.so"
[ -z "${SANITIZE:-}" ] || exit 0

mkdir -p "$out/release"
cd "$out/release"
"${CROSS:-}objcopy" --only-keep-debug "$out/$name" "$name.debug"
"${CROSS:-}objcopy" --strip-unneeded --add-gnu-debuglink="$name.debug" "$out/$name" ".$name.$$"
mv ".$name.$$" "$name"
ln -sfn "$name" libcachecore.so.1
ln -sfn libcachecore.so.1 libcachecore.so
"$source/tools/static-library.sh" libcachecore.a "$@"
