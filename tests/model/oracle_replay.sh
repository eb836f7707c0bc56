#!/usr/bin/env bash
# The oracle test, recorded and replayed: its checks hold under the engine, and replay --check finds no difference.
# Left out: datagrams lost to EFAULT.
# usage: oracle_replay.sh ODB ORACLE_TEST
set -euo pipefail
odb=$1 oracle=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cases=$(dirname "$(readlink -f "$0")")/oracle_cases.h
mapfile -t names < <(sed -n 's/^CASE(\([a-z0-9_]*\).*/\1/p' "$cases" |
                     grep -v '^fault_recv')
timeout 100 "$odb" record -o "$dir/rec" -- "$oracle" "${names[@]}" >"$dir/out" || { cat "$dir/out"; exit 1; }
tail -n 1 "$dir/out"
timeout 100 "$odb" replay --check "$dir/rec" >"$dir/replayed"
cmp "$dir/out" "$dir/replayed"
