#!/usr/bin/env bash
# Builds the jar and the JNI library, into a folder:
#
#   build.sh [OUTDIR]
#
# without an argument into build/: cachecore.jar, which has the JNI library in it, and
# libcachecore_jni.so beside it. It needs a JDK of 17 or later, gcc (or CC), cachecore.h
# (CACHECORE_INCLUDE; else that of this repository) and libcachecore.so (CACHECORE_LIBRARY;
# else build/lib of this repository, else the system's). With BUNDLE=1 the jar has
# libcachecore.so.1 in it, too.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "${1:-$here/build}"
out=$(cd "${1:-$here/build}" && pwd)
include=${CACHECORE_INCLUDE:-$root/include}
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
java_home=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")

link=(-lcachecore)
[ ! -e "$library" ] || link=("$library")
"${CC:-gcc}" -std=gnu11 -O2 -fPIC -shared -fvisibility=hidden -Wall -Wextra ${CFLAGS:-} \
  -I "$java_home/include" -I "$java_home/include/linux" -I "$include" \
  "$here"/src/main/c/*.c -o "$out/.jni.$$" "${link[@]}" -lpthread \
  -Wl,-z,relro,-z,now,-z,nodelete,-rpath,'$ORIGIN'
mv "$out/.jni.$$" "$out/libcachecore_jni.so"

native=cachecore/native/linux-$(uname -m)
rm -rf "$out/classes"
mkdir -p "$out/classes/$native"
javac --release 17 -Xlint:all -Werror -d "$out/classes" "$here"/src/main/java/cachecore/*.java
cp "$out/libcachecore_jni.so" "$out/classes/$native/"
[ -z "${BUNDLE:-}" ] || cp -L "$library" "$out/classes/$native/libcachecore.so.1"
echo 'Automatic-Module-Name: cachecore' >"$out/manifest"
jar --create --file "$out/cachecore.jar" --manifest "$out/manifest" -C "$out/classes" .
