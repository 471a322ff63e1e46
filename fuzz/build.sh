#!/usr/bin/env bash
# Builds the fuzz targets into a directory, with libFuzzer and AddressSanitizer:
#
#   fuzz/build.sh OUTDIR
#
# The engine is compiled as it ships, in Embedded Swift and optimised, which
# keeps its preconditions and overflow checks.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }

cd "$(dirname "$0")/.."
mkdir -p "$1"
out=$(cd "$1" && pwd)
command -v swiftc >/dev/null || PATH=$PATH:/opt/swift/usr/bin
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang

# Rebuilt when a source is newer than the last build.
if [ -e "$out/.built" ] &&
  [ -z "$(find Sources include fuzz/*.* -newer "$out/.built" -type f ! -name run.sh)" ]; then
  exit 0
fi

# compile MODULE SOURCE...
compile() {
  local module=$1
  shift
  swiftc -O -g -wmo -parse-as-library -swift-version 6 -package-name cachecore \
    -enable-experimental-feature Embedded -sanitize=fuzzer,address \
    -I Sources/CPlatform/include -I include -I "$out" -module-name "$module" \
    -emit-module-path "$out/$module.swiftmodule" -c "$@" -o "$out/$module.o"
}

mapfile -t engine < <(find Sources/CacheCore -name '*.swift' | sort)
compile CacheCore "${engine[@]}"
compile CacheCoreABI Sources/CacheCoreABI/*.swift

cc=("$clang" -std=c11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror
    -fsanitize=fuzzer,address -I include -I Sources/CPlatform/include)
"${cc[@]}" -c Sources/CPlatform/CPlatform.c -o "$out/CPlatform.o"
library=("$out/CacheCore.o" "$out/CacheCoreABI.o" "$out/CPlatform.o")

compile Invariants fuzz/Invariants.swift
"${cc[@]}" fuzz/calls.c "$out/Invariants.o" "${library[@]}" -fuse-ld=lld -o "$out/calls"
"${cc[@]}" fuzz/structs.c "${library[@]}" -fuse-ld=lld -o "$out/structs"

# Its entry point is Swift: libFuzzer is linked as for C.
compile RegionTarget fuzz/Region.swift
"${cc[@]}" "$out/RegionTarget.o" "${library[@]}" -fuse-ld=lld -o "$out/region"
touch "$out/.built"
