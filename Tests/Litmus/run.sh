#!/usr/bin/env bash
# Plays the protocol between readers and the writer under the C++ memory model, in all
# schedules:
#
#   Tests/Litmus/run.sh OUTDIR [NAME]
#
# Needs g++ and Relacy (Debian: relacy-dev), a model checker that is headers alone.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
# Relacy, of C++98, has operators new and delete of its own, but not the sized delete of
# C++14; and warnings of its own.
g++ -std=c++17 -fno-sized-deallocation -O1 -w "$(dirname "$0")/read_protocol.cpp" \
  -o "$1/read_protocol"
"$1/read_protocol" "${@:2}"
