#!/usr/bin/env bash
# bench/gdb.sh BUILD: what gdb's commands cost on a recording of 10^9 instructions, with an index and without, in
# milliseconds as gdb sees them (its own work included), against the limits. ODB_BENCH_INSNS: another length.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$(readlink -f "$0")")/.."

build=$1
[[ $build = /* ]] || build=$PWD/$build
odb=$build/odb
dir=${ODB_BENCH_DIR:-/tmp/odb-bench}
rounds=$((${ODB_BENCH_INSNS:-1000000000} / 250))
mkdir -p "$dir"
tmp=$(mktemp -d "$dir/gdb-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
rec=$tmp/rec out=$tmp/out
program=$build/bench/bench_gdb_target

ms() { awk -v a="$EPOCHREALTIME" -v b="$1" 'BEGIN { printf "%.0f", (a - b) * 1000 }'; }
# Runs gdb on the recording: session WHAT... -- [ODB OPTION...]
session() {
    local what=()
    while [ "$1" != -- ]; do what+=("$1"); shift; done
    shift
    ODB_BENCH_OUT=$out ODB_BENCH_WHAT="${what[*]}" timeout 900 "$odb" gdb "$@" "$rec" -- -batch -nx -x "$PWD/bench/gdb.py" \
        >"$tmp/gdb.log" 2>&1 || { echo "gdb failed:"; tail -n 20 "$tmp/gdb.log"; exit 1; }
}
failed=0
row() { # NAME VALUE LIMIT
    local over=
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a > b) }' && { over=' over'; failed=1; }
    printf '%-44s %10.1f ms   limit %8.0f%s\n' "$1" "$2" "$3" "$over"
}
value() { awk -v n="$1" -v c="$2" '$1 == n { v = $c } END { print v }' "$out"; }

"$odb" record -o "$rec" -- "$program" "$rounds"
begun=$EPOCHREALTIME
"$odb" replay "$rec" >"$tmp/replayed"
replay=$(ms "$begun")
echo "one replay: $replay ms"

: >"$out"
session watch -- --no-index --at end
row 'without index: watch, reverse-continue' "$(value watch 2)" $((3 * replay))
session step -- --no-index --at end
for name in reverse-step reverse-next; do row "without index: $name, median" "$(value $name 2)" 20; done

begun=$EPOCHREALTIME
"$odb" index "$rec" >"$tmp/index.log" 2>&1
echo "index: $(ms "$begun") ms, $(stat -c %s "$rec/index.db") bytes, $("$odb" query "$rec" "SELECT value FROM odb_meta WHERE key = 'end'" | tail -n 1) instructions"

: >"$out"
session watch break step seek -- --at end
row 'watch, reverse-continue' "$(value watch 2)" 100
row 'break, reverse-continue, median' "$(value break 2)" 100
for name in reverse-stepi reverse-step reverse-next step; do row "$name, median" "$(value $name 2)" 20; done
row 'seek to a random t, median' "$(value seek 2)" 200
row 'seek to a random t, slowest' "$(value seek 3)" 200

# Attaching at the end, beyond what gdb needs to read the symbols.
native=() attach=()
for _ in 1 2 3 4 5; do
    begun=$EPOCHREALTIME
    gdb -batch -nx -ex 'info line main' "$program" >/dev/null 2>&1
    native+=("$(ms "$begun")")
    begun=$EPOCHREALTIME
    "$odb" gdb --at end "$rec" -- -batch -nx -ex 'info line main' >/dev/null 2>&1
    attach+=("$(ms "$begun")")
done
middle() { printf '%s\n' "$@" | sort -n | sed -n 3p; }
row 'attach at the end, beyond gdb itself' $(($(middle "${attach[@]}") - $(middle "${native[@]}"))) 300
exit $failed
