#!/usr/bin/env bash
# Builds the compiled path, cachecore/_fast.abi3.so, into a directory:
#
#   build-extension.sh [OUTDIR]
#
# without an argument beside the Python sources, where imports find it.  PYTHON
# names the interpreter whose headers are used; one file serves 3.11 and later.
# CACHECORE_INCLUDE is where cachecore.h is, if not in this repository.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/src/cachecore}
include=$("${PYTHON:-python3}" -c 'import sysconfig; print(sysconfig.get_path("include"))')

[ -f "$include/Python.h" ] || {
  echo "build-extension.sh: no Python.h in $include: install python3-dev" >&2
  exit 1
}
mkdir -p "$out"
# In one translation the functions of one file are inlined into another.
"${CC:-gcc}" -std=gnu11 -O2 -flto -fPIC -shared -fvisibility=hidden \
  -Wall -Wextra -Wno-cast-function-type -Wno-missing-field-initializers \
  ${CFLAGS:-} -I "$include" -I "${CACHECORE_INCLUDE:-$here/../../include}" "$here"/fast/*.c \
  -o "$out/.fast.$$" -Wl,-z,relro,-z,now,--no-as-needed -lc
mv "$out/.fast.$$" "$out/_fast.abi3.so"
