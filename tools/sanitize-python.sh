#!/usr/bin/env bash
# Runs the Python package's tests with a sanitizer in the library and in the
# compiled path, on both paths:
#
#   tools/sanitize-python.sh address|thread [PYTEST ARGUMENTS]
#
# address: memory errors in all tests, leaks in the package's own and the policy's.
# thread: races, in the tests that have threads.  Arguments take the tests' place.
#
# The interpreter is the usual one, with the sanitizer's runtime loaded first and
# its memory from malloc, where the runtime sees it.  Nothing is suppressed: what has
# a frame of ours is a failure (tools/own_reports.py), and before the tests come
# mistakes that must be found (tools/planted.py).
set -euo pipefail
case ${1:-} in
  address | thread) sanitizer=$1 ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
shift
cd "$(dirname "$0")/.."
command -v swift >/dev/null || PATH=$PATH:/opt/swift/usr/bin
bin=$(dirname "$(readlink -f "$(command -v swift)")")
export PYTHON=${PYTHON:-$PWD/.venv/bin/python}
out=$PWD/build/$sanitizer-python
reports=$out/reports
tests=$out/bindings/python/tests services=$out/services/tests
SANITIZE=$sanitizer tools/build-python.sh "$out"

runtime() { "$bin/clang" -print-file-name="libclang_rt.$1-x86_64.so"; }
# Each frame with its file, by which it is known whose it is.
options="exitcode=0:log_path=$reports/log:stack_trace_format='    #%n %p %F %L (%m)'"
if [ "$sanitizer" = address ]; then
  preload=$(runtime asan)
  # CPython has no frame pointers: by them, whoever called it is passed over.  The
  # library never calls it, so that the path without the compiled one may be fast.
  leaks=detect_leaks=1 slowly=:fast_unwind_on_malloc=0:malloc_context_size=12
  options+=:abort_on_error=1:detect_stack_use_after_return=0
  planted=leak objects=_fast.abi3.so
else
  # Swift's runtime of TSan refers to libdispatch and does not load it.
  swift=$bin/../lib/swift/linux
  preload=$(runtime tsan):$swift/libdispatch.so:$swift/libBlocksRuntime.so
  leaks= slowly= planted=race objects=libcachecore.so
  options+=:second_deadlock_stack=1:die_after_fork=0
fi
export PYTHONPATH=$out/bindings/python/src:$out/services/src CACHECORE_LIBRARY=$out/libcachecore.so
export PYTHONMALLOC=malloc CACHECORE_PURE=0

# under OPTIONS COMMAND...: with the sanitizer; its reports are the only ones there.
under() {
  rm -rf "$reports" && mkdir -p "$reports"
  LD_PRELOAD=$preload ASAN_OPTIONS=$options:$1 TSAN_OPTIONS=$options:$1 "$PYTHON" "${@:2}"
}

failed=0
# check OPTIONS ARGUMENTS...: the tests' outcome, and the reports made meanwhile.
check() {
  under "$1" -m pytest -q -p no:cacheprovider "${@:2}" || failed=1
  tools/own_reports.py "$reports" || failed=1
}

under "$leaks$slowly" tools/planted.py $planted
tools/own_reports.py "$reports" --planted $objects
for pure in 0 1; do
  echo "sanitize-python.sh: $sanitizer, CACHECORE_PURE=$pure"
  export CACHECORE_PURE=$pure
  [ $pure = 0 ] || slowly=
  if [ $# -gt 0 ]; then
    check "$leaks$slowly" "$@"
  elif [ "$sanitizer" = thread ]; then
    check "" "$tests"/test_{batch,cached,closing,fork,lease}.py \
      "$tests"/test_{object_cache,removals,sweeper,threads}.py
    check "" "$services/policy"
  else
    # Not those that count resident bytes, which ASan keeps, or that build the sdist.
    # CPython ends daemon threads at exit where they are, and what they held leaks;
    # examples have time limits.
    check "$leaks$slowly" "$tests" --ignore-glob="*/contrib" \
      --ignore-glob="*/test_"{examples,leaks,sdist}.py \
      -k "not (test_interpreter_exit_with and threads)"
    check "$leaks$slowly" "$services/policy" "$services"/test_*.py
    check detect_leaks=0 "$services"/{apps,maintenance}
    check detect_leaks=0 "$tests"/{contrib,test_examples.py} "$tests/test_closing.py" \
      -k "not test_interpreter_exit_with or threads"
  fi
done
exit $failed
