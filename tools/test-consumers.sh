#!/usr/bin/env bash
# Installs what CMake has built to a fresh prefix, and there lets two foreign
# projects find it, one through CMake and one through pkg-config.  Then installs to
# an absolute library folder, configured without tests and without a C++ compiler:
#
#   tools/test-consumers.sh [BUILDDIR]
set -euo pipefail

cd "$(dirname "$0")/.."
source=$PWD
build=$(cd "${1:-build}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/log" ||
  { cat "$work/log"; exit 1; }
# Copied, so that nothing of ours is near, and then moved, so that a path that
# was written down at installation would be found out.
cp -R examples/consumers "$work/consumers"
mv "$work/prefix" "$work/moved"

test -f "$work/moved/share/cachecore/cachecore.tsan.supp"

cd "$work/consumers/cmake"
cmake -B build -DCMAKE_PREFIX_PATH="$work/moved" >"$work/log" &&
  cmake --build build >>"$work/log" || { cat "$work/log"; exit 1; }
./build/consumer
./build/consumer_static
! ldd build/consumer_static | grep cachecore

cd "$work/consumers/pkgconfig"
pc=$(find "$work/moved" -name cachecore.pc)
PKG_CONFIG_PATH=$(dirname "$pc") make >"$work/log" || { cat "$work/log"; exit 1; }
./consumer

# The C++ binding, which is headers beside the C one.
read -ra flags <<<"$(PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --cflags --libs cachecore)"
g++ -std=c++17 "$source/bindings/cpp/examples/pages.cpp" "${flags[@]}" -pthread \
  -Wl,-rpath,"$(dirname "$(dirname "$pc")")" -o pages
./pages >"$work/log" || { cat "$work/log"; exit 1; }

installed=$(find "$work/moved" -name 'libcachecore.so.*.*')
[ -z "$(nm "$installed" 2>/dev/null)" ] ||
  { echo "test-consumers.sh: $installed is not stripped"; exit 1; }

cd "$source"
cmake -S . -B "$work/build" -DBUILD_TESTING=OFF -DCMAKE_CXX_COMPILER=/nonexistent \
  -DCMAKE_INSTALL_PREFIX="$work/usr" -DCMAKE_INSTALL_LIBDIR="$work/elsewhere" >"$work/log" ||
  { cat "$work/log"; exit 1; }
mkdir -p "$work/build/lib"
cp -a "$build"/lib/. "$work/build/lib"  # built already
cmake --install "$work/build" >"$work/log" || { cat "$work/log"; exit 1; }
libs=$(PKG_CONFIG_PATH=$work/elsewhere/pkgconfig pkg-config --variable=libdir cachecore)
[ "$libs" = "$work/elsewhere" ] && [ -e "$libs/libcachecore.so.1" ] ||
  { echo "test-consumers.sh: pkg-config says $libs"; exit 1; }
