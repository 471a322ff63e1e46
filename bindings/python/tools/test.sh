#!/usr/bin/env bash
# Runs the tests on both paths to the library, warnings being errors:
#
#   test.sh [PYTEST ARGUMENTS]
#
# Those of cachecore.tiered need a server: test-tier.sh.  Builds the extension
# first.  PYTHON is the interpreter; the library is the one of CACHECORE_LIBRARY,
# else that in build/lib.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
export PYTHON=${PYTHON:-python3}
export PYTHONPATH=${PYTHONPATH:-$here/src}

"$here/tools/build-extension.sh" "${PYTHONPATH%%:*}/cachecore"
for pure in 0 1; do
  echo "test.sh: CACHECORE_PURE=$pure"
  CACHECORE_PURE=$pure "$PYTHON" -X dev -W error -m pytest -q -p no:cacheprovider "$here/tests" \
    --ignore "$here/tests/tiered" "$@"
done
