#!/usr/bin/env bash
# Runs the Python package's own tests with the system's Python, where that is
# another one than ours and new enough (tools/setup.sh makes its environment).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${VENV:-$PWD/.venv}-system/bin/python
if [ ! -x "$python" ]; then
  echo "test-system-python.sh: skipped: the system has no Python 3.11 or later"
  [ -z "${CACHECORE_NO_SKIPS:-}" ]
  exit
fi
# There are no frameworks in that environment, hence no gunicorn.
mapfile -t tests < <(printf '%s\n' bindings/python/tests/test_*.py | grep -v gunicorn)
"$python" -m pytest -q "${tests[@]}"
