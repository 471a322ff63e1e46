#!/usr/bin/env bash
# Installs what this machine lacks: Debian packages by apt (which needs root or
# sudo), Python packages into the virtual environment VENV (.venv).
#
#   tools/setup.sh lib     what building libcachecore.so needs
#   tools/setup.sh core    and the core's tests: C, Swift, Python
#   tools/setup.sh docs    and the documentation site
#   tools/setup.sh all     and services, browsers, packages, sanitizers, guard, languages
#
# Does nothing, quickly, where all is there.
set -euo pipefail
case ${1:-} in
  lib | core | docs | all) group=$1 ;;
  *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
cd "$(dirname "$0")/.."
build=${BUILD:-$PWD/build}
venv=${VENV:-$PWD/.venv}

packages=(binutils gcc libc6-dev)  # swiftc links with the system's
[ "$group" = lib ] ||
  packages+=(cmake g++ libffi-dev make ninja-build pkg-config python3-dev python3-venv)
[ "$group" != all ] ||
  packages+=(cargo doctest-dev golang-go luajit php-cli redis-server rust-clippy rustc rustfmt
    strace valgrind zstd debhelper dpkg-dev lintian mmdebstrap musl-tools relacy-dev
    binutils-aarch64-linux-gnu gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
if [ "$group" = all ]; then  # bindings/java and bindings/node
  packages+=(default-jdk-headless junit4 libcaffeine-java node-lru-cache node-typescript nodejs)
  # A Node that is not Debian's, there or to come, has its headers with it, and cannot
  # be beside libnode-dev.
  [ -f /usr/include/node/node_api.h ] ||
    [[ $(apt-cache policy nodejs 2>/dev/null) =~ Candidate:[^$'\n']*nodesource ]] ||
    packages+=(libnode-dev)
fi

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

# What was built names the sources by absolute paths: in a checkout that was copied
# or moved, begin anew.
mkdir -p "$build"
if [ "$(cat "$build/.source" 2>/dev/null || echo "$PWD")" != "$PWD" ]; then
  say "$build was built from $(cat "$build/.source"): emptied"
  rm -rf "$build" "$venv" "$venv-system"
  mkdir -p "$build"
fi
echo "$PWD" >"$build/.source"

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
[ "$group" != lib ] || exit 0

# environment DIR PYTHON REQUIREMENTS...: a virtual environment with what is asked
# for, added to only where that has changed.
environment() {
  local directory=$1 python=$2 requirements
  shift 2
  if [ ! -x "$directory/bin/python" ]; then
    say "making $directory"
    "$python" -m venv "$directory"
  fi
  for requirements in "$@"; do
    if ! cmp -s "$requirements" "$directory/$(basename "$requirements")"; then
      say "installing what is in $requirements into $directory"
      "$directory/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements"
      cp "$requirements" "$directory/"
    fi
  done
}

lists=(tools/requirements.txt)
[ "$group" = core ] || lists+=(tools/requirements-docs.txt)
[ "$group" != all ] || lists+=(tools/requirements-all.txt)
environment "$venv" python3 "${lists[@]}"
# The system's own Python beside ours, if it is new enough: for the binding's
# own tests, without the frameworks.
if /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  environment "$venv-system" /usr/bin/python3 tools/requirements-system.txt
fi
