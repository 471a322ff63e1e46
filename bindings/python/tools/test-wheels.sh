#!/usr/bin/env bash
# Installs each wheel of a directory into an empty virtual environment and uses it:
#
#   test-wheels.sh DIR [--all]
#
# with every Python from 3.11 on that is found, where there is neither a
# compiler nor a Swift in PATH, nor anything of this repository.  With --all the tests of
# tests/ run against the installed wheel, too, on both paths (which needs
# PyPI for pytest, and gcc).
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2; }

here=$(cd "$(dirname "$0")/.." && pwd)
wheels=$(cd "$1" && pwd)
all=${2:-}
unset PYTHONPATH CACHECORE_LIBRARY CACHECORE_PURE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin"  # all the PATH there is
cd "$work"

# "PURE" or "" as the first argument, whether it must be the compiled path as the second.
use() {
  PATH=$work/bin CACHECORE_PURE=$1 "$environment/bin/python" -I -X dev -W error - "$2" <<'EOF'
import asyncio, subprocess, sys
from pathlib import Path
import cachecore
from cachecore import Cache, ObjectCache, cached

assert cachecore.compiled == (sys.argv[1] == "yes"), cachecore.compiled
assert "site-packages" in cachecore.__file__
assert subprocess.run([sys.executable, "-I", "-m", "cachecore", "guide"]).returncode == 0
assert (Path(cachecore.__file__).parent / "guide" / "python.md").is_file()
with Cache(100, ttl=60, serializer="json") as cache:
    cache.sweeper.start()
    cache["k"] = {"a": [1, None]}
    assert cache["k"] == {"a": [1, None]} and cache.get_many(["k"]) == dict(k=cache["k"])
with ObjectCache(10) as objects:
    objects[1, 2] = objects
    assert objects[1, 2] is objects

@cached
async def double(x):
    return 2 * x

assert asyncio.run(double(2)) == 4
EOF
}

for python in python3.11 python3.12 python3.13 python3.14; do
  "$python" -c 'import venv' 2>/dev/null || continue
  for wheel in "$wheels"/libcachecore-*manylinux*"_$(uname -m).whl"; do
    echo "test-wheels: $("$python" --version), $(basename "$wheel")"
    environment=$work/environment
    rm -rf "$environment"
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install -q --disable-pip-version-check \
      --no-index --no-deps "$wheel"
    case $wheel in *abi3*) compiled=yes ;; *) compiled=no ;; esac
    use "" $compiled
    use 1 no
    [ "$all" = --all ] || continue
    "$environment/bin/python" -m pip install -q --disable-pip-version-check pytest hypothesis rich
    for pure in 0 1; do
      CACHECORE_PURE=$pure "$environment/bin/python" -X dev -W error -m pytest -q \
        -p no:cacheprovider "$here"/tests/test_*.py
    done
  done
done
echo "test-wheels: all passed"
