#!/usr/bin/env bash
# Tests the Swift binding (bindings/README.md): Swift Testing on the sources of the
# product Cachecore, and the example.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
scratch=${CACHECORE_BUILD:-$root/build/bindings/swift}
export CACHECORE_SCENARIOS=${CACHECORE_SCENARIOS:-$root/bindings/scenarios.txt}
PATH=$PATH:/opt/swift/usr/bin

command -v swift >/dev/null || { echo "swift: swift is missing"; exit 77; }
folder=$(cd "$(dirname "$library")" && pwd)
export LD_LIBRARY_PATH=$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
# Only the binding's targets (Package.swift).
export CACHECORE_BINDING=1
options=(--package-path "$root" --scratch-path "$scratch" -Xlinker "-L$folder" -j "${JOBS:-2}")
swift build --build-tests --disable-xctest "${options[@]}"
swift test --disable-xctest --skip-build "${options[@]}"
"$(swift build "${options[@]}" --show-bin-path)/Pages" >/dev/null
echo "swift: example"
