#!/usr/bin/env bash
# Runs Python tests under valgrind's memcheck, on the library that ships and both
# paths to it:
#
#   tools/valgrind-python.sh [PYTEST ARGUMENTS]
#
# Arguments are for pytest in place of the tests below, which are those of each call.
#
# What has a frame of ours is a failure, a block that nothing points to any more as
# well (tools/own_reports.py); a planted leak and a planted read of what was never
# written must be found first (tools/planted.py).  Programs that tests start are not
# followed; forked children are.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHON=${PYTHON:-$PWD/.venv/bin/python}
out=$PWD/build/valgrind-python
reports=$out/reports
tests=$out/bindings/python/tests
tools/build-python.sh "$out"
# Without debug information, which valgrind cannot read in this version.
objcopy --strip-debug "$(readlink -f "$out/libcachecore.so")"

[ $# -gt 0 ] || set -- "$tests"/test_{operations,batch,lease,removals,errors,bad_input}.py \
  "$tests"/test_{object_cache,mapping,sweeper}.py -k "not many_reads and not threads"
export PYTHONPATH=$out/bindings/python/src CACHECORE_LIBRARY=$out/libcachecore.so
export PYTHONMALLOC=malloc CACHECORE_PURE=0

# under COMMAND...: with memcheck; its reports are the only ones there.
under() {
  rm -rf "$reports" && mkdir -p "$reports"
  valgrind -q --log-file="$reports/log.%p" --num-callers=20 --leak-check=full \
    --show-leak-kinds=definite --errors-for-leak-kinds=definite "$PYTHON" "$@"
}

under tools/planted.py leak uninitialised
tools/own_reports.py "$reports" --planted _fast.abi3.so libcachecore.so
failed=0
for pure in 0 1; do
  echo "valgrind-python.sh: CACHECORE_PURE=$pure"
  CACHECORE_PURE=$pure under -m pytest -q -p no:cacheprovider "$@" || failed=1
  tools/own_reports.py "$reports" || failed=1
done
exit $failed
