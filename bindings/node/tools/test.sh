#!/usr/bin/env bash
# Builds the addon and runs its tests.  bindings/README.md says what is set outside, and
# what is assumed where it is not.
#
#   test.sh [ARGUMENTS OF node --test]
#
# Ends with 77 where a toolchain is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
export CACHECORE_LIBRARY=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
export CACHECORE_INCLUDE=${CACHECORE_INCLUDE:-$root/include}
export CACHECORE_BUILD=${CACHECORE_BUILD:-$root/build/bindings/node}
export CACHECORE_SCENARIOS=${CACHECORE_SCENARIOS:-$root/bindings/scenarios.txt}

skip() { echo "node: skipped: $*"; exit 77; }
command -v node >/dev/null || skip "no node: install nodejs"
node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' ||
  skip "Node 18 or later is needed"
command -v "${CC:-gcc}" >/dev/null || skip "no ${CC:-gcc}"
command -v tsc >/dev/null || skip "no tsc: install node-typescript"

"$here/tools/build.sh" "$CACHECORE_BUILD"
export CACHECORE_ADDON=$CACHECORE_BUILD/cachecore.node

# The declarations are those of what there is, and a program can be written by them.
tsc --noEmit --strict --target es2020 --lib es2022 --module commonjs --moduleResolution node \
  "$here/test/types.ts"

cd "$here"
LD_PRELOAD=${NODE_PRELOAD:-} node --expose-gc --test "$@" test/*.test.js
