#!/usr/bin/env bash
# strace as oracle for describe.c: what describe_test --probe says about its own calls, strace must say too.
# usage: describe_strace.sh DESCRIBE_TEST
set -euo pipefail
probe=$1
command -v strace >/dev/null || { echo "skipped: no strace"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
strace -a 0 -o "$dir/strace" "$probe" --probe >"$dir/probe" 2>"$dir/err" || { cat "$dir/err"; echo "skipped: strace may not trace here"; exit 77; }
bad=0
while IFS= read -r line; do
    grep -qxF -- "$line" "$dir/strace" && continue
    name=${line%%(*}
    echo "not in strace: $line"
    grep "^$name(" "$dir/strace" | tail -3 | sed 's/^/        strace: /'
    bad=$((bad + 1))
done <"$dir/probe"
n=$(wc -l <"$dir/probe")
echo "$n calls compared, $bad differ"
[ "$n" -ge 40 ] && [ "$bad" -eq 0 ]
