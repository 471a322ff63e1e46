#!/usr/bin/env bash
# Links the library for Linux systems with musl, such as Alpine, of the static library:
#
#   packaging/musl/build-library.sh LIBDIR OUTDIR
#
# LIBDIR is what tools/build-library.sh left; OUTDIR then holds the same for musl.  The
# objects were compiled with glibc's headers.  Of libc they use system calls and a few
# functions, whose types and constants are the same in both (same.c, compiled here with
# both).  What kept the shared library from musl was one symbol, __register_atfork, that
# glibc's linker files put in place of pthread_atfork; libcachecore.a asks for the latter.
# OUTDIR/../stub is left for linking the Python package's compiled path.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
lib=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for compiler in gcc musl-gcc; do $compiler -fsyntax-only packaging/musl/same.c; done
# Systems with musl have it under this name.  Debian's is under another, and a linker
# needs only the name here.
stub=$(dirname "$out")/stub
mkdir -p "$stub"
as -o "$work/nothing.o" /dev/null
name=libc.musl-$(uname -m).so.1
ld -shared -soname "$name" -o "$stub/libc.so" "$work/nothing.o"
ln -sfn libc.so "$stub/$name"
musl-gcc -shared -nodefaultlibs -Wl,--version-script=cachecore.map \
  -Wl,-soname=libcachecore.so.1 -Wl,-z,nodelete -Wl,--no-as-needed \
  -Wl,--whole-archive "$lib/release/libcachecore.a" -Wl,--no-whole-archive \
  "$stub/libc.so" -o "$work/libcachecore.so"
(cd "$work" && ar x "$lib/release/libcachecore.a")
tools/finish-library.sh "$work/libcachecore.so" "$out" "$work/cachecore.o"
