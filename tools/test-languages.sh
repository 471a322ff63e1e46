#!/usr/bin/env bash
# Runs the tests of the bindings, each in its own language (bindings/README.md):
#
#   tools/test-languages.sh [LANG...]
#
# Without arguments all of them but Python's, which `make test-python` runs, those of
# the flat declarations, and then the program of each language that shares a cache with
# the others.  A binding whose toolchain is missing is skipped with a message; with
# CACHECORE_NO_SKIPS in the environment that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
build=${BUILD:-$root/build}
export CACHECORE_LIBRARY=${CACHECORE_LIBRARY:-$build/lib/libcachecore.so}
export CACHECORE_INCLUDE=${CACHECORE_INCLUDE:-$root/include}
export CACHECORE_SCENARIOS=${CACHECORE_SCENARIOS:-$root/bindings/scenarios.txt}

scripts=()
if [ $# -gt 0 ]; then
  for language in "$@"; do scripts+=("bindings/$language/tools/test.sh"); done
else
  for script in bindings/*/tools/test.sh; do
    [ "$script" = bindings/python/tools/test.sh ] || scripts+=("$script")
  done
  scripts+=(Tests/Declarations/test.sh)
fi

failed=()
for script in "${scripts[@]}"; do
  language=${script#bindings/}
  language=${language%/tools/test.sh}
  language=${language%/test.sh}
  language=$(basename "$language" | tr '[:upper:]' '[:lower:]')
  echo "test-languages: $language"
  start=$SECONDS
  status=0
  CACHECORE_BUILD=$build/bindings/$language "$script" || status=$?
  case $status in
    0) ;;
    77)
      echo "test-languages: $language: skipped"
      [ -z "${CACHECORE_NO_SKIPS:-}" ] || failed+=("$language (skipped)")
      ;;
    *) failed+=("$language") ;;
  esac
  echo "test-languages: $language: $((SECONDS - start)) s"
done
if [ $# -eq 0 ]; then
  echo "test-languages: together"
  CACHECORE_BUILD=$build/bindings "${PYTHON:-python3}" bindings/tools/test_together.py ||
    failed+=(together)
fi
[ ${#failed[@]} -eq 0 ] || {
  echo "test-languages: failed: ${failed[*]}"
  exit 1
}
echo "test-languages: all passed"
