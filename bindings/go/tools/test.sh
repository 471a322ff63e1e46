#!/usr/bin/env bash
# Builds the package and runs its tests: as they are, with the race detector, and with
# cgo's strictest check of pointers; and the example.
#
#   test.sh
#
# bindings/README.md says what the environment may set.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(cd "$here/../.." && pwd)
library=${CACHECORE_LIBRARY:-$root/build/lib/libcachecore.so}
directory=$(cd "$(dirname "$library")" && pwd)
build=${CACHECORE_BUILD:-$root/build/bindings/go}
export CACHECORE_SCENARIOS=${CACHECORE_SCENARIOS:-$root/bindings/scenarios.txt}
command -v go >/dev/null || {
  echo "bindings/go: no go in PATH (Debian: apt install golang-go)"
  exit 77
}

export CGO_CFLAGS="-O2 -g -I${CACHECORE_INCLUDE:-$root/include}"
export CGO_LDFLAGS="-L$directory -Wl,-rpath,$directory"
export GOCACHE=$build/cache GOTMPDIR=$build/tmp GOFLAGS=-mod=readonly GOPROXY=off
export GOTOOLCHAIN=local
mkdir -p "$GOTMPDIR"
cd "$here"
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "bindings/go: gofmt would change $unformatted"; exit 1; }
go vet ./...
go test ./...
echo "bindings/go: with the race detector"
go test -race ./...
echo "bindings/go: with all of cgo's checks of pointers"
# From Go 1.21 on it is a setting of the build.
if GOEXPERIMENT=cgocheck2 go version >/dev/null 2>&1; then
  GOEXPERIMENT=cgocheck2 go test -count=1 ./...
else
  GODEBUG=cgocheck=2 go test -count=1 ./...
fi
place=$(mktemp -d /dev/shm/cachecore-go-XXXXXX)
trap 'rm -rf "$place"' EXIT
go build -o "$build" ./examples/...
"$build/prices" -demo -cache "$place/prices"
"$build/prices" -demo -cache "$place/prices" | grep "1201 requests: 0 queries"
