#!/usr/bin/env bash
# Makes the Python sources available in a folder that can be written to:
#
#   tools/python-sources.sh DIR
#
# Nothing is to do where DIR is bindings/python/src itself.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2; }
cd "$(dirname "$0")/.."
[ "$1" != "$PWD/bindings/python/src" ] || exit 0
rm -rf "$1"
mkdir -p "$1"
cp -r --no-preserve=mode bindings/python/src/. "$1"
