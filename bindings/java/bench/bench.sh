#!/usr/bin/env bash
# Measures the binding beside Caffeine (Debian's libcaffeine-java) and maps:
#
#   bench.sh [ROUNDS]
#
# CACHECORE_BUILD is where tools/build.sh has put the jar.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
build=${CACHECORE_BUILD:-$here/../../build/bindings/java}
path=$build/cachecore.jar:/usr/share/java/caffeine.jar
mkdir -p "$build/bench"
javac --release 17 -cp "$path" -d "$build/bench" "$here/bench/Bench.java"
java -cp "$path:$build/bench" Bench "$@"
