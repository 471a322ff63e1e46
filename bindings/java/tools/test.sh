#!/usr/bin/env bash
# Builds the jar and runs its tests, under -Xcheck:jni. bindings/README.md says what is
# set outside, and what is assumed where it is not.
#
#   test.sh [TEST CLASS...]
#
# Ends with 77 where a toolchain is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
export CACHECORE_LIBRARY=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
export CACHECORE_INCLUDE=${CACHECORE_INCLUDE:-$root/include}
export CACHECORE_BUILD=${CACHECORE_BUILD:-$root/build/bindings/java}
export CACHECORE_SCENARIOS=${CACHECORE_SCENARIOS:-$root/bindings/scenarios.txt}
junit=/usr/share/java/junit4.jar:/usr/share/java/hamcrest.jar

skip() { echo "java: skipped: $*"; exit 77; }
command -v javac >/dev/null || skip "no javac: install default-jdk-headless"
javac --release 17 -version >/dev/null 2>&1 || skip "JDK 17 or later is needed"
command -v "${CC:-gcc}" >/dev/null || skip "no ${CC:-gcc}"
[ -e "${junit%%:*}" ] || skip "no ${junit%%:*}: install junit4"

"$here/tools/build.sh" "$CACHECORE_BUILD"
cd "$CACHECORE_BUILD"

# A comment that is missing or wrong is an error.
rm -rf javadoc
javadoc -quiet -Xdoclint:all -Xwerror --release 17 -d javadoc \
  "$here"/src/main/java/cachecore/*.java

rm -rf test-classes
mkdir -p test-classes
path=$CACHECORE_BUILD/cachecore.jar:$CACHECORE_BUILD/test-classes:$junit
# To call close in the middle is what some tests are about.
javac --release 17 -Xlint:all,-try -Werror -cp "$path" -d test-classes \
  "$here"/src/test/java/cachecore/*.java "$here"/example/*.java

classes=("$@")
if [ ${#classes[@]} -eq 0 ]; then
  for file in "$here"/src/test/java/cachecore/*Test.java; do
    classes+=("cachecore.$(basename "$file" .java)")
  done
fi
# -Xcheck:jni says on stdout what is wrong, and goes on.
options=(-Xcheck:jni -Xmx512m)
set +e
LD_PRELOAD=${JAVA_PRELOAD:-} java "${options[@]}" -cp "$path" org.junit.runner.JUnitCore \
  "${classes[@]}" 2>&1 | tee test.log
status=${PIPESTATUS[0]}
set -e
[ "$status" = 0 ] || exit "$status"
! grep -E 'WARNING in native method|FATAL ERROR in native method|Warning: SIG' test.log || {
  echo "java: -Xcheck:jni found something"
  exit 1
}
