#!/usr/bin/env bash
# Builds the library for aarch64 Linux with glibc, on any machine:
#
#   packaging/aarch64/build-library.sh OUTDIR
#
# OUTDIR then holds what tools/finish-library.sh says.  Swift has no Linux target for
# Embedded Swift on aarch64 in its toolchain for other machines; the one without a
# system is the same instructions and calls, and its objects link with Debian's
# cross-compiler (gcc-aarch64-linux-gnu).  What is compiled is kept in OUTDIR/../objects.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
source=$PWD
objects=$(dirname "$out")/objects
mkdir -p "$objects"
export CROSS=aarch64-linux-gnu-
command -v swiftc >/dev/null || PATH=$PATH:/opt/swift/usr/bin
common=(-O -g -wmo -parse-as-library -swift-version 6 -package-name cachecore
  -target aarch64-none-none-elf -enable-experimental-feature Embedded
  -file-prefix-map "$objects=build" -file-prefix-map "$source=."
  -Xfrontend -no-clang-module-breadcrumbs -Xfrontend -disable-incremental-llvm-codegen
  -Xcc "-ffile-prefix-map=$source=." -Xcc "-ffile-prefix-map=$objects=build"
  -Xcc -fPIC -Xcc -isystem -Xcc /usr/aarch64-linux-gnu/include
  -Xcc -D__linux__ -Xcc -D_GNU_SOURCE -Xcc -DPLATFORM_EVERY_GLIBC
  -Xcc "-fmodule-map-file=Sources/CPlatform/include/module.modulemap"
  -Xcc "-fmodule-map-file=include/module.modulemap" -I "$objects")

find Sources/CacheCore -name '*.swift' | LC_ALL=C sort |
  xargs swiftc "${common[@]}" -module-name CacheCore -emit-module \
    -emit-module-path "$objects/CacheCore.swiftmodule" -c -o "$objects/CacheCore.o"
swiftc "${common[@]}" -module-name CacheCoreABI -Xcc -DCACHECORE_EXPERIMENTAL \
  -c -o "$objects/CacheCoreABI.o" Sources/CacheCoreABI/*.swift
aarch64-linux-gnu-gcc -std=gnu11 -O2 -g -fPIC -DPLATFORM_EVERY_GLIBC "-ffile-prefix-map=$source=." \
  -ISources/CPlatform/include -c -o "$objects/CPlatform.o" Sources/CPlatform/CPlatform.c
parts=("$objects"/{CPlatform,CacheCore,CacheCoreABI}.o)
# As Package.swift does it.
aarch64-linux-gnu-gcc -shared -Wl,--gc-sections -Wl,--version-script=cachecore.map \
  -Wl,-soname=libcachecore.so.1 -Wl,-z,nodelete -o "$objects/libcachecore.so" "${parts[@]}"
tools/finish-library.sh "$objects/libcachecore.so" "$out" "${parts[@]}"
