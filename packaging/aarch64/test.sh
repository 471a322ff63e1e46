#!/usr/bin/env bash
# Tests the library for aarch64 as far as qemu-user can: the C contract, then the wheels
# with Debian's Python for arm64:
#
#   packaging/aarch64/test.sh DIR ROOT.tar
#
# DIR/lib is what build-library.sh left; the wheels are left in DIR/wheels.  An x86-64
# machine orders memory more than an aarch64 one: for that there is Tests/Litmus.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
dir=$(cd "$1" && pwd)
root=$(realpath -m "$2")
cd "$(dirname "$0")"

# qemu-user has no RLIMIT_AS, and its own memory counts for the process's; it does not pass
# on MADV_DONTFORK, on which forked users of a shared cache rely; it ends with an assertion
# of its own where the child of a threaded process starts threads; and it is slow.
# a_damaged_file_is_no_crash ended with SIGSEGV once, of an engine that still took runs where a
# damaged file said they are; it takes longer than its limit there, and has not been run since.
except=(
  refused_by_the_system open_and_close_many last_release_frees
  all_see_one_cache a_child_of_fork_goes_on descriptors_may_be_closed
  a_damaged_file_is_no_crash values_of_the_dead_come_back a_parents_value_stays_its_own
  a_claim_of_the_dead_is_anybodys a_claim_stays_the_parents one_sweeper_leads
  sweeper_in_the_child hammered_and_swept
  kill_while_saving
)
EXCEPT="${except[*]}" ../test-contract.sh "$dir/lib" aarch64-linux-gnu-gcc \
  qemu-aarch64 -L /usr/aarch64-linux-gnu

../wheels.sh linux-aarch64 "$dir/lib" "$dir/wheels"
./test-wheels.sh "$dir/wheels" "$root"
