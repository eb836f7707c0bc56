#!/usr/bin/env bash
# bare-demo.sh [COMMAND...]: makes a bare Debian 12 root (debootstrap, minbase), clones this repository's HEAD into it, and runs
# `./dev demo` (or ./dev COMMAND...) there, as a stranger would. Needs root and a Debian mirror; 77 where it cannot.
# ODB_BARE_ROOT=DIR keeps the root there and uses it again (the repository is cloned anew).
set -euo pipefail
repo=$(dirname "$(dirname "$(readlink -f "$0")")")
[ $# -gt 0 ] || set -- demo

skip() { echo "skipped: $*"; exit 77; }
[ "$(id -u)" = 0 ] || skip 'needs root'
command -v debootstrap >/dev/null || skip 'needs debootstrap'
unshare --mount true 2>/dev/null || skip 'cannot make a mount namespace'

# The mirror that this machine uses, else Debian's.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
         sed -n -E 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p' | grep -E '/debian/?$' | head -n 1 || true)
mirror=${mirror:-http://deb.debian.org/debian}

if [ -n "${ODB_BARE_ROOT:-}" ]; then
    root=$ODB_BARE_ROOT
    mkdir -p "$root"
else
    root=$(mktemp -d "${TMPDIR:-/var/tmp}/odb-bare-XXXXXX")
    trap 'rm -rf --one-file-system "$root"' EXIT
fi
if [ ! -e "$root/etc/debian_version" ]; then
    debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -n 5 "$root.log"; rm -f "$root.log"; skip "no bare root could be made from $mirror"; }
    rm -f "$root.log"
fi
# How this machine reaches the mirror: names, proxies, certificates of apt.
cp /etc/hosts /etc/resolv.conf "$root/etc/"
grep -ls -i proxy /etc/apt/apt.conf /etc/apt/apt.conf.d/* 2>/dev/null | xargs -r cp -t "$root/etc/apt/apt.conf.d/" || true

rm -rf "$root/home/stranger"
git -c safe.directory='*' clone --quiet --no-hardlinks "$repo" "$root/home/stranger/odb"

# A mount namespace of its own: nothing stays mounted, whatever happens.
# shellcheck disable=SC2016
unshare --mount --propagation private bash -c '
    set -e
    root=$1
    shift
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    cd "$root"
    exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb chroot "$root" /home/stranger/odb/dev "$@"
' bash "$root" "$@"
