#!/usr/bin/env bash
# Builds the wheel and the sdist of libcachecore-services:
#
#   build-wheel.sh OUTDIR
#
# OUTDIR then holds libcachecore_services-VERSION-py3-none-any.whl and the .tar.gz, and
# no others of that name.  PYTHON is the interpreter, which gets hatchling if it lacks it.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }

here=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
mkdir -p "$1"
out=$(cd "$1" && pwd)
"$python" -c 'import hatchling' 2>/dev/null ||
  "$python" -m pip install -q --disable-pip-version-check hatchling
cd "$here"
rm -f "$out"/libcachecore_services-*
"$python" -m hatchling build -t wheel -t sdist -d "$out"
