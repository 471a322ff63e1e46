#!/usr/bin/env bash
# Runs the tests of cachecore.tiered on both paths to the library, warnings being
# errors, with a Redis and a Valkey server:
#
#   test-tier.sh [PYTEST ARGUMENTS]
#
# The second path leaves the soak out, which is about servers and connections.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH=${PYTHONPATH:-$here/src}
run() { "${PYTHON:-python3}" -X dev -W error -m pytest -q -p no:cacheprovider "$@"; }

CACHECORE_PURE=0 run "$here/tests/tiered" "$@"
CACHECORE_PURE=1 run "$here/tests/tiered" --ignore "$here/tests/tiered/test_soak.py" "$@"
