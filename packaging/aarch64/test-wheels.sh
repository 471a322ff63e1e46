#!/usr/bin/env bash
# Installs the aarch64 wheels, each by itself, and uses them with Debian's Python for
# arm64, which qemu runs:
#
#   packaging/aarch64/test-wheels.sh WHEELDIR ROOT.tar
#
# ROOT.tar is made by packaging/root.sh if missing.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
wheels=$(cd "$1" && pwd)
tar=$(realpath -m "$2")
cd "$(dirname "$0")/.."
./root.sh "$tar" arm64 python3.11 libpython3.11-stdlib libffi8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
tar -C "$work/root" --exclude='./dev/*' -xf "$tar"

python() {
  env -u PYTHONHOME PYTHONPATH="$site" \
    qemu-aarch64 -L "$work/root" "$work/root/usr/bin/python3.11" -W error "$@"
}

for wheel in "$wheels"/*aarch64.whl; do
  site=$work/${wheel##*/}
  # Only where its tags are those of a Python 3.11 for aarch64.
  "${PYTHON:-python3}" -m pip install -q --root-user-action ignore --disable-pip-version-check \
    --no-index --no-deps --target "$site" --only-binary :all: --implementation cp \
    --python-version 3.11 --abi abi3 --abi none --platform manylinux2014_aarch64 "$wheel"
  case $wheel in *abi3*) compiled=yes ;; *) compiled=no ;; esac
  for pure in 0 1; do
    [ $compiled$pure != no0 ] || continue
    CACHECORE_PURE=$pure python - $compiled <<'PROGRAM'
import asyncio
import os
import platform
import sys
import time

import cachecore
from cachecore import Cache, ObjectCache, cached

assert platform.machine() == "aarch64"
assert cachecore.compiled == (sys.argv[1] == "yes" and os.environ["CACHECORE_PURE"] == "0")
with Cache(100, ttl=60, serializer="json") as cache:
    cache.sweeper.start()
    cache["k"] = {"a": [1, None]}
    assert cache["k"] == {"a": [1, None]} and cache.get_many(["k"]) == dict(k=cache["k"])
    cache.set("short", 1, ttl=0.01)
    time.sleep(0.1)
    assert cache.get("short") is None
with ObjectCache(10) as objects:
    objects[1, 2] = objects
    assert objects[1, 2] is objects

@cached
async def double(x):
    return 2 * x

assert asyncio.run(double(2)) == 4
PROGRAM
  done
  echo "test-wheels.sh: ${wheel##*/}"
done

# Two processes, one cache.
cat >"$work/share.py" <<'PROGRAM'
import sys
from cachecore import Cache

with Cache(max_bytes=1 << 20, shared=sys.argv[1]) as cache:
    if sys.argv[2] == "fill":
        for i in range(1000):
            cache[f"key {i}"] = b"value %d" % i
        print("filled", flush=True)
        sys.stdin.read()
        assert cache["answer"] == b"seen"
    else:
        assert all(cache[f"key {i}"] == b"value %d" % i for i in range(1000))
        cache["answer"] = b"seen"
PROGRAM
mkfifo "$work/end"
python "$work/share.py" "$work/shared" fill <"$work/end" >"$work/filled" &
filler=$!
exec 3>"$work/end"
until grep -q filled "$work/filled"; do
  kill -0 $filler || exit 1  # it said why
  sleep 0.2
done
python "$work/share.py" "$work/shared" read
exec 3>&-
wait $filler
echo "test-wheels.sh: two processes of aarch64 share a cache"
