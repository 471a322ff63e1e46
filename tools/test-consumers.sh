#!/usr/bin/env bash
# Installs what CMake has built to a fresh prefix, and there lets two foreign
# projects find it, one through CMake and one through pkg-config:
#
#   tools/test-consumers.sh [BUILDDIR]
set -euo pipefail

cd "$(dirname "$0")/.."
build=${1:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/log" ||
  { cat "$work/log"; exit 1; }
# Copied, so that nothing of ours is near, and then moved, so that a path that
# was written down at installation would be found out.
cp -R examples/consumers "$work/consumers"
mv "$work/prefix" "$work/moved"

cd "$work/consumers/cmake"
cmake -B build -DCMAKE_PREFIX_PATH="$work/moved" >"$work/log" &&
  cmake --build build >>"$work/log" || { cat "$work/log"; exit 1; }
./build/consumer

cd "$work/consumers/pkgconfig"
pc=$(find "$work/moved" -name cachecore.pc)
PKG_CONFIG_PATH=$(dirname "$pc") make >"$work/log" || { cat "$work/log"; exit 1; }
./consumer
