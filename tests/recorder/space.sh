#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154,SC2015,SC2016
# space.sh ODB LOOP: a full disk ends the recording with a clear message; what was written replays.
set -uo pipefail
[ "$(id -u)" = 0 ] || { echo "skipped: needs root to mount a small file system"; exit 77; }
[ -n "${ODB_TEST_MOUNTED:-}" ] || { unshare --mount true 2>/dev/null || { echo "skipped: no mount namespace can be made here"; exit 77; }; exec env ODB_TEST_MOUNTED=1 unshare --mount bash "$0" "$@"; }
. "$(dirname "$0")/common.sh"
loop=$1
mkdir "$dir/small" "$dir/tiny"
mount -t tmpfs -o size=24m none "$dir/small" 2> /dev/null || skip "cannot mount"
mount -t tmpfs -o size=2m none "$dir/tiny"
expect 1 "full disk" "$odb" record -o "$dir/small/rec" -- "$loop" fast
cp "$dir/out" "$dir/recorded"
says 'No space left on device' "full disk"
expect 1 "replay after a full disk" "$odb" replay --check "$dir/small/rec"
says 'last complete event' "replay after a full disk"
[ -s "$dir/out" ] && cmp -s -n "$(wc -c < "$dir/out")" "$dir/out" "$dir/recorded" || fail "replay after a full disk: other output"
rm -rf "$dir/small/rec"
expect 1 "full disk, tree" "$odb" record -o "$dir/small/rec" -- /bin/sh -c "'$loop' fast & '$loop' fast & '$loop' fast > /dev/null; wait"
sort "$dir/out" > "$dir/recorded"
says 'No space left on device' "full disk, tree"
expect 1 "replay after a full disk, tree" "$odb" replay --check "$dir/small/rec"
says 'last complete event' "replay after a full disk, tree"
[ -s "$dir/out" ] && [ -z "$(sort "$dir/out" | comm -23 - "$dir/recorded")" ] || fail "replay after a full disk, tree: other output"
expect 1 "no room to begin" "$odb" record -o "$dir/tiny/rec" -- /bin/true
says 'No space left on device' "no room to begin"
umount "$dir/small" "$dir/tiny"
finish
