#!/usr/bin/env bash
# Installs the Debian packages in a clean root and uses them there:
#
#   packaging/test-deb.sh DISTDIR ROOT.tar
#
# ROOT.tar is made by packaging/root.sh if missing: Debian's minimum with a C compiler,
# CMake and pkg-config.  In it there is no network, and nothing of this repository but
# examples/consumers.  Needs root, for chroot.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
dist=$(cd "$1" && pwd)
tar=$(realpath -m "$2")
cd "$(dirname "$0")/.."
packaging/root.sh "$tar" "$(dpkg --print-architecture)" gcc libc6-dev make cmake pkg-config
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

lintian --fail-on error --allow-root "$dist"/*.deb

mkdir "$work/root"
# Without what needs device files.
tar -C "$work/root" --exclude='./dev/*' -xf "$tar"
mkdir "$work/root/debs"
cp "$dist"/*.deb "$work/root/debs"
cp -R examples/consumers "$work/root/consumers"
cat >"$work/root/use" <<'INSIDE'
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
mknod -m 666 /dev/null c 1 3
apt-get install -qq -o Dpkg::Use-Pty=0 /debs/*.deb

cd /consumers/pkgconfig
make
./consumer
ldd consumer | grep "/libcachecore.so.1 "
gcc -static main.c -o static $(pkg-config --static --cflags --libs cachecore)
./static

cd /consumers/cmake
cmake -B build >/dev/null
cmake --build build
./build/consumer
./build/consumer_static

# The debug information is found by the library's build ID, and says where a function is.
library=$(readlink -f "/usr/lib/$(gcc -print-multiarch)/libcachecore.so")
address=$(nm -D "$library" | sed -n 's/ T cachecore_get@@.*//p')
[ -z "$(nm "$library" 2>/dev/null)" ]
addr2line -e "$library" "$address" | grep "Sources/CacheCoreABI/Reading.swift:"

apt-get purge -qq -o Dpkg::Use-Pty=0 libcachecore-dev libcachecore1 libcachecore1-dbgsym
[ -z "$(find /usr /var/lib/dpkg/info -name '*cachecore*')" ]
INSIDE
unshare --mount --net --pid --fork --mount-proc="$work/root/proc" \
  chroot "$work/root" bash /use
echo "test-deb.sh: installed, used and removed in a clean root"
