#!/usr/bin/env bash
# run_blocks.sh ODB BLOCK_GEN BLOCK_RUNNER FIRST COUNT ["FLAGS OF BLOCK_GEN"]: COUNT generated programs, seeds from FIRST; each must give the
# same output on the bare CPU, recorded, and replayed with --check.
# ODB_BARE=command runs the engine alone instead (no recording): the fast way while working on the translator.
set -uo pipefail
odb=$1 gen=$2 runner=$3 first=$4 count=$5
read -ra flags <<<"${6:-}" # of block_gen
read -ra bare <<<"${ODB_BARE:-}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0 opts=(--cpu v3)
if [[ " ${flags[*]-} " == *" --wide "* ]]; then
    grep -q -w avx512bw /proc/cpuinfo || { echo "no AVX-512 here"; exit 77; }
    opts=(--cpu host)
fi

different() {
    echo "seed $1: $2 differs from the bare CPU, first at byte $(cmp "$tmp/native" "$tmp/other" 2>&1 | head -n 1 | sed 's/.*byte //')"
    bad=$((bad + 1))
    local keep=${ODB_TEST_KEEP:-/tmp}/block-$1
    mkdir -p "$keep" && cp "$tmp/native" "$tmp/other" "$tmp/err" "$tmp/program" "$keep"/
    echo "  folder: $keep (block_show.py native other tells the block and register)"
}

for ((seed = first; seed < first + count; seed++)); do
    "$gen" "$runner" "$seed" "$tmp/program" ${flags[@]+"${flags[@]}"} || exit 1
    timeout 5 "$tmp/program" >"$tmp/native" 2>"$tmp/err" || { echo "seed $seed: the program itself fails"; exit 1; }
    if [ -n "${ODB_BARE:-}" ]; then
        timeout 20 "${bare[@]}" "$tmp/program" >"$tmp/other" 2>"$tmp/err"
        cmp -s "$tmp/native" "$tmp/other" || different "$seed" bare
        continue
    fi
    timeout 60 "$odb" record "${opts[@]}" -o "$tmp/rec" -- "$tmp/program" >"$tmp/other" 2>"$tmp/err"
    cmp -s "$tmp/native" "$tmp/other" || { different "$seed" record; rm -rf "$tmp/rec"; continue; }
    timeout 60 "$odb" replay --check "$tmp/rec" >"$tmp/other" 2>"$tmp/err" || { different "$seed" "replay (status)"; cat "$tmp/err"; }
    cmp -s "$tmp/native" "$tmp/other" || different "$seed" replay
    rm -rf "$tmp/rec"
done
echo "$count programs, $bad different"
[ $bad = 0 ]
