#!/usr/bin/env bash
# Installs what the build and the tests need and this machine lacks: Debian
# packages by apt (which needs root or sudo), Python packages into .venv.
# Does nothing, quickly, where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(binutils cmake g++ libffi-dev make ninja-build pkg-config python3-dev
          python3-venv strace valgrind zstd)

say() { echo "setup: $*"; }

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null |
      grep -q 'ok installed' || echo "$package"
  done
}

install_packages() {
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      say "these packages are missing, and there is neither root nor sudo: $*"
      exit 1
    }
    sudo=(sudo)
  fi
  say "installing $*"
  export DEBIAN_FRONTEND=noninteractive
  "${sudo[@]}" apt-get install -yq --no-install-recommends "$@" ||
    { # No package lists, or old ones.
      "${sudo[@]}" apt-get update -q
      "${sudo[@]}" apt-get install -yq --no-install-recommends "$@"
    }
}

if command -v dpkg-query >/dev/null; then
  mapfile -t missing < <(missing_packages)
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
else
  say "no Debian: make sure that these are there: ${packages[*]}"
fi

if ! command -v swift >/dev/null && [ ! -x /opt/swift/usr/bin/swift ]; then
  say "Swift 6.3 or later is missing: see https://swift.org/install"
  exit 1
fi

if [ ! -x .venv/bin/python ]; then
  say "making .venv"
  python3 -m venv .venv
fi
if ! cmp -s tools/requirements.txt .venv/requirements.txt; then
  say "installing Python packages into .venv"
  .venv/bin/python -m pip install -q --disable-pip-version-check \
    -r tools/requirements.txt
  cp tools/requirements.txt .venv/requirements.txt
fi
say "all is there"
