#!/usr/bin/env bash
# Builds what the Python tests run on under a tool, into a directory:
#
#   tools/build-python.sh OUTDIR
#
# OUTDIR then holds the library and, in bindings/python and services, a copy of both
# packages and their tests, so that the sources keep the compiled path that they have.  With
# SANITIZE=thread or SANITIZE=address in the environment both library and compiled
# path are built for that sanitizer; without it the library is the one that ships.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
command -v swift >/dev/null || PATH=$PATH:/opt/swift/usr/bin
mkdir -p "$1/bindings/python" "$1/services"
out=$(cd "$1" && pwd)

tools/build-library.sh "$out"
rm -rf "$out/bindings/python/src" "$out/bindings/python/tests"
cp -r bindings/python/{src,tests,pyproject.toml,README.md} "$out/bindings/python/"
rm -rf "$out/services/src" "$out/services/tests"
cp -r services/{src,tests,pyproject.toml} "$out/services/"
for part in include docs examples tools README.md; do ln -sfn "$PWD/$part" "$out/$part"; done

if [ -n "${SANITIZE:-}" ]; then
  # The runtime must be the one that the library was built for: Swift's clang's.
  CC=$(dirname "$(readlink -f "$(command -v swift)")")/clang
  CFLAGS="-fsanitize=$SANITIZE -fno-lto -shared-libsan -g"
  export CC CFLAGS
fi
bindings/python/tools/build-extension.sh "$out/bindings/python/src/cachecore"
