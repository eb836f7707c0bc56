#!/usr/bin/env bash
# bench/mt.sh BUILD [NAME...]: wall time of programs with threads and processes, natively, recorded and replayed, interleaved,
# median of ROUNDS (default 3) rounds. Natively on one core (taskset -c 0) where the recording runs on one core by design
# and the limit says so. redis is judged by the throughput that its own benchmark reports.
# Then, as one more table, the programs of tests/async: replay against record.
set -euo pipefail
export LC_ALL=C PYTHONHASHSEED=0
cd "$(dirname "$(readlink -f "$0")")/.."

root=$PWD build=$1
[[ $build = /* ]] || build=$PWD/$build
shift
only=("$@")
rounds=${ROUNDS:-3}
dir=${ODB_BENCH_DIR:-/tmp/odb-bench}
odb=$build/odb mt=$build/bench/bench_mt
mkdir -p "$dir"
tmp=$(mktemp -d "$dir/mt-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
export ODB_DIR=$tmp/recordings

wanted() { [ ${#only[@]} = 0 ] || [[ " ${only[*]} " == *" $1 "* ]]; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

# ---- the loads; each runs in a fresh folder ----
cat >"$tmp/forks.sh" <<'END'
total=0
for ((i = 0; i < 50; i++)); do
    word=$(echo "round $i" | tr a-z A-Z | cut -c 1-5)
    n=$(printf '%s\n' "$word" $i $((i * 7)) | sort -n | tail -n 1)
    ((total += n))
    (exit $((i % 3))) || ((total++))
done
echo "total $total"
END
cat >"$tmp/redis.sh" <<'END'
redis-server --port 0 --unixsocket s.sock --save '' --appendonly no --logfile log --dir . &
for ((i = 0; i < 300; i++)); do
    [ "$(redis-cli -s s.sock ping 2>/dev/null)" = PONG ] && break
    sleep 0.05
done
redis-benchmark -s s.sock -n 20000 -c 10 --csv -t set,get 2>/dev/null
redis-cli -s s.sock shutdown nosave
wait
END
cat >"$tmp/make.sh" <<'END'
for ((i = 0; i < 30; i++)); do
    printf '#include <stdio.h>\n#include <string.h>\nint f%d(int x) { char b[99]; snprintf(b, sizeof b, "%%d", x); return (int)strlen(b) + %d; }\n' $i $i >f$i.c
done
echo 'int main(void) { return 0; }' >main.c
printf 'prog: $(patsubst %%.c,%%.o,$(wildcard *.c))\n\t@gcc -o $@ $^\n%%.o: %%.c\n\t@gcc -O1 -c -o $@ $<\n' >Makefile
make --no-print-directory -j2 prog && ./prog && echo built
END
[ -s "$dir/text" ] || { "$build/bench/bench_gen" text 40000000 >"$dir/text.new" && mv "$dir/text.new" "$dir/text"; }

# measure KIND NAME COMMAND...: appends wall seconds to $tmp/NAME.KIND.wall
measure() {
    local kind=$1 name=$2
    shift 2
    rm -rf "$tmp/work"
    mkdir "$tmp/work"
    (cd "$tmp/work" && "$build/bench/bench_cputime" "$tmp/result" "$tmp/$name.$kind.out" timeout 300 "$@" 2>"$tmp/$name.$kind.err")
    awk '{ print $2 }' "$tmp/result" >>"$tmp/$name.$kind.wall"
    awk '{ print $3 }' "$tmp/result" >"$tmp/$name.$kind.status"
    # throughput: requests a second, of the slowest test
    awk -F'"' '/^"(SET|GET)"/ { if (!n || $4 < n) n = $4 } END { if (n) print n }' "$tmp/$name.$kind.out" >>"$tmp/$name.$kind.rps"
}

failed=0
printf '%-12s %10s %10s %10s %9s %8s %9s\n' 'wall seconds' 'native' 'record' 'replay' 'rec/nat' 'limit' 'rep/rec'

# row NAME LIMIT all|one COMMAND...: LIMIT '-' is information only; `one` compares with the native run on one core.
row() {
    local name=$1 limit=$2 cores=$3 pin=() kind round
    shift 3
    wanted "$name" || return 0
    command -v "$1" >/dev/null || { echo "$name: $1 is not installed"; return 0; }
    [ "$cores" = all ] || pin=(taskset -c 0)
    for ((round = 0; round < rounds; round++)); do
        rm -rf "$tmp/rec"
        measure native "$name" "${pin[@]}" "$@"
        measure record "$name" "$odb" record -o "$tmp/rec" -- "$@"
        measure replay "$name" "$odb" replay "$tmp/rec"
        for kind in record replay; do
            if [ "$(cat "$tmp/$name.native.status")" != "$(cat "$tmp/$name.$kind.status")" ] ||
               { [ ! -s "$tmp/$name.native.rps" ] && ! cmp -s "$tmp/$name.native.out" "$tmp/$name.$kind.out"; }; then
                echo "$name: $kind differs from native (status $(cat "$tmp/$name.$kind.status")): $(head -n 1 "$tmp/$name.$kind.err")"
                diff "$tmp/$name.native.out" "$tmp/$name.$kind.out" | head -n 5
                failed=1
                return 0
            fi
        done
    done
    local n r p over=' '
    n=$(median <"$tmp/$name.native.wall") r=$(median <"$tmp/$name.record.wall") p=$(median <"$tmp/$name.replay.wall")
    local judged
    judged=$(ratio "$r" "$n")
    if [ -s "$tmp/$name.native.rps" ]; then
        judged=$(ratio "$(median <"$tmp/$name.native.rps")" "$(median <"$tmp/$name.record.rps")")
    fi
    [ "$limit" = - ] || ! awk -v a="$judged" -v b="$limit" 'BEGIN { exit !(a > b) }' || over='!'
    printf '%-12s %10.3f %10.3f %10.3f %8s%s %8s %9s%s\n' "$name" "$n" "$r" "$p" "$judged" "$over" "$limit" "$(ratio "$p" "$r")" \
        "$([ ! -s "$tmp/$name.native.rps" ] || echo "   $(median <"$tmp/$name.native.rps") -> $(median <"$tmp/$name.record.rps") requests/s")"
}

row forks 6 all bash "$tmp/forks.sh"
row counter 3 one "$mt" counter 20000000
row pingpong 4 one "$mt" pingpong 100000
row redis 4 one bash "$tmp/redis.sh"
row spawn - one "$mt" spawn 5000
row zstd - one zstd -q -T2 -c "$dir/text"
row make - all bash "$tmp/make.sh"
echo 'limits: forks 6 x native wall; counter 3 x, pingpong 4 x, redis a quarter of the throughput, of one core (taskset -c 0); "!" is over'

async=()
for name in timer_loop_O0 timer_loop_O2 spin_flag two_loops python_timer node_cpu_prof; do
    if wanted "$name" || wanted async; then async+=("$name"); fi
done
if [ ${#async[@]} -gt 0 ]; then
    echo
    "$root/tests/async/run.sh" "$odb" "$build/tests/async" "$rounds" "${async[@]}" || failed=1
    echo 'limit: replay/record 1.2'
fi
exit $failed
