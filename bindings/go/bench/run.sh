#!/usr/bin/env bash
# Measures a call beside the caches that Go programs use: run.sh [ROUNDS]
#
# Needs apt's golang-github-hashicorp-golang-lru-dev and
# golang-github-patrickmn-go-cache-dev.  The library is that of CACHECORE_LIBRARY, else
# build/lib's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
directory=$(cd "$(dirname "$library")" && pwd)
build=${CACHECORE_BUILD:-$root/build/bindings/go}
for package in hashicorp/golang-lru patrickmn/go-cache; do
  [ -d "/usr/share/gocode/src/github.com/$package" ] || {
    echo "run.sh: apt install golang-github-{hashicorp-golang-lru,patrickmn-go-cache}-dev"
    exit 1
  }
done
mkdir -p "$build/gopath/src"
ln -sfn "$here/.." "$build/gopath/src/cachecore"
ln -sfn "$here" "$build/gopath/src/cachecore-bench"
# Debian's packages are for GOPATH.
export GO111MODULE=off GOPATH=$build/gopath:/usr/share/gocode GOCACHE=$build/cache GOFLAGS=
export CGO_CFLAGS="-O2 -g -I${CACHECORE_INCLUDE:-$root/include}"
export CGO_LDFLAGS="-L$directory -Wl,-rpath,$directory"
go build -o "$build/bench" cachecore-bench
"$build/bench" "$@"
