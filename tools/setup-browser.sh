#!/usr/bin/env bash
# Installs Chromium by apt where there is none: what drives it is in .venv.
set -euo pipefail

command -v chromium >/dev/null && exit 0
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get install -yq --no-install-recommends chromium ||
  { "${sudo[@]}" apt-get update -q
    "${sudo[@]}" apt-get install -yq --no-install-recommends chromium
  }
