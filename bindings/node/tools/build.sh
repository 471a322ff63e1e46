#!/usr/bin/env bash
# Builds the addon, cachecore.node, into a folder:
#
#   build.sh [OUTDIR]
#
# without an argument into build/, where lib/native.js looks.  It needs gcc (or
# CC), Node's headers (NODE_INCLUDE, if they are not where Node or Debian puts
# them) and cachecore.h (CACHECORE_INCLUDE; else that of this repository, else the
# system's).  The addon uses Node-API 8 alone, so one file serves Node 18 and later,
# and it loads libcachecore.so at run time.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$here/build}

headers() {
  local prefix folder
  prefix=$(node -p 'require("path").resolve(process.execPath, "../..")')
  for folder in "${NODE_INCLUDE:-}" "$prefix/include/node" /usr/include/node \
    /usr/include/nodejs/src; do
    [ ! -f "$folder/node_api.h" ] || { echo "$folder"; return; }
  done
  echo "build.sh: no node_api.h: install libnode-dev, or set NODE_INCLUDE" >&2
  return 1
}

include=${CACHECORE_INCLUDE:-$here/../../include}
node_include=$(headers)
mkdir -p "$out"
"${CC:-gcc}" -std=gnu11 -O2 -fPIC -shared -fvisibility=hidden \
  -Wall -Wextra -Werror=implicit-function-declaration ${CFLAGS:-} \
  -isystem "$node_include" -I "$include" "$here"/src/*.c \
  -o "$out/.cachecore.$$" -Wl,-z,relro,-z,now,-z,nodelete -lpthread -ldl
mv "$out/.cachecore.$$" "$out/cachecore.node"
