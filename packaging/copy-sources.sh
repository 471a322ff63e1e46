#!/usr/bin/env bash
# Copies the sources as git has them, what is changed and new included, to a folder:
#
#   packaging/copy-sources.sh FOLDER
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
to=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$to"
