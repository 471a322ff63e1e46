#!/usr/bin/env bash
# Runs the Python package's tests with AddressSanitizer in the library and in the
# compiled path:
#
#   tools/sanitize-python.sh [PYTEST ARGUMENTS]
#
# The interpreter is the usual one, with the sanitizer's runtime loaded first and
# its own memory from malloc, where the runtime sees it.  Leaks are not looked for:
# CPython keeps some of its memory to the end, and what would silence that would
# silence ours.  Those of the library are found in C (tools/sanitize.sh), those of
# the binding by tests/test_leaks.py.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v swift >/dev/null || PATH=$PATH:/opt/swift/usr/bin
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
python=${PYTHON:-$PWD/.venv/bin/python}
out=$PWD/build/address-python

SANITIZE=address tools/build-library.sh "$out"
# A copy, so that the sources keep the compiled path that they have.
mkdir -p "$out/bindings/python"
rm -rf "$out/bindings/python/src" "$out/bindings/python/tests"
cp -r bindings/python/{src,tests,pyproject.toml,README.md} "$out/bindings/python/"
for part in include docs examples README.md; do ln -sfn "$PWD/$part" "$out/$part"; done
CC=$clang CFLAGS="-fsanitize=address -fno-lto -shared-libsan -g" PYTHON=$python \
  bindings/python/tools/build-extension.sh "$out/bindings/python/src/cachecore"

export PYTHONPATH=$out/bindings/python/src CACHECORE_LIBRARY=$out/libcachecore.so
export PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=0
LD_PRELOAD=$("$clang" -print-file-name=libclang_rt.asan-x86_64.so)
# Not those that count resident bytes, which ASan keeps, or that build the sdist.
for pure in 0 1; do
  echo "sanitize-python.sh: CACHECORE_PURE=$pure"
  LD_PRELOAD=$LD_PRELOAD CACHECORE_PURE=$pure "$python" -m pytest -q -p no:cacheprovider \
    --ignore-glob="*test_leaks.py" --ignore-glob="*test_sdist.py" \
    "$out/bindings/python/tests" "$@"
done
