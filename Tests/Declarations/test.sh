#!/usr/bin/env bash
# Tests include/cachecore.cdef with those who read declarations: LuaJIT, PHP, CFFI.
#
#   Tests/Declarations/test.sh
#
# It is called like a binding's tests (bindings/README.md).  PYTHON is an interpreter
# with CFFI.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
cdef=${CACHECORE_INCLUDE:-$root/include}/cachecore.cdef
python=${PYTHON:-python3}

# run PROGRAM...: with the two arguments, or a line that says what is missing.
skipped=0
run() {
  if ! command -v "$1" >/dev/null; then
    echo "declarations: $1 is missing"
    skipped=77
    return
  fi
  "$@" "$cdef" "$library"
}

run luajit "$here/luajit_test.lua"
run php -d ffi.enable=1 "$here/php_test.php"
if "$python" -c 'import cffi' 2>/dev/null; then
  run "$python" "$here/cffi_test.py"
else
  echo "declarations: CFFI is missing"
  skipped=77
fi
exit $skipped
