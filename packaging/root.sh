#!/usr/bin/env bash
# Makes a minimal Debian root as a tar file, from apt's sources, if there is none or it
# is of other packages:
#
#   packaging/root.sh OUT.tar ARCHITECTURE PACKAGE...
#
# With the architecture of this machine it is installed as Debian does it.  With another
# the packages are unpacked alone, since their scripts could not run here.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
tar=$1 architecture=$2
shift 2
wanted="$architecture $*"
[ "$(cat "$tar.packages" 2>/dev/null)" != "$wanted" ] || exit 0

mkdir -p "$(dirname "$tar")"
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
variant=apt
[ "$architecture" = "$(dpkg --print-architecture)" ] || variant=extract
rm -f "$tar.packages"
mmdebstrap --quiet --architectures="$architecture" --variant=$variant \
  --include="$(IFS=,; echo "$*")" "$release" "$tar"
echo "$wanted" >"$tar.packages"
