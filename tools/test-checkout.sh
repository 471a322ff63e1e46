#!/usr/bin/env bash
# Builds the library in a fresh copy of the checkout, again after the copy was
# moved, and again where it is read-only:
#
#   tools/test-checkout.sh
set -euo pipefail
cd "$(dirname "$0")/.."
unset BUILD VENV PYTHONPATH CACHECORE_LIBRARY SCRATCH
work=$(mktemp -d)
export XDG_CACHE_HOME=$work/cache

leave() {
  cd /
  umount "$work/moved" 2>/dev/null || true
  chmod -R u+w "$work"
  rm -rf "$work"
}
trap leave EXIT

# built DIR: `make lib` leaves a library there that loads.
built() {
  make lib >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  python3 -c 'import ctypes, glob, sys
ctypes.CDLL(glob.glob(sys.argv[1])[0]).cachecore_version()' "$1/lib/libcachecore.so"
}

mkdir "$work/copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/copy"
cd "$work/copy"
built build
echo "test-checkout.sh: a fresh copy builds"

mv "$work/copy" "$work/moved"
cd "$work/moved"
built build
echo "test-checkout.sh: a moved one builds"

rm -rf build
chmod -R a-w .
if [ "$(id -u)" -eq 0 ]; then  # may write all the same, but not here
  cd "$work"
  mount --bind moved moved
  mount -o remount,ro,bind moved
  cd moved
fi
built "$XDG_CACHE_HOME/cachecore/*"
[ ! -e build ]
echo "test-checkout.sh: a read-only one builds"
