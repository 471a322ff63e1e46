#!/usr/bin/env bash
# Installs what the build and the tests need and this machine lacks: Debian
# packages by apt (which needs root or sudo), Python packages into .venv.
# Does nothing, quickly, where all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(binutils cmake g++ libffi-dev make ninja-build pkg-config python3-dev
          python3-venv redis-server strace valgrind zstd)

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

# environment DIR PYTHON REQUIREMENTS: a virtual environment with what is asked
# for, made anew only where that has changed.
environment() {
  if [ ! -x "$1/bin/python" ]; then
    say "making $1"
    "$2" -m venv "$1"
  fi
  if ! cmp -s "$3" "$1/requirements.txt"; then
    say "installing Python packages into $1"
    "$1/bin/python" -m pip install -q --disable-pip-version-check -r "$3"
    cp "$3" "$1/requirements.txt"
  fi
}

environment .venv python3 tools/requirements.txt
# The system's own Python beside ours, if it is new enough: for the binding's
# own tests, without the frameworks.
if /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  environment .venv-system /usr/bin/python3 tools/requirements-system.txt
fi
say "all is there"
