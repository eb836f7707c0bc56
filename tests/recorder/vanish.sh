#!/usr/bin/env bash
# shellcheck disable=SC1091,SC2154,SC2015,SC2016
# vanish.sh ODB PROGRAM LIBRARY: replay after the program and its library are gone, and after they were replaced by others.
set -uo pipefail
. "$(dirname "$0")/common.sh"
mkdir "$dir/bin"
cp "$1" "$2" "$dir/bin/"
program=$dir/bin/$(basename "$1") library=$dir/bin/$(basename "$2")
export LD_LIBRARY_PATH=$dir/bin
expect 6 "record" "$odb" record -o "$dir/rec" -- "$program"
grep -q 'from the library' "$dir/out" || fail "record: output"
cp "$dir/out" "$dir/recorded"
cp /bin/true "$program"
printf 'not a library' > "$library"
expect 6 "replay, files replaced" "$odb" replay --check "$dir/rec"
cmp -s "$dir/out" "$dir/recorded" || fail "files replaced: other output"
rm -r "${dir:?}/bin"
expect 6 "replay, files gone" "$odb" replay --check "$dir/rec"
cmp -s "$dir/out" "$dir/recorded" || fail "files gone: other output"
mv "$dir/rec" "$dir/moved"
expect 6 "replay, recording moved" "$odb" replay --check "$dir/moved"
finish
