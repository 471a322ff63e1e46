#!/usr/bin/env bash
# Prints the version, MAJOR.MINOR.PATCH.  The header is where it is written, as
# 0x00MMmmpp.
set -euo pipefail
hex=$(sed -n 's/^#define CACHECORE_VERSION 0x\([0-9a-f]*\)u.*/\1/p' \
  "$(dirname "$0")/../include/cachecore.h")
echo $((16#${hex:2:2})).$((16#${hex:4:2})).$((16#${hex:6:2}))
