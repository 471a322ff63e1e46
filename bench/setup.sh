#!/usr/bin/env bash
# Installs what the benchmarks need and this machine lacks: Debian packages by
# apt (which needs root or sudo), and Python packages into a directory.
#
#   bench/setup.sh VENV
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
venv=$1

packages=(binutils gcc libc6-dev make python3-venv valgrind zstd
          redis-server memcached libhiredis-dev librust-dashmap-dev wrk)
command -v cargo >/dev/null || packages+=(cargo)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
    grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "bench: installing ${missing[*]}"
  sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  export DEBIAN_FRONTEND=noninteractive
  # A server that is installed need not be started.
  export RUNLEVEL=1
  "${sudo[@]}" apt-get install -yq --no-install-recommends "${missing[@]}" ||
    { "${sudo[@]}" apt-get update -q
      "${sudo[@]}" apt-get install -yq --no-install-recommends "${missing[@]}"
    }
fi

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
  echo "bench: installing Python packages into $venv"
  "$venv/bin/python" -m pip install -q --disable-pip-version-check \
    -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/requirements.txt"
fi
