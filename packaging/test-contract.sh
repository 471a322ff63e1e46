#!/usr/bin/env bash
# Builds the C tests that hold on any machine with another compiler, and runs them:
#
#   packaging/test-contract.sh LIBDIR "COMPILER FLAGS" [RUNNER...]
#
# LIBDIR is where libcachecore.so is, RUNNER what runs the programs, such as qemu-aarch64.
# Left out are tests that watch the size of the process, count system calls or kill
# processes in single steps.  EXCEPT names functions of the others that may fail.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
lib=$(cd "$1" && pwd)
read -ra compiler <<<"$2"
shift 2
cd "$(dirname "$0")/../Tests/C"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 excepted=0 failed=()
export CACHECORE_TEST_MS=${CACHECORE_TEST_MS:-1000}

for test in open outputs read write bounds expiry stats model lease scan batch order \
  removals sweeper fork claim claim_end claim_void claim_window race shared \
  save; do
  "${compiler[@]}" -std=gnu99 -O1 -D_GNU_SOURCE -pthread -I../../include ${test}_test.c harness.c \
    -o "$work/$test" -L"$lib" -lcachecore -Wl,-rpath,"$lib"
  status=0
  timeout 300 "$@" "$work/$test" >"$work/log" 2>&1 || status=$?
  passed=$((passed + $(grep -c '^ok ' "$work/log" || true)))
  mapfile -t names < <(sed -n 's/^FAILED  *\([a-z_0-9]*\):.*/\1/p' "$work/log")
  [ $status -eq 0 ] || [ ${#names[@]} -gt 0 ] || names=("$test")  # it died as a whole
  for name in "${names[@]}"; do
    case " ${EXCEPT:-} " in
      *" $name "*) excepted=$((excepted + 1)) ;;
      *) failed+=("$name") && cat "$work/log" ;;
    esac
  done
done
echo "test-contract.sh, ${compiler[0]}: $passed passed, ${#failed[@]} failed: ${failed[*]}"
echo "  $excepted of those named in EXCEPT failed: ${EXCEPT:-}"
[ ${#failed[@]} -eq 0 ]
