#!/usr/bin/env bash
# Checks what packaging/dist.sh made, and uses the tarball where nothing else is:
#
#   packaging/test-tarball.sh LIBDIR DISTDIR
#
# LIBDIR is what the tarball was made of.  The versions agree; the checksums are right;
# a second tarball has the same bytes; the Debian packages, built in another folder, have
# the same library; the list of components is that of this library.  Then programs are
# built with the unpacked tarball: through CMake and pkg-config, and static ones with
# glibc and with musl.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
lib=$(cd "$1" && pwd)
dist=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
source=$PWD
version=$(tools/version.sh)
platform=linux-$(uname -m)
name=cachecore-$version-$platform
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "test-tarball.sh: $*" >&2; exit 1; }
build_id() { readelf -n "$1" | sed -n 's/ *Build ID: //p'; }

[ "$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)" = "$version-1" ] ||
  fail "packaging/debian/changelog is of another version than $version"
for file in bindings/python/pyproject.toml services/pyproject.toml \
  bindings/python/src/cachecore/__init__.py; do
  grep -qE "^(__)?version(__)? = \"$version\"" $file || fail "$file is not of version $version"
done
(cd "$dist" && sha256sum --quiet --strict -c SHA256SUMS)
for file in "$dist"/*; do
  [ "${file##*/}" = SHA256SUMS ] || grep -q "  ${file##*/}$" "$dist/SHA256SUMS" ||
    fail "${file##*/} is not in SHA256SUMS"
done

. packaging/epoch.sh
(umask 077 && packaging/tarball.sh "$lib" "$platform" "$work/again")
for file in "$name.tar.gz" "$name.cdx.json"; do
  cmp "$dist/$file" "$work/again/$file" || fail "a second $file is different"
done

tar -C "$work" -xf "$dist/$name.tar.gz"
root=$work/$name
! grep -rlF -e "$source" -e "$work" "$root" || fail "these name a folder of this machine"
library=$(readlink -f "$root/lib/libcachecore.so")
[ -z "$(nm "$library" 2>/dev/null)" ] || fail "$library is not stripped"
grep -q "\"$(sha256sum "$library" | cut -d' ' -f1)\"" "$dist/$name.cdx.json" ||
  fail "the list of components is of another library"
dpkg-deb -x "$dist"/libcachecore1_*.deb "$work/deb"
[ "$(build_id "$work"/deb/usr/lib/*/libcachecore.so.1)" = "$(build_id "$library")" ] ||
  fail "built in another folder, the library is another"

cp -R examples/consumers examples/c "$work"
cd "$work/consumers/cmake"
cmake -B build -DCMAKE_PREFIX_PATH="$root" >"$work/log" &&
  cmake --build build >>"$work/log" || { cat "$work/log"; exit 1; }
./build/consumer
./build/consumer_static
cd "$work/consumers/pkgconfig"
export PKG_CONFIG_PATH=$root/lib/pkgconfig
make >"$work/log" || { cat "$work/log"; exit 1; }
./consumer

# Of the examples those that use threads, the sweeper and borrowed values, too.
read -ra flags <<<"$(pkg-config --static --cflags --libs cachecore)"
for compiler in gcc musl-gcc; do
  for example in "$work"/c/*.c; do
    case $example in */dlopen.c) continue ;; esac  # it opens the shared library
    arguments=()
    case $example in */shared.c) arguments=("$work/cache-$compiler" "$work/computed") ;; esac
    $compiler -O2 -static "$example" "${flags[@]}" -o "$work/program"
    "$work/program" "${arguments[@]}" >"$work/log" || {
      cat "$work/log"
      fail "$example with $compiler"
    }
  done
  echo "test-tarball.sh: static programs run, built by $compiler"
done
# What is of Swift or of the engine meets nothing of the program.
others=$(nm -g --defined-only "$root/lib/libcachecore.a" |
  grep -v -e ' T cachecore_' -e '\.o:$' -e '^$' || true)
[ -z "$others" ] ||
  fail "libcachecore.a defines other names than those of cachecore.h"
echo "test-tarball.sh: the tarball is whole"
