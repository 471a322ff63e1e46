#!/usr/bin/env bash
# Makes a static library of compiled objects:
#
#   tools/static-library.sh OUT.a OBJECT...
#
# It has one member, in which only the functions of cachecore.h are global: what is
# of Swift or of the engine meets nothing of the program that it is linked into.
# CROSS is the prefix of the binary tools, such as aarch64-linux-gnu-.
#
# The objects ask for pthread_create and pthread_join of the oldest glibc, weakly
# (CPlatform.h), which is about shared libraries.  A linker takes nothing out of
# libc.a for a weak symbol, and libc.a has no versions: here both are asked for by
# their plain names, and a strong reference to each stands beside the weak one.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }
out=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${CROSS:-}ld" -r -o "$work/all.o" "$@"
plain=$("${CROSS:-}nm" -u "$work/all.o" |
  sed -n 's/^ *[wU] \([a-z_]*\)\(@GLIBC_[0-9.]*\)$/--redefine-sym \1\2=\1/p')
# shellcheck disable=SC2086  # one argument a word
"${CROSS:-}objcopy" $plain --wildcard --keep-global-symbol 'cachecore_*' \
  --remove-section .swift1_autolink_entries --remove-section .swift_modhash \
  --remove-section .llvm_addrsig --remove-section .linker-options \
  --strip-unneeded "$work/all.o" "$work/weak.o"
"${CROSS:-}as" -o "$work/strong.o" <<'EOF'
  .section .data.rel.ro, "aw"
  .balign 8
  .quad pthread_create, pthread_join
  .section .note.GNU-stack, ""
EOF
"${CROSS:-}ld" -r -o "$work/cachecore.o" "$work/weak.o" "$work/strong.o"

rm -f "$work/lib.a"
"${CROSS:-}ar" rcsD "$work/lib.a" "$work/cachecore.o"
mv "$work/lib.a" "$out"
